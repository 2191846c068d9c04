//! Records that change while a client pages: after every so many pages of a
//! list, some records are added, changed and removed. Which ones, and what is in
//! them, follows from the seed; the times are those at which it happens.

mod round;
mod running;

use serde::{Deserialize, Serialize};

pub use round::{DriftError, round};
pub use running::Drifts;

/// How the records of one collection change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The path of the collection; a nested one by its template.
    pub collection: String,
    /// After how many pages of the list it happens, at least 1.
    #[serde(default = "one")]
    pub every: u64,
    /// How often it happens; without it, for ever.
    #[serde(default)]
    pub times: Option<u64>,
    /// How many records are added each time.
    #[serde(default)]
    pub inserts: u64,
    /// How many are changed, each to a new `updated-at`.
    #[serde(default)]
    pub updates: u64,
    /// How many are removed.
    #[serde(default)]
    pub deletes: u64,
    /// What is drawn from.
    #[serde(default)]
    pub seed: u64,
}

/// What happened once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftRound {
    /// The collection.
    pub collection: String,
    /// The ids of the records that were added.
    pub inserted: Vec<i64>,
    /// The ids of those that were changed.
    pub updated: Vec<i64>,
    /// The ids of those that were removed.
    pub deleted: Vec<i64>,
}

fn one() -> u64 {
    1
}
