//! Records as rows of a CSV file.

use std::io::{self, BufRead, BufReader, Read};

use csv::ByteRecord;

use super::entry::{Entry, text};
use super::header::{CellFault, Header, is_blank};
use super::header_line::HeaderLine;
use super::reader::buffered;
use super::{OpenError, Separator};

/// How many columns a message names.
const MAX_NAMED_COLUMNS: usize = 30;

/// Reads one record per row, below a header that names the fields.
pub(super) struct CsvReader<R> {
    rows: csv::Reader<Lines<R>>,
    header: Header,
    max_bytes: usize,
    /// Counted from 1; the header is none.
    row: u64,
    buffer: ByteRecord,
    ended: bool,
}

/// What the CSV parser reads from. It hands out one line at a time, so that it
/// is known which line a row is on, and no more bytes than a row may have: the
/// parser itself would take a row of any length, and a quote that is not closed
/// makes a row of the rest of the file.
struct Lines<R> {
    source: BufReader<R>,
    bytes_left: usize,
    line_breaks: u64,
    is_at_start: bool,
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes_left == 0 {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let available = buffered(&mut self.source)?;
        let room = available.len().min(buffer.len()).min(self.bytes_left);
        let line_break = available[..room].iter().position(|&byte| byte == b'\n');
        let length = line_break.map_or(room, |at| at + 1);
        buffer[..length].copy_from_slice(&available[..length]);
        self.source.consume(length);
        self.bytes_left -= length;
        self.line_breaks += u64::from(line_break.is_some());
        if length > 0 {
            self.is_at_start = line_break.is_some();
        }
        Ok(length)
    }
}

impl<R> Lines<R> {
    /// The line of the byte that was handed out last, counted from 1.
    fn line(&self) -> u64 {
        self.line_breaks + u64::from(!self.is_at_start)
    }
}

/// What reading a row came to.
enum Row {
    Whole,
    TooLarge,
    End,
}

impl<R: Read> CsvReader<R> {
    /// Reads the header. What separates the columns is recognised, unless it was chosen.
    pub(super) fn open(
        mut source: BufReader<R>,
        chosen: Option<Separator>,
        max_bytes: usize,
    ) -> Result<Self, OpenError> {
        let line = HeaderLine::read(&mut source, chosen, max_bytes)?;
        let mut builder = csv::ReaderBuilder::new();
        builder
            .has_headers(false)
            .flexible(true)
            .delimiter(line.separator.byte());
        let mut buffer = ByteRecord::new();
        builder
            .from_reader(line.bytes.as_slice())
            .read_byte_record(&mut buffer)
            .map_err(io::Error::from)?;
        let header = Header::parse(buffer.iter(), line.separator)?;
        let rows = builder.from_reader(Lines {
            source,
            bytes_left: 0,
            line_breaks: line.line_breaks,
            is_at_start: true,
        });
        Ok(Self {
            rows,
            header,
            max_bytes,
            row: 0,
            buffer,
            ended: false,
        })
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.ended {
            return Ok(None);
        }
        let line_before = self.rows.get_ref().line();
        let row = read_row(&mut self.rows, &mut self.buffer, self.max_bytes)?;
        if matches!(row, Row::End) {
            return Ok(None);
        }
        self.row += 1;
        Ok(Some(match row {
            Row::TooLarge => {
                self.ended = true;
                self.too_large(line_before + 1)
            }
            _ => self.parse(),
        }))
    }

    /// The row that was read last.
    pub(super) fn position(&self) -> String {
        format!("row {}", self.row)
    }

    fn parse(&self) -> Entry {
        if self.buffer.iter().all(is_blank) {
            return Entry::Blank {
                place: self.place(self.line()),
            };
        }
        let expected = self.header.names().len();
        let found = self.buffer.len();
        if found != expected {
            return self.invalid(
                format!("it has {found} columns, the header has {expected}"),
                format!(
                    "give it the columns of the header ({}), and put cells that hold a comma, \
                     a quote or a line break between quotes",
                    self.columns()
                ),
            );
        }
        match self.header.record(|column| &self.buffer[column]) {
            Ok(json) => Entry::Record {
                key: self.position(),
                json,
            },
            Err(fault) => self.unfit(&fault),
        }
    }

    fn unfit(&self, fault: &CellFault) -> Entry {
        let name = &self.header.names()[fault.column];
        self.invalid(
            format!(
                "column {} (`{name}`) holds `{}`",
                fault.column + 1,
                text(&self.buffer[fault.column])
            ),
            format!("write {} there, or nothing", fault.expected),
        )
    }

    fn too_large(&self, line: u64) -> Entry {
        Entry::Invalid {
            key: self.position(),
            raw: String::new(),
            place: self.place(line),
            message: format!(
                "it is larger than the {} bytes that a row may have; nothing after this could \
                 be read",
                self.max_bytes
            ),
            fix: "look for a quote that is not closed, in this row or one before it".to_owned(),
        }
    }

    fn invalid(&self, message: String, fix: String) -> Entry {
        Entry::Invalid {
            key: self.position(),
            raw: row_text(&self.buffer),
            place: self.place(self.line()),
            message,
            fix,
        }
    }

    /// The line on which the row starts that was read last.
    fn line(&self) -> u64 {
        let within_cells = self.buffer.as_slice().iter().filter(|&&b| b == b'\n');
        self.rows.get_ref().line() - within_cells.count() as u64
    }

    /// Row and line differ by the header, by blank lines, and by line breaks
    /// inside cells.
    fn place(&self, line: u64) -> String {
        format!("{} (line {line})", self.position())
    }

    fn columns(&self) -> String {
        let names = self.header.names();
        let shown = names[..names.len().min(MAX_NAMED_COLUMNS)].join(", ");
        match names.len() - names.len().min(MAX_NAMED_COLUMNS) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }
}

impl<R> CsvReader<R> {
    /// The fields that the columns stand for.
    pub(super) fn fields(&self) -> Vec<String> {
        self.header.fields()
    }
}

fn read_row<R: Read>(
    rows: &mut csv::Reader<Lines<R>>,
    buffer: &mut ByteRecord,
    max_bytes: usize,
) -> io::Result<Row> {
    // Room for the line break before the row, of which the parser may have left
    // one byte, and for the one after it.
    rows.get_mut().bytes_left = max_bytes.saturating_add(3);
    match rows.read_byte_record(buffer) {
        Ok(true) => Ok(Row::Whole),
        Ok(false) => Ok(Row::End),
        Err(_) if rows.get_ref().bytes_left == 0 => Ok(Row::TooLarge),
        Err(error) => Err(error.into()),
    }
}

/// The row as CSV again. Its quotes may differ from those in the file.
fn row_text(row: &ByteRecord) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = writer
        .write_byte_record(row)
        .map_err(io::Error::from)
        .and_then(|()| writer.into_inner().map_err(|error| error.into_error()));
    text(&written.unwrap_or_default()).trim_end().to_owned()
}
