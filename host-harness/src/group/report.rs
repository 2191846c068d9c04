//! What an agent tells of a run that it does.

use super::journal::Entry;
use crate::run::{Counts, Outcome, Place, Progress, Rejected};
use crate::runtime::Line;
use crate::runtime::types::Notice;
use serde::{Deserialize, Serialize};

/// Reports that were made together, and what another agent needs to go on after
/// them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Batch {
    /// How often the run has been taken, this time included. Of two agents that
    /// take themselves for the run's, the one with the lower number is wrong.
    pub epoch: u64,
    /// Who tells.
    pub agent: String,
    /// The last place that was reached.
    pub place: Option<Place>,
    /// The sequence of the message which has that place, or of the first of the
    /// run: whoever goes on reads from there.
    pub since: u64,
    /// How often the run was taken since it got any further.
    pub tries: u32,
    /// Whether the run has ended.
    pub ended: bool,
    /// Counts of all agents that had the run, together.
    pub progress: Progress,
    /// Of a run whose records are reported: the counts up to the place. What came after
    /// it counts no more when another agent goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_place: Option<Progress>,
    /// What happened, in order.
    pub reports: Vec<Report>,
}

/// Something that happened in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Report {
    /// An agent has taken the run.
    Taken,
    /// Something worth showing.
    Notice(#[serde(with = "crate::runtime::serialized::NoticeJson")] Notice),
    /// A record was not taken.
    Rejected(Box<Rejected>),
    /// Records for the workspace, in their order. Those after the last place are not to
    /// be kept when another agent goes on: it gives them again.
    Delivered(Vec<String>),
    /// The target took a record otherwise than it was given: how, for people.
    Differs(String),
    /// Everything before this place has been dealt with. What the journal still has
    /// is told with it, so that nobody need read what was told before.
    Reached(Place, Vec<Entry>),
    /// Records are about to be handed to the target.
    Begun(Vec<Entry>),
    /// A record that an earlier agent had begun has come again.
    Met(Box<Entry>),
    /// The target has answered the records of these ids, or their rejections are
    /// among the reports.
    Answered(Vec<u64>),
    /// The records of these ids were not handed over.
    Withdrawn(Vec<u64>),
    /// The agent gives the run back, so that another goes on.
    HandedBack,
    /// The run has ended.
    Ended(Box<End>),
}

/// How a run ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct End {
    /// How.
    pub outcome: Outcome,
    /// Why it broke off, where it did.
    pub error: Option<String>,
    /// Where the next run of the operation goes on.
    pub continues_at: Option<String>,
    /// What its journal has of records after the last place, for a job that goes on
    /// with it.
    pub left: Vec<Entry>,
    /// The log of the agent that ended it.
    pub log: Vec<ReportedLine>,
}

/// A line of a run's log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReportedLine {
    /// When, in RFC 3339.
    pub time: String,
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// `host` or `connector`.
    pub source: String,
    /// What happened.
    pub message: String,
    /// For programs to search by.
    pub fields: Vec<(String, String)>,
}

impl From<&Line> for ReportedLine {
    fn from(line: &Line) -> Self {
        Self {
            time: line.time.to_string(),
            level: line.level.name().to_owned(),
            source: line.source.to_owned(),
            message: line.message.clone(),
            fields: line.fields.clone(),
        }
    }
}

impl End {
    /// The end of a run that could not begin.
    pub fn failed(why: String) -> Self {
        Self::without_report(Outcome::Failure, Some(why))
    }

    /// An end that is nobody's report: it never ran, or can run no longer.
    pub(super) fn without_report(outcome: Outcome, error: Option<String>) -> Self {
        Self {
            outcome,
            error,
            continues_at: None,
            left: Vec::new(),
            log: Vec::new(),
        }
    }
}

/// Adds what was counted before.
pub(super) fn together(before: Progress, now: Progress) -> Progress {
    let (a, b) = (before.counts, now.counts);
    Progress {
        counts: Counts {
            read: a.read + b.read,
            written: a.written + b.written,
            rejected: a.rejected + b.rejected,
            uncertain: a.uncertain + b.uncertain,
            skipped: a.skipped + b.skipped,
            blank: a.blank + b.blank,
            created: a.created + b.created,
            updated: a.updated + b.updated,
            unchanged: a.unchanged + b.unchanged,
            deleted: a.deleted + b.deleted,
            differing: a.differing + b.differing,
            left_out: a.left_out + b.left_out,
            // Of an earlier agent's: counted there.
            before: a.before,
        },
        requests: before.requests + now.requests,
        retries: before.retries + now.retries,
        waited_ms: before.waited_ms + now.waited_ms,
    }
}
