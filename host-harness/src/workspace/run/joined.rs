//! Runs that agents do which have joined over NATS: what they report becomes the
//! run's record.

use super::attend::Attending;
use super::observe::{counts, rejection};
use super::quiet::Quiet;
use super::start::Begin;
use super::{LogLine, Run, RunConnector, RunState, one, save};
use crate::group::{
    Batch, End, Entry, FORMAT, Group, Hearing, Job, JobConnection, JobEnd, JobSource, Report,
};
use crate::mapping::Mapping;
use crate::observability::trace_parent;
use crate::registry::Requirement;
use crate::run::{Outcome, SqliteJournal, Stop};
use crate::runtime::types::NoticeKind;
use crate::sealing::random_name;
use crate::workspace::connection::On;
use crate::workspace::connectors::{connector_name, requirement};
use crate::workspace::database::{all, first, json, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ActivityId, RunId};
use crate::workspace::operation::{Endpoint, filter};
use crate::workspace::variable::Situation;
use crate::workspace::{Operation, Workspace};
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often it is looked for reports where none are heard of: those that were told
/// while the connection was down are not.
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// And where one was heard of that is not in the stream yet.
const SOON: Duration = Duration::from_millis(20);
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// Reports that are left on the server before they are removed together.
const REMOVED_TOGETHER: u64 = 500;
/// Warnings that are kept.
const MOST_WARNINGS: usize = 20;

/// The job of a run, as the run's row has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::workspace) struct JobRecord {
    /// Its name in the group.
    pub(in crate::workspace) id: String,
    /// The name that the group has on the server.
    pub(in crate::workspace) group: String,
    /// Its place in the queue; none until it is there.
    queued: Option<u64>,
    /// Whether the next run goes on where this one ends.
    continues: bool,
}

impl JobRecord {
    /// A new one, for a group.
    pub(super) fn new(group: &str) -> Result<Self, WorkspaceError> {
        Ok(Self {
            id: random_name::<12>()?,
            group: group.to_owned(),
            queued: None,
            continues: false,
        })
    }
}

/// What a run's row says of its job.
struct Followed {
    job: JobRecord,
    reported: u64,
    cancel: u32,
    running: bool,
}

/// Whoever follows a run.
struct Follower {
    attending: Attending,
    hearing: Option<Hearing>,
    /// Whether it is about to look because something was heard.
    heard: bool,
    /// How often it has passed on that the run is to stop.
    asked: u32,
    /// The reports before this one were removed.
    removed: u64,
    quiet: Quiet,
}

impl Follower {
    /// Waits until it is worth looking again.
    async fn wait(&mut self) {
        let patience = if self.heard { SOON } else { LOOKED_EVERY };
        let hearing = &mut self.hearing;
        let something = async {
            match hearing {
                Some(hearing) => hearing.something().await,
                None => std::future::pending().await,
            }
        };
        self.heard = tokio::select! {
            () = something => true,
            Ok(()) = self.attending.stop.changed() => false,
            () = tokio::time::sleep(patience) => false,
        };
    }
}

fn followed(transaction: &Transaction<'_>, id: RunId) -> Result<Option<Followed>, WorkspaceError> {
    let row = first(
        transaction,
        "SELECT job, reported, cancel, state = 'running' FROM runs WHERE id = ?",
        [id],
        |row| {
            let job: Option<String> = row.get(0)?;
            Ok((job, row.get(1)?, row.get(2)?, row.get(3)?))
        },
    )?;
    let Some((Some(job), reported, cancel, running)) = row else {
        return Ok(None);
    };
    Ok(Some(Followed {
        job: json(&job)?,
        reported,
        cancel,
        running,
    }))
}

pub(super) fn keep_job(
    t: &Transaction<'_>,
    id: RunId,
    job: &JobRecord,
) -> Result<(), WorkspaceError> {
    t.execute(
        "UPDATE runs SET job = ? WHERE id = ?",
        params![to_json(job)?, id],
    )?;
    Ok(())
}

/// What the run that this one goes on with has left in its journal.
fn left_for(t: &Transaction<'_>, run: RunId) -> Result<Vec<Entry>, WorkspaceError> {
    all(
        t,
        "SELECT id, key, hex(digest), coalesce(source_record, record), record FROM handed
         WHERE run_id = ? ORDER BY id",
        [run],
        |row| {
            let source_record: Option<String> = row.get(3)?;
            let record: Option<String> = row.get(4)?;
            let digest: String = row.get(2)?;
            Ok(Entry {
                id: row.get(0)?,
                number: None,
                key: row.get(1)?,
                digest: digest.to_ascii_lowercase(),
                records: source_record.zip(record),
            })
        },
    )
}

/// Keeps what the journal of a run has left, for one that goes on with it.
fn keep_left(t: &Transaction<'_>, run: RunId, left: &[Entry]) -> Result<(), WorkspaceError> {
    for entry in left {
        let records = entry.records.as_ref();
        t.execute(
            "INSERT INTO handed (run_id, id, number, key, digest, answered, source_record, record)
             VALUES (?, ?, ?, ?, unhex(?), ?, ?, ?)",
            params![
                run,
                entry.id,
                entry.number,
                entry.key,
                entry.digest,
                records.is_none(),
                records.map(|(source_record, _)| source_record),
                records.map(|(_, record)| record)
            ],
        )?;
    }
    Ok(())
}

impl Workspace {
    /// Whether somebody has asked for a run to be stopped.
    pub(super) fn asked_to_cancel(&self, id: RunId) -> Result<bool, WorkspaceError> {
        let followed = self.database().read(|t| followed(t, id))?;
        Ok(followed.is_some_and(|followed| followed.cancel > 0))
    }

    /// Gives a run that has its record to a group, and follows it to its end.
    pub(super) async fn conduct_joined(
        self,
        operation: Operation,
        mut run: Run,
        mut job: JobRecord,
        begin: Begin,
    ) {
        let id = run.id;
        let submitted = async {
            let group = self.reached(&job.group).await?;
            let made = self
                .make_job(&operation, &mut run, &mut job, begin, &group)
                .await?;
            self.database().write(|t| {
                keep_job(t, id, &job)?;
                save(t, &run)
            })?;
            job.queued = self.enqueue(id, &group, &made).await?;
            self.database().write(|t| keep_job(t, id, &job))
        };
        if let Err(error) = submitted.await {
            let end = End::failed(error.to_string());
            let ended = self.database().write(|t| {
                let mut run = one(t, id)?;
                end_run(&mut run, end);
                save(t, &run)?;
                Ok(run)
            });
            match ended {
                Ok(run) => self.follow_up(&operation, run).await,
                Err(error) => tracing::error!(%error, "how a run ended could not be kept"),
            }
            return;
        }
        self.follow(id).await;
    }

    /// Follows all runs that agents have under way.
    pub(in crate::workspace) fn follow_running(&self) -> Result<(), WorkspaceError> {
        let running: Vec<RunId> = self.database().read(|t| {
            all(
                t,
                "SELECT id FROM runs WHERE state = 'running' AND job IS NOT NULL",
                [],
                |row| Ok(row.get(0)?),
            )
        })?;
        for id in running {
            let workspace = self.clone();
            tokio::spawn(async move { workspace.follow(id).await });
        }
        Ok(())
    }

    /// Reads what is reported of a run until it has ended. Several may do so, in
    /// several processes: each report counts once.
    async fn follow(&self, id: RunId) {
        let mut follower = Follower {
            attending: self.attend(id),
            hearing: None,
            heard: false,
            asked: 0,
            removed: 0,
            quiet: Quiet::new(),
        };
        let mut troubled = false;
        loop {
            match self.follow_one(id, &mut follower).await {
                Ok(true) if troubled => {
                    troubled = self.say_no_trouble(id).is_err();
                }
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(run = id.0, %error, "a run cannot be followed just now");
                    troubled = true;
                    if let Err(error) = self.say_waiting(id, &error.to_string()) {
                        tracing::error!(%error, "what a run waits for could not be kept");
                    }
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Takes one report; answers whether the run is still under way.
    async fn follow_one(&self, id: RunId, follower: &mut Follower) -> Result<bool, WorkspaceError> {
        let followed = self.database().read(|t| followed(t, id))?;
        let Some(followed) = followed.filter(|followed| followed.running) else {
            return Ok(false);
        };
        let job = &followed.job;
        let group = self.reached(&job.group).await?;
        if follower.hearing.is_none() {
            follower.hearing = Some(group.hear(&job.id).await?);
        }
        if followed.cancel > follower.asked {
            let how = match followed.cancel {
                1 => Stop::Gently,
                _ => Stop::Now,
            };
            group.stop(&job.id, how).await?;
            follower.asked = followed.cancel;
        }
        let Some((sequence, batch)) = group.next_report(&job.id, followed.reported + 1).await?
        else {
            self.look_why_quiet(id, &job.id, &group, &mut follower.quiet)
                .await?;
            follower.wait().await;
            return Ok(true);
        };
        follower.quiet.broken();
        let since = batch.since;
        let ended = self
            .database()
            .write(|t| self.take_reports(t, id, sequence, batch))?;
        if let Some(run) = ended {
            if let Some(queued) = job.queued {
                // It would be kept for some days, and nothing more.
                if let Err(error) = group.forget(&job.id, queued).await {
                    tracing::warn!(%error, "what NATS has of a run that ended stays there");
                }
            }
            if let Some(operation) = run.operation {
                let operation = self.operation(operation)?;
                Box::pin(self.follow_up(&operation, run)).await;
            }
            return Ok(false);
        }
        // What an agent that goes on needs stays.
        let before = since.min(sequence);
        if before > follower.removed + REMOVED_TOGETHER {
            group.forget_reports(&job.id, before).await?;
            follower.removed = before;
        }
        Ok(true)
    }

    /// Makes reports part of a run's record, all of them or none, and once; answers
    /// the run where it has ended by that.
    fn take_reports(
        &self,
        t: &Transaction<'_>,
        id: RunId,
        sequence: u64,
        batch: Batch,
    ) -> Result<Option<Run>, WorkspaceError> {
        let Some(followed) = followed(t, id)? else {
            return Ok(None);
        };
        if !followed.running || followed.reported >= sequence {
            return Ok(None);
        }
        let mut run = one(t, id)?;
        if !batch.agent.is_empty() {
            run.agent = batch.agent;
        }
        run.waiting = None;
        count(&mut run, batch.progress);
        let mut has_ended = false;
        for report in batch.reports {
            match report {
                Report::Taken if batch.epoch > 1 => warn(
                    &mut run,
                    format!("agent {} went on with the run", batch.epoch),
                ),
                Report::Taken => {}
                Report::Notice(notice) => match notice.kind {
                    NoticeKind::Warning => warn(&mut run, notice.message),
                    NoticeKind::Throttled | NoticeKind::Retrying => {
                        run.waiting = Some(notice.message);
                    }
                },
                Report::Rejected(rejected) => {
                    let last: u64 = t.query_row(
                        "SELECT coalesce(max(seq), 0) FROM rejected WHERE run_id = ?",
                        [id],
                        |row| row.get(0),
                    )?;
                    t.execute(
                        "INSERT INTO rejected (run_id, seq, record) VALUES (?, ?, ?)",
                        params![id, last + 1, to_json(&rejection(last + 1, *rejected))?],
                    )?;
                }
                Report::Differs(how) => warn(&mut run, how),
                Report::Reached(place, _) => {
                    t.execute(
                        "UPDATE runs SET place = ? WHERE id = ?",
                        params![to_json(&place)?, id],
                    )?;
                }
                Report::HandedBack => {
                    run.waiting = Some("waiting for another agent".to_owned());
                }
                Report::Ended(mut end) => {
                    let continues_at = end.continues_at.take().filter(|_| followed.job.continues);
                    let left = std::mem::take(&mut end.left);
                    end_run(&mut run, *end);
                    SqliteJournal::ended(t, id.0)?;
                    if matches!(run.state, RunState::Interrupted | RunState::Failure) {
                        keep_left(t, id, &left)?;
                    }
                    has_ended = true;
                    if let (RunState::Success | RunState::Partial, Some(place), Some(operation)) =
                        (run.state, continues_at, run.operation)
                    {
                        super::continuation::keep(t, operation, run.environment, &place)?;
                    }
                }
                // The journal is for agents.
                Report::Begun(_) | Report::Met(_) | Report::Answered(_) | Report::Withdrawn(_) => {}
            }
        }
        save(t, &run)?;
        t.execute(
            "UPDATE runs SET reported = ? WHERE id = ?",
            params![sequence, id],
        )?;
        Ok(has_ended.then_some(run))
    }

    /// Makes a job of a run.
    async fn make_job(
        &self,
        operation: &Operation,
        run: &mut Run,
        job: &mut JobRecord,
        begin: Begin,
        group: &Group,
    ) -> Result<Job, WorkspaceError> {
        let situation = Situation {
            operation: Some((operation.name.clone(), run.id.to_string())),
            previous_error: begin.previous_error,
            agent: group.name().to_string(),
            ..Situation::default()
        };
        let source = match (begin.records, &operation.source) {
            (Some(records), _) => {
                JobSource::Records(String::from_utf8_lossy(&records).into_owned())
            }
            (None, Some(Endpoint::Activity { activity })) => {
                let (mut end, continues) = self
                    .job_end(*activity, "source", run, &situation, group)
                    .await?;
                job.continues = continues;
                if continues && begin.place.is_none() {
                    end.call.resume = self.continuation(operation.id, run.environment)?;
                }
                JobSource::Activity(Box::new(end))
            }
            _ => {
                return Err(super::start::missing(
                    "source that agents over NATS can read",
                ));
            }
        };
        let Some(Endpoint::Activity { activity }) = &operation.target else {
            return Err(super::start::missing(
                "target that agents over NATS can write",
            ));
        };
        let (target, _) = self
            .job_end(*activity, "target", run, &situation, group)
            .await?;
        let draft: crate::workspace::OperationDraft = operation.clone().into();
        // What is wrong with it is said here, not by an agent.
        let mapping = filter(&draft);
        mapping.map(Mapping::parse).transpose()?;
        Ok(Job {
            format: FORMAT,
            id: job.id.clone(),
            operation: operation.name.clone(),
            source,
            mapping: mapping.map(str::to_owned),
            target,
            resume: begin.place,
            left: self.database().read(|t| left_for(t, run.id))?,
            traceparent: trace_parent(&tracing::Span::current()),
        })
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
                cache: resolved.cache,
                limits: resolved.limits,
            },
            call: called.call,
            acknowledged: called.acknowledged,
        };
        Ok((end, called.continues))
    }
}

fn warn(run: &mut Run, warning: String) {
    if run.warnings.len() < MOST_WARNINGS {
        run.warnings.push(warning);
    }
}

fn count(run: &mut Run, progress: crate::run::Progress) {
    run.counts = counts(progress.counts);
    run.requests = progress.requests;
    run.retries = progress.retries;
    run.waited_ms = progress.waited_ms;
    let since = run.started_at.parse::<Timestamp>().ok();
    let seconds = since.map_or(0.0, |since| {
        Timestamp::now().duration_since(since).as_secs_f64()
    });
    run.rate = run.counts.written as f64 / seconds.max(0.001);
}

fn end_run(run: &mut Run, end: End) {
    run.ended_at = Some(Timestamp::now().to_string());
    run.waiting = None;
    run.state = match end.outcome {
        Outcome::Success if run.counts.rejected > 0 => RunState::Partial,
        Outcome::Success => RunState::Success,
        Outcome::Partial => RunState::Partial,
        Outcome::Interrupted => RunState::Interrupted,
        Outcome::Failure => RunState::Failure,
    };
    run.error = end.error;
    run.log = end
        .log
        .into_iter()
        .map(|line| LogLine {
            message: line
                .fields
                .iter()
                .fold(line.message.clone(), |text, (name, value)| {
                    format!("{text} {name}={value}")
                }),
            time: line.time,
            level: line.level,
            source: line.source,
        })
        .collect();
}
