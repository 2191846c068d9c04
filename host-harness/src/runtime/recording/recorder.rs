//! Writes a recording.

use super::entry::{Entry, EventSign, Exchange, RecordedBody, RecordedCall, ended};
use super::masking::{is_secret_header, mask};
use crate::runtime::types::{Call, Event, Item, Summary};
use crate::runtime::{Redactor, RuntimeError};
use base64::Engine;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The longest recording: 256 MiB. What comes after is not recorded, and the
/// recording says so.
pub const MOST_BYTES: u64 = 256 << 20;
/// The longest body that is kept.
pub(super) const MOST_BODY: usize = 16 << 20;

/// A recording cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the recording {path} cannot be written: {source}")]
pub struct RecordingError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes one call into a file that only this user can read. What goes wrong on
/// the way ends the recording and not the call.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

struct Inner {
    file: Mutex<Option<Writing>>,
    exchanges: AtomicU64,
    redactor: Mutex<Redactor>,
}

struct Writing {
    file: BufWriter<File>,
    left: u64,
}

impl Recorder {
    /// A recording in the file at `path`, which is made.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn create(path: &Path) -> Result<Self, RecordingError> {
        let file = create_private(path).map_err(|source| RecordingError {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(Arc::new(Inner {
            file: Mutex::new(Some(Writing {
                file: BufWriter::new(file),
                left: MOST_BYTES,
            })),
            exchanges: AtomicU64::new(0),
            redactor: Mutex::default(),
        })))
    }

    /// The secrets of the session that is recorded.
    pub(crate) fn knows(&self, redactor: Redactor) {
        *self
            .0
            .redactor
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = redactor;
    }

    fn redactor(&self) -> Redactor {
        let redactor = &self.0.redactor;
        redactor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn call(
        &self,
        connector: &str,
        digest: &impl ToString,
        connection: &crate::runtime::types::Connection,
        call: &Call,
    ) {
        let redactor = self.redactor();
        let clean = |text: &str| redactor.redact(text).into_owned();
        let pairs = |settings: &[crate::runtime::types::Setting]| {
            settings
                .iter()
                .map(|setting| (setting.name.clone(), clean(&setting.value)))
                .collect()
        };
        self.write(&Entry::Call(RecordedCall {
            connector: connector.to_owned(),
            digest: digest.to_string(),
            connection: connection.name.clone(),
            settings: pairs(&connection.settings),
            activity: call.activity.clone(),
            object: call.object.clone(),
            options: pairs(&call.options),
            resume: call.resume.clone(),
            dry_run: call.dry_run,
        }));
    }

    pub(crate) fn input(&self, item: &Item) {
        self.write(&Entry::Input {
            key: item.key.clone(),
            data: item.data.clone(),
        });
    }

    pub(super) fn clock(&self, now: Duration) {
        self.write(&Entry::Clock {
            nanoseconds: now.as_nanos().to_string(),
        });
    }

    pub(crate) fn events(&self, events: &[Event]) {
        for sign in events.iter().filter_map(EventSign::of) {
            self.write(&Entry::Event(sign));
        }
    }

    pub(crate) fn end(&self, result: &Result<Summary, RuntimeError>) {
        let result = ended(result).map_err(|error| self.redactor().redact(&error).into_owned());
        self.write(&Entry::End(result));
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut writing) = file.take()
            && let Err(error) = writing.file.flush()
        {
            tracing::warn!(%error, "a recording could not be written to its end");
        }
    }

    /// The number of the next exchange.
    pub(crate) fn next_exchange(&self) -> u64 {
        self.0.exchanges.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes an exchange down, without its secrets.
    pub(crate) fn exchange(
        &self,
        mut exchange: Exchange,
        request: (&str, &Kept),
        answer: (&str, &Kept),
    ) {
        let redactor = self.redactor();
        exchange.headers.retain(|(name, _)| !is_secret_header(name));
        exchange.target = redactor.redact(&exchange.target).into_owned();
        exchange.request = body(request.0, request.1, &redactor);
        exchange.answer = body(answer.0, answer.1, &redactor);
        self.write(&Entry::Exchange(exchange));
    }

    fn write(&self, entry: &Entry) {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(writing) = &mut *file else {
            return;
        };
        let written = (|| {
            let mut line = serde_json::to_vec(entry)?;
            line.push(b'\n');
            let length = line.len() as u64;
            let fits = length <= writing.left;
            if fits {
                writing.file.write_all(&line)?;
                writing.left -= length;
            } else {
                writing.file.write_all(b"{\"entry\":\"full\"}\n")?;
                writing.file.flush()?;
            }
            std::io::Result::Ok(fits)
        })();
        match written {
            Ok(true) => return,
            Ok(false) => tracing::warn!("a recording became too long and was broken off"),
            Err(error) => tracing::warn!(%error, "a recording could not be written on"),
        }
        *file = None;
    }
}

/// A new file for its owner alone: records stand in it.
fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What was kept of a body on its way.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    cut: bool,
}

impl Kept {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.bytes.len() + bytes.len() > MOST_BODY {
            self.cut = true;
        }
        if !self.cut {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

fn body(content_type: &str, kept: &Kept, redactor: &Redactor) -> RecordedBody {
    let mut body = RecordedBody {
        cut: kept.cut,
        ..RecordedBody::default()
    };
    match std::str::from_utf8(&kept.bytes) {
        Ok("") => {}
        Ok(text) => body.text = Some(mask(text, content_type, redactor)),
        Err(_) => {
            body.base64 = Some(base64::engine::general_purpose::STANDARD.encode(&kept.bytes));
        }
    }
    body
}
