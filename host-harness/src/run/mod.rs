//! Operations: records from one place to another.
//!
//! A [`Pipeline`] takes the records of a connector or a file, makes others of
//! them where a mapping says so, and gives them to a connector or a file. The
//! two simple cases have doors of their own: [`read`] takes the records of a source
//! into a file, [`write()`] gives those of a file to a target. Both end with a [`Report`], whatever happened: what was
//! delivered stands, and the report says where to go on.

mod acknowledge;
mod aside;
mod changed;
mod checkpoint_file;
mod columns;
mod handover;
mod journal;
mod pipeline;
mod read;
mod report;
mod state_file;
mod write;

pub use changed::{ContentDigest, Gone, Taken};
pub use handover::JournalPlace;
pub(crate) use journal::SCHEMA as JOURNAL_SCHEMA;
pub(crate) use journal::is_owned;
pub use journal::{Handed, Journal, Known, SqliteJournal};
pub(crate) use pipeline::open_output;
pub use pipeline::{Observer, Pipeline, Place, Progress, Receiver, Rejected, Source, Stop, Target};
pub use read::{Destination, Reading, read};
pub use report::{Counts, Outcome, Report, Told};
pub use state_file::StateFile;
pub use write::{Origin, Results, write};

use crate::atomic_file::{self, AtomicFileError};
use crate::records::{Format, OpenError, OutputError, ReadError, WriteError};
use crate::runtime::types::{Answer, Error, ErrorKind};
use std::fmt::Display;
use std::path::PathBuf;

/// Why an operation could not start, or its files could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The output's own file.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// A record could not be written to it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The input cannot be understood at all.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The header of a CSV file names what certainly is no field of the target.
    #[error(
        "the header of the CSV file names what is no field of {object}: {why}. Nothing was \
         sent. Correct the header; where it is right all the same, send the records as NDJSON, \
         whose names are not held against those that are known"
    )]
    Columns {
        /// What the records are.
        object: String,
        /// Which columns, and what would be right.
        why: String,
    },
    /// The input broke off.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The file beside an output that says where to resume.
    #[error("{path}: {why}")]
    Checkpoint {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// What a run that was broken off has left stands in the way, or is missing.
    #[error("{path}: {why}")]
    LeftOver {
        /// Which file.
        path: PathBuf,
        /// What it is, and what to do.
        why: String,
    },
    /// Records that the source has been told are taken would be lost.
    #[error("{path} {why}")]
    Taken {
        /// The output.
        path: PathBuf,
        /// Why, and what to do.
        why: &'static str,
    },
    /// The mapping cannot run any longer.
    #[error(transparent)]
    Mapping(#[from] crate::mapping::MappingError),
    /// Another process goes on with the run.
    #[error(
        "the run is another process's by now: this one was taken for dead, and does nothing more \
         of it"
    )]
    Lost,
    /// Whoever looks on could not keep what it was told.
    #[error("the run's progress could not be kept: {0}")]
    Observer(String),
    /// The thread that reads the input.
    #[error("the input cannot be read in a thread of its own: {0}")]
    Thread(String),
    /// A file that could not be opened or made.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<AtomicFileError> for RunError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}

/// That an output can take records that the source is told of: they do not come
/// again, so that nothing must be written over them. To a device or a pipe nothing is
/// written twice.
///
/// # Errors
/// What stands in the way.
fn fit_for_acknowledged(path: &std::path::Path, format: Format) -> Result<(), RunError> {
    let atomic_file::Destination::Plain(path) = atomic_file::Destination::of(path)? else {
        return Ok(());
    };
    let refuse = |why| {
        Err(RunError::Taken {
            path: path.clone(),
            why,
        })
    };
    if format == Format::Json {
        return refuse(
            "cannot be gone on with as a JSON array, and what it has would be lost where the run \
             is broken off: write ndjson or csv",
        );
    }
    if path.exists() {
        return refuse(
            "holds records that may be marked as taken: move it away, or name another file",
        );
    }
    if crate::records::part_of(&path).exists() {
        return refuse(
            "was broken off, and what it has is marked as taken: resume that run, or move its \
             .part file away",
        );
    }
    Ok(())
}

/// The host's own reason for not taking a record.
fn rejection(kind: ErrorKind, code: &str, message: String, remedy: &str) -> Error {
    Error {
        kind,
        code: code.to_owned(),
        message,
        remedy: Some(remedy.to_owned()),
        status: None,
        retry_after: None,
        fields: Vec::new(),
    }
}

/// The entry of an input is no record.
fn malformed(place: &impl Display, message: &str, fix: &str) -> Error {
    rejection(
        ErrorKind::InvalidInput,
        "input.malformed",
        format!("{place}: {message}"),
        fix,
    )
}

/// The record cannot be written as the output's format asks.
fn unwritable(error: &WriteError) -> Error {
    rejection(
        ErrorKind::InvalidInput,
        "output.unwritable",
        error.to_string(),
        "Write another format, such as NDJSON, or a new file.",
    )
}

/// What came is no record.
fn not_an_object() -> Error {
    rejection(
        ErrorKind::InvalidInput,
        "output.unwritable",
        "it is no JSON object, as a record is".to_owned(),
        "Make a JSON object of it by a mapping.",
    )
}

/// The target took the record, and never said what became of it.
pub(crate) fn unanswered() -> Error {
    rejection(
        ErrorKind::Uncertain,
        "run.unanswered",
        "the run ended before the connector said what became of the record".to_owned(),
        "Look in the remote system before sending it again.",
    )
}

/// An earlier run gave the record to the target, and the source does not give it
/// any more.
fn unanswered_before() -> Error {
    rejection(
        ErrorKind::Uncertain,
        "run.unanswered",
        "the run that this one goes on with gave the record to the connector and died before \
         there was an answer, and the source does not give it any more"
            .to_owned(),
        "Look in the remote system whether it was written.",
    )
}

/// How a record was taken otherwise than it was given, for people.
pub(crate) fn differing(answer: &Answer) -> String {
    let fields = answer.differences.iter().map(|difference| {
        format!(
            "{} is {}, given {}",
            difference.field,
            difference.remote.as_deref().unwrap_or("not there"),
            difference.given.as_deref().unwrap_or("nothing")
        )
    });
    let fields: Vec<String> = fields.collect();
    let which = answer.id.as_deref().unwrap_or(&answer.key);
    format!(
        "the record {which} was not taken as it was given: {}",
        fields.join("; ")
    )
}
