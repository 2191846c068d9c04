//! A source at work: its records and checkpoints in order, as fast as they are taken.

use super::{Observer, Place, Rejected, Source, Stop};
use crate::records::{Entry, RecordReader};
use crate::run::acknowledge::Acknowledger;
use crate::run::report::Measured;
use crate::run::{RunError, malformed};
use crate::runtime::types::{Event, Notice, Summary};
use crate::runtime::{Execution, RuntimeError};
use futures::StreamExt;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Steps that wait to be taken.
const AHEAD: usize = 16;

/// What comes out of a source.
pub(super) enum Step {
    Record {
        key: String,
        json: String,
        /// Where the source goes on after it, where that is known of each.
        place: Option<String>,
    },
    /// Something in a file that is no record.
    Invalid(Box<Rejected>),
    /// A row of a file that says nothing.
    Blank,
    Checkpoint(String),
    Notice(Notice),
}

/// A source at work.
pub(super) struct Running {
    steps: mpsc::Receiver<Step>,
    ended: JoinHandle<Result<(), String>>,
    pub(super) measured: Measured,
    /// Of a CSV file: what its columns stand for.
    pub(super) columns: Option<Vec<String>>,
    /// Hears what has been taken for good, where the source wants to know.
    pub(super) acknowledger: Option<Acknowledger>,
}

impl Running {
    /// The next step; none at the end.
    pub(super) async fn next(&mut self) -> Option<Step> {
        self.steps.recv().await
    }

    /// Why it broke off, none where it came to its end or was stopped; and what telling it
    /// of what was taken has used and said.
    pub(super) async fn ended(
        self,
        observer: &mut dyn Observer,
    ) -> (Option<String>, Option<Measured>) {
        // Whoever is not listened to any more stops.
        drop(self.steps);
        let broken = match self.ended.await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(error) => Some(format!("reading broke down: {error}")),
        };
        let Some(acknowledger) = self.acknowledger else {
            return (broken, None);
        };
        let acknowledged = acknowledger.finish().await;
        for warning in acknowledged.warnings() {
            observer.notice(&warning);
        }
        (broken.or(acknowledged.failed), Some(acknowledged.measured))
    }
}

/// Starts a source, where it was left.
pub(super) async fn start(
    source: Source,
    resume: Option<Place>,
    stop: watch::Receiver<Stop>,
) -> Result<Running, RunError> {
    let (sender, steps) = mpsc::channel(AHEAD);
    let resume = resume.map(|place| place.checkpoint);
    let mut acknowledger = None;
    let mut columns = None;
    let (ended, measured) = match source {
        Source::Activity {
            session,
            mut call,
            acknowledging,
        } => {
            // An operation that was broken off goes on there; one that goes on from
            // run to run, where the last one ended.
            call.resume = resume.clone().or(call.resume);
            acknowledger =
                acknowledging.map(|session| Acknowledger::start(*session, call.clone(), resume));
            let execution = session.execute(call, futures::stream::empty().boxed());
            let measured = Measured::of(&execution);
            (tokio::spawn(drive(execution, sender, stop)), measured)
        }
        Source::Records { reader, format } => {
            let skip: u64 = resume
                .as_deref()
                .map(|text| {
                    text.parse().map_err(|_| {
                        RunError::Observer(format!("“{text}” is no place in a file of records"))
                    })
                })
                .transpose()?
                .unwrap_or(0);
            let open = move || RecordReader::open(reader, format);
            let reader = tokio::task::spawn_blocking(open)
                .await
                .map_err(|error| RunError::Thread(error.to_string()))??;
            columns = reader.columns();
            let read = move || read(reader, skip, &sender, &stop);
            (tokio::task::spawn_blocking(read), Measured::nothing())
        }
    };
    Ok(Running {
        steps,
        ended,
        measured,
        columns,
        acknowledger,
    })
}

async fn drive(
    mut execution: Execution,
    steps: mpsc::Sender<Step>,
    mut stop: watch::Receiver<Stop>,
) -> Result<(), String> {
    let mut count = 0;
    loop {
        let events = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop > Stop::No) => return Ok(()),
            events = execution.next() => events,
        };
        let Some(events) = events else {
            break;
        };
        for event in events {
            let step = match event {
                Event::Item(item) => {
                    count += 1;
                    Step::Record {
                        key: item.key,
                        json: item.data,
                        place: None,
                    }
                }
                Event::Checkpoint(checkpoint) => Step::Checkpoint(checkpoint),
                Event::Notice(notice) => Step::Notice(notice),
                // A source takes nothing in, so it has nothing to answer.
                Event::Answered(_) | Event::Rejected(_) => continue,
            };
            if steps.send(step).await.is_err() {
                return Ok(());
            }
        }
    }
    let ended: Result<Summary, RuntimeError> = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop > Stop::No) => return Ok(()),
        ended = execution.finish() => ended,
    };
    match ended {
        Ok(summary) if summary.succeeded != count => Err(format!(
            "the source says that it delivered {} records, but {count} came",
            summary.succeeded
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn read(
    reader: RecordReader<Box<dyn std::io::Read + Send>>,
    skip: u64,
    steps: &mpsc::Sender<Step>,
    stop: &watch::Receiver<Stop>,
) -> Result<(), String> {
    let mut count = 0;
    for entry in reader {
        if *stop.borrow() > Stop::No {
            return Ok(());
        }
        let entry = entry.map_err(|error| error.to_string())?;
        count += 1;
        if count <= skip {
            continue;
        }
        let step = match entry {
            Entry::Record { key, json } => Step::Record {
                key,
                json,
                place: Some(count.to_string()),
            },
            Entry::Blank { .. } => Step::Blank,
            Entry::Invalid {
                key,
                raw,
                place,
                message,
                fix,
            } => Step::Invalid(Box::new(Rejected {
                key,
                source_record: raw.clone(),
                record: raw,
                error: malformed(&place, &message, &fix),
                uncertain: false,
            })),
        };
        if steps.blocking_send(step).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
