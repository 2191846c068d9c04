//! The input of a run into a target.

use crate::records::{Entry, RecordReader};
use crate::run::handover::{Shared, offered};
use crate::run::report::Counts;
use crate::run::{Handed, Known, RunError, malformed, unanswered};
use crate::runtime::types::{Item, Rejection};
use futures::StreamExt;
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};

/// Entries read ahead of what the connector takes.
const READ_AHEAD: usize = 16;
/// How long the input is given to say whether there is more, when a run has ended.
const LEFT_OVER: Duration = Duration::from_millis(200);
/// The input, read in a thread of its own and handed over as it is taken.
pub(super) struct Input {
    state: Arc<Mutex<State>>,
    stop: watch::Sender<bool>,
    entries: Arc<AsyncMutex<mpsc::Receiver<Entry>>>,
    invalid: mpsc::Receiver<Invalid>,
    put_aside: mpsc::Sender<Invalid>,
    handover: Option<Shared>,
}

/// What is no record.
pub(super) struct Invalid {
    pub(super) rejection: Rejection,
    pub(super) handed: Handed,
}

#[derive(Default)]
struct State {
    read: u64,
    /// Rows whose cells are all empty.
    blank: u64,
    /// Records that the run which this one goes on with had dealt with.
    before: u64,
    /// Records that are kept as handed over, and that the connector has not taken yet:
    /// id, key and text.
    ready: VecDeque<(u64, String, String)>,
    /// Records that the connector took and has not answered, with their ids.
    under_way: BTreeMap<String, (u64, String)>,
    broken: Option<String>,
}

impl Input {
    pub(super) fn start(
        reader: RecordReader<Box<dyn Read + Send>>,
        handover: Option<Shared>,
    ) -> Result<Self, RunError> {
        let state: Arc<Mutex<State>> = Arc::default();
        let (sender, entries) = mpsc::channel(READ_AHEAD);
        let (put_aside, invalid) = mpsc::channel(READ_AHEAD);
        let shared = Arc::clone(&state);
        // A thread of its own, for it may wait for standard input for ever.
        std::thread::Builder::new()
            .name("input".to_owned())
            .spawn(move || {
                for entry in reader {
                    match entry {
                        Ok(entry) => {
                            if sender.blocking_send(entry).is_err() {
                                return;
                            }
                        }
                        Err(error) => {
                            lock(&shared).broken = Some(error.to_string());
                            return;
                        }
                    }
                }
            })
            .map_err(|error| RunError::Thread(error.to_string()))?;
        let entries = Arc::new(AsyncMutex::new(entries));
        Ok(Self {
            state,
            stop: watch::Sender::new(false),
            entries,
            invalid,
            put_aside,
            handover,
        })
    }

    /// The records, as the connector takes them. What is no record is put aside.
    pub(super) fn take_items(&self) -> futures::stream::BoxStream<'static, Item> {
        let taking = Taking {
            state: Arc::clone(&self.state),
            stopped: self.stop.subscribe(),
            entries: Arc::clone(&self.entries),
            put_aside: self.put_aside.clone(),
            handover: self.handover.clone(),
            ids: 0,
        };
        futures::stream::unfold(taking, |mut taking| async move {
            let item = taking.next().await?;
            Some((item, taking))
        })
        .boxed()
    }

    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The id of a record that was under way.
    pub(super) fn answered(&self, key: &str) -> Option<u64> {
        lock(&self.state).under_way.remove(key).map(|(id, _)| id)
    }

    /// What was put aside; never none, for this holds a sender itself.
    pub(super) async fn next_invalid(&mut self) -> Option<Invalid> {
        self.invalid.recv().await
    }

    pub(super) fn try_next_invalid(&mut self) -> Option<Invalid> {
        self.invalid.try_recv().ok()
    }

    /// Records that the connector took and never answered: whether they were
    /// written, nobody knows.
    pub(super) fn take_unanswered(&self) -> Vec<(u64, Rejection)> {
        let under_way = std::mem::take(&mut lock(&self.state).under_way);
        let rejected = |(key, (id, data))| {
            let error = unanswered();
            (id, Rejection { key, data, error })
        };
        under_way.into_iter().map(rejected).collect()
    }

    /// The ids of records that were kept as handed over, and never were.
    pub(super) fn take_ready(&self) -> Vec<u64> {
        let ready = std::mem::take(&mut lock(&self.state).ready);
        ready.into_iter().map(|(id, ..)| id).collect()
    }

    pub(super) fn count(&self, counts: &mut Counts) {
        let state = lock(&self.state);
        (counts.read, counts.before) = (state.read, state.before);
        counts.blank = state.blank;
    }

    /// The first entry that nobody took, once the run has ended.
    pub(super) async fn not_tried_from(&self) -> Option<String> {
        if let Some((_, key, _)) = lock(&self.state).ready.front() {
            return Some(key.clone());
        }
        let left = async {
            loop {
                match self.entries.lock().await.recv().await? {
                    Entry::Record { key, .. } | Entry::Invalid { key, .. } => return Some(key),
                    Entry::Blank { .. } => {}
                }
            }
        };
        tokio::time::timeout(LEFT_OVER, left).await.ok()?
    }

    pub(super) fn broken(&self) -> Option<String> {
        lock(&self.state).broken.clone()
    }
}

/// What takes records out of the input.
struct Taking {
    state: Arc<Mutex<State>>,
    stopped: watch::Receiver<bool>,
    entries: Arc<AsyncMutex<mpsc::Receiver<Entry>>>,
    put_aside: mpsc::Sender<Invalid>,
    handover: Option<Shared>,
    /// The last id, where there is no journal.
    ids: u64,
}

impl Taking {
    /// The next record; none at the end of the input, or where what is handed over cannot
    /// be kept.
    async fn next(&mut self) -> Option<Item> {
        loop {
            if *self.stopped.borrow() {
                return None;
            }
            if let Some(item) = lock(&self.state).hand_over_next() {
                return Some(item);
            }
            let mut entries = self.entries.lock().await;
            let first = tokio::select! {
                biased;
                _ = self.stopped.wait_for(|stopped| *stopped) => return None,
                entry = entries.recv() => entry?,
            };
            let mut some = vec![first];
            // What is at hand is kept together.
            while self.handover.is_some()
                && some.len() < READ_AHEAD
                && let Ok(entry) = entries.try_recv()
            {
                some.push(entry);
            }
            drop(entries);
            let invalid = match self.take(some) {
                Ok(invalid) => invalid,
                Err(error) => {
                    lock(&self.state).broken = Some(error.to_string());
                    return None;
                }
            };
            for invalid in invalid {
                // Only where the run has ended does nobody take it.
                self.put_aside.send(invalid).await.ok()?;
            }
        }
    }

    /// Makes records ready to be handed over, and answers what is none.
    fn take(&mut self, entries: Vec<Entry>) -> Result<Vec<Invalid>, RunError> {
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let (key, text, is_record) = match &entry {
                Entry::Record { key, json } => (key, json, true),
                Entry::Invalid { key, raw, .. } => (key, raw, false),
                Entry::Blank { .. } => {
                    lock(&self.state).blank += 1;
                    continue;
                }
            };
            let offered = offered(self.next_id()?, key, text, is_record);
            all.push((entry, offered));
        }
        let known = match &self.handover {
            Some(handover) => {
                let offered: Vec<_> = all.iter().map(|(_, offered)| offered.clone()).collect();
                handover.with(|handover| handover.hand_over(&offered))?
            }
            None => vec![Known::Nothing; all.len()],
        };
        let mut state = lock(&self.state);
        let mut invalid = Vec::new();
        for ((entry, offered), known) in all.into_iter().zip(known) {
            let mut handed = offered.handed;
            match known {
                Known::Answered => {
                    state.read += 1;
                    state.before += 1;
                    continue;
                }
                Known::Uncertain(id) => handed.id = id,
                Known::Nothing => {}
            }
            match entry {
                Entry::Blank { .. } => {}
                Entry::Record { key, json } => state.ready.push_back((handed.id, key, json)),
                Entry::Invalid {
                    key,
                    raw,
                    place,
                    message,
                    fix,
                } => {
                    state.read += 1;
                    let error = malformed(&place, &message, &fix);
                    let data = raw;
                    invalid.push(Invalid {
                        rejection: Rejection { key, data, error },
                        handed,
                    });
                }
            }
        }
        Ok(invalid)
    }

    fn next_id(&mut self) -> Result<u64, RunError> {
        self.ids += 1;
        match &self.handover {
            Some(handover) => handover.with(|handover| Ok(handover.next_id())),
            None => Ok(self.ids),
        }
    }
}

impl State {
    fn hand_over_next(&mut self) -> Option<Item> {
        let (id, key, json) = self.ready.pop_front()?;
        self.read += 1;
        self.under_way.insert(key.clone(), (id, json.clone()));
        Some(Item { key, data: json })
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
