//! Keeping what a run tells.

use super::bury::{is_own, lost};
use super::{LogLine, Rejection, Run, RunCounts, RunState, save};
use crate::run::{
    Journal, Observer, Place, Progress, Receiver, Rejected, Report, RunError, SqliteJournal, Taken,
    differing,
};
use crate::runtime::types::{Answer, Notice, NoticeKind};
use crate::workspace::Workspace;
use crate::workspace::database::to_json;
use crate::workspace::error::WorkspaceError;
use jiff::Timestamp;
use rusqlite::{Transaction, params};
use std::time::{Duration, Instant};

/// How often progress is kept.
const SAVED_EVERY: Duration = Duration::from_millis(250);
/// A wait is shown at least so long, or nobody could read it.
const SHOWN_FOR: Duration = Duration::from_millis(750);
/// And at most so long after it was last told.
const LONGEST_SHOWN: Duration = Duration::from_secs(60 * 60);
/// Keys of records that are gone, which are kept.
const MOST_GONE: u32 = 50;
/// Warnings that are kept.
const MOST_WARNINGS: usize = 20;

/// Keeps what a run tells in the workspace.
pub(super) struct Keeper {
    workspace: Workspace,
    /// This process, while the run is its own.
    process: String,
    run: Run,
    started: Instant,
    saved_at: Option<Instant>,
    rejected: u64,
    /// Where the target is an activity.
    journal: Option<SqliteJournal>,
    /// Where only changed records are wanted.
    taken: Option<Taken>,
    /// Whether the source reads everything each time.
    reads_everything: bool,
    /// Until when what is waited for is worth showing.
    waiting_until: Instant,
}

impl Keeper {
    /// Keeps a run.
    pub(super) fn new(workspace: Workspace, process: String, run: Run) -> Self {
        Self {
            workspace,
            process,
            journal: None,
            taken: None,
            reads_everything: false,
            run,
            started: Instant::now(),
            saved_at: None,
            rejected: 0,
            waiting_until: Instant::now(),
        }
    }

    /// The run, as far as it is known.
    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    /// Keeps what is handed to the target, too.
    pub(super) fn remember(&mut self, journal: SqliteJournal) {
        self.journal = Some(journal);
    }

    /// Leaves out what has not changed.
    pub(super) fn compare(&mut self, taken: Taken, reads_everything: bool) {
        self.taken = Some(taken);
        self.reads_everything = reads_everything;
    }

    /// Keeps what a complete run has told of the whole source.
    fn complete(&mut self) {
        let Some(taken) = &mut self.taken else {
            return;
        };
        match taken.complete(self.reads_everything, MOST_GONE) {
            Ok(gone) => {
                self.run.counts.gone = gone.count;
                self.run.gone_keys = gone.keys;
            }
            // Then all of it counts as changed the next time.
            Err(error) => self.run.warnings.push(error.to_string()),
        }
    }

    fn keep(&mut self) -> Result<(), WorkspaceError> {
        self.saved_at = Some(Instant::now());
        let run = &self.run;
        self.write(|t| {
            if matches!(run.state, RunState::Success | RunState::Partial) {
                SqliteJournal::ended(t, run.id.0)?;
            }
            save(t, run)
        })
    }

    /// Writes something of the run, where it is still its own; where another process has
    /// it by now, this one does nothing more of it.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WorkspaceError>,
    ) -> Result<T, WorkspaceError> {
        let written =
            self.workspace
                .database()
                .write(|t| match is_own(t, self.run.id, &self.process)? {
                    true => work(t),
                    false => Err(lost()),
                });
        if let Err(WorkspaceError::Run(RunError::Lost)) = written {
            self.workspace.give_up(self.run.id);
        }
        written
    }

    /// Keeps how the run ended, and answers that; none where it is another's by now.
    pub(super) fn end(mut self, ended: Result<Report, String>) -> Option<Run> {
        if ended.as_ref().is_ok_and(|report| report.complete) {
            self.complete();
        }
        let run = &mut self.run;
        run.ended_at = Some(Timestamp::now().to_string());
        run.waiting = None;
        match ended {
            Ok(report) => {
                run.state = match report.outcome {
                    crate::run::Outcome::Success => RunState::Success,
                    crate::run::Outcome::Partial => RunState::Partial,
                    crate::run::Outcome::Interrupted => RunState::Interrupted,
                    crate::run::Outcome::Failure => RunState::Failure,
                };
                run.counts = RunCounts {
                    gone: run.counts.gone,
                    ..counts(report.counts)
                };
                run.requests = report.requests;
                run.retries = report.retries;
                run.waited_ms = report.waited_ms;
                run.error = report.error;
                run.output = report
                    .output
                    .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
                run.log = report.log.iter().map(line).collect();
            }
            Err(why) => {
                run.state = RunState::Failure;
                run.error = Some(why);
            }
        }
        match self.keep() {
            Ok(()) => Some(self.run),
            Err(WorkspaceError::Run(RunError::Lost)) => {
                tracing::error!(run = self.run.id.0, "the run is another process's by now");
                None
            }
            Err(error) => {
                tracing::error!(%error, "how a run ended could not be kept");
                Some(self.run)
            }
        }
    }
}

fn line(line: &crate::runtime::Line) -> LogLine {
    LogLine {
        time: line.time.to_string(),
        level: line.level.name().to_owned(),
        source: line.source.to_owned(),
        message: line
            .fields
            .iter()
            .fold(line.message.clone(), |text, (name, value)| {
                format!("{text} {name}={value}")
            }),
    }
}

/// A record that was not taken, as it is kept under a number.
pub(super) fn rejection(seq: u64, rejected: Rejected) -> Rejection {
    Rejection {
        seq,
        key: rejected.key,
        source_record: rejected.source_record,
        record: rejected.record,
        code: rejected.error.code,
        message: rejected.error.message,
        remedy: rejected.error.remedy,
        fields: rejected
            .error
            .fields
            .into_iter()
            .map(|field| (field.field, field.message))
            .collect(),
        uncertain: rejected.uncertain,
        again_in: None,
    }
}

pub(super) fn counts(counts: crate::run::Counts) -> RunCounts {
    RunCounts {
        read: counts.read,
        written: counts.written,
        rejected: counts.rejected,
        uncertain: counts.uncertain,
        skipped: counts.skipped,
        blank: counts.blank,
        left_out: counts.left_out,
        gone: 0,
        before: counts.before,
        created: counts.created,
        updated: counts.updated,
        unchanged: counts.unchanged,
        deleted: counts.deleted,
        differing: counts.differing,
    }
}

impl Observer for Keeper {
    fn progress(&mut self, progress: Progress) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let run = &mut self.run;
        run.counts = counts(progress.counts);
        run.rate = run.counts.written as f64 / seconds;
        run.requests = progress.requests;
        run.retries = progress.retries;
        // What the connector says of a wait tells more than that there was one.
        let over = Instant::now() >= self.waiting_until;
        if over && progress.waited_ms > run.waited_ms {
            self.waiting_until = Instant::now() + SHOWN_FOR;
            run.waiting = Some("waiting for the rate limit".to_owned());
        } else if over {
            run.waiting = None;
        }
        run.waited_ms = progress.waited_ms;
        let due = self
            .saved_at
            .is_none_or(|saved_at| saved_at.elapsed() >= SAVED_EVERY);
        if due && let Err(error) = self.keep() {
            tracing::warn!(%error, "the progress of a run could not be kept");
        }
    }

    fn notice(&mut self, notice: &Notice) {
        let run = &mut self.run;
        match notice.kind {
            NoticeKind::Throttled | NoticeKind::Retrying => {
                let wait = Duration::from_millis(notice.wait.unwrap_or_default());
                let until = Instant::now() + wait.clamp(SHOWN_FOR, LONGEST_SHOWN);
                self.waiting_until = self.waiting_until.max(until);
                let waiting = match wait.as_secs() {
                    0 => notice.message.clone(),
                    seconds => format!("{} ({seconds} s)", notice.message),
                };
                let told = run.waiting.replace(waiting);
                // Nothing may happen until the wait is over, so it is kept now.
                if told != run.waiting
                    && let Err(error) = self.keep()
                {
                    tracing::warn!(%error, "what a run waits for could not be kept");
                }
            }
            NoticeKind::Warning if run.warnings.len() < MOST_WARNINGS => {
                run.warnings.push(notice.message.clone());
            }
            NoticeKind::Warning => {}
        }
    }

    fn differs(&mut self, answer: &Answer) {
        // The counts tell how many there are.
        if self.run.warnings.len() >= MOST_WARNINGS {
            return;
        }
        self.run.warnings.push(differing(answer));
    }

    fn rejected(&mut self, rejected: Rejected) -> Result<(), RunError> {
        self.rejected += 1;
        let id = self.run.id;
        let rejection = rejection(self.rejected, rejected);
        let kept = self.write(|t| {
            t.execute(
                "INSERT INTO rejected (run_id, seq, record) VALUES (?, ?, ?)",
                params![
                    id,
                    i64::try_from(rejection.seq).unwrap_or(i64::MAX),
                    to_json(&rejection)?
                ],
            )?;
            Ok(())
        });
        kept.map_err(|error| RunError::Observer(error.to_string()))
    }

    fn reached(&mut self, place: Place, number: u64) -> Result<(), RunError> {
        let id = self.run.id;
        let kept = self.write(|t| {
            t.execute(
                "UPDATE runs SET place = ? WHERE id = ?",
                params![to_json(&place)?, id],
            )?;
            SqliteJournal::reached(t, id.0, number)?;
            Ok(())
        });
        kept.map_err(|error| RunError::Observer(error.to_string()))?;
        match &mut self.taken {
            Some(taken) => taken.reached(number),
            None => Ok(()),
        }
    }

    fn taken(&mut self) -> Option<&mut Taken> {
        self.taken.as_mut()
    }

    fn journal(&mut self) -> Option<&mut dyn Journal> {
        self.journal
            .as_mut()
            .map(|journal| journal as &mut dyn Journal)
    }

    /// A run here writes its file itself.
    fn receiver(&mut self) -> Option<&mut dyn Receiver> {
        None
    }
}
