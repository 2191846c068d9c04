//! Records in files: reading them for a target, writing those of a source.
//!
//! A record is one JSON object. It lies in a file as a line of NDJSON, as an
//! element of a JSON array, or as a row of CSV, and it is read and written one
//! at a time, in memory that does not grow with the file.
//!
//! A record that cannot be understood does not stop those after it: it becomes
//! an [`Entry::Invalid`] that says where it stands, what is wrong, and what
//! would be right, and the next one is read.

mod csv_reader;
mod csv_writer;
mod entry;
mod error;
mod flatten;
mod format;
mod header;
mod header_line;
mod json_array;
mod json_object;
mod json_scanner;
mod ndjson;
mod output_file;
mod reader;
mod rest;
mod separator;
mod writer;

pub use entry::Entry;
pub use error::{HeaderError, OpenError, OutputError, ReadError, WriteError};
pub use format::{Format, UnknownFormat};
pub(crate) use json_object::is_object;
pub use output_file::OutputFile;
pub(crate) use output_file::{Claimed, part_of};
pub use reader::{DEFAULT_MAX_RECORD_BYTES, RecordReader};
pub use separator::Separator;
pub use writer::{RecordWriter, WriteReport};

#[cfg(test)]
mod tests;
