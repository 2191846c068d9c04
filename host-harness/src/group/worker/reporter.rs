//! Telling the group how a run goes, before anything is done that counts on it.

use super::Worker;
use crate::group::error::GroupError;
use crate::group::journal::{Entries, Entry};
use crate::group::report::{Batch, Report, together};
use crate::group::streams::Group;
use crate::run::{
    Handed, Journal, Known, Observer, Place, Progress, Receiver, Rejected, RunError, Stop, Taken,
    differing,
};
use crate::runtime::types::{Answer, Notice};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Reports that wait to be sent. Whoever tells more waits.
const WAITING: usize = 1024;
/// Reports that are sent in one message, at most.
const TOGETHER: usize = 256;
/// Bytes of records that are sent in one message, about; and those that are told before
/// it is waited until they are on the server.
const RECORDS_TOGETHER: usize = 1024 * 1024;
/// How often it is looked whether the workspace has kept what was reported.
const LOOKED_EVERY: Duration = Duration::from_millis(20);
/// How often counts are told where nothing else is.
const COUNTS_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_millis(200);

/// Where the reports of a run stand.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    /// The sequence of the last message.
    pub(super) last: u64,
    pub(super) place: Option<Place>,
    since: u64,
    pub(super) tries: u32,
    pub(super) ended: bool,
    progress: Progress,
    at_place: Option<Progress>,
    entries: Entries,
}

impl History {
    /// Reads what was told of a job, which begins with `left` in its journal.
    pub(super) async fn read(group: &Group, job: &str, left: &[Entry]) -> Result<Self, GroupError> {
        let mut history = Self {
            last: group.last_sequence(job).await?,
            entries: Entries::starting_with(left),
            ..Self::default()
        };
        if history.last == 0 {
            return Ok(history);
        }
        // A report of several parts does not begin there; then all are read.
        let found = match group.next_report(job, history.last).await? {
            Some((_, batch)) => batch.since,
            None => 1,
        };
        let mut next = found.max(1);
        while let Some((sequence, batch)) = group.next_report(job, next).await? {
            next = sequence + 1;
            history.entries.apply_all(&batch);
            history.last = history.last.max(sequence);
            history.place = batch.place;
            history.since = batch.since;
            history.tries = batch.tries;
            history.ended = batch.ended;
            history.progress = batch.progress;
            history.at_place = batch.at_place;
        }
        Ok(history)
    }
}

enum Told {
    /// In one message with the counts that it changes, or an agent that goes on
    /// would know half of it.
    Happened(Vec<Report>, Option<Progress>),
    /// It is time to tell the counts.
    Tick,
    /// To be answered when everything before is on the server.
    Kept(oneshot::Sender<Result<(), String>>),
    /// To be answered when the workspace has kept everything before, or no more of it
    /// can be waited for: whether it has.
    Settled(oneshot::Sender<bool>),
}

/// What becomes of the records of a run.
pub(super) enum Records {
    /// The target takes them.
    Delivered,
    /// They are reported, and the agent is ahead of the workspace by so many bytes at
    /// most.
    Reported {
        /// How many.
        ahead: u64,
    },
}

/// What ends waiting for the workspace.
#[derive(Clone)]
pub(super) struct Ending {
    /// The lease is another's.
    pub(super) lost: watch::Receiver<bool>,
    /// The run is to stop.
    pub(super) stop: watch::Receiver<Stop>,
}

impl Ending {
    fn is_near(&self) -> bool {
        *self.lost.borrow() || *self.stop.borrow() > Stop::No
    }

    /// Waits until the workspace has kept the reports of a job up to a sequence; whether
    /// it has.
    pub(super) async fn until_kept(&self, group: &Group, job: &str, sequence: u64) -> bool {
        while !self.is_near() {
            match group.kept(job).await {
                Ok(kept) if kept >= sequence => return true,
                Ok(_) => tokio::time::sleep(LOOKED_EVERY).await,
                Err(error) => {
                    tracing::warn!(job, %error, "what was kept is not known yet");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        false
    }
}

/// Tells the group how a run goes.
pub(super) struct Reporter {
    told: mpsc::Sender<Told>,
    sending: JoinHandle<()>,
    failed: Arc<Mutex<Option<String>>>,
    entries: Entries,
    /// What has come of records, until it is told with the counts that it changes.
    pending: Vec<Report>,
    /// Bytes of records that may not be on the server yet.
    unsent: usize,
}

impl Reporter {
    /// Begins to tell of a job that was taken under this epoch. What the server does not
    /// take is the worker's to tell.
    pub(super) fn start(
        worker: Worker,
        job: String,
        epoch: u64,
        history: History,
        records: &Records,
        ending: Ending,
    ) -> Self {
        let (told, waiting) = mpsc::channel(WAITING);
        let failed = Arc::new(Mutex::new(None));
        let mut entries = history.entries.clone();
        entries.apply(&Report::Taken);
        let (ahead, base) = match records {
            Records::Delivered => (None, history.progress),
            // What came after the place is told once more.
            Records::Reported { ahead } => (
                Some(Ahead::new(*ahead, history.last)),
                history.at_place.unwrap_or_default(),
            ),
        };
        let sender = Sender {
            group: worker.0.group.clone(),
            job,
            last: history.last,
            number: 0,
            base,
            ahead,
            batch: Batch {
                epoch,
                agent: worker.0.settings.name.to_string(),
                place: history.place,
                since: history.since.max(1),
                tries: history.tries + 1,
                ended: false,
                progress: base,
                at_place: history.at_place,
                reports: Vec::new(),
            },
            worker,
            ending,
            failed: Arc::clone(&failed),
        };
        Self {
            told,
            sending: tokio::spawn(sender.run(waiting)),
            failed,
            entries,
            pending: Vec::new(),
            unsent: 0,
        }
    }

    fn tell(&mut self, report: Report) -> Result<(), RunError> {
        if let Some(why) = lock(&self.failed).clone() {
            return Err(RunError::Observer(why));
        }
        self.entries.apply(&report);
        self.pending.push(report);
        Ok(())
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            let reports = std::mem::take(&mut self.pending);
            self.send(Told::Happened(reports, None));
        }
    }

    fn send(&self, told: Told) {
        if let Err(mpsc::error::TrySendError::Full(told)) = self.told.try_send(told) {
            let _ = wait(self.told.send(told));
        }
    }

    /// Waits until everything that was told is on the server.
    fn keep(&mut self) -> Result<(), RunError> {
        self.flush();
        self.unsent = 0;
        let (kept, answer) = oneshot::channel();
        self.send(Told::Kept(kept));
        match wait(answer) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(RunError::Observer(why)),
            Err(_) => Err(RunError::Observer("nothing is told any more".to_owned())),
        }
    }

    /// Tells one thing more, and waits until all is on the server.
    pub(super) async fn tell_at_last(&mut self, report: Report) -> Result<(), RunError> {
        self.pending.push(report);
        let reports = std::mem::take(&mut self.pending);
        let (kept, answer) = oneshot::channel();
        for told in [Told::Happened(reports, None), Told::Kept(kept)] {
            let _ = self.told.send(told).await;
        }
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(RunError::Observer(why)),
            Err(_) => Err(RunError::Observer("nothing is told any more".to_owned())),
        }
    }

    /// What the journal has.
    pub(super) fn left(&self) -> Vec<Entry> {
        self.entries.all()
    }

    /// Tells nothing more.
    pub(super) async fn close(self) {
        drop(self.told);
        let _ = self.sending.await;
    }
}

/// Waits in the middle of what may not wait, as the disk is waited for.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

fn lock(failed: &Mutex<Option<String>>) -> std::sync::MutexGuard<'_, Option<String>> {
    failed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Observer for Reporter {
    fn progress(&mut self, progress: Progress) {
        let reports = std::mem::take(&mut self.pending);
        self.send(Told::Happened(reports, Some(progress)));
    }

    fn notice(&mut self, notice: &Notice) {
        let _ = self.tell(Report::Notice(notice.clone()));
    }

    fn rejected(&mut self, rejected: Rejected) -> Result<(), RunError> {
        self.tell(Report::Rejected(Box::new(rejected)))
    }

    fn differs(&mut self, answer: &Answer) {
        let _ = self.tell(Report::Differs(differing(answer)));
    }

    fn reached(&mut self, place: Place, number: u64) -> Result<(), RunError> {
        let kept = self.entries.beyond(number);
        self.tell(Report::Reached(place, kept))?;
        self.keep()
    }

    /// Runs that leave out what has not changed are the workspace's own agent's.
    fn taken(&mut self) -> Option<&mut Taken> {
        None
    }

    fn journal(&mut self) -> Option<&mut dyn Journal> {
        Some(self)
    }

    fn receiver(&mut self) -> Option<&mut dyn Receiver> {
        Some(self)
    }
}

impl Receiver for Reporter {
    fn deliver(&mut self, record: &str) -> Result<(), RunError> {
        self.unsent += record.len();
        match self.pending.last_mut() {
            Some(Report::Delivered(records)) => records.push(record.to_owned()),
            _ => self.tell(Report::Delivered(vec![record.to_owned()]))?,
        }
        // What waits to be sent is in memory.
        match self.unsent >= RECORDS_TOGETHER {
            true => self.keep(),
            false => Ok(()),
        }
    }

    fn settled(&mut self) -> Result<bool, RunError> {
        self.keep()?;
        let (settled, answer) = oneshot::channel();
        self.send(Told::Settled(settled));
        Ok(wait(answer).unwrap_or(false))
    }
}

impl Journal for Reporter {
    fn earlier(&mut self) -> Result<Vec<u64>, RunError> {
        Ok(self.entries.earlier())
    }

    fn last_id(&mut self) -> Result<u64, RunError> {
        Ok(self.entries.last_id())
    }

    fn meet(&mut self, record: &Handed) -> Result<Known, RunError> {
        let (known, entry) = self.entries.meet(record);
        if let Some(entry) = entry {
            self.tell(Report::Met(Box::new(entry)))?;
        }
        if matches!(known, Known::Uncertain(_)) {
            self.keep()?;
        }
        Ok(known)
    }

    fn begin(&mut self, records: &[Handed]) -> Result<(), RunError> {
        self.tell(Report::Begun(records.iter().map(Entry::from).collect()))?;
        self.keep()
    }

    fn answered(&mut self, ids: &[u64]) -> Result<(), RunError> {
        self.tell(Report::Answered(ids.to_vec()))
    }

    fn withdrawn(&mut self, ids: &[u64]) -> Result<(), RunError> {
        self.tell(Report::Withdrawn(ids.to_vec()))
    }

    fn left(&mut self) -> Result<Vec<Handed>, RunError> {
        Ok(self.entries.left())
    }
}

/// Sends what was told, one message after the other.
struct Sender {
    group: Group,
    job: String,
    last: u64,
    number: u64,
    /// What earlier agents counted.
    base: Progress,
    /// Where records are reported.
    ahead: Option<Ahead>,
    batch: Batch,
    worker: Worker,
    ending: Ending,
    failed: Arc<Mutex<Option<String>>>,
}

impl Sender {
    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        let mut sent = Progress::default();
        let mut counts_at = tokio::time::Instant::now();
        let mut open = true;
        while open {
            let mut waiting = Vec::new();
            let mut settling = Vec::new();
            let due = self.batch.progress != sent;
            let first = tokio::select! {
                first = told.recv() => first,
                () = tokio::time::sleep_until(counts_at), if due => Some(Told::Tick),
            };
            let mut next = first;
            open = next.is_some();
            while let Some(one) = next {
                match one {
                    Told::Happened(reports, progress) => {
                        reports.into_iter().for_each(|report| self.take(report));
                        if let Some(progress) = progress {
                            self.batch.progress = together(self.base, progress);
                        }
                    }
                    Told::Tick => {}
                    Told::Kept(kept) => waiting.push(kept),
                    Told::Settled(settled) => settling.push(settled),
                }
                if self.batch.reports.len() >= TOGETHER || self.bytes() >= RECORDS_TOGETHER {
                    break;
                }
                next = told.try_recv().ok();
            }
            let counts_due =
                self.batch.progress != sent && tokio::time::Instant::now() >= counts_at;
            if !self.batch.reports.is_empty() || counts_due {
                self.publish().await;
                sent = self.batch.progress;
                counts_at = tokio::time::Instant::now() + COUNTS_EVERY;
            }
            let failed = lock(&self.failed).clone();
            for kept in waiting {
                let _ = kept.send(match &failed {
                    Some(why) => Err(why.clone()),
                    None => Ok(()),
                });
            }
            for settled in settling {
                let kept = self.ending.until_kept(&self.group, &self.job, self.last);
                let _ = settled.send(failed.is_none() && kept.await);
            }
        }
    }

    /// Bytes of the records that are to be sent.
    fn bytes(&self) -> usize {
        let of_one = |report: &Report| match report {
            Report::Delivered(records) => records.iter().map(String::len).sum(),
            _ => 0,
        };
        self.batch.reports.iter().map(of_one).sum()
    }

    /// Waits while the workspace is too far behind.
    async fn keep_near(&mut self) {
        while self.ahead.as_ref().is_some_and(Ahead::is_far)
            && lock(&self.failed).is_none()
            && !self.ending.is_near()
        {
            let kept = self.group.kept(&self.job).await;
            if let (Ok(kept), Some(ahead)) = (kept, &mut self.ahead) {
                ahead.kept(kept);
                if !ahead.is_far() {
                    return;
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn take(&mut self, report: Report) {
        match &report {
            Report::Reached(place, _) => {
                self.batch.place = Some(place.clone());
                self.batch.since = self.last + 1;
                self.batch.tries = 0;
                if self.ahead.is_some() {
                    self.batch.at_place = Some(self.batch.progress);
                }
            }
            // It has got further, or it was not lost.
            Report::Answered(_) | Report::HandedBack => self.batch.tries = 0,
            Report::Ended(_) => self.batch.ended = true,
            _ => {}
        }
        match (self.batch.reports.last_mut(), report) {
            (Some(Report::Delivered(records)), Report::Delivered(more)) => records.extend(more),
            (_, report) => self.batch.reports.push(report),
        }
    }

    /// Sends the batch until it has arrived, or the run is another's.
    async fn publish(&mut self) {
        let bytes = self.bytes();
        if bytes > 0 {
            self.keep_near().await;
        }
        if self.ahead.is_some() {
            // Without a journal nobody needs what was told before.
            self.batch.since = self.last + 1;
        }
        while lock(&self.failed).is_none() {
            let sent = self
                .group
                .report(&self.job, &self.batch, self.number, self.last)
                .await;
            match sent {
                Ok(sequence) => {
                    self.last = sequence;
                    if let Some(ahead) = &mut self.ahead {
                        ahead.sent(sequence, bytes);
                    }
                    break;
                }
                Err(GroupError::Server { why, .. }) if !*self.ending.lost.borrow() => {
                    tracing::warn!(job = self.job, why, "a report has not arrived yet");
                    self.worker.0.untold.wait(&self.job, why);
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => *lock(&self.failed) = Some(error.to_string()),
            }
        }
        self.worker.0.untold.told(&self.job);
        self.number += 1;
        self.batch.reports.clear();
    }
}

/// How far the agent is ahead of the workspace.
struct Ahead {
    most: u64,
    /// What was sent and may not be kept: the sequence of each message, and its bytes.
    sent: VecDeque<(u64, u64)>,
    bytes: u64,
}

impl Ahead {
    /// `last` is the last message of earlier agents. How much that they sent is not kept
    /// is not known, so it counts as all that may be.
    fn new(most: u64, last: u64) -> Self {
        let sent = VecDeque::from([(last, most)]);
        Self {
            most,
            sent,
            bytes: most,
        }
    }

    fn is_far(&self) -> bool {
        self.bytes >= self.most
    }

    fn sent(&mut self, sequence: u64, bytes: usize) {
        let bytes = bytes as u64;
        self.bytes += bytes;
        self.sent.push_back((sequence, bytes));
    }

    /// Everything up to this sequence has been kept.
    fn kept(&mut self, kept: u64) {
        while let Some((sequence, bytes)) = self.sent.front()
            && *sequence <= kept
        {
            self.bytes -= bytes;
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_far_ahead_until_the_workspace_has_kept_enough() {
        let mut ahead = Ahead::new(100, 7);
        assert!(ahead.is_far(), "what earlier agents sent is not kept");
        ahead.kept(6);
        assert!(ahead.is_far());
        ahead.kept(7);
        assert!(!ahead.is_far());
        ahead.sent(9, 60);
        assert!(!ahead.is_far());
        ahead.sent(12, 60);
        assert!(ahead.is_far());
        ahead.kept(11);
        assert!(!ahead.is_far());
        assert_eq!(ahead.bytes, 60);
    }
}
