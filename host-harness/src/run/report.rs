//! How an operation went.

use super::RunError;
use crate::atomic_file::{self, Access};
use crate::runtime::types::{Answer, Effect, Notice, Summary};
use crate::runtime::{Execution, Level, Line, RuntimeError, Session};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was done.
    Success,
    /// It ran to its end, and some records were rejected or left out.
    Partial,
    /// It was stopped by the person or program that started it.
    Interrupted,
    /// It broke off.
    Failure,
}

/// Records so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that came in: from the connector, or from the file.
    pub read: u64,
    /// Records that were delivered: to the file, or to the remote system.
    pub written: u64,
    /// Records that were not taken.
    pub rejected: u64,
    /// Of these, those whose fate is not known.
    pub uncertain: u64,
    /// Records that a mapping made nothing of.
    pub skipped: u64,
    /// Rows of a CSV file whose cells are all empty: they were passed over.
    #[serde(default)]
    pub blank: u64,
    /// Records that were left out: they are as they were when they were last taken.
    pub left_out: u64,
    /// Records that the run which this one goes on with had dealt with already.
    pub before: u64,
    /// Of those written: created in the remote system.
    pub created: u64,
    /// Updated there.
    pub updated: u64,
    /// There already as they should be.
    pub unchanged: u64,
    /// Deleted there.
    pub deleted: u64,
    /// Of those written: not as they were given.
    pub differing: u64,
}

impl Counts {
    /// What to say of rows that were passed over, where there are any.
    pub fn blank_rows(&self) -> Option<String> {
        match self.blank {
            0 => None,
            1 => Some("1 row whose cells are all empty was passed over".to_owned()),
            rows => Some(format!(
                "{rows} rows whose cells are all empty were passed over"
            )),
        }
    }

    /// Counts what became of a record.
    pub(super) fn count(&mut self, answer: &Answer) {
        self.written += 1;
        self.differing += u64::from(!answer.differences.is_empty());
        let effect = match answer.effect {
            Effect::Created => &mut self.created,
            Effect::Updated => &mut self.updated,
            Effect::Unchanged => &mut self.unchanged,
            Effect::Deleted => &mut self.deleted,
            Effect::Done => return,
        };
        *effect += 1;
    }
}

/// What an operation tells while it runs.
#[derive(Debug)]
pub enum Told<'a> {
    /// The counts have changed.
    Counts(Counts),
    /// Something worth showing.
    Notice(&'a Notice),
}

/// How an operation went, as it is kept: without secrets.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Records.
    pub counts: Counts,
    /// Why it broke off, where it did.
    pub error: Option<String>,
    /// Whether the source came to its end, and all of it was dealt with.
    pub complete: bool,
    /// Where a source can be resumed, where it did not come to its end.
    pub checkpoint: Option<String>,
    /// Where the next run goes on, of a source that does so from run to run and
    /// came to its end.
    pub continues_at: Option<String>,
    /// Target: the first record that was not tried.
    pub not_tried_from: Option<String>,
    /// Target: by which file a run that was broken off is gone on with.
    pub journal: Option<PathBuf>,
    /// The file with the records, or what there is of them.
    pub output: Option<PathBuf>,
    /// The file with the rejected records, where there are any.
    pub rejected: Option<PathBuf>,
    /// The file that says how records differ, where some do.
    pub differing: Option<PathBuf>,
    /// HTTP requests.
    pub requests: u64,
    /// HTTP requests that were sent again.
    pub retries: u64,
    /// Milliseconds that requests waited for the rate budget, added up.
    pub waited_ms: u64,
    /// Bytes of answers.
    pub received: u64,
    /// Milliseconds from start to end.
    pub elapsed_ms: u64,
    /// Milliseconds that the connector computed.
    pub cpu_ms: u64,
    /// The most memory that the connector had, in bytes.
    pub peak_memory: usize,
    /// The run's log.
    pub log: Vec<Line>,
    /// Lines of it that were dropped.
    pub log_dropped: u64,
}

impl Report {
    /// A report of what the execution has used and said so far.
    pub(super) fn of(
        counts: Counts,
        execution: &Measured,
        elapsed: Duration,
        ended: Result<Summary, RuntimeError>,
        interrupted: bool,
    ) -> Self {
        let mut outcome = match &ended {
            Ok(summary) if summary.stopped_early || counts.rejected > 0 => Outcome::Partial,
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failure,
        };
        if interrupted && outcome != Outcome::Failure {
            outcome = Outcome::Interrupted;
        }
        let (log, log_dropped) = execution.log.lines();
        let complete = ended.as_ref().is_ok_and(|summary| !summary.stopped_early);
        let (retries, error) = match ended {
            Ok(summary) => (summary.retries, None),
            Err(error) => (0, Some(error.to_string())),
        };
        Self {
            outcome,
            counts,
            error,
            complete: complete && !interrupted,
            checkpoint: None,
            continues_at: None,
            not_tried_from: None,
            journal: None,
            output: None,
            rejected: None,
            differing: None,
            requests: execution.traffic.requests(),
            retries: retries.max(execution.retries()),
            waited_ms: milliseconds(execution.traffic.waited()),
            received: execution.traffic.received(),
            elapsed_ms: milliseconds(elapsed),
            cpu_ms: milliseconds(execution.usage.cpu()),
            peak_memory: execution.usage.peak_memory(),
            log,
            log_dropped,
        }
    }
}

impl Report {
    /// That a report can be kept at a path when the run has ended.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_place(path: &Path) -> Result<(), RunError> {
        Ok(atomic_file::check(path)?)
    }

    /// Keeps it in a file, as JSON.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn keep(&self, path: &Path) -> Result<(), RunError> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| RunError::Io {
            path: path.to_owned(),
            source: error.into(),
        })?;
        atomic_file::write_or_stream(path, &json, Access::Everyone)?;
        Ok(())
    }

    /// Adds what the other end of the operation has used and said.
    pub(super) fn add(&mut self, other: &Measured) {
        self.requests += other.traffic.requests();
        self.retries += other.retries();
        self.waited_ms += milliseconds(other.traffic.waited());
        self.received += other.traffic.received();
        self.cpu_ms += milliseconds(other.usage.cpu());
        self.peak_memory = self.peak_memory.max(other.usage.peak_memory());
        let (log, dropped) = other.log.lines();
        self.log.extend(log);
        self.log.sort_by_key(|line| line.time);
        self.log_dropped += dropped;
    }

    /// Says why the operation failed, where nothing before it does.
    pub(super) fn fail(&mut self, why: String) {
        self.error.get_or_insert(why);
        self.outcome = Outcome::Failure;
        self.complete = false;
    }
}

/// What can be read of an execution after it is gone.
#[derive(Clone)]
pub(crate) struct Measured {
    usage: crate::runtime::Usage,
    traffic: crate::egress::Traffic,
    log: crate::runtime::RunLog,
}

impl Measured {
    pub(super) fn of(execution: &Execution) -> Self {
        Self {
            usage: execution.usage().clone(),
            traffic: execution.traffic().clone(),
            log: execution.log().clone(),
        }
    }

    /// Of a session whose calls are no execution.
    pub(super) fn of_session(session: &Session) -> Self {
        Self {
            usage: session.usage().clone(),
            traffic: session.traffic().clone(),
            log: session.log().clone(),
        }
    }

    /// What the connector has logged as a warning, or worse.
    pub(super) fn warnings(&self) -> Vec<String> {
        let (lines, _) = self.log.lines();
        let is_one = |line: &Line| {
            line.source != crate::runtime::HOST && matches!(line.level, Level::Error | Level::Warn)
        };
        let warnings = lines.into_iter().filter(is_one);
        warnings.map(|line| line.message).collect()
    }

    /// Of an end that is no connector.
    pub(super) fn nothing() -> Self {
        Self {
            usage: crate::runtime::Usage::default(),
            traffic: crate::egress::Traffic::default(),
            log: crate::runtime::RunLog::new(crate::runtime::Redactor::default()),
        }
    }

    pub(super) fn retries(&self) -> u64 {
        self.traffic.repeated()
    }

    /// HTTP requests so far, and milliseconds that they waited for the budget.
    pub(super) fn traffic(&self) -> (u64, u64) {
        (self.traffic.requests(), milliseconds(self.traffic.waited()))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
