//! What stops reading or writing altogether.

use super::Separator;
use crate::atomic_file::AtomicFileError;
use std::io;
use std::path::PathBuf;

/// The input broke off. What was read before stands.
#[derive(Debug, thiserror::Error)]
#[error("the input cannot be read any further, after {after}: {source}")]
pub struct ReadError {
    /// The last place that was read, as `line 12`.
    pub after: String,
    /// What the operating system said.
    pub source: io::Error,
}

/// Why no record of an input can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The input cannot be read.
    #[error("the input cannot be read: {0}")]
    Io(#[from] io::Error),

    /// The first line of a CSV file does not say what its columns are.
    #[error("the header of the CSV file: {0}")]
    Header(#[from] HeaderError),
}

/// What is wrong with the header of a CSV file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// There is none.
    #[error("the file is empty: its first line must name the columns")]
    Missing,

    /// It is larger than a record may be.
    #[error("the first line is larger than {limit} bytes: it must name the columns")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },

    /// It is not text.
    #[error("it is not UTF-8 text: save the file with the encoding UTF-8")]
    NotUtf8,

    /// A column has no name.
    #[error("column {number} has no name: name it, or remove it")]
    Unnamed {
        /// Counted from 1.
        number: usize,
    },

    /// A name cannot be understood.
    #[error(
        "`{name}` is no field: write `field`, `outer.inner` for a field in a record, \
         `list[0]` for an element of a list, at most {max_levels} levels"
    )]
    Malformed {
        /// The name as it stands.
        name: String,
        /// How many levels there may be.
        max_levels: usize,
    },

    /// A name ends with `:` and something that is no type.
    #[error(
        "`{name}` ends with an unknown type: there are `:number`, `:boolean`, `:null` and \
         `:json`; without one the cells are text"
    )]
    UnknownType {
        /// The name as it stands.
        name: String,
    },

    /// Two of what usually separates columns stand between the names.
    #[error(
        "its names hold both {one} and {other}: say by the format what separates the columns, \
         `{}` or `{}`",
        one.format(),
        other.format()
    )]
    TwoSeparators {
        /// The first of them.
        one: Separator,
        /// Another.
        other: Separator,
    },

    /// There is one column, and its name looks like several.
    #[error(
        "it has one column, `{name}`, which is no field: where {held} separate the columns and \
         not {separator}, say so by the format, `{}`, and take the quotes away that hold the \
         names together",
        held.format()
    )]
    OneColumn {
        /// Its name.
        name: String,
        /// What was taken to separate the columns.
        separator: Separator,
        /// What stands in the name.
        held: Separator,
    },

    /// Two columns have one name.
    #[error("`{name}` stands there twice: remove one of the columns")]
    Duplicate {
        /// The name.
        name: String,
    },

    /// A name makes a value of what another makes a record or list.
    #[error(
        "`{name}` contradicts a column before it: a field is either a value, a record \
         (`field.inner`) or a list (`field[0]`)"
    )]
    Contradiction {
        /// The later of the two names.
        name: String,
    },
}

/// Why a record was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Io(#[from] io::Error),

    /// For CSV: what was given is no JSON object.
    #[error("the record cannot be made a row, because it is no JSON object: {0}")]
    NotAnObject(serde_json::Error),

    /// For CSV: it has fields, or a kind of value, that no column can take.
    #[error(
        "the record has {} for which the CSV file has no column",
        fields.join(", ")
    )]
    NoColumn {
        /// Their names, with `.` between levels.
        fields: Vec<String>,
    },
}

impl WriteError {
    /// Whether it is the record's own fault: nothing of it was written, and others can be.
    #[must_use]
    pub fn is_about_the_record(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// Why an output file could not be made, resumed or finished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// A file cannot be used.
    #[error("{} cannot be written: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// Somebody else writes it.
    #[error("{} is being written by another run: wait for it, or name another file", path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },

    /// There is nothing to go on with.
    #[error("{} does not exist, so there is nothing to resume: start anew", path.display())]
    NothingToResume {
        /// The partial file.
        path: PathBuf,
    },

    /// A JSON array that has been closed cannot be appended to, and one that has
    /// not may end anywhere.
    #[error("a JSON file cannot be resumed: write `ndjson` or `csv`, whose records stand alone")]
    JsonCannotResume,

    /// What was written to a device or a pipe is gone.
    #[error(
        "{} is a device or a pipe, and what went there cannot be gone on with: start anew, or \
         name a file",
        path.display()
    )]
    StreamCannotResume {
        /// The device or pipe.
        path: PathBuf,
    },

    /// The file is shorter than it was.
    #[error(
        "{} has {found} bytes, {expected} were written: part of it is lost, so start anew",
        path.display()
    )]
    Shorter {
        /// The partial file.
        path: PathBuf,
        /// The bytes that it should at least have.
        expected: u64,
        /// The bytes that it has.
        found: u64,
    },

    /// The header of a partial CSV file cannot be read.
    #[error("the header of {} cannot be read ({reason}): start anew", path.display())]
    DamagedHeader {
        /// The partial file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl From<AtomicFileError> for OutputError {
    fn from(error: AtomicFileError) -> Self {
        Self::Io {
            path: error.path,
            source: error.source,
        }
    }
}
