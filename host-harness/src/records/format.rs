//! How records lie in a file.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Separator;

/// How records lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// One JSON object per line.
    #[value(alias = "jsonl")]
    Ndjson,
    /// One JSON array of objects.
    Json,
    /// A header and rows (RFC 4180). What separates the columns is recognised in what is
    /// read, and a comma in what is written.
    Csv,
    /// The same with commas.
    CsvComma,
    /// The same with semicolons.
    CsvSemicolon,
    /// The same with tabs.
    #[value(alias = "tsv", alias = "tab")]
    CsvTab,
    /// The same with `|`.
    CsvPipe,
}

/// A text or file name that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` names no format of records: use `ndjson` (or `jsonl`), `json`, `csv` or `tsv`")]
pub struct UnknownFormat {
    text: String,
}

impl Format {
    /// Whether it is CSV, whatever separates the columns.
    #[must_use]
    pub fn is_csv(self) -> bool {
        !matches!(self, Self::Ndjson | Self::Json)
    }

    /// Whether it says what separates the columns of CSV.
    #[must_use]
    pub fn says_separator(self) -> bool {
        self.separator().is_some()
    }

    /// What separates the columns, where that is said.
    pub(super) fn separator(self) -> Option<Separator> {
        match self {
            Self::Ndjson | Self::Json | Self::Csv => None,
            Self::CsvComma => Some(Separator::Comma),
            Self::CsvSemicolon => Some(Separator::Semicolon),
            Self::CsvTab => Some(Separator::Tab),
            Self::CsvPipe => Some(Separator::Pipe),
        }
    }

    /// What separates the columns of what is written.
    pub(super) fn separates_by(self) -> Separator {
        self.separator().unwrap_or(Separator::Comma)
    }

    /// The format that the extension of `path` stands for, in any case.
    ///
    /// # Errors
    /// [`UnknownFormat`] where it has none, or another.
    pub fn of_path(path: &Path) -> Result<Self, UnknownFormat> {
        path.extension()
            .and_then(|extension| extension.to_str())
            .and_then(|extension| extension.parse().ok())
            .ok_or_else(|| UnknownFormat {
                text: path.display().to_string(),
            })
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        <Self as ValueEnum>::from_str(text, true).map_err(|_| UnknownFormat {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ndjson => "ndjson",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::CsvComma => "csv-comma",
            Self::CsvSemicolon => "csv-semicolon",
            Self::CsvTab => "csv-tab",
            Self::CsvPipe => "csv-pipe",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_stand_for_formats() {
        for (path, format) in [
            ("a.ndjson", Some(Format::Ndjson)),
            ("a.jsonl", Some(Format::Ndjson)),
            ("a.b/c.JSON", Some(Format::Json)),
            ("a.csv", Some(Format::Csv)),
            ("a.tsv", Some(Format::CsvTab)),
            ("a.csv.gz", None),
            ("csv", None),
        ] {
            assert_eq!(Format::of_path(Path::new(path)).ok(), format, "{path}");
        }
    }

    #[test]
    fn names_are_read_as_they_are_shown() {
        for format in Format::value_variants() {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
    }
}
