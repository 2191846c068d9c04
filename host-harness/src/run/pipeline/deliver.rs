//! Records into a target activity.

use super::source::{Running, Step};
use super::{Content, Observer, Place, Progress, Rejected, Stop, content, map};
use crate::mapping::Mapper;
use crate::run::acknowledge::Acknowledger;
use crate::run::report::{Counts, Measured, Report};
use crate::run::{Handed, Journal, Known, RunError, unanswered, unanswered_before};
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

/// Records whose hand-over is kept at once, at most. More is faster; but in a crash
/// each may be one that nobody knows the fate of, though it was never sent.
const BATCH: usize = 16;

/// Records that the target has taken and not answered, by id.
type UnderWay = Arc<Mutex<BTreeMap<u64, Handed>>>;

/// Which checkpoint every record before has been dealt with.
#[derive(Default)]
struct Ledger {
    next: u64,
    open: BTreeSet<u64>,
    waiting: VecDeque<(u64, String)>,
    /// Checkpoints up to which everything has been dealt with, and which were not
    /// yet told; each with the last record before it.
    reached: VecDeque<(u64, String)>,
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
            let passed = self.waiting.pop_front();
            self.last = passed.clone().map(|(_, checkpoint)| checkpoint);
            self.reached.extend(passed);
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
        let Some((number, checkpoint)) = self.reached.back().filter(|_| due) else {
            return Ok(Vec::new());
        };
        let place = Place {
            checkpoint: checkpoint.clone(),
            bytes: None,
        };
        observer.reached(place, *number)?;
        self.told_at = Some(Instant::now());
        let told = self.reached.drain(..).map(|(_, checkpoint)| checkpoint);
        Ok(told.collect())
    }
}

/// One run into a target.
struct Delivery<'a> {
    ledger: Ledger,
    counts: Counts,
    /// The greatest id of the runs that this one goes on with.
    last_id: u64,
    /// Made by the mapping, and not yet begun.
    queue: VecDeque<Handed>,
    /// Begun, and not yet given to the target.
    ready: VecDeque<Handed>,
    /// The ids of those that were begun in this run, and not answered.
    begun: BTreeSet<u64>,
    under_way: UnderWay,
    measured: Measured,
    source: Measured,
    observer: &'a mut dyn Observer,
}

pub(super) async fn run(
    mut source: Running,
    mapper: Option<Mapper>,
    session: Box<Session>,
    mut call: Call,
    mut stop: watch::Receiver<Stop>,
    observer: &mut dyn Observer,
) -> Result<Report, RunError> {
    let started = Instant::now();
    let under_way = UnderWay::default();
    let mut last_id = 0;
    if let Some(journal) = observer.journal() {
        last_id = journal.last_id()?;
        call.resume = earlier(journal)?;
    }
    let (feed, input) = mpsc::channel::<Handed>(1);
    let mut feed = Some(feed);
    let mut execution = session.execute(call, items(input, Arc::clone(&under_way)));
    let mut delivery = Delivery {
        ledger: Ledger::default(),
        counts: Counts::default(),
        last_id,
        queue: VecDeque::new(),
        ready: VecDeque::new(),
        begun: BTreeSet::new(),
        under_way,
        measured: Measured::of(&execution),
        source: source.measured.clone(),
        observer,
    };
    let mut failed: Option<RunError> = None;
    let mut interrupted = false;
    let mut source_ended = false;
    let mut at_once = stop.clone();
    let mut grace = std::pin::pin!(tokio::time::sleep(GRACE));
    let ended = loop {
        // Without anything to give it, the target's input ends.
        if feed.is_some()
            && !interrupted
            && failed.is_none()
            && let Err(error) = delivery.begin()
        {
            failed = Some(error);
        }
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
            place = reserve(feed.clone()), if feed.is_some() && !delivery.ready.is_empty() => Next::Feed(place),
            step = source.next(), if feed.is_some() && !source_ended && delivery.queue.len() < BATCH => Next::Step(step),
        };
        let done = match step {
            Next::Wait(Some(events)) => delivery.answers(events),
            Next::Wait(None) => break finish(&mut execution, &mut stop).await,
            Next::Feed(Some(place)) => {
                if let Some(next) = delivery.ready.pop_front() {
                    place.send(next);
                }
                Ok(())
            }
            // The target takes no more: its end is near.
            Next::Feed(None) => {
                feed = None;
                Ok(())
            }
            Next::Step(None) => {
                source_ended = true;
                Ok(())
            }
            Next::Step(Some(step)) => delivery.take(step, mapper.as_ref()).await,
        };
        if let Err(error) = done {
            failed.get_or_insert(error);
        }
        if source_ended && delivery.ready.is_empty() && delivery.queue.is_empty() {
            feed = None;
        }
        delivery.tell(source.acknowledger.as_ref()).await;
    };
    drop(execution);
    let whole = source_ended && !interrupted && ended.as_ref().is_ok_and(|s| !s.stopped_early);
    let undealt = delivery.close(&mut failed);
    if let Some(acknowledger) = &source.acknowledger {
        for checkpoint in undealt {
            acknowledger.tell(checkpoint).await;
        }
    }
    let (broken, acknowledging) = source.ended(delivery.observer).await;
    if whole && broken.is_none() && failed.is_none() {
        delivery.reject_left(&mut failed);
    }
    let mut report = delivery.report(started, ended, interrupted, failed, broken);
    if let Some(acknowledging) = &acknowledging {
        report.add(acknowledging);
    }
    Ok(report)
}

enum Next {
    Wait(Option<Vec<Event>>),
    Feed(Option<mpsc::OwnedPermit<Handed>>),
    Step(Option<Step>),
}

async fn reserve(feed: Option<mpsc::Sender<Handed>>) -> Option<mpsc::OwnedPermit<Handed>> {
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

/// The ids of what earlier runs have handed over, as the call names them.
fn earlier(journal: &mut dyn Journal) -> Result<Option<String>, RunError> {
    let ids = journal.earlier()?;
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    Ok((!ids.is_empty()).then(|| format!("[{}]", ids.join(","))))
}

/// The records, as the target takes them.
fn items(
    input: mpsc::Receiver<Handed>,
    under_way: UnderWay,
) -> futures::stream::BoxStream<'static, Item> {
    futures::stream::unfold(input, move |mut input| {
        let under_way = Arc::clone(&under_way);
        async move {
            let handed = input.recv().await?;
            let item = Item {
                key: handed.id.to_string(),
                data: handed.record.clone(),
            };
            lock(&under_way).insert(handed.id, handed);
            Some((item, input))
        }
    })
    .boxed()
}

fn lock(under_way: &UnderWay) -> std::sync::MutexGuard<'_, BTreeMap<u64, Handed>> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Delivery<'_> {
    /// Takes a step of the source.
    async fn take(&mut self, step: Step, mapper: Option<&Mapper>) -> Result<(), RunError> {
        match step {
            Step::Record { key, json, place } => {
                self.counts.read += 1;
                let digest = match content(self.observer, &key, &json)? {
                    Content::Unchanged => {
                        self.counts.left_out += 1;
                        if let Some(place) = place {
                            self.ledger.checkpoint(place);
                        }
                        return Ok(());
                    }
                    Content::Changed(digest) => digest,
                };
                match map(mapper, &json).await? {
                    Ok(records) => {
                        self.counts.skipped += u64::from(records.is_empty());
                        if let (Some(digest), Some(taken)) = (digest, self.observer.taken()) {
                            let last = u64::try_from(records.len()).unwrap_or(u64::MAX);
                            taken.told(self.ledger.next.saturating_add(last), &key, digest)?;
                        }
                        for record in records {
                            let number = self.ledger.begin();
                            self.meet(Handed {
                                id: self.last_id + number,
                                number,
                                key: key.clone(),
                                source_record: json.clone(),
                                record,
                            })?;
                        }
                    }
                    Err(error) => {
                        self.reject(
                            Handed {
                                id: 0,
                                number: 0,
                                key,
                                record: json.clone(),
                                source_record: json,
                            },
                            error,
                        )?;
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
            Step::Blank => {
                self.counts.blank += 1;
                Ok(())
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

    /// Takes a record that is to go to the target, unless an earlier run has
    /// dealt with it.
    fn meet(&mut self, mut handed: Handed) -> Result<(), RunError> {
        let known = match self.observer.journal() {
            Some(journal) => journal.meet(&handed)?,
            None => Known::Nothing,
        };
        match known {
            Known::Nothing => self.queue.push_back(handed),
            Known::Answered => {
                self.counts.before += 1;
                self.ledger.done(handed.number);
            }
            Known::Uncertain(id) => {
                handed.id = id;
                self.queue.push_back(handed);
            }
        }
        Ok(())
    }

    /// Begins what waits, when all that was begun is on its way: so that as much as
    /// possible is kept at once, and a record that comes alone does not wait.
    fn begin(&mut self) -> Result<(), RunError> {
        if !self.ready.is_empty() || self.queue.is_empty() {
            return Ok(());
        }
        let batch = self.queue.len().min(BATCH);
        let batch: Vec<Handed> = self.queue.drain(..batch).collect();
        let is_new = |handed: &&Handed| handed.id > self.last_id;
        if let Some(journal) = self.observer.journal() {
            // Of the others it is known already.
            let new: Vec<Handed> = batch.iter().filter(is_new).cloned().collect();
            journal.begin(&new)?;
        }
        self.begun
            .extend(batch.iter().filter(is_new).map(|handed| handed.id));
        self.ready.extend(batch);
        Ok(())
    }

    /// Takes what the target answers.
    fn answers(&mut self, events: Vec<Event>) -> Result<(), RunError> {
        let mut dealt_with = Vec::new();
        let taken = self.take_answers(events, &mut dealt_with);
        self.answered(&dealt_with)?;
        taken
    }

    fn take_answers(
        &mut self,
        events: Vec<Event>,
        dealt_with: &mut Vec<(u64, u64)>,
    ) -> Result<(), RunError> {
        for event in events {
            match event {
                Event::Answered(answer) => {
                    let handed = self.of(&answer.key)?;
                    self.counts.count(&answer);
                    if !answer.differences.is_empty() {
                        self.observer.differs(&answer);
                    }
                    dealt_with.push((handed.id, handed.number));
                }
                Event::Rejected(rejection) => {
                    let handed = self.of(&rejection.key)?;
                    let numbers = (handed.id, handed.number);
                    self.reject(handed, rejection.error)?;
                    dealt_with.push(numbers);
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

    /// The record that an answer is about.
    fn of(&self, key: &str) -> Result<Handed, RunError> {
        let id = key.parse().ok();
        id.and_then(|id: u64| lock(&self.under_way).remove(&id))
            .ok_or_else(|| {
                RunError::Observer(format!(
                    "the connector answered “{key}”, which it was not given, or twice"
                ))
            })
    }

    /// These records, by id and number, have been dealt with.
    fn answered(&mut self, records: &[(u64, u64)]) -> Result<(), RunError> {
        if records.is_empty() {
            return Ok(());
        }
        let ids: Vec<u64> = records.iter().map(|(id, _)| *id).collect();
        if let Some(journal) = self.observer.journal() {
            journal.answered(&ids)?;
        }
        for (id, number) in records {
            self.begun.remove(id);
            self.ledger.done(*number);
        }
        Ok(())
    }

    fn reject(&mut self, handed: Handed, error: Error) -> Result<(), RunError> {
        let uncertain = error.kind == ErrorKind::Uncertain;
        if let Some(taken) = self.observer.taken() {
            taken.rejected(&handed.key)?;
        }
        self.counts.rejected += 1;
        self.counts.uncertain += u64::from(uncertain);
        self.observer.rejected(Rejected {
            key: handed.key,
            source_record: handed.source_record,
            record: handed.record,
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
        let unanswered_ones = std::mem::take(&mut *lock(&self.under_way));
        for (_, handed) in unanswered_ones {
            let numbers = (handed.id, handed.number);
            self.begun.remove(&handed.id);
            let kept = self.reject(handed, unanswered());
            if let Err(error) = kept.and_then(|()| self.answered(&[numbers])) {
                failed.get_or_insert(error);
            }
        }
        // What was begun and is not under way never left.
        let withdrawn: Vec<u64> = std::mem::take(&mut self.begun).into_iter().collect();
        if let Some(journal) = self.observer.journal()
            && !withdrawn.is_empty()
            && let Err(error) = journal.withdrawn(&withdrawn)
        {
            failed.get_or_insert(error);
        }
        match self.ledger.tell(true, self.observer) {
            Ok(told) => told,
            Err(error) => {
                failed.get_or_insert(error);
                Vec::new()
            }
        }
    }

    /// Rejects what earlier runs have handed over without an answer, and the source
    /// does not give any more.
    fn reject_left(&mut self, failed: &mut Option<RunError>) {
        let left = match self.observer.journal().map(|journal| journal.left()) {
            Some(Ok(left)) => left,
            Some(Err(error)) => {
                failed.get_or_insert(error);
                return;
            }
            None => return,
        };
        for handed in left {
            if let Err(error) = self.reject(handed, unanswered_before()) {
                failed.get_or_insert(error);
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
        let not_tried = self.ready.front().or(self.queue.front());
        let not_tried = not_tried.map(|handed| handed.key.clone());
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
        report.complete = whole;
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
