//! The files of a run: one folder, out of which a connector reads and into which
//! it keeps. Whatever their size, they pass through in pieces.

use super::bindings::integration::connector::files::{self, FileError};
use super::guest::Services;
use crate::atomic_file::{self, Access, AtomicFile, AtomicFileError, Placed};
use crate::registry::Hasher;
use futures::channel::mpsc;
use futures::{SinkExt, Stream, StreamExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::AsyncReadExt;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Accessor, Destination, FutureConsumer, FutureReader, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult, VecBuffer,
};

/// Bytes of a file that are moved at a time.
const MOVED: usize = 64 << 10;
/// Pieces that wait to be taken.
const AHEAD: usize = 4;
/// Bytes that a name may have.
const LONGEST_NAME: usize = 200;

/// Where the files of a run lie.
#[derive(Debug, Clone)]
pub struct RunFiles {
    folder: PathBuf,
    most: u64,
}

impl RunFiles {
    /// Files in a folder, which is made when there is a first one to keep.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            most: u64::MAX,
        }
    }

    /// The most bytes that a file may have: the limit of the connection.
    #[must_use]
    pub(super) fn at_most(mut self, bytes: u64) -> Self {
        self.most = bytes;
        self
    }

    /// The path of a file that is to be read: of a plain name in the folder.
    fn path(&self, name: &str) -> Result<PathBuf, FileError> {
        if is_plain(name) {
            Ok(self.folder.join(name))
        } else {
            Err(FileError::Refused(
                "it is no plain file name, as invoice.pdf is".to_owned(),
            ))
        }
    }

    /// A file that is being kept, of the name that a remote system gave it.
    fn start(&self, name: &str) -> Result<AtomicFile, AtomicFileError> {
        atomic_file::create_folder(&self.folder, Access::Everyone)?;
        AtomicFile::create_new(self.folder.join(cleaned(name)), Access::Owner)
    }

    /// Gives a file its name, or another one where that is taken: `a.pdf`, then
    /// `a.2.pdf`.
    fn name(mut file: AtomicFile, wanted: &str) -> Result<String, AtomicFileError> {
        let wanted = cleaned(wanted);
        let path = Path::new(&wanted);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let end = path
            .extension()
            .map(|end| format!(".{}", end.to_string_lossy()))
            .unwrap_or_default();
        let mut name = wanted.clone();
        let mut number = 1_u64;
        loop {
            match file.place()? {
                Placed::Now => return Ok(name),
                Placed::Before(unplaced) => {
                    number += 1;
                    name = format!("{stem}.{number}{end}");
                    file = unplaced.renamed(&name);
                }
            }
        }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':'])
        && !name.contains(char::is_control)
}

/// A plain name out of one that a remote system gave.
fn cleaned(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let mut plain: String = last
        .chars()
        .map(|c| if c.is_control() || c == ':' { '_' } else { c })
        .collect();
    while plain.len() > LONGEST_NAME - 16 {
        plain.pop();
    }
    let plain = plain.trim_start_matches('.').trim();
    if plain.is_empty() {
        "file".to_owned()
    } else {
        plain.to_owned()
    }
}

impl files::Host for Services {}

fn failed(error: impl std::fmt::Display) -> FileError {
    FileError::Failed(error.to_string())
}

/// A connector is not told where its folder lies.
fn unwritten(error: AtomicFileError) -> FileError {
    failed(error.source)
}

fn no_place() -> FileError {
    FileError::Refused("this run was given no place for files".to_owned())
}

impl<T: 'static> files::HostWithStore<T> for Services {
    async fn open(accessor: &Accessor<T, Self>, name: String) -> Result<files::Opened, FileError> {
        let place = accessor.with(|mut access| access.get().files.clone());
        let path = place.ok_or_else(no_place)?.path(&name)?;
        let mut file = match tokio::fs::File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(FileError::NotFound);
            }
            Err(error) => return Err(failed(error)),
        };
        let metadata = file.metadata().await.map_err(failed)?;
        if !metadata.is_file() {
            return Err(FileError::NotFound);
        }
        let size = metadata.len();
        let (mut sender, pieces) = mpsc::channel::<Vec<u8>>(AHEAD);
        let (ended, whole) = oneshot::channel();
        tokio::spawn(async move {
            let mut left = size;
            let outcome = loop {
                let mut piece = vec![0; MOVED];
                match file.read(&mut piece).await {
                    Err(error) => break Err(failed(error)),
                    Ok(0) if left > 0 => {
                        break Err(FileError::Failed("it became shorter".to_owned()));
                    }
                    Ok(0) => break Ok(()),
                    Ok(count) => {
                        // What was added since it was opened is no part of it.
                        let count = u64::try_from(count).unwrap_or(u64::MAX).min(left);
                        left -= count;
                        piece.truncate(usize::try_from(count).unwrap_or(0));
                        if sender.send(piece).await.is_err() || left == 0 {
                            break Ok(());
                        }
                    }
                }
            };
            drop(sender);
            // The guest may be gone.
            let _ = ended.send(outcome);
        });
        accessor
            .with(|mut access| {
                let contents = StreamReader::new(&mut access, Pieces(pieces))?;
                let whole = FutureReader::new(&mut access, async move {
                    let gone = || Err(FileError::Failed("reading broke down".to_owned()));
                    wasmtime::error::Ok(whole.await.unwrap_or_else(|_| gone()))
                })?;
                wasmtime::error::Ok(files::Opened {
                    size,
                    contents,
                    whole,
                })
            })
            .map_err(failed)
    }

    async fn keep(
        accessor: &Accessor<T, Self>,
        name: String,
        mut contents: StreamReader<u8>,
        mut whole: FutureReader<Result<(), ()>>,
    ) -> Result<files::Kept, FileError> {
        let place = accessor.with(|mut access| access.get().files.clone());
        let Some(place) = place else {
            // Whoever writes learns only so that nobody will read.
            accessor
                .with(|mut access| {
                    contents.close(&mut access)?;
                    whole.close(&mut access)
                })
                .map_err(failed)?;
            return Err(no_place());
        };
        let (sender, pieces) = mpsc::channel(AHEAD);
        let (settled, well) = oneshot::channel();
        accessor
            .with(|mut access| {
                contents.pipe(&mut access, Taken(sender))?;
                whole.pipe(&mut access, Settled(Some(settled)))
            })
            .map_err(failed)?;
        let (file, size, digest) = take(&place, &name, pieces).await?;
        if well.await != Ok(Ok(())) {
            return Err(FileError::Failed("it did not come whole".to_owned()));
        }
        let naming = tokio::task::spawn_blocking(move || RunFiles::name(file, &name));
        let name = naming.await.map_err(failed)?.map_err(unwritten)?;
        Ok(files::Kept {
            name,
            size,
            sha256: digest,
        })
    }
}

/// Takes the pieces of a file to its end.
async fn take(
    place: &RunFiles,
    name: &str,
    mut pieces: mpsc::Receiver<Vec<u8>>,
) -> Result<(AtomicFile, u64, String), FileError> {
    let (starting, name) = (place.clone(), name.to_owned());
    let starting = tokio::task::spawn_blocking(move || starting.start(&name));
    let mut file = starting.await.map_err(failed)?.map_err(unwritten)?;
    let mut digest = Hasher::default();
    let mut size = 0_u64;
    while let Some(piece) = pieces.next().await {
        size += piece.len() as u64;
        if size > place.most {
            return Err(FileError::TooLarge(place.most));
        }
        let writing = tokio::task::spawn_blocking(move || {
            digest.update(&piece);
            file.append(&piece).map(|file| (file, digest))
        });
        (file, digest) = writing.await.map_err(failed)?.map_err(unwritten)?;
    }
    Ok((file, size, digest.finish().hex()))
}

/// Gives the guest the pieces of a file.
struct Pieces(mpsc::Receiver<Vec<u8>>);

impl<D> StreamProducer<D> for Pieces {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _: StoreContextMut<'a, D>,
        mut destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match Pin::new(&mut self.0).poll_next(context) {
            Poll::Ready(Some(piece)) => {
                destination.set_buffer(piece.into());
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Takes the pieces of a file from the guest, as fast as they are written.
struct Taken(mpsc::Sender<Vec<u8>>);

impl<D> StreamConsumer<D> for Taken {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.0.poll_ready(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let mut source = source.as_direct(store);
        let piece = source.remaining().to_vec();
        if !piece.is_empty() {
            source.mark_read(piece.len());
            if self.0.start_send(piece).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Hears whether a file came whole.
struct Settled(Option<oneshot::Sender<Result<(), ()>>>);

impl<D> FutureConsumer<D> for Settled {
    type Item = Result<(), ()>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut settled = Vec::with_capacity(1);
        source.read(&mut store, &mut settled)?;
        if let (Some(sender), Some(settled)) = (self.0.take(), settled.pop()) {
            // Whoever kept the file may have given up.
            let _ = sender.send(settled);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_read() {
        for name in ["", ".", "..", "a/b", "a\\b", "C:x", ".hidden", "a\0b"] {
            assert!(!is_plain(name), "{name:?}");
        }
        assert!(is_plain("invoice 33 (final).pdf"));
    }

    #[test]
    fn names_of_others_become_plain() {
        for (name, plain) in [
            ("../../etc/passwd", "passwd"),
            ("C:\\Temp\\a.pdf", "a.pdf"),
            ("...", "file"),
            ("a\nb.pdf", "a_b.pdf"),
        ] {
            assert_eq!(cleaned(name), plain);
        }
        assert!(is_plain(&cleaned(&"ä".repeat(500))));
    }

    #[test]
    fn a_name_that_is_taken_becomes_another() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::in_folder(folder.path());
        for expected in ["a.pdf", "a.2.pdf", "a.3.pdf"] {
            let file = files.start("a.pdf").unwrap();
            assert_eq!(RunFiles::name(file, "a.pdf").unwrap(), expected);
        }
    }
}
