//! A file that has its name only once it is whole.
//!
//! It is written as `<name>.part` and renamed at the end. A run that is broken
//! off leaves the `.part` file, and another may go on with it.
//!
//! Where its name is that of a device or a pipe, there is nothing to replace: what is
//! written goes there at once, and nobody can go on with it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Format, OutputError};
use crate::atomic_file::{self, Destination};

const BUFFER_BYTES: usize = 64 * 1024;

/// A file of records on its way. Only one run can write it at a time.
///
/// Dropped without [`OutputFile::commit`] it stays a `.part` file.
#[derive(Debug)]
pub struct OutputFile {
    path: PathBuf,
    /// The same as `path`, where that is a device or a pipe.
    part: PathBuf,
    is_stream: bool,
    file: BufWriter<File>,
    bytes: u64,
    format: Format,
    header: Option<Vec<String>>,
}

impl OutputFile {
    /// A new file that will be at `path`, or at what a link there leads to. A `.part`
    /// file that an earlier run left is overwritten; what is at `path` stays until the
    /// new file is whole. A device or a pipe is opened, and a pipe waits for its reader.
    ///
    /// # Errors
    /// Where the file cannot be made, or another run writes it.
    pub fn create(path: impl Into<PathBuf>, format: Format) -> Result<Self, OutputError> {
        match Destination::of(&path.into())? {
            Destination::Plain(path) => {
                let claimed = Claimed::new(path)?;
                // Only now: until here it may have been somebody else's.
                claimed.cut_at(format, 0)
            }
            Destination::Stream(path) => {
                let file = atomic_file::open_stream(&path);
                let file = file.map_err(|source| unusable(&path, source))?;
                Ok(Self {
                    part: path.clone(),
                    path,
                    is_stream: true,
                    file: BufWriter::with_capacity(BUFFER_BYTES, file),
                    bytes: 0,
                    format,
                    header: None,
                })
            }
        }
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
        let path = match Destination::of(&path)? {
            Destination::Plain(path) => path,
            Destination::Stream(path) => return Err(OutputError::StreamCannotResume { path }),
        };
        let claimed = Claimed::existing(path)?;
        let whole = claimed.whole_records(format)?;
        let bytes = keep.unwrap_or(whole);
        claimed.held_against(bytes, whole)?;
        claimed.cut_at(format, bytes)
    }

    /// Gives the file up, and keeps the right to write it: nothing of it is whole yet.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(crate) fn reclaim(mut self) -> Result<Claimed, OutputError> {
        if self.is_stream {
            return Err(OutputError::StreamCannotResume { path: self.path });
        }
        self.flush()
            .map_err(|source| unusable(&self.part, source))?;
        let file = self.file.into_inner();
        let file = file.map_err(|error| unusable(&self.part, error.into_error()))?;
        Ok(Claimed {
            path: self.path,
            part: self.part,
            file,
        })
    }

    /// Gives the file its name, in place of what had it, and returns that name.
    ///
    /// # Errors
    /// Where the disk fails; the `.part` file stays.
    pub fn commit(mut self) -> Result<PathBuf, OutputError> {
        self.flush()
            .map_err(|source| unusable(&self.path, source))?;
        if self.is_stream {
            return Ok(self.path);
        }
        atomic_file::commit(self.file.get_ref(), &self.part, &self.path)?;
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

    /// Whether it is a device or a pipe: what was written to it is gone.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Where it will lie.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        match self.is_stream {
            true => Ok(()),
            false => self.file.get_ref().sync_all(),
        }
    }

    /// The columns of a CSV file that was resumed, if its header was there.
    pub(super) fn take_header(&mut self) -> Option<Vec<String>> {
        self.header.take()
    }
}

/// The right to write a file, which only one has at a time; until it is said from where
/// on, nothing of it is touched.
#[derive(Debug)]
pub(crate) struct Claimed {
    path: PathBuf,
    part: PathBuf,
    file: File,
}

impl Claimed {
    /// Of a file that is there, or is made.
    fn new(path: PathBuf) -> Result<Self, OutputError> {
        let part = part_of(&path);
        atomic_file::check_own(&part)?;
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let file = options
            .open(&part)
            .map_err(|source| unusable(&part, source))?;
        lock(&file, &part)?;
        Ok(Self { path, part, file })
    }

    /// Of the `.part` file that was left for `path`.
    ///
    /// # Errors
    /// Where there is none, it cannot be used, or another run writes it.
    pub(crate) fn existing(path: PathBuf) -> Result<Self, OutputError> {
        let part = part_of(&path);
        atomic_file::check_own(&part)?;
        let opened = OpenOptions::new().read(true).write(true).open(&part);
        let file = opened.map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => OutputError::NothingToResume { path: part.clone() },
            _ => unusable(&part, source),
        })?;
        lock(&file, &part)?;
        Ok(Self { path, part, file })
    }

    /// Goes on after exactly `bytes` bytes, which were told by
    /// [`RecordWriter::position`](super::RecordWriter::position): what comes after them
    /// is cut off. A JSON array as well goes on there.
    ///
    /// # Errors
    /// Where the file has fewer bytes, or cannot be used.
    pub(crate) fn go_on_at(self, format: Format, bytes: u64) -> Result<OutputFile, OutputError> {
        let metadata = self.file.metadata();
        let length = metadata
            .map_err(|source| unusable(&self.part, source))?
            .len();
        self.held_against(bytes, length)?;
        self.cut_at(format, bytes)
    }

    fn whole_records(&self, format: Format) -> Result<u64, OutputError> {
        whole_records(&self.file, format).map_err(|source| unusable(&self.part, source))
    }

    fn held_against(&self, bytes: u64, found: u64) -> Result<(), OutputError> {
        if bytes > found {
            return Err(OutputError::Shorter {
                path: self.part.clone(),
                expected: bytes,
                found,
            });
        }
        Ok(())
    }

    fn cut_at(mut self, format: Format, bytes: u64) -> Result<OutputFile, OutputError> {
        let unusable = |source| unusable(&self.part, source);
        self.file.set_len(bytes).map_err(unusable)?;
        let header = match format {
            Format::Ndjson | Format::Json => None,
            _ => {
                self.file.rewind().map_err(unusable)?;
                read_header(&self.file, &self.part, format)?
            }
        };
        self.file.seek(SeekFrom::End(0)).map_err(unusable)?;
        Ok(OutputFile {
            path: self.path,
            part: self.part,
            is_stream: false,
            file: BufWriter::with_capacity(BUFFER_BYTES, self.file),
            bytes,
            format,
            header,
        })
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
                b'"' if format.is_csv() => in_quotes = !in_quotes,
                b'\n' if !in_quotes => whole = at,
                _ => {}
            }
        }
        let length = chunk.len();
        reader.consume(length);
    }
}

fn read_header(
    file: impl Read,
    part: &Path,
    format: Format,
) -> Result<Option<Vec<String>>, OutputError> {
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(format.separates_by().byte())
        .from_reader(file);
    match rows.records().next().transpose() {
        Ok(header) => Ok(header.map(|row| row.iter().map(str::to_owned).collect())),
        Err(error) => Err(OutputError::DamagedHeader {
            path: part.to_owned(),
            reason: error.to_string(),
        }),
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
