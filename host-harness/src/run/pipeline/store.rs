//! Records into a file, or to whoever looks on and makes a file of them.

use super::source::{Running, Step};
use super::{Content, Observer, Place, Progress, Rejected, Stop, content, map};
use crate::atomic_file;
use crate::mapping::Mapper;
use crate::records::{Format, OutputFile, RecordWriter, is_object};
use crate::run::report::{Counts, Measured, Report};
use crate::run::{RunError, fit_for_acknowledged, not_an_object, unwritable};
use crate::runtime::types::{Error, Summary};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the disk is made to hold everything up to a checkpoint. What was
/// written after it is cut off when the run is resumed.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// Where the records go.
pub(super) enum Records {
    /// Into a file.
    File(RecordWriter<OutputFile>),
    /// To the observer's [`Receiver`](super::Receiver).
    Received,
}

impl Records {
    /// Writes a record, or answers why it cannot be.
    fn write(
        &mut self,
        record: &str,
        observer: &mut dyn Observer,
    ) -> Result<Option<Error>, RunError> {
        match self {
            Self::File(writer) => match writer.write(record) {
                Ok(()) => Ok(None),
                Err(error) if error.is_about_the_record() => Ok(Some(unwritable(&error))),
                Err(error) => Err(error.into()),
            },
            // Who writes it there knows no more of the source than the record itself, and
            // could not say which one it was.
            Self::Received if !is_object(record) => Ok(Some(not_an_object())),
            Self::Received => match observer.receiver() {
                Some(receiver) => receiver.deliver(record).map(|()| None),
                None => Err(RunError::Observer("nobody takes the records".to_owned())),
            },
        }
    }

    /// Puts everything so far on the disk; the bytes of a file.
    fn sync(&mut self) -> Result<Option<u64>, RunError> {
        match self {
            Self::File(writer) => Ok(Some(writer.sync()?)),
            Self::Received => Ok(None),
        }
    }

    /// Gives a file its name where it is whole, and answers that.
    fn close(self, whole: bool) -> Result<Option<PathBuf>, RunError> {
        let Self::File(writer) = self else {
            return Ok(None);
        };
        let (file, _) = writer.finish()?;
        Ok(Some(match whole {
            true => file.commit()?,
            false => file.keep_partial()?,
        }))
    }
}

/// Opens the file of a run: a new one, or where it goes on with another run, that
/// one's. `acknowledged` says whether the source is told of what it holds.
///
/// # Errors
/// If it cannot be used.
pub(crate) fn open_output(
    path: &Path,
    format: Format,
    resume: Option<&Place>,
    acknowledged: bool,
) -> Result<RecordWriter<OutputFile>, RunError> {
    // Whoever runs operations does not sit before a pipe's other end.
    let path = &atomic_file::plain(path)?;
    if let Some(place) = resume {
        let file = OutputFile::resume_at(path, format, place.bytes.unwrap_or(0))?;
        return Ok(RecordWriter::resume(file));
    }
    if acknowledged {
        fit_for_acknowledged(path, format)?;
    }
    Ok(RecordWriter::new(OutputFile::create(path, format)?, format))
}

/// The records under way.
pub(super) struct Output {
    records: Records,
    counts: Counts,
    /// The last checkpoint that came, and whether records came after it.
    checkpoint: Option<String>,
    beyond: bool,
    /// Records of the source before the checkpoint.
    before: u64,
    saved_at: Option<Instant>,
}

impl Output {
    pub(super) fn to(records: Records) -> Self {
        Self {
            records,
            counts: Counts::default(),
            checkpoint: None,
            beyond: false,
            before: 0,
            saved_at: None,
        }
    }

    /// Everything up to this checkpoint has been written. Answers whether it is where
    /// it is to stay, too: at once where that is asked for, else now and then.
    fn reached(
        &mut self,
        checkpoint: String,
        at_once: bool,
        measured: &Measured,
        observer: &mut dyn Observer,
    ) -> Result<bool, RunError> {
        self.checkpoint = Some(checkpoint);
        self.before = self.counts.read;
        self.beyond = false;
        let due = at_once
            || self
                .saved_at
                .is_none_or(|saved_at| saved_at.elapsed() >= SAVED_EVERY);
        if due {
            self.save(measured, observer)?;
        }
        match (&self.records, at_once) {
            (Records::Received, true) => observer
                .receiver()
                .map_or(Ok(false), |receiver| receiver.settled()),
            _ => Ok(due),
        }
    }

    fn save(&mut self, measured: &Measured, observer: &mut dyn Observer) -> Result<(), RunError> {
        let Some(checkpoint) = self.checkpoint.clone() else {
            return Ok(());
        };
        self.saved_at = Some(Instant::now());
        let bytes = self.records.sync()?;
        // Whoever goes on there goes on counting from here.
        observer.progress(self.progress(measured));
        observer.reached(Place { checkpoint, bytes }, self.before)
    }

    /// A record was not taken: it counts as changed the next time.
    fn reject(
        &mut self,
        key: &str,
        source_record: &str,
        record: String,
        error: Error,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        self.counts.rejected += 1;
        if let Some(taken) = observer.taken() {
            taken.rejected(key)?;
        }
        observer.rejected(Rejected {
            key: key.to_owned(),
            source_record: source_record.to_owned(),
            record,
            error,
            uncertain: false,
        })
    }

    fn progress(&self, measured: &Measured) -> Progress {
        let (requests, waited_ms) = measured.traffic();
        Progress {
            counts: self.counts,
            requests,
            retries: measured.retries(),
            waited_ms,
        }
    }
}

pub(super) async fn run(
    mut source: Running,
    mapper: Option<Mapper>,
    mut output: Output,
    stop: watch::Receiver<Stop>,
    observer: &mut dyn Observer,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let measured = source.measured.clone();
    let mut failed: Option<RunError> = None;
    while let Some(step) = source.next().await {
        let taken = take(
            step,
            mapper.as_ref(),
            &mut output,
            &measured,
            observer,
            source.acknowledger.is_some(),
        );
        match taken.await {
            Ok(Some(checkpoint)) => {
                if let Some(acknowledger) = &source.acknowledger {
                    acknowledger.tell(checkpoint).await;
                }
            }
            Ok(None) => {}
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
        observer.progress(output.progress(&measured));
    }
    let (broken, acknowledging) = source.ended(observer).await;
    let interrupted = *stop.borrow() > Stop::No;
    let whole = failed.is_none() && broken.is_none() && !interrupted;
    // Records that no checkpoint follows are read again when it is resumed.
    if !whole
        && !output.beyond
        && let Err(error) = output.save(&measured, observer)
    {
        failed.get_or_insert(error);
    }
    let counts = output.counts;
    let ended = Ok(Summary {
        succeeded: counts.written,
        rejected: counts.rejected,
        requests: 0,
        retries: 0,
        stopped_early: false,
    });
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    if let Some(acknowledging) = &acknowledging {
        report.add(acknowledging);
    }
    match output.records.close(whole) {
        Ok(Some(path)) => {
            report.output = Some(path);
        }
        Ok(None) => {}
        Err(error) => report.fail(error.to_string()),
    }
    report.complete = whole;
    match whole {
        true => report.continues_at = output.checkpoint,
        false => report.checkpoint = output.checkpoint,
    }
    if let Some(error) = failed {
        report.fail(error.to_string());
    }
    if let Some(why) = broken {
        report.fail(why);
    }
    Ok(report)
}

/// Takes a step; answers a checkpoint up to which everything is
/// where it is to stay.
async fn take(
    step: Step,
    mapper: Option<&Mapper>,
    output: &mut Output,
    measured: &Measured,
    observer: &mut dyn Observer,
    acknowledged: bool,
) -> Result<Option<String>, RunError> {
    match step {
        Step::Record { key, json, place } => {
            output.counts.read += 1;
            let digest = match content(observer, &key, &json)? {
                Content::Unchanged => {
                    output.counts.left_out += 1;
                    if let Some(place) = place {
                        output.reached(place, false, measured, observer)?;
                    }
                    return Ok(None);
                }
                Content::Changed(digest) => digest,
            };
            output.beyond = true;
            match map(mapper, &json).await? {
                Ok(records) => {
                    if let (Some(digest), Some(taken)) = (digest, observer.taken()) {
                        taken.told(output.counts.read, &key, digest)?;
                    }
                    output.counts.skipped += u64::from(records.is_empty());
                    for record in records {
                        match output.records.write(&record, observer)? {
                            None => output.counts.written += 1,
                            Some(error) => output.reject(&key, &json, record, error, observer)?,
                        }
                    }
                }
                Err(error) => output.reject(&key, &json, json.clone(), error, observer)?,
            }
            if let Some(place) = place {
                output.reached(place, false, measured, observer)?;
            }
        }
        Step::Invalid(rejected) => {
            output.counts.read += 1;
            output.counts.rejected += 1;
            output.beyond = true;
            observer.rejected(*rejected)?;
        }
        Step::Blank => output.counts.blank += 1,
        Step::Checkpoint(checkpoint) => {
            // What the source is told of has to be on the disk before.
            if output.reached(checkpoint.clone(), acknowledged, measured, observer)? {
                return Ok(Some(checkpoint));
            }
        }
        Step::Notice(notice) => {
            observer.notice(&notice);
        }
    }
    Ok(None)
}
