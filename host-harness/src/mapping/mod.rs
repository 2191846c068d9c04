//! What an operation makes of its records: a filter in jq.
//!
//! A filter sees one record and makes none, one or several of it, each a JSON
//! object. It reaches nothing outside the record: no environment, no other
//! input, no file. It defines no functions of its own either, because a
//! function without end would take the whole program down with it.

mod check;
mod filter;
mod mapper;

pub use check::{Finding, Severity, check, sample};
pub use mapper::{Mapper, PreviewRow, preview};

use std::time::Duration;

/// A jq filter that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(String);

/// The most records that one record may become.
pub const MOST_OUTPUTS: usize = 1000;
/// The most bytes that one record may become.
pub const MOST_BYTES: usize = 32 << 20;
/// How long a filter may take for one record.
pub const MOST_TIME: Duration = Duration::from_secs(5);

/// Why a filter is none, or made nothing of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// The text is not jq.
    #[error("the mapping is not jq: line {line}, column {column}: {what}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted in characters, from 1.
        column: usize,
        /// What is there, and what would be right.
        what: String,
    },
    /// It uses what a mapping does not have.
    #[error("a mapping cannot use `{word}`: {why}")]
    Unavailable {
        /// The word.
        word: String,
        /// Why not.
        why: &'static str,
    },
    /// The record cannot be read.
    #[error("the record is not JSON: {0}")]
    Input(String),
    /// The filter ended with an error of its own.
    #[error("the mapping failed: {0}")]
    Failed(String),
    /// It made something that is no record.
    #[error("the mapping made {found}; a record is a JSON object such as {{\"name\": .name}}")]
    NotARecord {
        /// What it made.
        found: String,
    },
    /// It made too much.
    #[error("the mapping made more than {MOST_OUTPUTS} records, or 32 MiB, of one record")]
    TooMany,
    /// It did not come to an end.
    #[error(
        "the mapping took longer than {} s for one record: is there a loop without end in it?",
        .0.as_secs_f32()
    )]
    TooLong(Duration),
    /// The thread that it runs in could not be started, or is gone.
    #[error("the mapping cannot run: {0}")]
    Thread(String),
}

impl Mapping {
    /// Checks a filter.
    ///
    /// # Errors
    /// Where it is no jq, or uses what a mapping does not have.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        filter::with(text, |_| ())?;
        Ok(Self(text.to_owned()))
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }
}
