//! A source into a file or a stream.

use super::acknowledge::Acknowledger;
use super::aside::Aside;
use super::checkpoint_file::CheckpointFile;
use super::handover::refuse_left_over;
use super::report::{Counts, Measured, Report, Told};
use super::{RunError, fit_for_acknowledged, unwritable};
use crate::atomic_file;
use crate::records::{Format, OutputFile, RecordWriter};
use crate::runtime::Session;
use crate::runtime::types::{Call, Event, Item, Rejection, Summary};
use futures::StreamExt;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How often the disk is made to hold everything up to a checkpoint. What was
/// written after it is cut off when a run that died is resumed.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// Where the records go.
pub enum Destination {
    /// A file that has its name only once it is whole.
    File {
        /// Its name.
        path: PathBuf,
        /// How records lie in it.
        format: Format,
        /// Go on where an earlier run was broken off.
        resume: bool,
    },
    /// A stream, such as standard output.
    Stream {
        /// Where to.
        sink: Box<dyn Write + Send>,
        /// How records lie in it.
        format: Format,
    },
}

impl Destination {
    /// Where its rejected records go, unless somebody says so.
    fn beside(&self) -> PathBuf {
        let mut name = match self {
            Self::File { path, .. } => match atomic_file::Destination::of(path) {
                Ok(atomic_file::Destination::Plain(path)) => path.into_os_string(),
                _ => "output".into(),
            },
            Self::Stream { .. } => "output".into(),
        };
        name.push(".rejected.ndjson");
        name.into()
    }
}

/// A source, ready to be read.
pub struct Reading {
    /// An instance of its connector.
    pub session: Session,
    /// What to read.
    pub call: Call,
    /// Another instance, where the source's checkpoints are to be acknowledged.
    pub acknowledging: Option<Session>,
    /// Where records go, as lines of NDJSON with the reason, that the destination's format
    /// cannot take; else beside the destination, or in the current folder.
    pub rejected: Option<PathBuf>,
}

/// Runs a source to its end, or until `stop` is ready. `told` hears how it goes.
///
/// # Errors
/// Only where the files cannot be used. That the connector failed is in the report.
pub async fn read(
    reading: Reading,
    destination: Destination,
    stop: impl Future<Output = ()>,
    mut told: impl FnMut(Told<'_>),
) -> Result<Report, RunError> {
    let Reading {
        session,
        mut call,
        acknowledging,
        rejected,
    } = reading;
    let rejected = match rejected {
        Some(path) => Aside::new(path)?,
        // There is hardly ever one: who reads to standard output needs no place to write.
        None => Aside::unchecked(destination.beside()),
    };
    let mut output = Output::open(destination, rejected, &mut call, acknowledging.is_some())?;
    let acknowledger = acknowledging
        .map(|session| Acknowledger::start(session, call.clone(), call.resume.clone()));
    let started = Instant::now();
    let mut execution = session.execute(call, futures::stream::empty().boxed());
    let measured = Measured::of(&execution);
    let mut counts = Counts::default();
    let mut stop = std::pin::pin!(stop);
    let mut interrupted = false;
    let mut failed = None;
    let ended = loop {
        let events = tokio::select! {
            biased;
            () = &mut stop => {
                interrupted = true;
                break Ok(None);
            }
            events = execution.next() => events,
        };
        let Some(events) = events else {
            // The end may be long in coming, too.
            break tokio::select! {
                biased;
                () = &mut stop => {
                    interrupted = true;
                    Ok(None)
                }
                ended = execution.finish() => ended.map(Some),
            };
        };
        let mut taken = Ok(());
        for event in events {
            taken = match event {
                Event::Item(item) => {
                    counts.read += 1;
                    output.write(item, &mut counts)
                }
                Event::Checkpoint(checkpoint) => match &acknowledger {
                    None => output.reached(checkpoint, false),
                    Some(acknowledger) => {
                        let saved = output.reached(checkpoint.clone(), true);
                        if saved.is_ok() {
                            acknowledger.tell(checkpoint).await;
                        }
                        saved
                    }
                },
                Event::Notice(notice) => {
                    told(Told::Notice(&notice));
                    Ok(())
                }
                // A source takes nothing in, so it has nothing to answer.
                Event::Answered(_) | Event::Rejected(_) => Ok(()),
            };
            if taken.is_err() {
                break;
            }
        }
        told(Told::Counts(counts));
        if let Err(error) = taken {
            failed = Some(error);
            break Ok(None);
        }
    };
    // Everything delivered is written; what the connector read ahead when it was
    // stopped can be read again.
    let ended = ended.map(|summary| {
        summary.unwrap_or(Summary {
            succeeded: counts.read,
            rejected: 0,
            requests: 0,
            retries: 0,
            stopped_early: true,
        })
    });
    let said = ended.as_ref().ok().filter(|summary| !summary.stopped_early);
    let miscounted = said
        .map(|summary| summary.succeeded)
        .filter(|said| *said != counts.read);
    let whole = said.is_some() && miscounted.is_none();
    let closed = output.close(whole)?;
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    match whole {
        true => report.continues_at = closed.checkpoint,
        false => report.checkpoint = closed.checkpoint,
    }
    report.output = closed.path;
    report.rejected = closed.rejected;
    if let Some(error) = failed {
        report.fail(error.to_string());
    }
    if let Some(acknowledger) = acknowledger {
        let acknowledged = acknowledger.finish().await;
        for warning in acknowledged.warnings() {
            told(Told::Notice(&warning));
        }
        report.add(&acknowledged.measured);
        if let Some(why) = acknowledged.failed {
            report.fail(why);
        }
    }
    if let Some(said) = miscounted {
        report.fail(format!(
            "the connector says that it delivered {said} records, but {} came",
            counts.read
        ));
    }
    Ok(report)
}

/// The output under way.
struct Output {
    writer: Writer,
    rejected: Aside,
    /// The last checkpoint, and whether records came after it.
    checkpoint: Option<String>,
    /// Records up to here, those of the run resumed included.
    records: u64,
    after_checkpoint: u64,
    /// None: never yet.
    saved_at: Option<Instant>,
}

enum Writer {
    File {
        path: PathBuf,
        writer: RecordWriter<OutputFile>,
    },
    Stream(RecordWriter<Box<dyn Write + Send>>),
}

struct Closed {
    path: Option<PathBuf>,
    checkpoint: Option<String>,
    rejected: Option<PathBuf>,
}

impl Output {
    fn open(
        destination: Destination,
        rejected: Aside,
        call: &mut Call,
        acknowledged: bool,
    ) -> Result<Self, RunError> {
        let mut records = 0;
        let writer = match destination {
            Destination::Stream { sink, format } => Writer::Stream(RecordWriter::new(sink, format)),
            Destination::File {
                path,
                format,
                resume: true,
            } => {
                let path = atomic_file::plain(&path)?;
                let saved = CheckpointFile::read(&path)?;
                let file = OutputFile::resume_at(&path, format, saved.bytes)?;
                records = saved.records;
                call.resume = Some(saved.checkpoint);
                Writer::File {
                    path,
                    writer: RecordWriter::resume(file),
                }
            }
            Destination::File {
                path,
                format,
                resume: false,
            } => {
                if acknowledged {
                    fit_for_acknowledged(&path, format)?;
                } else if format != Format::Json && CheckpointFile::path(&path).exists() {
                    refuse_left_over(
                        &path,
                        "a run into this file was broken off, and this is what it has read: go on \
                         with the same command and --resume. To begin anew, move the file away \
                         first",
                    )?;
                }
                let file = OutputFile::create(path, format)?;
                if file.is_stream() {
                    Writer::Stream(RecordWriter::new(Box::new(file), format))
                } else {
                    let path = file.path().to_owned();
                    CheckpointFile::remove(&path);
                    Writer::File {
                        path,
                        writer: RecordWriter::new(file, format),
                    }
                }
            }
        };
        Ok(Self {
            writer,
            rejected,
            checkpoint: call.resume.clone(),
            records,
            after_checkpoint: 0,
            saved_at: None,
        })
    }

    /// Writes a record, or sets it aside where its format cannot take it.
    fn write(&mut self, item: Item, counts: &mut Counts) -> Result<(), RunError> {
        let written = match &mut self.writer {
            Writer::File { writer, .. } => writer.write(&item.data),
            Writer::Stream(writer) => writer.write(&item.data),
        };
        match written {
            Ok(()) => {
                self.after_checkpoint += 1;
                counts.written += 1;
                Ok(())
            }
            Err(error) if error.is_about_the_record() => {
                counts.rejected += 1;
                let rejection = Rejection {
                    key: item.key,
                    data: item.data,
                    error: unwritable(&error),
                };
                self.rejected.reject(&rejection, false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn reached(&mut self, checkpoint: String, at_once: bool) -> Result<(), RunError> {
        self.checkpoint = Some(checkpoint);
        self.records += self.after_checkpoint;
        self.after_checkpoint = 0;
        if at_once
            || self
                .saved_at
                .is_none_or(|saved_at| saved_at.elapsed() >= SAVED_EVERY)
        {
            self.save()?;
        }
        Ok(())
    }

    /// Puts everything up to the checkpoint that was just reached on the disk.
    fn save(&mut self) -> Result<(), RunError> {
        self.saved_at = Some(Instant::now());
        // The source may be told next that all of it was taken.
        self.rejected.sync()?;
        match (&mut self.writer, &self.checkpoint) {
            (Writer::File { path, writer }, Some(checkpoint)) => {
                let bytes = writer.sync()?;
                CheckpointFile {
                    checkpoint: checkpoint.clone(),
                    bytes,
                    records: self.records,
                }
                .write(path)
            }
            (Writer::Stream(writer), _) => Ok(writer.flush()?),
            _ => Ok(()),
        }
    }

    fn close(mut self, whole: bool) -> Result<Closed, RunError> {
        // Records that no checkpoint follows are read again when resumed, and
        // cut off here then.
        if !whole && self.after_checkpoint == 0 {
            self.save()?;
        }
        let checkpoint = self.checkpoint;
        let path = match self.writer {
            Writer::File { path, writer } => {
                let (file, _) = writer.finish()?;
                Some(if whole {
                    let kept = file.commit()?;
                    CheckpointFile::remove(&path);
                    kept
                } else {
                    file.keep_partial()?
                })
            }
            Writer::Stream(writer) => {
                writer.finish()?;
                None
            }
        };
        Ok(Closed {
            path,
            checkpoint,
            rejected: self.rejected.finish()?,
        })
    }
}
