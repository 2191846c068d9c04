//! The job that is made of a run, for agents that have joined over NATS.

use super::file::FileRecord;
use super::joined::JobRecord;
use super::rejected_source::RejectedRecords;
use super::start::{Begin, beside, missing, unstarted};
use super::{Run, RunConnector};
use crate::group::{Group, Job, JobConnection, JobEnd, JobSource, format_of};
use crate::mapping::Mapping;
use crate::observability::trace_parent;
use crate::records::{Format, OutputFile, RecordWriter};
use crate::registry::Requirement;
use crate::run::open_output;
use crate::workspace::connection::On;
use crate::workspace::connectors::{connector_name, requirement};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::ActivityId;
use crate::workspace::operation::{Endpoint, filter};
use crate::workspace::variable::Situation;
use crate::workspace::{Operation, Workspace};
use std::io::{Cursor, Read};

/// Records that are a part of the job itself, in bytes at most: agents of every version
/// know how to read them there.
const WITH_THE_JOB: usize = 128 * 1024;

/// A job, and the file that is made of its records, where its target is one.
pub(super) struct Made {
    pub(super) job: Job,
    pub(super) writer: Option<RecordWriter<OutputFile>>,
}

/// Where the records of a job come from, before anything is on the server.
enum Found {
    Ready(JobSource),
    ToStore(Box<dyn Read + Send>, Format),
}

impl Workspace {
    /// Makes a job of a run: what it reads here is put on the server, and the file that
    /// it writes here is opened.
    pub(super) async fn make_job(
        &self,
        operation: &Operation,
        run: &mut Run,
        record: &mut JobRecord,
        begin: Begin,
        group: &Group,
    ) -> Result<Made, WorkspaceError> {
        let situation = Situation {
            operation: Some((operation.name.clone(), run.id.to_string())),
            previous_error: begin.previous_error,
            agent: group.name().to_string(),
            ..Situation::default()
        };
        let again = begin.records.is_some();
        // As for an agent of this program: no run writes over what is not given again.
        let mut goes_on = false;
        let found = match (begin.records, &operation.source) {
            // Its job has to fit into one message, and grows by what JSON escapes.
            (Some(records), _) if records.len() <= WITH_THE_JOB.min(group.most_bytes() / 4) => {
                Found::Ready(JobSource::Records(
                    String::from_utf8_lossy(&records).into_owned(),
                ))
            }
            (Some(records), _) => Found::ToStore(Box::new(Cursor::new(records)), Format::Ndjson),
            (None, Some(Endpoint::File { path, format })) => {
                Found::ToStore(Box::new(self.open_file(path)?), *format)
            }
            (None, Some(Endpoint::Activity { activity })) => {
                let (mut end, continues) = self
                    .job_end(*activity, "source", run, &situation, group)
                    .await?;
                record.continues = continues;
                goes_on = continues || end.acknowledged;
                if continues && begin.place.is_none() {
                    end.call.resume = self.continuation(operation.id, run.environment)?;
                }
                Found::Ready(JobSource::Activity(Box::new(end)))
            }
            (None, Some(Endpoint::Rejected)) => {
                let of = self.before_root(run, &operation.name)?;
                let records = RejectedRecords::of(self.clone(), of);
                Found::ToStore(Box::new(records), Format::Ndjson)
            }
            (None, None) => return Err(missing("source")),
        };
        let target = match &operation.target {
            Some(Endpoint::Activity { activity }) => {
                let (end, _) = self
                    .job_end(*activity, "target", run, &situation, group)
                    .await?;
                Some(end)
            }
            Some(Endpoint::File { path, format }) => {
                let name = self.output_name(path, again, goes_on, run)?;
                record.file = Some(FileRecord::new(name, *format));
                None
            }
            Some(Endpoint::Rejected) | None => return Err(missing("target")),
        };
        let draft: crate::workspace::OperationDraft = operation.clone().into();
        // What is wrong with it is said here, not by an agent.
        let mapping = filter(&draft);
        mapping.map(Mapping::parse).transpose()?;
        let writer = match &mut record.file {
            Some(file) => {
                let path = self.file_path(&file.name)?;
                let acknowledged = matches!(
                    &found,
                    Found::Ready(JobSource::Activity(end)) if end.acknowledged
                );
                let place = begin.place.as_ref();
                let mut writer = open_output(&path, file.format, place, acknowledged)?;
                file.bytes = writer.position().map_err(crate::run::RunError::from)?;
                Some(writer)
            }
            None => None,
        };
        let source = match found {
            Found::Ready(source) => source,
            Found::ToStore(reader, format) => JobSource::Stored {
                input: group
                    .store_input(&record.id, reader, self.most_input())
                    .await?,
                format,
            },
        };
        let job = Job {
            format: format_of(&source, target.as_ref()),
            id: record.id.clone(),
            operation: operation.name.clone(),
            source,
            mapping: mapping.map(str::to_owned),
            target,
            resume: begin.place,
            left: self
                .database()
                .read(|t| super::joined::left_for(t, run.id))?,
            traceparent: trace_parent(&tracing::Span::current()),
        };
        Ok(Made { job, writer })
    }

    /// The name of the file that a run writes, for the one that its operation names.
    /// `again` says that it tries rejected records again, `goes_on` that its source goes
    /// on from run to run.
    pub(super) fn output_name(
        &self,
        path: &str,
        again: bool,
        goes_on: bool,
        run: &Run,
    ) -> Result<String, WorkspaceError> {
        // What a run again writes is not all of the file.
        Ok(if again {
            beside(path, run.id)
        } else if goes_on {
            beside(path, self.root_of(run)?)
        } else {
            path.to_owned()
        })
    }

    /// The run whose rejected records a run reads.
    pub(super) fn before_root(&self, run: &Run, name: &str) -> Result<Run, WorkspaceError> {
        let root = self.run(self.root_of(run)?)?;
        match root.of_run {
            Some(before) => self.run(before),
            None => Err(unstarted(name)),
        }
    }

    /// One end of a job, and whether the next run goes on where this one ends.
    async fn job_end(
        &self,
        id: ActivityId,
        role: &str,
        run: &mut Run,
        situation: &Situation,
        group: &Group,
    ) -> Result<(JobEnd, bool), WorkspaceError> {
        let (activity, connection) = self.with_connection(id)?;
        let name = connector_name(&connection.connector)?;
        let wanted = self
            .version_in(group, &connection.connector, &connection.version)
            .await?;
        let wanted: Requirement = requirement(&wanted)?;
        let downloaded = self.designer().download(&name, &wanted).await?;
        let (version, digest) = (
            downloaded.entry.version.to_string(),
            downloaded.pulled.digest.to_string(),
        );
        run.connectors.push(RunConnector {
            role: role.to_owned(),
            connector: connection.connector.clone(),
            version: version.clone(),
            digest: digest.clone(),
        });
        let on = On {
            project: connection.project,
            environment: run.environment,
            agent: None,
            situation: situation.clone(),
        };
        let called = self
            .called(activity, &connection, &downloaded.connector, on)
            .await?;
        let resolved = called.resolved;
        let end = JobEnd {
            connector: connection.connector.clone(),
            version,
            digest,
            connection: JobConnection {
                name: resolved.connection.name.clone(),
                settings: resolved.connection.settings.clone(),
                secrets: resolved.secrets,
                environment: resolved.connection.environment,
                use_proxy: connection.use_proxy,
                protocol: connection.protocol,
                cache: resolved.cache,
                limits: resolved.limits,
            },
            call: called.call,
            acknowledged: called.acknowledged,
        };
        Ok((end, called.continues))
    }
}
