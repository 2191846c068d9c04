//! Why a connection file could not be used.

use std::io;
use std::path::PathBuf;

/// What is wrong with a connection file, where, and what would be right. Values
/// are never shown: one of them may be a secret in the wrong place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionFileError {
    /// The file could not be read.
    #[error("the connection file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The file is not TOML.
    #[error("{}:{line}:{column}: not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted in characters, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },

    /// A key is missing.
    #[error("{}: `{key}` is missing: add {example}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// A line that would do.
        example: &'static str,
    },

    /// A key or its value is wrong.
    #[error("{}:{line}: `{key}`: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The key, with `.` between table and key.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}
