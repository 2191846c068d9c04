//! What an operation makes of its records: a filter in jq.
//!
//! A filter sees one record and makes none, one or several of it, each a JSON
//! object. It runs as a WebAssembly component without imports, so it reaches
//! nothing outside the record, and whatever it does to itself - a loop without
//! end, a recursion too deep, too much memory - ends it alone.

mod check;
mod mapper;
mod sandbox;

pub use check::{Finding, Severity, check, sample};
pub use mapper::{Mapper, PreviewRow, preview};
pub(crate) use sandbox::{digest, keep_compiled_in};

use std::time::Duration;

/// A jq filter that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping(String);

/// The most records that one record may become.
pub const MOST_OUTPUTS: usize = 1000;
/// The most bytes that one record may become.
pub const MOST_BYTES: usize = 32 << 20;
/// The most memory that a filter may have, its record included.
pub const MOST_MEMORY: usize = 512 << 20;
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
        line: u32,
        /// Counted in characters, from 1.
        column: u32,
        /// What is there, and what would be right.
        what: String,
    },
    /// It uses what a mapping does not have.
    #[error("a mapping cannot use `{word}`: {why}")]
    Unavailable {
        /// The word.
        word: String,
        /// Why not.
        why: String,
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
    /// It went too deep.
    #[error("the mapping calls itself too deeply, or its data are nested too deeply")]
    TooDeep,
    /// It took too much memory.
    #[error("the mapping needs more than {} MiB for one record", MOST_MEMORY >> 20)]
    TooMuchMemory,
    /// What filters run in does not work.
    #[error("the mapping cannot run: {0}")]
    Unusable(String),
}

impl Mapping {
    /// Checks a filter.
    ///
    /// # Errors
    /// Where it is no jq, or uses what a mapping does not have.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        sandbox::check(text, MOST_TIME)?;
        Ok(Self(text.to_owned()))
    }

    /// The filter as it was written.
    pub fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod table;
