//! What stands in a recording: one JSON object a line.

use crate::registry::Digest;
use crate::runtime::types::{Call, Event, Summary};
use crate::runtime::{RuntimeError, call};
use serde::{Deserialize, Serialize};

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum Entry {
    /// The first line: what was called.
    Call(RecordedCall),
    /// A record that went in.
    Input {
        /// Its key.
        key: String,
        /// The record.
        data: String,
    },
    /// What the clock said: nanoseconds since 1970.
    Clock {
        /// As text, for JSON's numbers are too short.
        nanoseconds: String,
    },
    /// A request and its answer.
    Exchange(Exchange),
    /// What came out.
    Event(EventSign),
    /// The end.
    End(Result<String, String>),
    /// The recording had become too long, and was broken off here.
    Full,
}

/// A call, and who was called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedCall {
    /// Name and version of the connector.
    pub connector: String,
    /// Its digest.
    pub digest: String,
    /// The connection's name.
    pub connection: String,
    /// Its settings, without secrets.
    pub settings: Vec<(String, String)>,
    /// The activity.
    pub activity: String,
    /// The object.
    pub object: String,
    /// The options.
    pub options: Vec<(String, String)>,
    /// Where it went on.
    pub resume: Option<String>,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

impl RecordedCall {
    pub(super) fn call(&self) -> Call {
        Call {
            resume: self.resume.clone(),
            dry_run: self.dry_run,
            ..call(&self.activity, &self.object, &self.options)
        }
    }
}

/// A request and its answer, without secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Exchange {
    /// Counts the requests in the order in which they were sent.
    pub number: u64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The request's body.
    pub request: RecordedBody,
    /// The answer's status; none where no answer came.
    pub status: Option<u16>,
    /// The answer's headers, those without secrets.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub answer: RecordedBody,
    /// Why there was no answer, or not all of it.
    pub failed: Option<String>,
}

/// A body, or what was kept of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecordedBody {
    /// The text, where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Otherwise its bytes in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Whether it was longer than is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// An event, short enough to be kept: records by their digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum EventSign {
    /// A record was read.
    Item {
        /// Its key.
        key: String,
        /// The SHA-256 of its data.
        sha256: String,
    },
    /// A record was taken.
    Answered {
        /// Its key.
        key: String,
        /// What became of it.
        effect: String,
        /// The remote id.
        id: Option<String>,
        /// How many fields differ.
        differences: usize,
    },
    /// A record was not taken.
    Rejected {
        /// Its key.
        key: String,
        /// Why.
        code: String,
    },
    /// A place to go on at.
    Checkpoint {
        /// It.
        checkpoint: String,
    },
}

impl EventSign {
    /// None for notices, which depend on how fast things went.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Item(item) => Self::Item {
                key: item.key.clone(),
                sha256: Digest::of(item.data.as_bytes()).hex(),
            },
            Event::Answered(answer) => Self::Answered {
                key: answer.key.clone(),
                effect: format!("{:?}", answer.effect).to_lowercase(),
                id: answer.id.clone(),
                differences: answer.differences.len(),
            },
            Event::Rejected(rejection) => Self::Rejected {
                key: rejection.key.clone(),
                code: rejection.error.code.clone(),
            },
            Event::Checkpoint(checkpoint) => Self::Checkpoint {
                checkpoint: checkpoint.clone(),
            },
            Event::Notice(_) => return None,
        })
    }

    /// A target answers in any order: what it answers is compared in the order of
    /// the keys. All else is compared as it came.
    pub(super) fn order(&self) -> Option<&str> {
        match self {
            Self::Answered { key, .. } | Self::Rejected { key, .. } => Some(key),
            Self::Item { .. } | Self::Checkpoint { .. } => None,
        }
    }
}

/// How a call ended, as it is compared: the totals, or the code or the text of
/// what broke it off.
pub(super) fn ended(ended: &Result<Summary, RuntimeError>) -> Result<String, String> {
    match ended {
        Ok(summary) => Ok(format!(
            "{} succeeded, {} rejected{}",
            summary.succeeded,
            summary.rejected,
            if summary.stopped_early {
                ", stopped early"
            } else {
                ""
            }
        )),
        Err(RuntimeError::Connector(error)) => Err(error.0.code.clone()),
        Err(error) => Err(error.to_string()),
    }
}
