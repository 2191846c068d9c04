//! The run's files, through the contract.

use super::bindings::integration::connector::files::{self, FileError};
use super::bindings::{wit_future, wit_stream};
use crate::host::{Kept, SendError};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

/// How much of a file is moved at a time.
pub const MOVED: usize = 64 * 1024;

/// A file of the run that is open.
pub struct Opened {
    pub size: u64,
    contents: StreamReader<u8>,
    whole: FutureReader<Result<(), FileError>>,
}

/// Opens a file.
///
/// # Errors
/// [`SendError::NoFile`], with why.
pub async fn open(name: &str) -> Result<Opened, SendError> {
    let opened = files::open(name.to_owned())
        .await
        .map_err(|error| SendError::NoFile(describe(&error, name)))?;
    Ok(Opened {
        size: opened.size,
        contents: opened.contents,
        whole: opened.whole,
    })
}

impl Opened {
    /// Writes the file to a request's body. False where the file broke off, or
    /// the other side takes no more.
    pub async fn write_to(mut self, body: &mut StreamWriter<u8>) -> bool {
        let mut buffer = Vec::with_capacity(MOVED);
        loop {
            let (result, filled) = self.contents.read(buffer).await;
            buffer = filled;
            if !buffer.is_empty() {
                buffer = body.write_all(buffer).await;
                if !buffer.is_empty() {
                    return false;
                }
                buffer.reserve(MOVED);
            }
            match result {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        self.whole.await.is_ok()
    }
}

/// Keeps the body of an answer as a file. `ended` says whether it came whole.
///
/// # Errors
/// That of `ended`, or [`SendError::NotKept`], with why.
pub async fn keep(
    name: String,
    mut body: StreamReader<u8>,
    ended: impl Future<Output = Result<(), SendError>> + 'static,
) -> Result<Kept, SendError> {
    let (mut writer, contents) = wit_stream::new();
    // A dying instance keeps nothing.
    let (settled, whole) = wit_future::new(|| Err(()));
    let moving = async move {
        let mut buffer = Vec::with_capacity(MOVED);
        loop {
            let (result, filled) = body.read(buffer).await;
            buffer = filled;
            if !buffer.is_empty() {
                buffer = writer.write_all(buffer).await;
                if !buffer.is_empty() {
                    // The host takes no more, and says why.
                    break;
                }
                buffer.reserve(MOVED);
            }
            match result {
                StreamResult::Complete(_) => {}
                StreamResult::Dropped | StreamResult::Cancelled => break,
            }
        }
        drop(body);
        let ended = ended.await;
        drop(writer);
        // Where the host has given up, its own error is told.
        let _ = settled.write(ended.as_ref().map(drop).map_err(drop)).await;
        ended
    };
    let keeping = files::keep(name.clone(), contents, whole);
    let (moved, kept) = futures::future::join(moving, keeping).await;
    match (moved, kept) {
        (_, Ok(kept)) => Ok(Kept {
            name: kept.name,
            size: kept.size,
            sha256: kept.sha256,
        }),
        (Err(error), Err(FileError::Failed(_))) => Err(error),
        (_, Err(error)) => Err(SendError::NotKept(describe(&error, &name))),
    }
}

fn describe(error: &FileError, name: &str) -> String {
    match error {
        FileError::NotFound => format!("there is no file “{name}”"),
        FileError::Refused(why) | FileError::Failed(why) => format!("“{name}”: {why}"),
        FileError::TooLarge(most) => format!("“{name}” is larger than {most} bytes"),
    }
}
