//! What a path stands for, before anything is written there.
//!
//! Only a plain file can be replaced as a whole. A link stands for what it leads to, so
//! that is replaced and the link stays. A device or a pipe is somebody's way of taking
//! what is written: it is written to as it is. Everything else is refused.

use super::{AtomicFileError, PARTIAL_PREFIX, folder_of};
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Links that lead on to others, at most. Linux has the same limit.
const MOST_LINKS: usize = 40;

/// Where something is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Destination {
    /// A plain file, or none yet: where links lead to in the end.
    Plain(PathBuf),
    /// A device, a pipe, or a file that a process has open, as `/dev/stdout` is.
    Stream(PathBuf),
}

impl Destination {
    /// Looks at a path. Nothing is opened or made.
    ///
    /// # Errors
    /// Where nothing can be written there: it is a folder, a disk or a socket, or links
    /// lead in a circle.
    pub(crate) fn of(path: &Path) -> Result<Self, AtomicFileError> {
        follow(path).map_err(|source| AtomicFileError {
            path: path.to_owned(),
            source,
        })
    }
}

fn follow(path: &Path) -> io::Result<Destination> {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        let metadata = match fs::symlink_metadata(&at) {
            // That its folder is missing as well is told by whoever makes it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Destination::Plain(at));
            }
            metadata => metadata?,
        };
        if !metadata.is_symlink() {
            return match stands_for(&metadata)? {
                Kind::File => Ok(Destination::Plain(at)),
                Kind::Stream => Ok(Destination::Stream(at)),
            };
        }
        if is_of_a_process(&at) {
            // Whatever it is, somebody has it open and looks there, not at a new file of
            // the same name.
            stands_for(&fs::metadata(&at)?)?;
            return Ok(Destination::Stream(at));
        }
        let to = fs::read_link(&at)?;
        // An absolute one takes the place of all of it.
        at = at.parent().unwrap_or(Path::new("")).join(to);
    }
    Err(io::Error::other("its links lead in a circle"))
}

enum Kind {
    File,
    Stream,
}

fn stands_for(metadata: &Metadata) -> io::Result<Kind> {
    let kind = metadata.file_type();
    if kind.is_file() {
        Ok(Kind::File)
    } else if kind.is_dir() {
        Err(refused("it is a folder: name a file in it"))
    } else if is_stream(kind) {
        Ok(Kind::Stream)
    } else {
        Err(refused(
            "it is neither a file nor a pipe or a device of characters: name another",
        ))
    }
}

#[cfg(unix)]
fn is_stream(kind: FileType) -> bool {
    use std::os::unix::fs::FileTypeExt;
    kind.is_fifo() || kind.is_char_device()
}

#[cfg(not(unix))]
fn is_stream(_: FileType) -> bool {
    false
}

/// Whether a link is one of those by which Linux shows what a process has open, as
/// `/proc/self/fd/1`: they need not lead to any name.
fn is_of_a_process(link: &Path) -> bool {
    cfg!(target_os = "linux")
        && fs::canonicalize(folder_of(link)).is_ok_and(|folder| folder.starts_with("/proc"))
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Where the plain file lies that a path stands for.
///
/// # Errors
/// Where it is none and cannot become one.
pub(crate) fn plain(path: &Path) -> Result<PathBuf, AtomicFileError> {
    match Destination::of(path)? {
        Destination::Plain(path) => Ok(path),
        Destination::Stream(path) => Err(AtomicFileError {
            path,
            source: refused("it is a device or a pipe, and a plain file is needed here"),
        }),
    }
}

/// That a file can be written at a path when its time comes: so that nobody learns only
/// then that it cannot. Leaves nothing.
///
/// # Errors
/// Why it cannot.
pub(crate) fn check(path: &Path) -> Result<(), AtomicFileError> {
    let Destination::Plain(plain) = Destination::of(path)? else {
        return Ok(());
    };
    tempfile::Builder::new()
        .prefix(PARTIAL_PREFIX)
        .tempfile_in(folder_of(&plain))
        .map(drop)
        .map_err(|source| AtomicFileError {
            path: path.to_owned(),
            source,
        })
}

/// That a name may be given to a new file: nothing has it, or a plain file that is
/// replaced.
///
/// # Errors
/// Where something else has it.
pub(super) fn may_be_replaced(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(refused("it is no plain file, and is left as it is")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// That a file may be opened, to be written, that only this program makes: nothing is
/// there yet, or a plain file.
///
/// # Errors
/// Where something else is there.
pub(crate) fn check_own(path: &Path) -> Result<(), AtomicFileError> {
    may_be_replaced(path).map_err(|source| AtomicFileError {
        path: path.to_owned(),
        source,
    })
}
