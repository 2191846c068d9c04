//! A file that has its name only once it is whole.
//!
//! It is written as `<name>.part` and renamed at the end. A run that is broken
//! off leaves the `.part` file, and another may go on with it.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Format, OutputError};

const BUFFER_BYTES: usize = 64 * 1024;

/// A file of records on its way. Only one run can write it at a time.
///
/// Dropped without [`OutputFile::commit`] it stays a `.part` file.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    format: Format,
    header: Option<Vec<String>>,
}

impl OutputFile {
    /// A new file that will be at `path`. A `.part` file that an earlier run left
    /// is overwritten; what is at `path` stays until the new file is whole.
    ///
    /// # Errors
    /// Where the file cannot be made, or another run writes it.
    pub fn create(path: impl Into<PathBuf>, format: Format) -> Result<Self, OutputError> {
        let path = path.into();
        let part = part_of(&path);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&part)
            .map_err(|source| unusable(&part, source))?;
        lock(&file, &part)?;
        // Only now: until here it may have been somebody else's.
        file.set_len(0).map_err(|source| unusable(&part, source))?;
        Ok(Self {
            path,
            part,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            bytes: 0,
            format,
            header: None,
        })
    }

    /// The `.part` file that an earlier run left for `path`, to go on after its
    /// last whole record. Give it to
    /// [`RecordWriter::resume`](super::RecordWriter::resume).
    ///
    /// # Errors
    /// [`OutputError::JsonCannotResume`] for JSON; where there is no such file;
    /// or where it cannot be used, or another run writes it.
    pub fn resume(path: impl Into<PathBuf>, format: Format) -> Result<Self, OutputError> {
        Self::reopen(path.into(), format, None)
    }

    /// The same, to go on after the first `bytes` bytes, as
    /// [`RecordWriter::sync`](super::RecordWriter::sync) told them: what was
    /// written after that is cut off.
    ///
    /// # Errors
    /// As [`OutputFile::resume`], and where the file has fewer bytes.
    pub fn resume_at(
        path: impl Into<PathBuf>,
        format: Format,
        bytes: u64,
    ) -> Result<Self, OutputError> {
        Self::reopen(path.into(), format, Some(bytes))
    }

    fn reopen(path: PathBuf, format: Format, keep: Option<u64>) -> Result<Self, OutputError> {
        if format == Format::Json {
            return Err(OutputError::JsonCannotResume);
        }
        let part = part_of(&path);
        let opened = OpenOptions::new().read(true).write(true).open(&part);
        let mut file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OutputError::NothingToResume { path: part.clone() },
            _ => unusable(&part, source),
        })?;
        lock(&file, &part)?;

        let whole = whole_records(&file, format).map_err(|source| unusable(&part, source))?;
        let bytes = keep.unwrap_or(whole);
        if bytes > whole {
            return Err(OutputError::Shorter {
                path: part,
                expected: bytes,
                found: whole,
            });
        }
        file.set_len(bytes)
            .and_then(|()| file.rewind())
            .map_err(|source| unusable(&part, source))?;
        let header = match format {
            Format::Csv => read_header(&file, &part)?,
            _ => None,
        };
        file.seek(SeekFrom::End(0))
            .map_err(|source| unusable(&part, source))?;
        Ok(Self {
            path,
            part,
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            bytes,
            format,
            header,
        })
    }

    /// Gives the file its name, in place of what had it, and returns that name.
    ///
    /// # Errors
    /// Where the disk fails; the `.part` file stays.
    pub fn commit(mut self) -> Result<PathBuf, OutputError> {
        self.flush()
            .and_then(|()| self.sync())
            .and_then(|()| fs::rename(&self.part, &self.path))
            .and_then(|()| sync_folder(&self.path))
            .map_err(|source| unusable(&self.path, source))?;
        Ok(self.path)
    }

    /// Leaves the file a `.part` file, and returns its name.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn keep_partial(mut self) -> Result<PathBuf, OutputError> {
        self.flush()
            .and_then(|()| self.sync())
            .map_err(|source| unusable(&self.part, source))?;
        Ok(self.part)
    }

    /// The format it was opened for.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many bytes it has, those included that are still in memory.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.get_ref().sync_all()
    }

    /// The columns of a CSV file that was resumed, if its header was there.
    pub(super) fn take_header(&mut self) -> Option<Vec<String>> {
        self.header.take()
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Where a file lies that is not whole yet.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut part = OsString::from(path);
    part.push(".part");
    part.into()
}

/// Where a file system knows no locks, two runs may write one file; that is the
/// price of writing there at all.
fn lock(file: &File, part: &Path) -> Result<(), OutputError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(OutputError::Busy {
            path: part.to_owned(),
        }),
        Err(TryLockError::Error(source)) if source.kind() != io::ErrorKind::Unsupported => {
            Err(unusable(part, source))
        }
        _ => Ok(()),
    }
}

/// The bytes up to the end of the last whole record, which is a line break
/// outside quotes. The quotes of a JSON text are no matter: it has no line
/// breaks.
fn whole_records(file: &File, format: Format) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, file);
    let (mut at, mut whole, mut in_quotes) = (0, 0, false);
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(whole);
        }
        for &byte in chunk {
            at += 1;
            match byte {
                b'"' if format == Format::Csv => in_quotes = !in_quotes,
                b'\n' if !in_quotes => whole = at,
                _ => {}
            }
        }
        let length = chunk.len();
        reader.consume(length);
    }
}

fn read_header(file: impl Read, part: &Path) -> Result<Option<Vec<String>>, OutputError> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(file);
    match rows.records().next().transpose() {
        Ok(header) => Ok(header.map(|row| row.iter().map(str::to_owned).collect())),
        Err(error) => Err(OutputError::DamagedHeader {
            path: part.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Makes the rename survive a power failure: the name is data of the folder.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => {
            let is_here = folder.as_os_str().is_empty();
            File::open(if is_here { Path::new(".") } else { folder })?.sync_all()
        }
        _ => Ok(()),
    }
}

fn unusable(path: &Path, source: io::Error) -> OutputError {
    OutputError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
