//! Records as rows of a CSV file.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use super::WriteError;
use super::flatten::flatten;

/// Writes one row per record, below a header.
pub(super) struct CsvWriter<W: Write> {
    rows: csv::Writer<W>,
    /// Absent until the first record says what they are.
    columns: Option<Columns>,
    header_is_due: bool,
    dropped: BTreeSet<String>,
}

struct Columns {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

impl Columns {
    fn new(names: Vec<String>) -> Self {
        let index = names.iter().cloned().zip(0..).collect();
        Self { names, index }
    }
}

impl<W: Write> CsvWriter<W> {
    pub(super) fn new(sink: W) -> Self {
        Self {
            rows: csv::Writer::from_writer(sink),
            columns: None,
            header_is_due: true,
            dropped: BTreeSet::new(),
        }
    }

    pub(super) fn with_columns(sink: W, names: Vec<String>) -> Self {
        Self {
            columns: Some(Columns::new(names)),
            ..Self::new(sink)
        }
    }

    /// Goes on below a header that is there already.
    pub(super) fn below_header(sink: W, names: Vec<String>) -> Self {
        Self {
            header_is_due: false,
            ..Self::with_columns(sink, names)
        }
    }

    pub(super) fn write(&mut self, json: &str) -> Result<(), WriteError> {
        match &self.columns {
            Some(columns) => {
                let row = fill(columns, json, &mut self.dropped)?;
                self.write_header()?;
                self.write_row(&row)
            }
            None => self.write_first(json),
        }
    }

    fn write_first(&mut self, json: &str) -> Result<(), WriteError> {
        let mut names = Vec::new();
        flatten(json, &|_| false, &mut |column, _| {
            if !names.contains(&column) {
                names.push(column);
            }
        })
        .map_err(WriteError::NotAnObject)?;
        if names.is_empty() {
            return Err(WriteError::NoColumns);
        }
        self.columns = Some(Columns::new(names));
        self.write(json)
    }

    fn write_header(&mut self) -> Result<(), WriteError> {
        if let Some(columns) = &self.columns
            && self.header_is_due
        {
            self.rows
                .write_record(&columns.names)
                .map_err(io::Error::from)?;
            self.header_is_due = false;
        }
        Ok(())
    }

    fn write_row(&mut self, row: &[String]) -> Result<(), WriteError> {
        self.rows.write_record(row).map_err(io::Error::from)?;
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }

    pub(super) fn sink(&self) -> &W {
        self.rows.get_ref()
    }

    /// The sink, and the names of the columns for which there was no place. A
    /// file without records still gets its header, where that is known.
    pub(super) fn finish(mut self) -> Result<(W, Vec<String>), WriteError> {
        self.write_header()?;
        let sink = self
            .rows
            .into_inner()
            .map_err(csv::IntoInnerError::into_error)?;
        Ok((sink, self.dropped.into_iter().collect()))
    }
}

/// The cells of a record in the order of the columns. What has no column, or
/// whose cell is taken, is added to `dropped`, unless it is empty.
fn fill(
    columns: &Columns,
    json: &str,
    dropped: &mut BTreeSet<String>,
) -> Result<Vec<String>, WriteError> {
    let mut row = vec![String::new(); columns.names.len()];
    flatten(
        json,
        &|column| columns.index.contains_key(column),
        &mut |column, text| match columns.index.get(&column) {
            Some(&index) if row[index].is_empty() => row[index] = text,
            _ if text.is_empty() => {}
            _ => {
                dropped.insert(column);
            }
        },
    )
    .map_err(WriteError::NotAnObject)?;
    Ok(row)
}
