//! What a job reads that lies with the workspace: it is put on the server in parts,
//! before the job, and is there for every agent that takes it, the same bytes.
//!
//! Each part is sealed for its own subject, so that none stands in another's place.

use super::error::GroupError;
use super::streams::Group;
use crate::blocking::blocking;
use crate::registry::Hasher;
use crate::run::Stop;
use crate::sealing::OVERHEAD_BYTES;
use async_nats::jetstream::stream::LastRawMessageErrorKind;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// The most bytes of an input that are put on the server, unless the workspace is told
/// otherwise.
pub const DEFAULT_INPUT: u64 = 1024 * 1024 * 1024;
/// Bytes of a part, where the server takes so many in one message.
const PART: usize = 512 * 1024;
/// How often a part is sent, where the server does not say that it has it.
const TRIES: usize = 5;
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_millis(200);

/// An input on the server, as a job names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StoredInput {
    /// How many parts it has, which have numbers from 0.
    pub parts: u64,
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256, as hexadecimal digits.
    pub digest: String,
}

impl Group {
    /// Puts what a job is to read on the server, from `reader` to its end.
    ///
    /// # Errors
    /// If it cannot be read, has more bytes than `most`, or the server does not take it.
    pub async fn store_input(
        &self,
        job: &str,
        mut reader: Box<dyn Read + Send>,
        most: u64,
    ) -> Result<StoredInput, GroupError> {
        let room = self.most_bytes().saturating_sub(OVERHEAD_BYTES);
        let mut buffer = vec![0; PART.min(room).max(1)];
        let mut digest = Hasher::default();
        let (mut parts, mut bytes) = (0_u64, 0_u64);
        loop {
            let filled = blocking(|| fill(reader.as_mut(), &mut buffer));
            let count = filled.map_err(GroupError::Input)?;
            let part = buffer.get(..count).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            bytes += part.len() as u64;
            if bytes > most {
                return Err(GroupError::InputTooLarge { most });
            }
            digest.update(part);
            self.store_part(job, parts, part).await?;
            parts += 1;
        }
        Ok(StoredInput {
            parts,
            bytes,
            digest: digest.finish().hex(),
        })
    }

    async fn store_part(&self, job: &str, number: u64, part: &[u8]) -> Result<(), GroupError> {
        let subject = self.input_subject(job, &number.to_string());
        let sealed = self.seal_bytes(&subject, part)?;
        let mut tries = 0;
        loop {
            let sent = self
                .context()
                .publish(subject.clone(), sealed.clone())
                .await;
            let acknowledged = match sent {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            tries += 1;
            match acknowledged {
                // Of one that arrived twice, the second takes the place of the first.
                Ok(_) => return Ok(()),
                Err(error) if tries >= TRIES => {
                    return Err(GroupError::server("take the input")(error));
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn input_part(&self, job: &str, number: u64) -> Result<Zeroizing<Vec<u8>>, GroupError> {
        let subject = self.input_subject(job, &number.to_string());
        match self
            .inputs()
            .get_last_raw_message_by_subject(&subject)
            .await
        {
            Ok(message) => self.open_bytes(&subject, &message.payload, "the input"),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                Err(GroupError::InputGone)
            }
            Err(error) => Err(GroupError::server("give the input")(error)),
        }
    }

    /// Removes what a job was to read.
    ///
    /// # Errors
    /// If the server does not do it.
    pub async fn forget_input(&self, job: &str) -> Result<(), GroupError> {
        let purged = self.inputs().purge().filter(self.input_subject(job, ">"));
        purged
            .await
            .map_err(GroupError::server("remove the input"))?;
        Ok(())
    }
}

/// Reads until the buffer is full, or nothing more comes.
fn fill(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Reads an input, in a thread that may wait. One part of it is in memory.
pub(super) struct InputReader {
    group: Group,
    job: String,
    input: StoredInput,
    next: u64,
    part: Zeroizing<Vec<u8>>,
    at: usize,
    /// Of what was read; none once its end has been looked at.
    digest: Option<Hasher>,
    runtime: Handle,
    /// Whether the run is another agent's.
    lost: watch::Receiver<bool>,
    /// Whether it is to stop.
    stop: watch::Receiver<Stop>,
}

impl InputReader {
    /// To be called inside a runtime. Nothing is waited for any more once `lost` or
    /// `stop` says so.
    pub(super) fn new(
        group: Group,
        job: String,
        input: StoredInput,
        lost: watch::Receiver<bool>,
        stop: watch::Receiver<Stop>,
    ) -> Self {
        Self {
            group,
            job,
            input,
            next: 0,
            part: Zeroizing::default(),
            at: 0,
            digest: Some(Hasher::default()),
            runtime: Handle::current(),
            lost,
            stop,
        }
    }

    fn is_over(&self) -> bool {
        *self.lost.borrow() || *self.stop.borrow() > Stop::No
    }

    /// The next part. While the server does not answer, it is waited for.
    fn fetch(&self) -> Result<Zeroizing<Vec<u8>>, GroupError> {
        loop {
            let fetched = self.group.input_part(&self.job, self.next);
            match self.runtime.block_on(fetched) {
                Err(error @ GroupError::Server { .. }) => {
                    if self.is_over() {
                        return Err(error);
                    }
                    tracing::warn!(job = self.job, %error, "a part of the input is waited for");
                    std::thread::sleep(AGAIN);
                }
                fetched => return fetched,
            }
        }
    }
}

impl Read for InputReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.part.len() {
            if self.next == self.input.parts {
                if let Some(digest) = self.digest.take()
                    && digest.finish().hex() != self.input.digest
                {
                    return Err(io::Error::other(GroupError::InputAltered));
                }
                return Ok(0);
            }
            self.part = self.fetch().map_err(io::Error::other)?;
            self.at = 0;
            if let Some(digest) = &mut self.digest {
                digest.update(self.part.as_slice());
            }
            self.next += 1;
        }
        let left = self.part.get(self.at..).unwrap_or_default();
        let count = left.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}
