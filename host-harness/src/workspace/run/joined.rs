//! Runs that agents do which have joined over NATS: what they report becomes the
//! run's record.

use super::attend::Attending;
use super::file::{Claim, FileRecord, Writing, bytes_of};
use super::job::Made;
use super::observe::{counts, rejection};
use super::process::Fate;
use super::quiet::Quiet;
use super::start::Begin;
use super::{LogLine, Run, RunState, one, save};
use crate::group::{Batch, End, Entry, Group, Hearing, Report};
use crate::records::{OutputFile, RecordWriter};
use crate::run::{Outcome, Place, SqliteJournal, Stop};
use crate::runtime::types::NoticeKind;
use crate::sealing::random_name;
use crate::workspace::database::{all, first, json, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use crate::workspace::{Operation, Workspace};
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How often it is looked for reports where none are heard of: those that were told
/// while the connection was down are not.
const LOOKED_EVERY: Duration = Duration::from_secs(5);
/// And where one was heard of that is not in the stream yet.
const SOON: Duration = Duration::from_millis(20);
/// How often it is looked whether another process still writes a run's file.
const CLAIMED_EVERY: Duration = Duration::from_millis(200);
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
pub(in crate::workspace) struct JobRecord {
    /// Its name in the group.
    pub(in crate::workspace) id: String,
    /// The name that the group has on the server.
    pub(in crate::workspace) group: String,
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
        Ok(Self {
            id: random_name::<12>()?,
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

/// What reports come to, beside what they say.
struct Taken<'a> {
    job: &'a JobRecord,
    /// The file, where they make one.
    output: Option<String>,
    /// Records in a second.
    rate: f64,
}

/// Whoever follows a run, and how far.
struct Follower {
    attending: Attending,
    hearing: Option<Hearing>,
    /// Whether it is about to look because something was heard.
    heard: bool,
    /// How often it has passed on that the run is to stop.
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
    quiet: Quiet,
    /// When it began, and how many records were written then.
    since: Instant,
    written_before: Option<u64>,
}

impl Follower {
    fn new(attending: Attending, writer: Option<RecordWriter<OutputFile>>) -> Self {
        Self {
            attending,
            hearing: None,
            heard: false,
            asked: 0,
            removed: 0,
            unremoved: 0,
            told: 0,
            writer,
            named: false,
            quiet: Quiet::new(),
            since: Instant::now(),
            written_before: None,
        }
    }

    /// Records in a second, since it follows the run.
    fn rate(&mut self, written: u64) -> f64 {
        let before = *self.written_before.get_or_insert(0);
        let seconds = self.since.elapsed().as_secs_f64();
        written.saturating_sub(before) as f64 / seconds.max(0.001)
    }

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
        job.queued = self.enqueue(run.id, group, &made).await?;
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
            if job.queued.is_none()
                && process.is_some_and(|process| self.fate(&process) == Fate::Died)
            {
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
        let mut follower = Follower::new(self.attend(id), writer);
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
                    // Nobody knows how much of the file counts.
                    follower.writer = None;
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
        if follower.written_before.is_none() {
            follower.written_before = Some(self.run(id)?.counts.written);
        }
        let job = &followed.job;
        let group = self.reached(&job.group).await?;
        if follower.hearing.is_none() {
            follower.hearing = Some(group.hear(&job.id).await?);
        }
        let to_stop = followed.to_stop();
        if to_stop > follower.asked {
            group.stop(&job.id, Stop::asked(to_stop)).await?;
            follower.asked = to_stop;
        }
        if let Some(file) = followed.written_file() {
            if follower.writer.is_none() && !follower.named {
                self.open_claimed(id, &followed, file, follower).await?;
                return Ok(true);
            }
            if followed.reported > follower.told {
                group.tell_kept(&job.id, followed.reported).await?;
                follower.told = followed.reported;
            }
        }
        let Some((sequence, mut batch)) = group.next_report(&job.id, followed.reported + 1).await?
        else {
            self.look_why_quiet(id, &job.id, &group, &mut follower.quiet)
                .await?;
            follower.wait().await;
            return Ok(true);
        };
        follower.quiet.broken();
        let since = batch.since;
        let rate = follower.rate(batch.progress.counts.written);
        follower.unremoved += bytes_of(&batch);
        let mut job = followed.job.clone();
        let mut writing = Writing {
            workspace: self,
            id,
            writer: follower.writer.take(),
            at_place: followed.place.and_then(|place| place.bytes).unwrap_or(0),
        };
        let output = writing.take(&mut job, &mut batch);
        let writer = writing.writer;
        let taken = Taken {
            job: &job,
            output,
            rate,
        };
        let ended = self
            .database()
            .write(|t| self.take_reports(t, id, sequence, batch, taken))?;
        follower.writer = writer;
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
        if before > follower.removed + REMOVED_TOGETHER
            || follower.unremoved > BYTES_REMOVED_TOGETHER
        {
            group.forget_reports(&job.id, before).await?;
            follower.removed = before;
            follower.unremoved = 0;
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
        follower: &mut Follower,
    ) -> Result<(), WorkspaceError> {
        match self.claim_file(id, file) {
            Ok(Claim::Ours(writer)) => follower.writer = Some(*writer),
            Ok(Claim::Anothers) => tokio::time::sleep(CLAIMED_EVERY).await,
            Ok(Claim::Named) => follower.named = true,
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
        taken: Taken<'_>,
    ) -> Result<Option<Run>, WorkspaceError> {
        let Taken { job, output, rate } = taken;
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
        run.rate = rate;
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
