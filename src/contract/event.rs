//! What a running call emits.

use super::Error;

/// One record on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub key: String,
    /// A JSON object.
    pub data: String,
}

/// What a target did with a record; in a dry run, what it would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Done,
}

/// A field that is not the same on both sides, with both values as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub field: String,
    pub remote: Option<String>,
    pub given: Option<String>,
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub key: String,
    pub id: Option<String>,
    pub effect: Effect,
    /// A JSON object, or empty where Coupa was asked to answer nothing.
    pub data: String,
    pub differences: Vec<Difference>,
}

/// A record that was not taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejection {
    pub key: String,
    pub data: String,
    pub error: Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    Throttled,
    Retrying,
    Warning,
}

/// Something worth showing; losing one loses no data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub kind: NoticeKind,
    pub message: String,
    pub wait_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Item(Item),
    Answered(Answer),
    Rejected(Rejection),
    /// Everything before it has been emitted.
    Checkpoint(String),
    Notice(Notice),
}

/// The totals of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub succeeded: u64,
    pub rejected: u64,
    pub requests: u64,
    pub retries: u64,
    pub stopped_early: bool,
}
