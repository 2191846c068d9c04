//! Records into a file.

use super::source::{Running, Step};
use super::{Content, Observer, Place, Progress, Rejected, Stop, content, map};
use crate::mapping::Mapper;
use crate::records::{Format, OutputFile, RecordWriter};
use crate::run::RunError;
use crate::run::report::{Counts, Measured, Report};
use crate::runtime::types::Summary;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How often the disk is made to hold everything up to a checkpoint. What was
/// written after it is cut off when the run is resumed.
const SAVED_EVERY: Duration = Duration::from_secs(1);

/// The file under way.
pub(super) struct Output {
    writer: RecordWriter<OutputFile>,
    /// The last checkpoint that came, and whether records came after it.
    checkpoint: Option<String>,
    beyond: bool,
    /// Records of the source so far, and those of them before the checkpoint.
    taken: u64,
    before: u64,
    saved_at: Option<Instant>,
}

impl Output {
    pub(super) fn open(
        path: PathBuf,
        format: Format,
        resume: Option<&Place>,
    ) -> Result<Self, RunError> {
        let writer = match resume {
            Some(place) => {
                let file = OutputFile::resume_at(&path, format, place.bytes.unwrap_or(0))?;
                RecordWriter::resume(file)
            }
            None => RecordWriter::new(OutputFile::create(&path, format)?, format),
        };
        Ok(Self {
            writer,
            checkpoint: None,
            beyond: false,
            taken: 0,
            before: 0,
            saved_at: None,
        })
    }

    /// Everything up to this checkpoint has been written. Answers whether the disk
    /// holds it, too: at once where that is asked for, else now and then.
    fn reached(
        &mut self,
        checkpoint: String,
        at_once: bool,
        observer: &mut dyn Observer,
    ) -> Result<bool, RunError> {
        self.checkpoint = Some(checkpoint);
        self.before = self.taken;
        self.beyond = false;
        let due = at_once
            || self
                .saved_at
                .is_none_or(|saved_at| saved_at.elapsed() >= SAVED_EVERY);
        if due {
            self.save(observer)?;
        }
        Ok(due)
    }

    fn save(&mut self, observer: &mut dyn Observer) -> Result<(), RunError> {
        let Some(checkpoint) = self.checkpoint.clone() else {
            return Ok(());
        };
        self.saved_at = Some(Instant::now());
        let bytes = Some(self.writer.sync()?);
        observer.reached(Place { checkpoint, bytes }, self.before)
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
    let mut counts = Counts::default();
    let mut measured = source.measured.clone();
    let mut failed: Option<RunError> = None;
    while let Some(step) = source.next().await {
        let taken = take(
            step,
            mapper.as_ref(),
            &mut output,
            &mut counts,
            &mut measured,
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
        let (requests, waited_ms) = measured.traffic();
        observer.progress(Progress {
            counts,
            requests,
            retries: measured.retries(),
            waited_ms,
        });
    }
    let broken = source.failed().await;
    let interrupted = *stop.borrow() > Stop::No;
    let whole = failed.is_none() && broken.is_none() && !interrupted;
    // Records that no checkpoint follows are read again when it is resumed.
    if !whole
        && !output.beyond
        && let Err(error) = output.save(observer)
    {
        failed.get_or_insert(error);
    }
    let ended = Ok(Summary {
        succeeded: counts.written,
        rejected: counts.rejected,
        requests: 0,
        retries: 0,
        stopped_early: false,
    });
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    let closed = output.writer.finish().map_err(RunError::from);
    let closed = closed.and_then(|(file, written)| {
        let path = if whole {
            file.commit()?
        } else {
            file.keep_partial()?
        };
        Ok((path, written))
    });
    match closed {
        Ok((path, written)) => {
            report.output = Some(path);
            report.dropped_columns = written.dropped_columns;
        }
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

/// Takes a step; answers a checkpoint up to which everything is on the disk.
async fn take(
    step: Step,
    mapper: Option<&Mapper>,
    output: &mut Output,
    counts: &mut Counts,
    measured: &mut Measured,
    observer: &mut dyn Observer,
    acknowledged: bool,
) -> Result<Option<String>, RunError> {
    match step {
        Step::Record { key, json, place } => {
            counts.read += 1;
            output.taken += 1;
            let digest = match content(observer, &key, &json)? {
                Content::Unchanged => {
                    counts.left_out += 1;
                    if let Some(place) = place {
                        output.reached(place, false, observer)?;
                    }
                    return Ok(None);
                }
                Content::Changed(digest) => digest,
            };
            output.beyond = true;
            match map(mapper, &json).await? {
                Ok(records) => {
                    if let (Some(digest), Some(taken)) = (digest, observer.taken()) {
                        taken.told(output.taken, &key, digest)?;
                    }
                    counts.skipped += u64::from(records.is_empty());
                    for record in records {
                        output.writer.write(&record)?;
                        counts.written += 1;
                    }
                }
                Err(error) => {
                    counts.rejected += 1;
                    if let Some(taken) = observer.taken() {
                        taken.rejected(&key)?;
                    }
                    observer.rejected(Rejected {
                        key,
                        record: json.clone(),
                        source_record: json,
                        error,
                        uncertain: false,
                    })?;
                }
            }
            if let Some(place) = place {
                output.reached(place, false, observer)?;
            }
        }
        Step::Invalid(rejected) => {
            counts.read += 1;
            counts.rejected += 1;
            output.beyond = true;
            observer.rejected(*rejected)?;
        }
        Step::Checkpoint(checkpoint) => {
            // What the source is told of has to be on the disk before.
            if output.reached(checkpoint.clone(), acknowledged, observer)? {
                return Ok(Some(checkpoint));
            }
        }
        Step::Notice(notice) => {
            measured.count(&notice);
            observer.notice(&notice);
        }
    }
    Ok(None)
}
