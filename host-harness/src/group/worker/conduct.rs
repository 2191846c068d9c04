//! One job, from the queue to its end.

use super::reporter::{Ending, History, Records, Reporter};
use super::{Drain, Worker, about};
use crate::egress::Gate;
use crate::group::error::GroupError;
use crate::group::job::{FORMAT, Job};
use crate::group::lease::{Lease, Renewed};
use crate::group::report::{End, Report, ReportedLine};
use crate::group::streams::Group;
use crate::observability::{Became, SPANS, go_on, metrics};
use crate::run::{self, Observer, Outcome, RunError, Stop};
use async_nats::jetstream::{AckKind, Message};
use serde::Deserialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{Instrument, Span};

/// How long a job that this agent cannot do is left to others.
const LEFT_FOR: Duration = Duration::from_secs(2);
/// How often a run is taken without getting any further: what ends every agent that
/// takes it must not end all of them.
const MOST_TRIES: u32 = 20;
/// How often the queue is told that a job has been done. Where it does not hear,
/// another agent finds that it has.
const TOLD_DONE: usize = 3;

/// What becomes of a job in the queue.
enum Left {
    /// It has been done.
    Done,
    /// Others may take it, after a while.
    For(Duration),
    /// It is another agent's.
    Alone,
}

/// Does a job, or leaves it to others.
pub(super) async fn conduct(worker: &Worker, message: Arc<Message>) {
    let group = &worker.0.group;
    let subject = message.subject.to_string();
    let Some((_, id)) = subject.rsplit_once('.') else {
        return;
    };
    // After a cut the queue gives the agent what it never stopped doing.
    if !worker.running().insert(id.to_owned()) {
        return;
    }
    let left = match read(group, &subject, &message) {
        Ok(Some(job)) => {
            worker.set_trouble(None);
            let span = span_of(worker, &job);
            match attempt(worker, id, job, &message).instrument(span).await {
                Ok(left) => left,
                // What another agent, of a newer version, has told of the run.
                Err(error @ (GroupError::Sealed { .. } | GroupError::Malformed { .. })) => {
                    worker.set_trouble(Some(format!("job {id}: {error}")));
                    Left::For(LEFT_FOR)
                }
                Err(error) => {
                    tracing::warn!(job = id, %error, "a job is left to be taken again");
                    Left::For(Duration::ZERO)
                }
            }
        }
        Ok(None) => {
            worker.set_trouble(Some(format!(
                "job {id} is for a newer version of this program"
            )));
            Left::For(LEFT_FOR)
        }
        Err(error) => {
            worker.set_trouble(Some(format!("job {id}: {error}")));
            Left::For(LEFT_FOR)
        }
    };
    worker.running().remove(id);
    match left {
        Left::Done => {
            for _ in 0..TOLD_DONE {
                if message.double_ack().await.is_ok() {
                    return;
                }
            }
        }
        Left::For(time) => {
            let time = (!time.is_zero()).then(|| about(time));
            let _ = message.ack_with(AckKind::Nak(time)).await;
        }
        Left::Alone => {}
    }
}

/// What everything that this agent does for a job stands in: in the trace of the run,
/// where the workspace sends traces too.
fn span_of(worker: &Worker, job: &Job) -> Span {
    let span = tracing::info_span!(
        target: SPANS,
        "attempt",
        job = job.id,
        operation = job.operation,
        agent = worker.0.settings.name.as_str(),
        epoch = tracing::field::Empty,
    );
    if let Some(traceparent) = &job.traceparent {
        go_on(&span, traceparent);
    }
    span
}

#[derive(Deserialize)]
struct OfFormat {
    format: u32,
}

/// Opens a job; none where it is of a newer format.
fn read(group: &Group, subject: &str, message: &Message) -> Result<Option<Job>, GroupError> {
    let OfFormat { format } = group.open(subject, &message.payload, "the job")?;
    if format > FORMAT {
        return Ok(None);
    }
    group.open(subject, &message.payload, "the job").map(Some)
}

async fn attempt(
    worker: &Worker,
    id: &str,
    job: Job,
    message: &Arc<Message>,
) -> Result<Left, GroupError> {
    let group = &worker.0.group;
    let name = worker.0.settings.name.as_str();
    if History::read(group, id, &job.left).await?.ended {
        return Ok(Left::Done);
    }
    let Some((lease, gate)) = Lease::take(group, id, name).await? else {
        return Ok(Left::For(group.lease()));
    };
    let epoch = lease.epoch();
    Span::current().record("epoch", epoch);
    let held = Held::keep(worker, id, lease, message);
    // Only now does nobody else tell any more.
    let history = History::read(group, id, &job.left).await?;
    if history.ended {
        if let Some(lease) = held.give_up().await {
            lease.end().await;
        }
        return Ok(Left::Done);
    }
    let resume = history.place.clone();
    let tries = history.tries;
    let last = history.last;
    let records = match job.target {
        Some(_) => Records::Delivered,
        None => Records::Reported {
            ahead: worker.0.settings.ahead,
        },
    };
    let ending = Ending {
        lost: held.lost.clone(),
        stop: held.stop.clone(),
    };
    let mut reporter = Reporter::start(
        worker.clone(),
        id.to_owned(),
        epoch,
        history,
        &records,
        ending.clone(),
    );
    let operation = job.operation.clone();
    tracing::info!(job = id, operation, epoch, "a run begins");
    metrics().agent().job(match epoch {
        1 => Became::Taken,
        _ => Became::TakenOver,
    });
    let ended = if let Err(error) = reporter.tell_at_last(Report::Taken).await {
        Err(error)
    } else if tries >= MOST_TRIES {
        Ok(End::without_report(
            Outcome::Failure,
            Some(format!(
                "{tries} agents took this run, one after the other, and were lost before it got \
                 any further"
            )),
        ))
    } else {
        let mut lost = held.lost.clone();
        let running = async {
            // The source is told of the place once more, where it wants to know.
            if job.target.is_none() && job.source.is_acknowledged() && resume.is_some() {
                ending.until_kept(group, id, last).await;
            }
            run(worker, job, resume, &gate, ending.clone(), &mut reporter).await
        };
        // Where the lease is lost, everything that it does is dropped.
        let ended = tokio::select! {
            biased;
            _ = lost.wait_for(|lost| *lost) => None,
            ended = running => Some(ended),
        };
        let Some(ended) = ended else {
            tracing::warn!(job = id, operation, "the run is another agent's now");
            held.give_up().await;
            return Ok(Left::Alone);
        };
        Ok(ended)
    };
    let handed_back = held.handing_back.load(Ordering::Relaxed)
        && matches!(&ended, Ok(end) if end.outcome == Outcome::Interrupted);
    let told = match ended {
        Ok(_) if handed_back => reporter.tell_at_last(Report::HandedBack).await,
        Ok(mut end) => {
            end.left = reporter.left();
            reporter.tell_at_last(Report::Ended(Box::new(end))).await
        }
        Err(error) => Err(error),
    };
    reporter.close().await;
    let lease = held.give_up().await;
    if let Err(error) = told {
        tracing::warn!(job = id, operation, %error, "the end of a run was not taken");
        return Ok(Left::Alone);
    }
    tracing::info!(job = id, operation, handed_back, "a run has ended here");
    if handed_back {
        metrics().agent().job(Became::HandedBack);
    }
    match lease {
        Some(lease) if handed_back => lease.release().await,
        Some(lease) => lease.end().await,
        None => {}
    }
    Ok(match handed_back {
        true => Left::For(Duration::ZERO),
        false => Left::Done,
    })
}

/// Runs a job to its end.
async fn run(
    worker: &Worker,
    job: Job,
    resume: Option<run::Place>,
    gate: &Gate,
    ending: Ending,
    observer: &mut dyn Observer,
) -> End {
    let stop = ending.stop.clone();
    let ended = match worker.prepare(job, resume, gate, ending).await {
        Ok(pipeline) => pipeline.run(stop, observer).await,
        Err(error) => Err(RunError::Observer(error.to_string())),
    };
    match ended {
        Ok(report) => End {
            outcome: report.outcome,
            error: report.error,
            continues_at: report.continues_at,
            left: Vec::new(),
            log: report.log.iter().map(ReportedLine::from).collect(),
        },
        Err(error) => End::without_report(Outcome::Failure, Some(error.to_string())),
    }
}

/// A lease that is kept in the background.
struct Held {
    keeping: JoinHandle<Lease>,
    done: oneshot::Sender<()>,
    /// Whether another has it.
    lost: watch::Receiver<bool>,
    /// How the run is to stop.
    stop: watch::Receiver<Stop>,
    /// Whether it is to stop only because the agent is to end.
    handing_back: Arc<AtomicBool>,
}

impl Held {
    /// Renews a lease, tells the queue that the job is under way, and looks whether it
    /// is to be stopped, until that is over.
    fn keep(worker: &Worker, id: &str, mut lease: Lease, message: &Arc<Message>) -> Self {
        let (done, mut over) = oneshot::channel();
        let (losing, lost) = watch::channel(false);
        let (stopping, stop) = watch::channel(Stop::No);
        let handing_back = Arc::new(AtomicBool::new(false));
        let group = worker.0.group.clone();
        let mut drain = worker.0.drain.subscribe();
        let (message, id) = (Arc::clone(message), id.to_owned());
        let back = Arc::clone(&handing_back);
        let keeping = tokio::spawn(async move {
            loop {
                // As often as it may fail twice.
                tokio::select! {
                    _ = &mut over => return lease,
                    () = tokio::time::sleep(group.lease() / 5) => {}
                    Ok(_) = drain.wait_for(|drain| *drain == Drain::HandBack),
                        if *stopping.borrow() == Stop::No =>
                    {
                        back.store(true, Ordering::Relaxed);
                        stopping.send_replace(Stop::Gently);
                        continue;
                    }
                }
                match lease.renew().await {
                    Renewed::Held => {
                        let _ = message.ack_with(AckKind::Progress).await;
                    }
                    Renewed::Unknown => {}
                    Renewed::Lost => {
                        metrics().agent().leases_lost.inc();
                        losing.send_replace(true);
                        return lease;
                    }
                }
                if let Ok(asked) = group.asked_to_stop(&id).await
                    && asked > Stop::No
                {
                    back.store(false, Ordering::Relaxed);
                    asked.tell(&stopping);
                }
            }
        });
        Self {
            keeping,
            done,
            lost,
            stop,
            handing_back,
        }
    }

    /// Keeps it no longer; none where keeping it broke down.
    async fn give_up(self) -> Option<Lease> {
        let _ = self.done.send(());
        self.keeping.await.ok()
    }
}
