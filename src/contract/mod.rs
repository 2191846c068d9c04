//! The contract's nouns in plain Rust: what `wit/types.wit` and
//! `wit/design.wit` name, documented there.

mod error;
mod event;
mod form;
mod plan;

pub use error::{Error, ErrorKind, FieldError};
pub use event::{Answer, Difference, Effect, Event, Item, Notice, NoticeKind, Rejection, Summary};
pub use form::{Activity, Choice, Condition, Property, PropertyKind, Role};
pub use plan::{Extent, Permissions, Plan, PlannedRequest};

/// One named value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: String,
    pub value: String,
}

/// A connection with its variables resolved and without its secrets.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    pub name: String,
    pub settings: Vec<Setting>,
}

/// One call of an activity.
#[derive(Debug, Clone, Default)]
pub struct Call {
    pub activity: String,
    pub object: String,
    pub options: Vec<Setting>,
    pub resume: Option<String>,
    pub dry_run: bool,
}

/// How one step of a test ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With what was found.
    Passed(String),
    Failed(Error),
    Skipped,
}

/// One step of testing a connection.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    pub name: &'static str,
    pub title: &'static str,
    pub outcome: Outcome,
    pub elapsed_ms: u64,
}
