//! A file or a stream into a target.

mod input;
mod outputs;

use super::handover::{Handover, JournalPlace, Shared};
use super::report::{Measured, Outcome, Report, Told};
use super::{RunError, columns};
use crate::atomic_file;
use crate::records::{Format, RecordReader};
use crate::runtime::types::{Call, ErrorKind, Event, Summary};
use crate::runtime::{Execution, RuntimeError, Session};
use futures::{Stream, StreamExt};
use input::Input;
use outputs::Outputs;
use std::io::Read;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Records that were not taken for a reason that lies elsewhere, and that are kept in
/// memory until the end, at most.
const HELD_BACK: usize = 1000;
/// How long records that are under way may take when the run is stopped.
const GRACE: Duration = Duration::from_secs(60);

/// Where the records come from.
pub struct Origin {
    /// A file, or standard input.
    pub source: Box<dyn Read + Send>,
    /// How records lie in it.
    pub format: Format,
}

/// Where goes what comes of the records.
pub struct Results {
    /// What the remote system answers.
    pub answers: Option<(PathBuf, Format)>,
    /// What was not taken, and why, one line of NDJSON each.
    pub rejected: PathBuf,
    /// What the remote system took otherwise than it was given, or in a dry run
    /// what would be done, one line of NDJSON each.
    pub differing: PathBuf,
    /// Where it is kept what was handed over, so that a run that is broken off can be
    /// gone on with. Without it nobody knows.
    pub journal: Option<JournalPlace>,
}

/// Gives the records of `origin` to a target until they end, or until `stop` says
/// so: then nothing new is started, and what is under way is waited for, a minute
/// at the most and until `stop` says so again.
///
/// # Errors
/// Only where the files cannot be used. That the connector failed is in the report.
pub async fn write(
    mut session: Session,
    mut call: Call,
    origin: Origin,
    results: Results,
    stop: impl Stream<Item = ()>,
    mut told: impl FnMut(Told<'_>),
) -> Result<Report, RunError> {
    // Whatever cannot be written is told before anything is read.
    let answers = results.answers.as_ref().map(|(path, _)| path);
    for path in [&results.rejected, &results.differing]
        .into_iter()
        .chain(answers)
    {
        atomic_file::check(path)?;
    }
    // Standard input may be long in sending its first bytes.
    let opening = move || RecordReader::open(origin.source, origin.format);
    let reader = tokio::task::spawn_blocking(opening)
        .await
        .map_err(|error| RunError::Thread(error.to_string()))??;
    if let Some(columns) = reader.columns()
        && let Some(notice) = columns::check(&mut session, &call, &columns).await?
    {
        told(Told::Notice(&notice));
    }
    let handover = match &results.journal {
        Some(place) => Some(Handover::open(place)?),
        None => None,
    };
    let mut outputs = match Outputs::create(results, handover.as_ref(), call.dry_run) {
        Ok(outputs) => outputs,
        Err(error) => {
            if let Some(handover) = handover {
                handover.close()?;
            }
            return Err(error);
        }
    };
    if let Some(handover) = &handover {
        call.resume = handover.earlier()?;
    }
    let holds_back = handover.is_some();
    let handover = handover.map(Shared::of);
    if let Some(handover) = &handover {
        outputs.keep_in(handover.clone());
    }
    let started = Instant::now();
    let mut input = Input::start(reader, handover)?;
    let mut execution = session.execute(call, input.take_items());
    let measured = Measured::of(&execution);
    let mut stop = std::pin::pin!(stop.fuse());
    let mut grace = std::pin::pin!(tokio::time::sleep(GRACE));
    let mut interrupted = false;
    let mut ending = false;
    // Rejected for no fault of the records: what becomes of them the end decides.
    let mut held_back = Vec::new();
    // The ids of the others that were certainly not taken.
    let mut not_taken = Vec::new();
    let ended = loop {
        let stopping = interrupted || outputs.failed.is_some();
        let events = tokio::select! {
            biased;
            Some(()) = stop.next() => {
                if interrupted {
                    // Asked twice: what is under way is given up.
                    break Err(RuntimeError::Cancelled);
                }
                interrupted = true;
                input.stop();
                grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
                continue;
            }
            // What is still under way becomes of unknown fate.
            () = &mut grace, if stopping => break Err(RuntimeError::Cancelled),
            Some(invalid) = input.next_invalid() => {
                outputs.put_aside(&invalid);
                continue;
            }
            step = step(&mut execution, ending) => step,
        };
        let events = match events {
            Step::Events(events) => events,
            Step::NoMore => {
                ending = true;
                continue;
            }
            Step::Ended(ended) => break ended,
        };
        let mut dealt_with = Vec::new();
        for event in events {
            match event {
                Event::Answered(answer) => match input.answered(&answer.key) {
                    Some(id) => {
                        outputs.answer(&answer);
                        dealt_with.push(id);
                    }
                    None => _ = outputs.miscounted.get_or_insert(answer.key),
                },
                Event::Rejected(rejection) => match input.answered(&rejection.key) {
                    Some(id)
                        if holds_back
                            && held_back.len() < HELD_BACK
                            && is_of_the_call(rejection.error.kind) =>
                    {
                        held_back.push((id, rejection));
                    }
                    Some(id) => {
                        outputs.reject(&rejection);
                        dealt_with.push(id);
                        if rejection.error.kind != ErrorKind::Uncertain {
                            not_taken.push(id);
                        }
                    }
                    None => _ = outputs.miscounted.get_or_insert(rejection.key),
                },
                Event::Notice(notice) => {
                    told(Told::Notice(&notice));
                }
                // A target reads nothing, and has no place to resume at.
                Event::Item(_) | Event::Checkpoint(_) => {}
            }
        }
        outputs.settle(&dealt_with, &[]);
        if outputs.failed.is_some() && !stopping {
            // Records are under way: they are waited for, and no more are sent.
            input.stop();
            grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
        }
        input.count(&mut outputs.counts);
        told(Told::Counts(outputs.counts));
    };
    drop(execution);
    let not_tried_from = input.not_tried_from().await;
    while let Some(invalid) = input.try_next_invalid() {
        outputs.put_aside(&invalid);
    }
    let (mut given_up, mut untaken) = (Vec::new(), Vec::new());
    for (id, rejection) in held_back {
        outputs.reject(&rejection);
        untaken.push(id);
    }
    for (id, unanswered) in input.take_unanswered() {
        outputs.reject(&unanswered);
        given_up.push(id);
    }
    let is_whole = !interrupted
        && not_tried_from.is_none()
        && outputs.failed.is_none()
        && outputs.miscounted.is_none()
        && input.broken().is_none()
        && ended.as_ref().is_ok_and(|summary| !summary.stopped_early);
    if is_whole {
        given_up.extend(untaken);
        outputs.settle(&given_up, &[]);
        outputs.reject_left();
    } else {
        // What was given up stays of unknown fate: whoever goes on with the run finds it
        // out, and what was not taken is tried again. Of both it is told once more then,
        // in place of what is told now.
        let stopped_early = ended.as_ref().is_ok_and(|summary| summary.stopped_early);
        let mut withdrawn = input.take_ready();
        withdrawn.extend(untaken);
        withdrawn.extend(not_taken.into_iter().filter(|_| stopped_early));
        outputs.withdraw(&withdrawn);
    }
    input.count(&mut outputs.counts);
    let counts = outputs.counts;
    told(Told::Counts(counts));
    let mut report = Report::of(counts, &measured, started.elapsed(), ended, interrupted);
    if not_tried_from.is_some() && report.outcome == Outcome::Success {
        report.outcome = Outcome::Partial;
    }
    report.not_tried_from = not_tried_from;
    let broken = input.broken();
    outputs.finish(&mut report, is_whole);
    // Of all that was tried, before it was broken off as well.
    if report.rejected.is_some() && report.outcome == Outcome::Success {
        report.outcome = Outcome::Partial;
    }
    if let Some(broken) = broken {
        report.fail(broken);
    }
    Ok(report)
}

/// Whether a record was not taken for a reason that lies elsewhere: it may be gone when
/// the run is gone on with.
fn is_of_the_call(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidSettings
            | ErrorKind::Unreachable
            | ErrorKind::Authentication
            | ErrorKind::RateLimited
            | ErrorKind::TimedOut
            | ErrorKind::RemoteFailure
    )
}

/// What comes next of an execution.
enum Step {
    Events(Vec<Event>),
    NoMore,
    Ended(Result<Summary, RuntimeError>),
}

async fn step(execution: &mut Execution, ending: bool) -> Step {
    if ending {
        return Step::Ended(execution.ended().await);
    }
    match execution.next().await {
        Some(events) => Step::Events(events),
        None => Step::NoMore,
    }
}
