//! Records into a target activity.

use super::source::{Running, Step};
use super::{Observer, Place, Progress, Rejected, Stop, map};
use crate::mapping::Mapper;
use crate::run::acknowledge::Acknowledger;
use crate::run::report::{Counts, Measured, Report};
use crate::run::{RunError, unanswered};
use crate::runtime::types::{Call, Error, ErrorKind, Event, Item, Summary};
use crate::runtime::{Execution, RuntimeError, Session};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// How long records that are under way may take when the run is stopped.
const GRACE: Duration = Duration::from_secs(60);
/// How often a place that was reached is told.
const TOLD_EVERY: Duration = Duration::from_millis(500);

/// A record on its way to the target.
#[derive(Clone)]
struct Sent {
    key: String,
    source_record: String,
    record: String,
}

/// Records that the target has taken and not answered, by number.
type UnderWay = Arc<Mutex<BTreeMap<u64, Sent>>>;

/// Which checkpoint every record before has been dealt with.
#[derive(Default)]
struct Ledger {
    next: u64,
    open: BTreeSet<u64>,
    waiting: VecDeque<(u64, String)>,
    /// Checkpoints up to which everything has been dealt with, and which were not
    /// yet told.
    reached: VecDeque<String>,
    last: Option<String>,
    told_at: Option<Instant>,
}

impl Ledger {
    fn begin(&mut self) -> u64 {
        self.next += 1;
        self.open.insert(self.next);
        self.next
    }

    fn done(&mut self, number: u64) {
        self.open.remove(&number);
        self.advance();
    }

    fn checkpoint(&mut self, checkpoint: String) {
        self.waiting.push_back((self.next, checkpoint));
        self.advance();
    }

    fn advance(&mut self) {
        let first = self.open.first().copied().unwrap_or(u64::MAX);
        while let Some((last, _)) = self.waiting.front()
            && *last < first
        {
            self.last = self.waiting.pop_front().map(|(_, checkpoint)| checkpoint);
            self.reached.extend(self.last.clone());
        }
    }

    /// Tells the last place that was reached, and answers the checkpoints up to
    /// there.
    fn tell(
        &mut self,
        at_once: bool,
        observer: &mut dyn Observer,
    ) -> Result<Vec<String>, RunError> {
        let due = at_once
            || self
                .told_at
                .is_none_or(|told_at| told_at.elapsed() >= TOLD_EVERY);
        let Some(checkpoint) = self.reached.back().filter(|_| due) else {
            return Ok(Vec::new());
        };
        observer.reached(Place {
            checkpoint: checkpoint.clone(),
            bytes: None,
        })?;
        self.told_at = Some(Instant::now());
        Ok(self.reached.drain(..).collect())
    }
}

/// One run into a target.
struct Delivery<'a> {
    ledger: Ledger,
    counts: Counts,
    /// Made by the mapping, and not yet given to the target.
    queue: VecDeque<(u64, Sent)>,
    under_way: UnderWay,
    measured: Measured,
    source: Measured,
    observer: &'a mut dyn Observer,
}

pub(super) async fn run(
    mut source: Running,
    mapper: Option<Mapper>,
    session: Box<Session>,
    call: Call,
    mut stop: watch::Receiver<Stop>,
    observer: &mut dyn Observer,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let under_way = UnderWay::default();
    let (feed, input) = mpsc::channel::<(u64, Sent)>(1);
    let mut feed = Some(feed);
    let mut execution = session.execute(call, items(input, Arc::clone(&under_way)));
    let mut delivery = Delivery {
        ledger: Ledger::default(),
        counts: Counts::default(),
        queue: VecDeque::new(),
        under_way,
        measured: Measured::of(&execution),
        source: source.measured.clone(),
        observer,
    };
    let mut failed: Option<RunError> = None;
    let mut interrupted = false;
    let mut at_once = stop.clone();
    let mut grace = std::pin::pin!(tokio::time::sleep(GRACE));
    let ended = loop {
        // Without anything to give it, the target's input ends.
        let stopping = interrupted || failed.is_some();
        if stopping && feed.take().is_some() {
            grace.as_mut().reset(tokio::time::Instant::now() + GRACE);
        }
        let step = tokio::select! {
            biased;
            Ok(_) = at_once.wait_for(|stop| *stop == Stop::Now), if interrupted => {
                break Err(RuntimeError::Cancelled);
            }
            Ok(_) = stop.wait_for(|stop| *stop > Stop::No), if !interrupted => {
                interrupted = true;
                continue;
            }
            // What is still under way becomes of unknown fate.
            () = &mut grace, if stopping => break Err(RuntimeError::Cancelled),
            events = execution.next() => Next::Wait(events),
            place = reserve(feed.clone()), if feed.is_some() && !delivery.queue.is_empty() => Next::Feed(place),
            step = source.next(), if feed.is_some() && delivery.queue.is_empty() => Next::Step(step),
        };
        let done = match step {
            Next::Wait(Some(events)) => delivery.answers(events),
            Next::Wait(None) => break finish(&mut execution, &mut stop).await,
            Next::Feed(Some(place)) => {
                if let Some(next) = delivery.queue.pop_front() {
                    place.send(next);
                }
                Ok(())
            }
            // The target takes no more: its end is near.
            Next::Feed(None) | Next::Step(None) => {
                feed = None;
                Ok(())
            }
            Next::Step(Some(step)) => delivery.take(step, mapper.as_ref()).await,
        };
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
        delivery.tell(source.acknowledger.as_ref()).await;
    };
    drop(execution);
    let undealt = delivery.close(&mut failed);
    if let Some(acknowledger) = &source.acknowledger {
        for checkpoint in undealt {
            acknowledger.tell(checkpoint).await;
        }
    }
    let broken = source.failed().await;
    Ok(delivery.report(started, ended, interrupted, failed, broken))
}

enum Next {
    Wait(Option<Vec<Event>>),
    Feed(Option<mpsc::OwnedPermit<(u64, Sent)>>),
    Step(Option<Step>),
}

async fn reserve(
    feed: Option<mpsc::Sender<(u64, Sent)>>,
) -> Option<mpsc::OwnedPermit<(u64, Sent)>> {
    match feed {
        Some(feed) => feed.reserve_owned().await.ok(),
        None => std::future::pending().await,
    }
}

/// The end may be long in coming, too.
async fn finish(
    execution: &mut Execution,
    stop: &mut watch::Receiver<Stop>,
) -> Result<Summary, RuntimeError> {
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stop| *stop == Stop::Now) => Err(RuntimeError::Cancelled),
        ended = execution.ended() => ended,
    }
}

/// The records, as the target takes them.
fn items(
    input: mpsc::Receiver<(u64, Sent)>,
    under_way: UnderWay,
) -> futures::stream::BoxStream<'static, Item> {
    futures::stream::unfold(input, move |mut input| {
        let under_way = Arc::clone(&under_way);
        async move {
            let (number, sent) = input.recv().await?;
            let item = Item {
                key: number.to_string(),
                data: sent.record.clone(),
            };
            lock(&under_way).insert(number, sent);
            Some((item, input))
        }
    })
    .boxed()
}

fn lock(under_way: &UnderWay) -> std::sync::MutexGuard<'_, BTreeMap<u64, Sent>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Delivery<'_> {
    /// Takes a step of the source.
    async fn take(&mut self, step: Step, mapper: Option<&Mapper>) -> Result<(), RunError> {
        match step {
            Step::Record { key, json, place } => {
                self.counts.read += 1;
                match map(mapper, &json).await? {
                    Ok(records) => {
                        self.counts.skipped += u64::from(records.is_empty());
                        for record in records {
                            let sent = Sent {
                                key: key.clone(),
                                source_record: json.clone(),
                                record,
                            };
                            let number = self.ledger.begin();
                            self.queue.push_back((number, sent));
                        }
                    }
                    Err(error) => {
                        let sent = Sent {
                            key,
                            record: json.clone(),
                            source_record: json,
                        };
                        self.reject(sent, error)?;
                    }
                }
                // Together with the record: a run that is stopped between the
                // two would give it to the target once more when resumed.
                if let Some(place) = place {
                    self.ledger.checkpoint(place);
                }
                Ok(())
            }
            Step::Invalid(rejected) => {
                self.counts.read += 1;
                self.counts.rejected += 1;
                self.observer.rejected(*rejected)
            }
            Step::Checkpoint(checkpoint) => {
                self.ledger.checkpoint(checkpoint);
                Ok(())
            }
            Step::Notice(notice) => {
                self.observer.notice(&notice);
                Ok(())
            }
        }
    }

    /// Takes what the target answers.
    fn answers(&mut self, events: Vec<Event>) -> Result<(), RunError> {
        for event in events {
            match event {
                Event::Answered(answer) => {
                    let (number, _) = self.answered(&answer.key)?;
                    self.counts.count(&answer);
                    if !answer.differences.is_empty() {
                        self.observer.differs(&answer);
                    }
                    self.ledger.done(number);
                }
                Event::Rejected(rejection) => {
                    let (number, sent) = self.answered(&rejection.key)?;
                    self.reject(sent, rejection.error)?;
                    self.ledger.done(number);
                }
                Event::Notice(notice) => {
                    self.observer.notice(&notice);
                }
                // A target reads nothing, and has no place to resume at.
                Event::Item(_) | Event::Checkpoint(_) => {}
            }
        }
        Ok(())
    }

    fn answered(&self, key: &str) -> Result<(u64, Sent), RunError> {
        let number = key.parse().ok();
        number
            .and_then(|number| Some((number, lock(&self.under_way).remove(&number)?)))
            .ok_or_else(|| {
                RunError::Observer(format!(
                    "the connector answered “{key}”, which it was not given, or twice"
                ))
            })
    }

    fn reject(&mut self, sent: Sent, error: Error) -> Result<(), RunError> {
        let uncertain = error.kind == ErrorKind::Uncertain;
        self.counts.rejected += 1;
        self.counts.uncertain += u64::from(uncertain);
        self.observer.rejected(Rejected {
            key: sent.key,
            source_record: sent.source_record,
            record: sent.record,
            error,
            uncertain,
        })
    }

    async fn tell(&mut self, acknowledger: Option<&Acknowledger>) {
        let (requests, waited) = self.measured.traffic();
        let (source_requests, source_waited) = self.source.traffic();
        self.observer.progress(Progress {
            counts: self.counts,
            requests: requests + source_requests,
            retries: self.measured.retries() + self.source.retries(),
            waited_ms: waited + source_waited,
        });
        // What cannot be kept is told at the end.
        let told = self.ledger.tell(false, self.observer).unwrap_or_default();
        if let Some(acknowledger) = acknowledger {
            for checkpoint in told {
                acknowledger.tell(checkpoint).await;
            }
        }
    }

    /// Deals with what was left open, and answers the checkpoints that were not
    /// yet told.
    fn close(&mut self, failed: &mut Option<RunError>) -> Vec<String> {
        // Records that the target took and never answered: whether they were
        // written, nobody knows. They are kept for a person to look at, so the
        // source need not give them again.
        let left = std::mem::take(&mut *lock(&self.under_way));
        for (number, sent) in left {
            match self.reject(sent, unanswered()) {
                Ok(()) => self.ledger.done(number),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        match self.ledger.tell(true, self.observer) {
            Ok(told) => told,
            Err(error) => {
                failed.get_or_insert(error);
                Vec::new()
            }
        }
    }

    fn report(
        self,
        started: Instant,
        ended: Result<Summary, RuntimeError>,
        interrupted: bool,
        failed: Option<RunError>,
        broken: Option<String>,
    ) -> Report {
        let not_tried = self.queue.front().map(|(_, sent)| sent.key.clone());
        let stopped_early = ended.as_ref().is_ok_and(|summary| summary.stopped_early);
        let mut report = Report::of(
            self.counts,
            &self.measured,
            started.elapsed(),
            ended,
            interrupted,
        );
        report.add(&self.source);
        report.not_tried_from = not_tried;
        if let Some(error) = failed {
            report.fail(error.to_string());
        }
        if let Some(why) = broken {
            report.fail(why);
        }
        let whole = report.error.is_none() && !interrupted && !stopped_early;
        match whole {
            true => report.continues_at = self.ledger.last,
            false => report.checkpoint = self.ledger.last,
        }
        self.observer.progress(Progress {
            counts: self.counts,
            requests: report.requests,
            retries: report.retries,
            waited_ms: report.waited_ms,
        });
        report
    }
}
