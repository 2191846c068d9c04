//! Writing records, whatever their format.

use std::io::{self, Write};

use super::csv_writer::CsvWriter;
use super::{Format, OutputFile, Separator, WriteError};

/// Writes records one by one. What it wrote is whole only after
/// [`RecordWriter::finish`].
///
/// In NDJSON and JSON a record is written as it stands, only its line breaks are
/// left out: valid JSON has them between values and never inside one.
///
/// In CSV a record's fields are columns, those of a record within it are named
/// `outer.inner`; a list is JSON text in a column that ends with `:json`; `null` is an
/// empty cell. The columns are those of the first record and a last one, `*:json`: there
/// stands what only a later record has, or has as another kind of value, as one JSON
/// object. So nothing is lost, and [`RecordReader`](super::RecordReader) reads all of it
/// back; only numbers and flags become texts. A cell holds exactly the text of its
/// value, also where a spreadsheet would take it for a formula.
pub struct RecordWriter<W: Write> {
    kind: Kind<W>,
    records: u64,
}

enum Kind<W: Write> {
    Ndjson(W),
    Json(W),
    Csv(Box<CsvWriter<W>>),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteReport {
    /// How many records.
    pub records: u64,
}

impl<W: Write> RecordWriter<W> {
    /// Writes to `sink`, which should be buffered, as [`OutputFile`] is.
    #[must_use]
    pub fn new(sink: W, format: Format) -> Self {
        let kind = match format {
            Format::Ndjson => Kind::Ndjson(sink),
            Format::Json => Kind::Json(sink),
            _ => Kind::Csv(Box::new(CsvWriter::new(sink, format.separates_by()))),
        };
        Self { kind, records: 0 }
    }

    /// Writes CSV with exactly these columns, in this order, each named once. A record that
    /// has more is not written, unless `*:json` is among them.
    #[must_use]
    pub fn with_columns(sink: W, columns: Vec<String>) -> Self {
        Self {
            kind: Kind::Csv(Box::new(CsvWriter::with_columns(
                sink,
                Separator::Comma,
                columns,
            ))),
            records: 0,
        }
    }

    /// Writes one record. That it is JSON is believed, except for CSV, where it
    /// has to be taken apart.
    ///
    /// # Errors
    /// Where the sink fails; for CSV also where the record is no object, or has a field
    /// that no column can take. Nothing of the record is written then, and
    /// [others can be](WriteError::is_about_the_record).
    pub fn write(&mut self, json: &str) -> Result<(), WriteError> {
        match &mut self.kind {
            Kind::Ndjson(sink) => {
                write_line(sink, json)?;
                sink.write_all(b"\n")?;
            }
            Kind::Json(sink) => {
                let separator = if self.records == 0 { "[\n" } else { ",\n" };
                sink.write_all(separator.as_bytes())?;
                write_line(sink, json)?;
            }
            Kind::Csv(writer) => writer.write(json)?,
        }
        self.records += 1;
        Ok(())
    }

    /// Hands everything written so far to the operating system.
    ///
    /// # Errors
    /// Where the sink fails.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        match &mut self.kind {
            Kind::Ndjson(sink) | Kind::Json(sink) => sink.flush()?,
            Kind::Csv(writer) => writer.flush()?,
        }
        Ok(())
    }

    /// Completes the output, and gives the sink back.
    ///
    /// # Errors
    /// Where the sink fails.
    pub fn finish(mut self) -> Result<(W, WriteReport), WriteError> {
        if let Kind::Json(sink) = &mut self.kind {
            let end = if self.records == 0 { "[]\n" } else { "\n]\n" };
            sink.write_all(end.as_bytes())?;
        }
        let mut sink = match self.kind {
            Kind::Ndjson(sink) | Kind::Json(sink) => sink,
            Kind::Csv(writer) => writer.finish()?,
        };
        sink.flush()?;
        let report = WriteReport {
            records: self.records,
        };
        Ok((sink, report))
    }

    fn sink(&self) -> &W {
        match &self.kind {
            Kind::Ndjson(sink) | Kind::Json(sink) => sink,
            Kind::Csv(writer) => writer.sink(),
        }
    }
}

impl RecordWriter<OutputFile> {
    /// Goes on with a file that [`OutputFile::resume`] opened: a CSV header that
    /// is there already is not repeated, and its columns hold.
    #[must_use]
    pub fn resume(mut file: OutputFile) -> Self {
        match file.take_header() {
            Some(columns) => {
                let separator = file.format().separates_by();
                let writer = CsvWriter::below_header(file, separator, columns);
                Self {
                    kind: Kind::Csv(Box::new(writer)),
                    records: 0,
                }
            }
            None => {
                let format = file.format();
                // After the first record of an array comes a comma.
                let begun = format == Format::Json && file.bytes() > 0;
                Self {
                    records: u64::from(begun),
                    ..Self::new(file, format)
                }
            }
        }
    }

    /// Hands everything written so far to the operating system, and tells how many
    /// bytes the file has.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn position(&mut self) -> Result<u64, WriteError> {
        self.flush()?;
        Ok(self.sink().bytes())
    }

    /// Puts everything written so far on the disk, and tells how many bytes the
    /// file has. A run that is broken off after that can be resumed from exactly
    /// there, with [`OutputFile::resume_at`].
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn sync(&mut self) -> Result<u64, WriteError> {
        let bytes = self.position()?;
        self.sink().sync()?;
        Ok(bytes)
    }
}

fn write_line(sink: &mut impl Write, json: &str) -> io::Result<()> {
    json.split(['\n', '\r'])
        .try_for_each(|piece| sink.write_all(piece.as_bytes()))
}
