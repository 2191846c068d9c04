//! Records as rows of a CSV file.

use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use super::flatten::{Leaf, values};
use super::header::{Header, Kind, is_blank, split_kind};
use super::rest::{REST, Rest};
use super::{Separator, WriteError};

/// Writes one row per record, below a header.
pub(super) struct CsvWriter<W: Write> {
    rows: csv::Writer<W>,
    /// Absent until the first record says what they are.
    columns: Option<Columns>,
    header_is_due: bool,
}

struct Columns {
    names: Vec<String>,
    /// Those of fields, by the fields' names.
    cells: HashMap<String, (usize, Kind)>,
    /// The one for what has no other.
    rest: Option<usize>,
}

impl Columns {
    /// Those of a header. Where it is not this program's, a name that says no type is a
    /// text's.
    fn named(names: Vec<String>) -> Self {
        let rest = names.iter().position(|name| name == REST);
        let cells = names.iter().enumerate();
        let cells = cells.filter(|(index, _)| Some(*index) != rest);
        let cells = cells.map(|(index, name)| {
            let (field, kind) = split_kind(name).unwrap_or((name, Kind::Text));
            (field.to_owned(), (index, kind))
        });
        Self {
            cells: cells.collect(),
            rest,
            names,
        }
    }

    /// Those of a first record.
    fn of(json: &str) -> Result<Self, serde_json::Error> {
        let mut header = Header::default();
        values(json, &|_| false, &mut |leaf| {
            if let Some(column) = leaf.column {
                let kind = match leaf.value.as_bytes().first() {
                    Some(b'[' | b'{') => ":json",
                    _ => "",
                };
                // A field that is there twice has one column, and what the header cannot
                // say has none.
                let _ = header.add(&format!("{column}{kind}"));
            }
        })?;
        let mut names = header.into_names();
        names.push(REST.to_owned());
        Ok(Self::named(names))
    }

    /// The cells of a record.
    fn row(&self, json: &str) -> Result<Vec<String>, WriteError> {
        let mut row = vec![String::new(); self.names.len()];
        let mut rest = Rest::default();
        let mut without = BTreeSet::new();
        let is_column = |column: &str| matches!(self.cells.get(column), Some((_, Kind::Json)));
        values(json, &is_column, &mut |leaf| {
            if leaf.value == "null" {
                return;
            }
            match self.cell(leaf) {
                Some((index, text)) if row[index].is_empty() => row[index] = text,
                _ if self.rest.is_some() => rest.put(leaf.path, leaf.value),
                _ => {
                    without.insert(leaf.path.join("."));
                }
            }
        })
        .map_err(WriteError::NotAnObject)?;
        if !without.is_empty() {
            return Err(WriteError::NoColumn {
                fields: without.into_iter().collect(),
            });
        }
        if let Some(index) = self.rest {
            // A row of nothing would be passed over by whoever reads it.
            if !rest.is_empty() || row.iter().all(|cell| is_blank(cell.as_bytes())) {
                row[index] = rest.json();
            }
        }
        Ok(row)
    }

    /// Where a value belongs, as the text that is read back as it, or none where it has
    /// no such place.
    fn cell(&self, leaf: &Leaf<'_>) -> Option<(usize, String)> {
        let (index, kind) = self.cells.get(leaf.column?)?;
        Some((*index, kind.text(leaf.value)?))
    }
}

impl<W: Write> CsvWriter<W> {
    pub(super) fn new(sink: W, separator: Separator) -> Self {
        Self {
            rows: csv::WriterBuilder::new()
                .delimiter(separator.byte())
                .from_writer(sink),
            columns: None,
            header_is_due: true,
        }
    }

    pub(super) fn with_columns(sink: W, separator: Separator, names: Vec<String>) -> Self {
        Self {
            columns: Some(Columns::named(names)),
            ..Self::new(sink, separator)
        }
    }

    /// Goes on below a header that is there already.
    pub(super) fn below_header(sink: W, separator: Separator, names: Vec<String>) -> Self {
        Self {
            header_is_due: false,
            ..Self::with_columns(sink, separator, names)
        }
    }

    pub(super) fn write(&mut self, json: &str) -> Result<(), WriteError> {
        let columns = match &self.columns {
            Some(columns) => columns,
            None => {
                let columns = Columns::of(json).map_err(WriteError::NotAnObject)?;
                self.columns.insert(columns)
            }
        };
        let row = columns.row(json)?;
        self.write_header()?;
        self.rows.write_record(&row).map_err(io::Error::from)?;
        Ok(())
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

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }

    pub(super) fn sink(&self) -> &W {
        self.rows.get_ref()
    }

    /// The sink. A file without records still gets its header, where that is known.
    pub(super) fn finish(mut self) -> Result<W, WriteError> {
        self.write_header()?;
        let sink = self.rows.into_inner();
        Ok(sink.map_err(csv::IntoInnerError::into_error)?)
    }
}
