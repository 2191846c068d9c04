//! Starting a run: by hand, again for what was rejected, on from where another
//! broke off, or after another in a chain.

use super::joined::JobRecord;
use super::observe::Keeper;
use super::rejected_source::RejectedRecords;
use super::{RESUMABLE, Rejection, Run, RunConnector, RunCounts, RunState, Trigger};
use crate::egress::Gate;
use crate::mapping::Mapping;
use crate::observability::SPANS;
use crate::records::Format;
use crate::run::{Pipeline, Place, Source, SqliteJournal, Stop, Taken, Target};
use crate::runtime::recording::Recording;
use crate::runtime::types::Call;
use crate::runtime::{RunFiles, Session};
use crate::workspace::agent::least_busy;
use crate::workspace::connection::{On, Update};
use crate::workspace::database::{all, json, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::{ActivityId, EnvironmentId, OperationId, RunId};
use crate::workspace::operation::{Endpoint, Severity, filter};
use crate::workspace::variable::Situation;
use crate::workspace::{Agent, Environment, Operation, Workspace, environment};
use futures::future::BoxFuture;
use jiff::Timestamp;
use rusqlite::params;
use std::io::Cursor;
use std::path::Path;
use tokio::sync::watch;
use tracing::{Instrument, Span};

/// What a run begins with, beside its operation.
pub(super) struct Begin {
    trigger: Trigger,
    of_run: Option<RunId>,
    /// In place of the source: rejected records, as NDJSON.
    pub(super) records: Option<Vec<u8>>,
    pub(super) place: Option<Place>,
    pub(super) previous_error: Option<String>,
    /// Whether what is sent and answered is recorded.
    pub(super) record: bool,
}

impl Begin {
    fn by(trigger: Trigger) -> Self {
        Self {
            trigger,
            of_run: None,
            records: None,
            place: None,
            previous_error: None,
            record: false,
        }
    }
}

impl Workspace {
    /// Starts an operation, and answers the number of the run. It goes on in
    /// the background, and so do the operations of its chain.
    ///
    /// # Errors
    /// Everything that keeps it from running, before anything has moved.
    pub async fn start_run(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
    ) -> Result<RunId, WorkspaceError> {
        self.begin(operation, environment, Begin::by(Trigger::Started))
            .await
    }

    /// The same, and records what is sent and what is answered, for
    /// [`Workspace::bundle_run`].
    ///
    /// # Errors
    /// Everything that keeps it from running, before anything has moved.
    pub async fn start_recorded_run(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
    ) -> Result<RunId, WorkspaceError> {
        let begin = Begin {
            record: true,
            ..Begin::by(Trigger::Started)
        };
        self.begin(operation, environment, begin).await
    }

    /// Tries the rejected records of a run again, through the operation as it is
    /// now. Those that may have been written are left alone unless `uncertain`;
    /// so are those that were tried again before, and those that were no
    /// records at all.
    ///
    /// # Errors
    /// If there are none, the operation was deleted, or it cannot run.
    pub async fn rerun_rejected(
        &self,
        id: RunId,
        uncertain: bool,
    ) -> Result<RunId, WorkspaceError> {
        let run = self.run(id)?;
        let operation = ended_operation(&run)?;
        let (numbers, records) = self.database().write(|t| {
            let rows: Vec<(i64, Rejection)> = all(
                t,
                "SELECT seq, record FROM rejected WHERE run_id = ? AND again_in IS NULL
                 ORDER BY seq",
                [id],
                |row| Ok((row.get(0)?, json(&row.get::<_, String>(1)?)?)),
            )?;
            let mut numbers = Vec::new();
            let mut rejected = Vec::new();
            for (number, rejection) in rows {
                let is_record = serde_json::from_str::<serde_json::Map<_, serde_json::Value>>(
                    &rejection.source_record,
                )
                .is_ok();
                if is_record && (uncertain || !rejection.uncertain) {
                    numbers.push(number);
                    rejected.push(rejection);
                }
            }
            // Claimed at once: of two who try them again, one does.
            tried(t, id, &numbers, Some(CLAIMED))?;
            Ok((numbers, as_source(&rejected)))
        })?;
        if numbers.is_empty() {
            return Err(WorkspaceError::Refused(format!(
                "run {id} has no rejected records that can be tried again"
            )));
        }
        let begin = Begin {
            of_run: Some(id),
            records: Some(records),
            ..Begin::by(Trigger::RejectedAgain)
        };
        let again = self.begin(operation, run.environment, begin).await;
        let number = again.as_ref().ok().copied();
        self.database().write(|t| tried(t, id, &numbers, number))?;
        again
    }

    /// Goes on where a run was broken off.
    ///
    /// # Errors
    /// If it was not, or was resumed already, or its operation cannot run.
    pub async fn resume_run(&self, id: RunId) -> Result<RunId, WorkspaceError> {
        let run = self.certain(id).await?;
        let operation = ended_operation(&run)?;
        // Claimed first: of two who resume it, one does.
        let claimed = self.database().write(|t| {
            let claimed = t.execute(
                &format!("UPDATE runs SET resumed = 1 WHERE id = ? AND {RESUMABLE}"),
                [id],
            )?;
            let place = "SELECT place FROM runs WHERE id = ?";
            let place: Option<String> = t.query_row(place, [id], |row| row.get(0))?;
            Ok((claimed == 1).then_some(place))
        })?;
        let Some(place) = claimed else {
            return Err(WorkspaceError::Refused(format!(
                "run {id} has no place to go on at: it came to its end, failed before it reached \
                 one, or was resumed already"
            )));
        };
        let begun = self.go_on(&run, operation, place.as_deref()).await;
        if begun.is_err() {
            self.database().write(|t| {
                t.execute("UPDATE runs SET resumed = 0 WHERE id = ?", [id])?;
                Ok(())
            })?;
        }
        begun
    }

    async fn go_on(
        &self,
        run: &Run,
        operation: OperationId,
        place: Option<&str>,
    ) -> Result<RunId, WorkspaceError> {
        let begin = Begin {
            of_run: Some(run.id),
            place: place.map(json).transpose()?,
            records: self.records_again(run)?,
            previous_error: self.previous_error(run)?,
            ..Begin::by(Trigger::Resumed)
        };
        self.begin(operation, run.environment, begin).await
    }

    /// Why a run, or the one that it goes on with, was begun by another in a chain.
    fn previous_error(&self, run: &Run) -> Result<Option<String>, WorkspaceError> {
        let root = self.run(self.root_of(run)?)?;
        match (root.trigger, root.of_run) {
            (Trigger::OnSuccess | Trigger::OnFailure, Some(before)) => {
                Ok(Some(why(&self.run(before)?)))
            }
            _ => Ok(None),
        }
    }

    /// The rejected records that a run, or the one that it goes on with, tries
    /// again.
    fn records_again(&self, run: &Run) -> Result<Option<Vec<u8>>, WorkspaceError> {
        let root = self.run(self.root_of(run)?)?;
        let (Trigger::RejectedAgain, Some(of)) = (root.trigger, root.of_run) else {
            return Ok(None);
        };
        let rejected = self.database().read(|t| {
            all(
                t,
                "SELECT record FROM rejected WHERE run_id = ? AND again_in = ? ORDER BY seq",
                params![of, root.id],
                |row| json::<Rejection>(&row.get::<_, String>(0)?),
            )
        })?;
        Ok(Some(as_source(&rejected)))
    }

    /// Waits until a run has ended.
    ///
    /// # Errors
    /// If there is no such run.
    pub async fn wait_for_run(&self, id: RunId) -> Result<Run, WorkspaceError> {
        loop {
            let run = self.run(id)?;
            if run.state != RunState::Running {
                return Ok(run);
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    }

    fn begin(
        &self,
        operation: OperationId,
        environment: EnvironmentId,
        begin: Begin,
    ) -> BoxFuture<'_, Result<RunId, WorkspaceError>> {
        Box::pin(async move {
            self.own_runs().refuse_when_draining()?;
            let operation = self.operation(operation)?;
            let is_started_alone = begin.records.is_none() && begin.of_run.is_none();
            if operation.source == Some(Endpoint::Rejected) && is_started_alone {
                return Err(unstarted(&operation.name));
            }
            let mut draft: crate::workspace::OperationDraft = operation.clone().into();
            if begin.records.is_some() {
                // The records are at hand; whether the source is does not matter.
                draft.source = draft
                    .source
                    .filter(|end| matches!(end, Endpoint::Activity { .. }));
            }
            let validation = self
                .validate_operation(operation.project, Some(operation.id), &draft, environment)
                .await?;
            let wrong: Vec<String> = validation
                .findings
                .into_iter()
                .filter(|finding| finding.severity == Severity::Error)
                .filter(|finding| {
                    begin.records.is_none()
                        || finding.place != crate::workspace::operation::Place::Source
                })
                .map(|finding| finding.message)
                .collect();
            if !wrong.is_empty() {
                return Err(WorkspaceError::Refused(format!(
                    "“{}” cannot run: {}",
                    operation.name,
                    wrong.join("; ")
                )));
            }
            // What has died takes no share of an agent.
            self.bury()?;
            if let Some(joined_as) = self.joined_for(&operation, environment, &begin)? {
                let job = JobRecord::new(&joined_as)?;
                // Before there is a run that could be given to nobody.
                self.reached(&joined_as).await?;
                let run = self.enter_joined(&operation, environment, &begin, &job)?;
                let id = run.id;
                let workspace = self.clone();
                let span = span_of(&run, &joined_as);
                let conducted =
                    async move { workspace.conduct_joined(operation, run, job, begin).await };
                tokio::spawn(conducted.instrument(span));
                return Ok(id);
            }
            let (run, agent) = self.enter(&operation, environment, &begin)?;
            let id = run.id;
            let (attending, gate) = self.attend_own(id);
            let workspace = self.clone();
            let span = span_of(&run, &run.agent);
            self.own_runs().begun(id);
            let place = Conducting {
                agent,
                process: self.process()?,
                gate,
            };
            let conducted = async move {
                let own_runs = workspace.clone();
                workspace
                    .conduct_in_turn(operation, run, place, begin, &attending)
                    .await;
                own_runs.own_runs().ended(id);
            };
            tokio::spawn(conducted.instrument(span));
            Ok(id)
        })
    }

    /// Makes the run's record.
    fn enter(
        &self,
        operation: &Operation,
        environment: EnvironmentId,
        begin: &Begin,
    ) -> Result<(Run, Agent), WorkspaceError> {
        let process = self.process()?;
        self.database().write(|t| {
            let environment: Environment = environment::one(t, environment)?;
            let Some(agent) = least_busy(t, environment.group)? else {
                return Err(WorkspaceError::Refused(format!(
                    "the agent group of the environment “{}” has no agent of this program, which \
                     alone can leave out what has not changed: add one first",
                    environment.name
                )));
            };
            let mut run = new_run(operation, environment, begin);
            run.agent.clone_from(&agent.name);
            insert(t, &mut run, begin)?;
            t.execute(
                "UPDATE runs SET agent_id = ?, process = ?, begun = 0 WHERE id = ?",
                params![agent.id, process, run.id],
            )?;
            Ok((run, agent))
        })
    }

    /// The same, of a run for agents that have joined over NATS.
    fn enter_joined(
        &self,
        operation: &Operation,
        environment: EnvironmentId,
        begin: &Begin,
        job: &JobRecord,
    ) -> Result<Run, WorkspaceError> {
        let process = self.process()?;
        self.database().write(|t| {
            let environment: Environment = environment::one(t, environment)?;
            let mut run = new_run(operation, environment, begin);
            run.waiting = Some(super::quiet::FOR_AN_AGENT.to_owned());
            insert(t, &mut run, begin)?;
            super::joined::keep_job(t, run.id, job)?;
            t.execute(
                "UPDATE runs SET process = ? WHERE id = ?",
                params![process, run.id],
            )?;
            Ok(run)
        })
    }

    /// The name of the group over NATS that is to do a run; none where an agent of
    /// this program is to: what was taken before lies with the workspace.
    fn joined_for(
        &self,
        operation: &Operation,
        environment: EnvironmentId,
        begin: &Begin,
    ) -> Result<Option<String>, WorkspaceError> {
        // What is tried again, or was rejected, is compared with nothing.
        let compares = operation.only_changed
            && begin.records.is_none()
            && operation.source != Some(Endpoint::Rejected);
        Ok(self.joined_as(environment)?.filter(|_| !compares))
    }

    /// Runs it to its end, and what follows in the chain.
    pub(super) async fn conduct(
        self,
        operation: Operation,
        mut run: Run,
        place: Conducting,
        begin: Begin,
        stop: watch::Receiver<Stop>,
    ) {
        let again = begin.records.is_some();
        let prepared = self.prepare(&operation, &mut run, &place, begin).await;
        let continues = !again && prepared.as_ref().is_ok_and(|prepared| prepared.continues);
        let process = place.process.clone();
        let mut keeper = Keeper::new(self.clone(), place.process, run);
        let ready = match prepared {
            Ok(prepared) => self
                .equip(&mut keeper, process, &prepared, &operation)
                .map(|()| prepared.pipeline)
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let ended = match ready {
            Ok(pipeline) => pipeline
                .run(stop, &mut keeper)
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        let continues_at = ended
            .as_ref()
            .ok()
            .and_then(|report| report.continues_at.clone())
            .filter(|_| continues);
        let Some(mut run) = keeper.end(ended) else {
            return;
        };
        // What was rejected is kept with the run, so that going on leaves nothing out.
        if let (RunState::Success | RunState::Partial, Some(checkpoint)) = (run.state, continues_at)
            && let Err(error) = self.keep_continuation(operation.id, run.environment, &checkpoint)
        {
            run.warnings.push(format!(
                "where the next run goes on could not be kept, so it begins where this one did: \
                 {error}"
            ));
        }
        self.follow_up(&operation, run).await;
    }

    /// Begins what follows a run in the chain.
    pub(super) async fn follow_up(&self, operation: &Operation, run: Run) {
        let (next, trigger) = match run.state {
            RunState::Success => (operation.on_success, Trigger::OnSuccess),
            RunState::Failure | RunState::Partial => (operation.on_failure, Trigger::OnFailure),
            RunState::Running | RunState::Interrupted => (None, Trigger::Started),
        };
        let Some(next) = next else {
            return;
        };
        let begin = Begin {
            of_run: Some(run.id),
            previous_error: Some(why(&run)),
            ..Begin::by(trigger)
        };
        if let Err(error) = self.begin(next, run.environment, begin).await {
            // A chain that stops silently would be worse than any failure: it is
            // told where one looks.
            let mut run = run;
            run.warnings.push(format!(
                "the next operation of the chain did not start: {error}"
            ));
            if let Err(error) = self.database().write(|t| super::save(t, &run)) {
                tracing::error!(%error, "a chain that broke could not be told");
            }
        }
    }

    /// Gives a run what it remembers by.
    fn equip(
        &self,
        keeper: &mut Keeper,
        process: String,
        prepared: &Prepared,
        operation: &Operation,
    ) -> Result<(), WorkspaceError> {
        if matches!(prepared.pipeline.target, Target::Activity { .. }) {
            let journal = SqliteJournal::open(&self.database_path(), keeper.run().id.0)?;
            keeper.remember(journal.owned_by(process));
        }
        if operation.only_changed && prepared.compares {
            let path = self.taken_path(operation.id, keeper.run().environment)?;
            let pass = self.root_of(keeper.run())?;
            let taken = Taken::open(&path, pass.0)?;
            keeper.compare(taken, !prepared.continues);
        }
        Ok(())
    }

    async fn prepare(
        &self,
        operation: &Operation,
        run: &mut Run,
        place: &Conducting,
        begin: Begin,
    ) -> Result<Prepared, WorkspaceError> {
        let situation = Situation {
            operation: Some((operation.name.clone(), run.id.to_string())),
            previous_error: begin.previous_error,
            ..Situation::default()
        };
        let again = begin.records.is_some();
        let record = begin.record;
        // What is read goes on from run to run, so that no run may write over what
        // another has written.
        let mut goes_on = false;
        let mut continues = false;
        let source = match (begin.records, &operation.source) {
            (Some(records), _) => Source::Records {
                reader: Box::new(Cursor::new(records)),
                format: Format::Ndjson,
            },
            (None, Some(Endpoint::File { path, format })) => Source::Records {
                reader: Box::new(self.open_file(path)?),
                format: *format,
            },
            (None, Some(Endpoint::Activity { activity })) => {
                let mut instance = self
                    .instance(*activity, "source", run, place, &situation, record)
                    .await?;
                continues = instance.continues;
                goes_on = continues || instance.acknowledging.is_some();
                if continues && begin.place.is_none() {
                    instance.call.resume = self.continuation(operation.id, run.environment)?;
                }
                Source::Activity {
                    session: Box::new(instance.session),
                    call: instance.call,
                    acknowledging: instance.acknowledging.map(Box::new),
                }
            }
            (None, Some(Endpoint::Rejected)) => {
                let of = self.before_root(run, &operation.name)?;
                Source::Records {
                    reader: Box::new(RejectedRecords::of(self.clone(), of)),
                    format: Format::Ndjson,
                }
            }
            (None, None) => return Err(missing("source")),
        };
        let target = match &operation.target {
            Some(Endpoint::File { path, format }) => {
                let name = self.output_name(path, again, goes_on, run)?;
                Target::File {
                    path: self.file_path(&name)?,
                    format: *format,
                }
            }
            Some(Endpoint::Activity { activity }) => {
                let instance = self
                    .instance(*activity, "target", run, place, &situation, record)
                    .await?;
                Target::Activity {
                    session: Box::new(instance.session),
                    call: instance.call,
                }
            }
            Some(Endpoint::Rejected) | None => return Err(missing("target")),
        };
        let compares = !again && operation.source != Some(Endpoint::Rejected);
        let draft: crate::workspace::OperationDraft = operation.clone().into();
        let mapping = filter(&draft).map(Mapping::parse).transpose()?;
        Ok(Prepared {
            pipeline: Pipeline {
                source,
                mapping,
                target,
                resume: begin.place,
            },
            continues,
            compares,
        })
    }

    /// The run that a run goes on with in the end.
    pub(super) fn root_of(&self, run: &Run) -> Result<RunId, WorkspaceError> {
        let mut root = (run.id, run.trigger, run.of_run);
        while let (_, Trigger::Resumed, Some(before)) = root {
            let before = self.run(before)?;
            root = (before.id, before.trigger, before.of_run);
        }
        Ok(root.0)
    }

    /// An instance for an activity, on an agent, and its call.
    async fn instance(
        &self,
        id: ActivityId,
        role: &str,
        run: &mut Run,
        place: &Conducting,
        situation: &Situation,
        record: bool,
    ) -> Result<Instance, WorkspaceError> {
        let agent = &place.agent;
        let (activity, connection) = self.with_connection(id)?;
        let fetched = self
            .fetch(
                agent,
                &connection.connector,
                &connection.version,
                Update::Never,
            )
            .await?;
        run.warnings.extend(fetched.warnings);
        run.connectors.push(RunConnector {
            role: role.to_owned(),
            connector: connection.connector.clone(),
            version: fetched.after.version.clone(),
            digest: fetched.after.digest.clone(),
        });
        let on = On {
            project: connection.project,
            environment: run.environment,
            agent: Some(agent),
            situation: situation.clone(),
        };
        let called = self
            .called(activity, &connection, &fetched.connector, on)
            .await?;
        let mut connection = called.resolved.connection;
        connection.files = Some(RunFiles::in_folder(self.files_folder()));
        connection.gate = Some(place.gate.clone());
        let acknowledging = if called.acknowledged {
            Some(fetched.connector.session(connection.clone()).await?)
        } else {
            None
        };
        if record {
            connection.recording = Recording::On(self.recorder(run.id, role)?);
        }
        let session = fetched.connector.session(connection).await?;
        Ok(Instance {
            session,
            call: called.call,
            acknowledging,
            continues: called.continues,
        })
    }
}

/// Who conducts a run.
pub(super) struct Conducting {
    pub(super) agent: Agent,
    /// This process, as the run names it.
    pub(super) process: String,
    /// What its requests pass while the run is this process's.
    pub(super) gate: Gate,
}

/// What a run tells the next one of its chain: nothing where it went well.
fn why(run: &Run) -> String {
    match run.state {
        RunState::Success => String::new(),
        _ => run
            .error
            .clone()
            .unwrap_or_else(|| format!("{} records were rejected", run.counts.rejected)),
    }
}

/// An operation that is ready to run.
struct Prepared {
    pipeline: Pipeline,
    /// Whether the next run goes on where this one ends.
    continues: bool,
    /// Whether its records are the source's own, to be compared with those of before.
    compares: bool,
}

/// An instance of a connector, for one end of an operation.
struct Instance {
    session: Session,
    call: Call,
    /// Another one, where the source wants to know what was taken.
    acknowledging: Option<Session>,
    continues: bool,
}

/// Rejected records as a source gave them, as NDJSON. Several records that a mapping
/// made of one are one again.
fn as_source(rejected: &[Rejection]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for rejection in rejected {
        if seen.insert((&rejection.key, &rejection.source_record)) {
            records.extend(rejection.source_record.replace(['\n', '\r'], " ").bytes());
            records.push(b'\n');
        }
    }
    records
}

/// No run has this number: the records are about to be tried again.
const CLAIMED: RunId = RunId(0);

/// Says of rejected records in which run they are tried again; none: in no run.
fn tried(
    transaction: &rusqlite::Transaction<'_>,
    run: RunId,
    numbers: &[i64],
    again: Option<RunId>,
) -> Result<(), WorkspaceError> {
    for number in numbers {
        transaction.execute(
            "UPDATE rejected SET again_in = ? WHERE run_id = ? AND seq = ?",
            params![again, run, number],
        )?;
    }
    Ok(())
}

/// The operation of a run that has ended.
fn ended_operation(run: &Run) -> Result<OperationId, WorkspaceError> {
    if run.state == RunState::Running {
        return Err(WorkspaceError::Refused(format!(
            "run {} is still under way",
            run.id
        )));
    }
    run.operation.ok_or_else(|| {
        WorkspaceError::Refused(format!(
            "the operation “{}” was deleted since",
            run.operation_name
        ))
    })
}

pub(super) fn unstarted(name: &str) -> WorkspaceError {
    WorkspaceError::Refused(format!(
        "“{name}” takes the rejected records of the run that starts it, and cannot be started by \
         itself: let another operation run it on failure"
    ))
}

/// What everything of a run stands in, in logs and traces. `agent` is the agent's name,
/// or the group's where its agents join over NATS.
fn span_of(run: &Run, agent: &str) -> Span {
    tracing::info_span!(
        target: SPANS,
        "run",
        run = %run.id,
        operation = %run.operation_name,
        environment = %run.environment_name,
        agent,
    )
}

pub(super) fn missing(place: &str) -> WorkspaceError {
    WorkspaceError::Refused(format!("there is no {place}"))
}

/// `orders.run-7.csv` for `orders.csv`.
pub(super) fn beside(name: &str, run: RunId) -> String {
    let path = Path::new(name);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    format!("{stem}.run-{run}.{extension}")
}

/// A run that is about to begin.
fn new_run(operation: &Operation, environment: Environment, begin: &Begin) -> Run {
    Run {
        id: RunId(0),
        operation: Some(operation.id),
        operation_name: operation.name.clone(),
        project: operation.project,
        environment: environment.id,
        environment_name: environment.name,
        agent: String::new(),
        trigger: begin.trigger,
        of_run: begin.of_run,
        state: RunState::Running,
        started_at: Timestamp::now().to_string(),
        ended_at: None,
        connectors: Vec::new(),
        counts: RunCounts::default(),
        rate: 0.0,
        requests: 0,
        retries: 0,
        waited_ms: 0,
        waiting: None,
        warnings: Vec::new(),
        error: None,
        resumable: false,
        output: None,
        gone_keys: Vec::new(),
        log: Vec::new(),
    }
}

/// Makes its row, which gives it its number.
fn insert(
    t: &rusqlite::Transaction<'_>,
    run: &mut Run,
    begin: &Begin,
) -> Result<(), WorkspaceError> {
    t.execute(
        "INSERT INTO runs (operation_id, project_id, state, record, place, heartbeat)
         VALUES (?, ?, 'running', ?, ?, 0)",
        params![
            run.operation,
            run.project,
            to_json(run)?,
            begin.place.as_ref().map(to_json).transpose()?,
        ],
    )?;
    run.id = RunId(t.last_insert_rowid());
    if let (Trigger::Resumed, Some(before)) = (begin.trigger, begin.of_run) {
        SqliteJournal::pass_on(t, before.0, run.id.0)?;
    }
    Ok(())
}
