//! A run that is ready to be taken by any agent of a group.

use super::input::StoredInput;
use super::journal::Entry;
use crate::connection::{Environment, Limits};
use crate::egress::Protocol;
use crate::records::Format;
use crate::run::Place;
use crate::runtime::types::Call;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// The newest format of jobs that this program can do. It counts up when an older
/// program would do a job wrongly; each job has the [oldest](format_of) that knows all
/// that it uses, so that older agents go on doing what they can.
pub const FORMAT: u32 = 3;

/// The format of a job from this source to this target: 2 where one of them is the
/// workspace's, which agents of format 1 do not know; 3 where somebody has said what
/// separates the columns of a CSV file.
pub fn format_of(source: &JobSource, target: Option<&JobEnd>) -> u32 {
    match (source, target) {
        (JobSource::Stored { format, .. }, _) if format.says_separator() => 3,
        (JobSource::Activity(_) | JobSource::Records(_), Some(_)) => 1,
        (JobSource::Stored { .. }, _) | (_, None) => 2,
    }
}

/// A run: everything that an agent needs for it beside its own key and registry.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Job {
    /// The format. An agent leaves jobs of a newer one to others.
    pub format: u32,
    /// Names the job in the group, for good.
    pub id: String,
    /// The operation's name, for logs.
    pub operation: String,
    /// Where records come from.
    pub source: JobSource,
    /// The mapping, as it was typed.
    pub mapping: Option<String>,
    /// Where records go; none: they are reported, and the workspace makes a file of
    /// them.
    pub target: Option<JobEnd>,
    /// Where it begins, where it goes on with another run.
    pub resume: Option<Place>,
    /// And what the journal of that run has left.
    pub left: Vec<Entry>,
    /// The trace that the run belongs to, as the W3C's `traceparent`.
    #[serde(default)]
    pub traceparent: Option<String>,
}

/// Where the records of a job come from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobSource {
    /// A source activity.
    Activity(Box<JobEnd>),
    /// These records, as NDJSON.
    Records(String),
    /// Records that the workspace has put on the server before.
    Stored {
        /// What was put there.
        input: StoredInput,
        /// How records lie in it.
        format: Format,
    },
}

impl JobSource {
    /// Whether the source is told of what has been taken.
    pub(super) fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Activity(end) if end.acknowledged)
    }
}

/// One end of a job: an activity of a connector.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobEnd {
    /// The connector's name in the registry.
    pub connector: String,
    /// The version.
    pub version: String,
    /// The digest that the agent's copy must have.
    pub digest: String,
    /// What it connects to.
    pub connection: JobConnection,
    /// What is to be done.
    #[serde(with = "crate::runtime::serialized::CallJson")]
    pub call: Call,
    /// Whether the source is told of what has been taken.
    pub acknowledged: bool,
}

/// A connection, with its variables resolved and its secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct JobConnection {
    /// For messages.
    pub name: String,
    /// Properties by name.
    pub settings: Vec<(String, String)>,
    /// Secrets by property. A job leaves the program sealed only.
    #[serde(serialize_with = "exposed")]
    pub secrets: BTreeMap<String, SecretString>,
    /// What kind of place it is used in.
    pub environment: Environment,
    /// Whether requests go by way of the agent's proxy.
    pub use_proxy: bool,
    /// Which versions of HTTP are offered over TLS.
    #[serde(default)]
    pub protocol: Protocol,
    /// Stands for the connection in the agent's cache; none keeps nothing.
    pub cache: Option<String>,
    /// The limits that are set for it.
    #[serde(default)]
    pub limits: Limits,
}

fn exposed<S: Serializer>(
    secrets: &BTreeMap<String, SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(
        secrets
            .iter()
            .map(|(name, secret)| (name, secret.expose_secret())),
    )
}
