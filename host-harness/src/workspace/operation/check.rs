//! Looking at an operation before it runs: is it complete, do its ends stand in
//! the right places, and do records fit where they go?

use super::{Endpoint, OperationDraft, check, filter};
use crate::form::Stage;
use crate::mapping::{self, Mapping};
use crate::records::{Entry, RecordReader};
use crate::runtime::types::{Call, Event};
use crate::workspace::connection::{On, options};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ActivityId, EnvironmentId, OperationId, ProjectId};
use crate::workspace::variable::Situation;
use crate::workspace::{Activity, Connection, Workspace, activity, connection, environment};
use futures::StreamExt;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The most records of a preview.
const MOST_SAMPLES: usize = 50;

/// Where in an operation something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Where records come from.
    Source,
    /// What is made of them.
    Mapping,
    /// Where they go.
    Target,
    /// What runs before or after, or the operation as a whole.
    Operation,
}

/// How much something matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The operation cannot run so.
    Error,
    /// It can, but perhaps not as it was meant.
    Warning,
}

/// Something about an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ValidationFinding {
    /// How much it matters.
    pub severity: Severity,
    /// Where it is.
    pub place: Place,
    /// What it is, and what to do.
    pub message: String,
}

/// What a look at an operation has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Validation {
    /// Whether it can run.
    pub ok: bool,
    /// What was found.
    pub findings: Vec<ValidationFinding>,
}

/// What a mapping makes of one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PreviewRow {
    /// The record, as JSON.
    pub input: String,
    /// What becomes of it, each as JSON.
    pub outputs: Vec<String>,
    /// Why nothing does.
    pub error: Option<String>,
}

/// What an operation would do with some records of its source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preview {
    /// The records.
    pub rows: Vec<PreviewRow>,
    /// How they fit where they go.
    pub findings: Vec<ValidationFinding>,
}

#[derive(Default)]
struct Findings(Vec<ValidationFinding>);

impl Findings {
    fn error(&mut self, place: Place, message: impl ToString) {
        self.0.push(ValidationFinding {
            severity: Severity::Error,
            place,
            message: message.to_string(),
        });
    }

    fn schema(&mut self, found: Vec<mapping::Finding>) {
        for finding in found {
            let message = if finding.path.is_empty() {
                finding.message
            } else {
                format!("{}: {}", finding.path, finding.message)
            };
            let severity = match finding.severity {
                mapping::Severity::Error => Severity::Error,
                mapping::Severity::Warning => Severity::Warning,
            };
            let finding = ValidationFinding {
                severity,
                place: Place::Mapping,
                message,
            };
            // The same is often true of every record.
            if !self.0.contains(&finding) {
                self.0.push(finding);
            }
        }
    }

    fn done(self) -> Validation {
        Validation {
            ok: !self
                .0
                .iter()
                .any(|finding| finding.severity == Severity::Error),
            findings: self.0,
        }
    }
}

impl Workspace {
    /// Looks at an operation as it stands in `draft`: whether it can run in an
    /// environment, and whether what its mapping makes has the fields that the
    /// target knows. Nothing is read from or written to a remote system.
    ///
    /// # Errors
    /// If there is no such project or environment.
    pub async fn validate_operation(
        &self,
        project: ProjectId,
        id: Option<OperationId>,
        draft: &OperationDraft,
        environment: EnvironmentId,
    ) -> Result<Validation, WorkspaceError> {
        let mut findings = Findings::default();
        self.database().read(|t| {
            environment::one(t, environment)?;
            if let Err(error) = check(t, project, id, draft) {
                findings.error(Place::Operation, error);
            }
            Ok(())
        })?;
        let source = self
            .end(&mut findings, Place::Source, &draft.source, environment)
            .await;
        let target = self
            .end(&mut findings, Place::Target, &draft.target, environment)
            .await;
        if let (Some(Endpoint::File { path: from, .. }), Some(Endpoint::File { path: to, .. })) =
            (&draft.source, &draft.target)
            && from == to
        {
            findings.error(Place::Target, "source and target are the same file");
        }
        // What the fields of a record are is known of an activity without
        // reading one.
        if let (Some(source), Some(target)) = (source, target)
            && let Some(sample) = &source.response
            && let Some(schema) = &target.request
        {
            let sample = mapping::sample(sample).to_string();
            let rows = map(filter(draft), vec![sample]).await?;
            let outputs: Vec<String> = rows.into_iter().flat_map(|row| row.outputs).collect();
            findings.schema(mapping::check(schema, &outputs, false));
        }
        Ok(findings.done())
    }

    /// Whether one end can be used; and its shapes, where it is an activity.
    async fn end(
        &self,
        findings: &mut Findings,
        place: Place,
        end: &Option<Endpoint>,
        environment: EnvironmentId,
    ) -> Option<Arc<activity::Shape>> {
        match end {
            None => {
                findings.error(
                    place,
                    match place {
                        Place::Source => "there is no source: place an activity or a file",
                        _ => "there is no target: place an activity or a file",
                    },
                );
                None
            }
            Some(Endpoint::File { path, .. }) => {
                if place == Place::Source
                    && let Err(error) = self.open_file(path)
                {
                    findings.error(place, error);
                }
                None
            }
            // What there is of it is known when a run has rejected some.
            Some(Endpoint::Rejected) => None,
            Some(Endpoint::Activity { activity }) => {
                match self.look(*activity, environment).await {
                    Ok(shape) => Some(shape),
                    Err(error) => {
                        findings.error(place, error);
                        None
                    }
                }
            }
        }
    }

    /// Whether an activity's connection and options hold in an environment, and
    /// its shapes.
    async fn look(
        &self,
        id: ActivityId,
        environment: EnvironmentId,
    ) -> Result<Arc<activity::Shape>, WorkspaceError> {
        let (activity, connection) = self.with_connection(id)?;
        let connector = self
            .connector(&connection.connector, &connection.version)
            .await?;
        let types = self.offered_lately(&connector, &connection).await?;
        let form = activity::type_of(&types, &activity)?;
        let agents = self.agents_of(environment)?;
        if agents.is_empty() && self.joined_as(environment)?.is_none() {
            return Err(WorkspaceError::Refused(
                "the environment's agent group has no agent: add one, or name the group for \
                 agents that join it over NATS"
                    .to_owned(),
            ));
        }
        let on = On {
            project: connection.project,
            environment,
            agent: agents.first(),
            situation: Situation {
                operation: Some((String::new(), String::new())),
                ..Situation::default()
            },
        };
        let resolved = self.resolve(&connection, connector.descriptor(), on)?;
        check_options(&form, &activity, &resolved.values)?;
        let (activity, object) = (&activity.activity, &activity.object);
        self.shaped_lately(&connector, resolved, activity, object)
            .await
    }

    /// An activity and its connection.
    pub(in crate::workspace) fn with_connection(
        &self,
        id: ActivityId,
    ) -> Result<(Activity, Connection), WorkspaceError> {
        self.database().read(|t| {
            let activity = activity::one(t, id)?;
            let connection = connection::one(t, activity.connection)?;
            Ok((activity, connection))
        })
    }

    /// What an operation would do with the first `count` records of its source,
    /// and how they fit where they go. Nothing is written.
    ///
    /// # Errors
    /// If the source is missing or cannot be read, or the mapping is no jq filter.
    pub async fn preview_operation(
        &self,
        draft: &OperationDraft,
        environment: EnvironmentId,
        count: usize,
    ) -> Result<Preview, WorkspaceError> {
        if let Some(mapping) = filter(draft) {
            Mapping::parse(mapping)?;
        }
        let samples = self
            .samples(draft, environment, count.clamp(1, MOST_SAMPLES))
            .await?;
        let rows = map(filter(draft), samples).await?;
        let mut findings = Findings::default();
        if let Some(Endpoint::Activity { activity }) = &draft.target {
            match self.look(*activity, environment).await {
                Ok(shape) => {
                    if let Some(schema) = &shape.request {
                        let outputs: Vec<String> =
                            rows.iter().flat_map(|row| row.outputs.clone()).collect();
                        findings.schema(mapping::check(schema, &outputs, true));
                    }
                }
                Err(error) => findings.error(Place::Target, error),
            }
        }
        Ok(Preview {
            rows,
            findings: findings.0,
        })
    }

    /// The first records of a source.
    async fn samples(
        &self,
        draft: &OperationDraft,
        environment: EnvironmentId,
        count: usize,
    ) -> Result<Vec<String>, WorkspaceError> {
        match &draft.source {
            None => Err(WorkspaceError::Refused(
                "there is no source to preview: place an activity or a file".to_owned(),
            )),
            Some(Endpoint::Rejected) => Err(WorkspaceError::Refused(
                "rejected records cannot be previewed: they come from the run that starts this \
                 operation"
                    .to_owned(),
            )),
            Some(Endpoint::File { path, format }) => {
                let (file, format) = (self.open_file(path)?, *format);
                let read = move || {
                    let reader =
                        RecordReader::open(file, format).map_err(crate::run::RunError::from)?;
                    let mut samples = Vec::new();
                    let says_nothing =
                        |entry: &Result<_, _>| matches!(entry, Ok(Entry::Blank { .. }));
                    for entry in reader.filter(|entry| !says_nothing(entry)).take(count) {
                        match entry.map_err(crate::run::RunError::from)? {
                            Entry::Record { json, .. } => samples.push(json),
                            // A preview shows what can be mapped.
                            Entry::Invalid { .. } | Entry::Blank { .. } => {}
                        }
                    }
                    Ok(samples)
                };
                blocking(read).await
            }
            Some(Endpoint::Activity { activity: number }) => {
                let (activity, connection) = self.with_connection(*number)?;
                let (connector, types) = self.offered(&connection).await?;
                let form = activity::type_of(&types, &activity)?;
                let resolved = self.design(&connection, &connector, environment)?;
                let call = Call {
                    activity: activity.activity,
                    object: activity.object,
                    options: options(&form.options, &activity.options, &resolved.values)?,
                    resume: None,
                    dry_run: false,
                };
                let session = connector.session(resolved.connection).await?;
                let mut execution = session.execute(call, futures::stream::empty().boxed());
                let mut samples = Vec::new();
                while samples.len() < count {
                    let Some(events) = execution.next().await else {
                        execution.finish().await?;
                        break;
                    };
                    samples.extend(events.into_iter().filter_map(|event| match event {
                        Event::Item(item) => Some(item.data),
                        _ => None,
                    }));
                }
                samples.truncate(count);
                Ok(samples)
            }
        }
    }
}

/// Whether an activity's options hold once variables are in their places.
fn check_options(
    form: &crate::runtime::types::Activity,
    activity: &Activity,
    values: &crate::workspace::variable::Values,
) -> Result<(), WorkspaceError> {
    let resolved = options(&form.options, &activity.options, values)?;
    let pairs: Vec<(String, String)> = resolved
        .into_iter()
        .map(|setting| (setting.name, setting.value))
        .collect();
    let findings = crate::form::check(
        &form.options,
        &[],
        &pairs,
        &Default::default(),
        Stage::Resolved {
            environment: crate::connection::Environment::default(),
        },
    );
    WorkspaceError::if_any(findings)
}

/// What a filter makes of some records; without one they stay as they are.
async fn map(
    filter: Option<&str>,
    samples: Vec<String>,
) -> Result<Vec<PreviewRow>, WorkspaceError> {
    let Some(filter) = filter else {
        return Ok(samples
            .into_iter()
            .map(|input| PreviewRow {
                outputs: vec![input.clone()],
                input,
                error: None,
            })
            .collect());
    };
    let mapping = match Mapping::parse(filter) {
        Ok(mapping) => mapping,
        // Told with the operation itself.
        Err(_) => return Ok(Vec::new()),
    };
    let rows = mapping::preview(&mapping, samples).await?;
    Ok(rows
        .into_iter()
        .map(|row| PreviewRow {
            input: row.input,
            outputs: row.outputs,
            error: row.error,
        })
        .collect())
}

/// Work that may block, where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WorkspaceError> + Send + 'static,
) -> Result<T, WorkspaceError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| WorkspaceError::Refused(error.to_string()))?
}
