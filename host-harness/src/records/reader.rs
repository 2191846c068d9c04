//! Reading records, whatever their format.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::csv_reader::CsvReader;
use super::json_array::JsonReader;
use super::ndjson::NdjsonReader;
use super::{Entry, Format, OpenError, ReadError};

/// The largest record unless told otherwise: 16 MiB.
pub const DEFAULT_MAX_RECORD_BYTES: usize = 16 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads records one by one, as an iterator. It ends after the last record, and
/// after a [`ReadError`]. It holds one record at a time.
///
/// In CSV the header names the fields: `outer.inner` is a field of a record in
/// the record, `list[0]` an element of a list. Values are texts, unless the name
/// ends with `:number`, `:boolean`, `:null` or `:json`. An empty cell is an
/// absent field. The column `*:json` holds any further fields, as a JSON object. A
/// row whose cells are all empty is an [`Entry::Blank`].
pub struct RecordReader<R> {
    parser: Parser<R>,
    ended: bool,
}

enum Parser<R> {
    Ndjson(NdjsonReader<Source<R>>),
    Json(JsonReader<Source<R>>),
    Csv(Box<CsvReader<Source<R>>>),
}

/// The first bytes, which had to be looked at, and the rest.
type Source<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> RecordReader<R> {
    /// Reads `source`, which need not be buffered, with records of at most
    /// [`DEFAULT_MAX_RECORD_BYTES`].
    ///
    /// # Errors
    /// Where not even the first bytes can be read; for CSV also where the header
    /// cannot be understood.
    pub fn open(source: R, format: Format) -> Result<Self, OpenError> {
        Self::open_with_limit(source, format, DEFAULT_MAX_RECORD_BYTES)
    }

    /// The same with records of at most `max_record_bytes`. A larger one becomes
    /// an [`Entry::Invalid`] without ever being in memory as a whole. In CSV,
    /// where only the end of a row tells where the next one starts, it is the
    /// last.
    ///
    /// # Errors
    /// As [`RecordReader::open`].
    pub fn open_with_limit(
        source: R,
        format: Format,
        max_record_bytes: usize,
    ) -> Result<Self, OpenError> {
        let source = without_byte_order_mark(source)?;
        let source = BufReader::with_capacity(BUFFER_BYTES, source);
        let parser = match format {
            Format::Ndjson => Parser::Ndjson(NdjsonReader::new(source, max_record_bytes)),
            Format::Json => Parser::Json(JsonReader::new(source, max_record_bytes)),
            _ => {
                let reader = CsvReader::open(source, format.separator(), max_record_bytes)?;
                Parser::Csv(Box::new(reader))
            }
        };
        Ok(Self {
            parser,
            ended: false,
        })
    }
}

impl<R> RecordReader<R> {
    /// CSV: the fields that the columns stand for, as `outer.inner`. None of other
    /// formats, whose records name their fields themselves.
    #[must_use]
    pub fn columns(&self) -> Option<Vec<String>> {
        match &self.parser {
            Parser::Ndjson(_) | Parser::Json(_) => None,
            Parser::Csv(reader) => Some(reader.fields()),
        }
    }
}

/// Programs on Windows put this mark at the start of a text; it is no part of it.
fn without_byte_order_mark<R: Read>(mut source: R) -> io::Result<Source<R>> {
    let mut start = Vec::new();
    source
        .by_ref()
        .take(BYTE_ORDER_MARK.len() as u64)
        .read_to_end(&mut start)?;
    if start == BYTE_ORDER_MARK {
        start.clear();
    }
    Ok(Cursor::new(start).chain(source))
}

/// What can be read without waiting for more; empty at the end of the input.
pub(super) fn buffered<R: Read>(source: &mut BufReader<R>) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    Ok(source.buffer())
}

impl<R: Read> Parser<R> {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        match self {
            Self::Ndjson(reader) => reader.next(),
            Self::Json(reader) => reader.next(),
            Self::Csv(reader) => reader.next(),
        }
    }

    fn position(&self) -> String {
        match self {
            Self::Ndjson(reader) => reader.position(),
            Self::Json(reader) => reader.position(),
            Self::Csv(reader) => reader.position(),
        }
    }
}

impl<R: Read> Iterator for RecordReader<R> {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.parser.next() {
            Ok(Some(entry)) => Some(Ok(entry)),
            Ok(None) => {
                self.ended = true;
                None
            }
            Err(source) => {
                self.ended = true;
                let after = self.parser.position();
                Some(Err(ReadError { after, source }))
            }
        }
    }
}
