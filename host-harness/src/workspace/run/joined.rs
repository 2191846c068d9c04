//! Runs that agents do which have joined over NATS: what they report becomes the
//! run's record.

use super::file::{Claim, FileRecord, Writing, bytes_of};
use super::job::Made;
use super::observe::{counts, rejection};
use super::start::Begin;
use super::{LogLine, Run, RunState, one, save};
use crate::group::{Batch, End, Entry, Group, Report};
use crate::records::{OutputFile, RecordWriter};
use crate::run::{Outcome, Place, SqliteJournal, Stop};
use crate::runtime::types::NoticeKind;
use crate::workspace::database::{all, first, json, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use crate::workspace::{Operation, Workspace};
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often it is looked for reports where none are there.
const LOOKED_EVERY: Duration = Duration::from_millis(200);
/// The same, of a run whose agent may wait until its records are in a file.
const LOOKED_AT_ONCE: Duration = Duration::from_millis(25);
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_secs(1);
/// Reports that are left on the server before they are removed together.
const REMOVED_TOGETHER: u64 = 500;
/// And bytes of records.
const BYTES_REMOVED_TOGETHER: u64 = 8 * 1024 * 1024;
/// Warnings that are kept.
const MOST_WARNINGS: usize = 20;

/// The job of a run, as the run's row has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JobRecord {
    /// Its name in the group.
    pub(super) id: String,
    /// The name that the group has on the server.
    pub(super) group: String,
    /// Its place in the queue; none until it is there.
    pub(super) queued: Option<u64>,
    /// Whether the next run goes on where this one ends.
    pub(super) continues: bool,
    /// The file that is made of what it reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<FileRecord>,
}

impl JobRecord {
    /// A new one, for a group.
    pub(super) fn new(group: &str) -> Result<Self, WorkspaceError> {
        let mut name = [0; 12];
        getrandom::fill(&mut name).map_err(crate::sealing::SealError::NoRandomness)?;
        Ok(Self {
            id: name.iter().map(|byte| format!("{byte:02x}")).collect(),
            group: group.to_owned(),
            queued: None,
            continues: false,
            file: None,
        })
    }
}

/// What a run's row says of its job.
pub(super) struct Followed {
    pub(super) job: JobRecord,
    reported: u64,
    place: Option<Place>,
    cancel: u32,
    running: bool,
}

impl Followed {
    /// How it is to be stopped; that of a file which cannot be written, at once.
    fn to_stop(&self) -> u32 {
        let has_failed = self.file().is_some_and(|file| file.failed.is_some());
        if has_failed { 2 } else { self.cancel }
    }

    fn file(&self) -> Option<&FileRecord> {
        self.job.file.as_ref()
    }

    /// The file, where it is still to be written.
    fn written_file(&self) -> Option<&FileRecord> {
        self.file().filter(|file| file.failed.is_none())
    }
}

pub(super) fn followed(
    transaction: &Transaction<'_>,
    id: RunId,
) -> Result<Option<Followed>, WorkspaceError> {
    let row = first(
        transaction,
        "SELECT job, reported, place, cancel, state = 'running' FROM runs WHERE id = ?",
        [id],
        |row| {
            let job: Option<String> = row.get(0)?;
            let place: Option<String> = row.get(2)?;
            Ok((job, row.get(1)?, place, row.get(3)?, row.get(4)?))
        },
    )?;
    let Some((Some(job), reported, place, cancel, running)) = row else {
        return Ok(None);
    };
    Ok(Some(Followed {
        job: json(&job)?,
        reported,
        place: place.as_deref().map(json).transpose()?,
        cancel,
        running,
    }))
}

/// How far somebody is who follows a run.
#[derive(Default)]
struct Following {
    /// How it was asked to stop.
    asked: u32,
    /// Up to where reports were removed from the server, and the bytes of records that
    /// came since.
    removed: u64,
    unremoved: u64,
    /// Up to where the agent was told that reports are kept.
    told: u64,
    /// The run's file, where this follower writes it.
    writer: Option<RecordWriter<OutputFile>>,
    /// Whether the file has its name already.
    named: bool,
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
pub(super) fn left_for(t: &Transaction<'_>, run: RunId) -> Result<Vec<Entry>, WorkspaceError> {
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
            let submitted = self
                .submit(&operation, &mut run, &mut job, begin, &group)
                .await;
            if submitted.is_err() {
                // Nobody is going to read it.
                let _ = group.forget_input(&job.id).await;
            }
            submitted
        };
        let submitted = submitted.await;
        let writer = match submitted {
            Ok(writer) => writer,
            Err(error) => {
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
        };
        self.follow(id, writer).await;
    }

    /// Makes a job of a run and puts it into the queue; answers the run's file, where it
    /// has one.
    async fn submit(
        &self,
        operation: &Operation,
        run: &mut Run,
        job: &mut JobRecord,
        begin: Begin,
        group: &Group,
    ) -> Result<Option<RecordWriter<OutputFile>>, WorkspaceError> {
        let Made { job: made, writer } = self.make_job(operation, run, job, begin, group).await?;
        self.database().write(|t| {
            keep_job(t, run.id, job)?;
            save(t, run)
        })?;
        job.queued = Some(group.submit(&made).await?);
        self.database().write(|t| keep_job(t, run.id, job))?;
        Ok(writer)
    }

    /// Follows all runs that agents have under way, and stops those that were about to
    /// be given to agents when their process died.
    pub(in crate::workspace) fn follow_running(&self) -> Result<(), WorkspaceError> {
        let running: Vec<(RunId, String, Option<String>)> = self.database().read(|t| {
            all(
                t,
                "SELECT id, job, process FROM runs WHERE state = 'running' AND job IS NOT NULL",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
        })?;
        for (id, job, process) in running {
            let job: JobRecord = json(&job)?;
            if job.queued.is_none() && process.is_some_and(|process| self.has_died(&process)) {
                // It may be in the queue all the same: then an agent is told.
                self.database().write(|t| {
                    t.execute("UPDATE runs SET cancel = max(cancel, 1) WHERE id = ?", [id])?;
                    Ok(())
                })?;
            }
            let workspace = self.clone();
            tokio::spawn(async move { workspace.follow(id, None).await });
        }
        Ok(())
    }

    /// Reads what is reported of a run until it has ended. Several may do so, in
    /// several processes: each report counts once.
    async fn follow(&self, id: RunId, writer: Option<RecordWriter<OutputFile>>) {
        let mut following = Following {
            writer,
            ..Following::default()
        };
        loop {
            match self.follow_one(id, &mut following).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(run = id.0, %error, "a run cannot be followed just now");
                    // Nobody knows how much of the file counts.
                    following.writer = None;
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    /// Takes one report; answers whether the run is still under way.
    async fn follow_one(
        &self,
        id: RunId,
        following: &mut Following,
    ) -> Result<bool, WorkspaceError> {
        let followed = self.database().read(|t| followed(t, id))?;
        let Some(followed) = followed.filter(|followed| followed.running) else {
            return Ok(false);
        };
        let job = &followed.job;
        let group = self.reached(&job.group).await?;
        let to_stop = followed.to_stop();
        if to_stop > following.asked {
            let how = match to_stop {
                1 => Stop::Gently,
                _ => Stop::Now,
            };
            group.stop(&job.id, how).await?;
            following.asked = to_stop;
        }
        if let Some(file) = followed.written_file() {
            if following.writer.is_none() && !following.named {
                self.open_claimed(id, &followed, file, following).await?;
                return Ok(true);
            }
            if followed.reported > following.told {
                group.tell_kept(&job.id, followed.reported).await?;
                following.told = followed.reported;
            }
        }
        let Some((sequence, mut batch)) = group.next_report(&job.id, followed.reported + 1).await?
        else {
            tokio::time::sleep(match followed.written_file() {
                Some(_) => LOOKED_AT_ONCE,
                None => LOOKED_EVERY,
            })
            .await;
            return Ok(true);
        };
        let since = batch.since;
        following.unremoved += bytes_of(&batch);
        let mut job = followed.job.clone();
        let mut writing = Writing {
            workspace: self,
            id,
            writer: following.writer.take(),
            at_place: followed.place.and_then(|place| place.bytes).unwrap_or(0),
        };
        let output = writing.take(&mut job, &mut batch);
        let writer = writing.writer;
        let ended = self
            .database()
            .write(|t| self.take_reports(t, id, sequence, batch, &job, output))?;
        following.writer = writer;
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
        if before > following.removed + REMOVED_TOGETHER
            || following.unremoved > BYTES_REMOVED_TOGETHER
        {
            group.forget_reports(&job.id, before).await?;
            following.removed = before;
            following.unremoved = 0;
        }
        Ok(true)
    }

    /// Opens the file of a run where nobody else writes it. One that cannot be opened
    /// fails the run.
    async fn open_claimed(
        &self,
        id: RunId,
        followed: &Followed,
        file: &FileRecord,
        following: &mut Following,
    ) -> Result<(), WorkspaceError> {
        match self.claim_file(id, file) {
            Ok(Claim::Ours(writer)) => following.writer = Some(*writer),
            Ok(Claim::Anothers) => tokio::time::sleep(LOOKED_EVERY).await,
            Ok(Claim::Named) => following.named = true,
            Err(error @ WorkspaceError::Run(_)) => {
                let failed = JobRecord {
                    file: Some(FileRecord {
                        failed: Some(error.to_string()),
                        ..file.clone()
                    }),
                    ..followed.job.clone()
                };
                self.database().write(|t| keep_job(t, id, &failed))?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Makes reports part of a run's record, all of them or none, and once; answers
    /// the run where it has ended by that.
    fn take_reports(
        &self,
        t: &Transaction<'_>,
        id: RunId,
        sequence: u64,
        batch: Batch,
        job: &JobRecord,
        output: Option<String>,
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
                Report::Taken => {
                    if batch.epoch > 1 {
                        let which = format!("agent {} went on with the run", batch.epoch);
                        warn(&mut run, which);
                    }
                    if job.file.is_some() {
                        let kept = batch.at_place.unwrap_or_default().counts.rejected;
                        t.execute(
                            "DELETE FROM rejected WHERE run_id = ? AND seq > ?",
                            params![id, kept],
                        )?;
                    }
                }
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
                    let continues_at = end.continues_at.take().filter(|_| job.continues);
                    let left = std::mem::take(&mut end.left);
                    end_run(&mut run, *end);
                    run.output.clone_from(&output);
                    if let Some(why) = job.file.as_ref().and_then(|file| file.failed.clone()) {
                        run.state = RunState::Failure;
                        run.error = Some(why);
                    }
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
                // The journal is for agents, and records are in the file.
                Report::Delivered(_)
                | Report::Begun(_)
                | Report::Met(_)
                | Report::Answered(_)
                | Report::Withdrawn(_) => {}
            }
        }
        save(t, &run)?;
        t.execute(
            "UPDATE runs SET reported = ?, job = ? WHERE id = ?",
            params![sequence, to_json(job)?, id],
        )?;
        Ok(has_ended.then_some(run))
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
