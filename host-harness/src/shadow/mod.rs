//! A shadow run: the same read through two versions of a connector, compared
//! record by record, before one takes the place of the other.
//!
//! Records are matched by their key, in whatever order they come. The two sides
//! are read in step, and what waits for its counterpart lies in a temporary file,
//! so that memory does not grow with the records.

mod difference;
mod waiting;

pub use difference::{ChangedField, Difference, Example};

use crate::runtime::types::{Call, Event, Item, Role};
use crate::runtime::{Connection, Connector, Execution, RuntimeError};
use futures::StreamExt;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use waiting::{Side, Waiting};

/// Why two versions could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShadowError {
    /// What would be written twice is not tried out so.
    #[error("{version} has no “{activity}” that only reads")]
    NotReading {
        /// The version.
        version: String,
        /// The activity.
        activity: String,
    },
    /// One of them could not begin.
    #[error(transparent)]
    Begin(#[from] RuntimeError),
    /// One of them did not get to its end.
    #[error("the {which} version did not read to the end: {source}")]
    Read {
        /// `old` or `new`.
        which: &'static str,
        /// Why.
        source: Box<RuntimeError>,
    },
    /// A record that is no JSON object.
    #[error("the {which} version gives a record that is no JSON object, under the key “{key}”")]
    NoRecord {
        /// `old` or `new`.
        which: &'static str,
        /// Its key.
        key: String,
    },
    /// The records that wait for their counterpart could not be kept.
    #[error("records could not be kept aside: {0}")]
    Aside(#[from] rusqlite::Error),
}

/// How far a comparison is.
#[derive(Debug, Default)]
pub struct Progress([AtomicU64; 2]);

impl Progress {
    /// The records that the old and the new version have read so far.
    pub fn read(&self) -> (u64, u64) {
        let [old, new] = &self.0;
        (old.load(Ordering::Relaxed), new.load(Ordering::Relaxed))
    }
}

/// Begins the reading of one side.
///
/// # Errors
/// If the version has no such activity, or one that does more than to read.
pub async fn begin(
    connector: &Connector,
    connection: Connection,
    call: Call,
) -> Result<Execution, ShadowError> {
    let mut session = connector.session(connection.clone()).await?;
    let activities = session.activities().await?;
    let found = activities
        .iter()
        .find(|activity| activity.name == call.activity);
    if found.is_none_or(|activity| activity.role != Role::Source || activity.acknowledged) {
        return Err(ShadowError::NotReading {
            version: connector.descriptor().version.clone(),
            activity: call.activity,
        });
    }
    let session = connector.session(connection).await?;
    Ok(session.execute(call, futures::stream::empty().boxed()))
}

/// One side, read a batch at a time.
struct Reading {
    which: Side,
    execution: Option<Execution>,
    batch: VecDeque<Item>,
    read: u64,
}

impl Reading {
    const fn new(which: Side, execution: Execution) -> Self {
        Self {
            which,
            execution: Some(execution),
            batch: VecDeque::new(),
            read: 0,
        }
    }

    /// The next record; none at the end, which has to be a good one.
    async fn next(&mut self) -> Result<Option<Item>, ShadowError> {
        loop {
            if let Some(item) = self.batch.pop_front() {
                self.read += 1;
                return Ok(Some(item));
            }
            let Some(execution) = &mut self.execution else {
                return Ok(None);
            };
            match execution.next().await {
                Some(events) => {
                    self.batch.extend(events.into_iter().filter_map(|event| {
                        if let Event::Item(item) = event {
                            Some(item)
                        } else {
                            None
                        }
                    }));
                }
                None => {
                    if let Some(execution) = self.execution.take() {
                        execution
                            .finish()
                            .await
                            .map_err(|source| ShadowError::Read {
                                which: self.which.name(),
                                source: Box::new(source),
                            })?;
                    }
                }
            }
        }
    }
}

/// Reads both to their ends and says how they differ. Fields in `ignored` are left
/// out, such as those that change with time; a field of a field is written
/// `outer.inner`.
///
/// # Errors
/// If one of them cannot be read to its end: what is not read whole cannot be
/// told apart from what is missing.
pub async fn compare(
    old: Execution,
    new: Execution,
    ignored: &BTreeSet<String>,
    progress: &Progress,
) -> Result<Difference, ShadowError> {
    let mut sides = [Reading::new(Side::Old, old), Reading::new(Side::New, new)];
    let mut ended = [false; 2];
    let waiting = Waiting::new()?;
    let mut difference = Difference::default();
    while ended != [true, true] {
        // Whoever has read less goes on, so that few records wait.
        let behind = usize::from(ended[0] || (!ended[1] && sides[1].read < sides[0].read));
        let side = &mut sides[behind];
        let Some(item) = side.next().await? else {
            ended[behind] = true;
            continue;
        };
        if let Some(read) = progress.0.get(behind) {
            read.store(side.read, Ordering::Relaxed);
        }
        match waiting.take(side.which.other(), &item.key)? {
            None => waiting.put(side.which, &item)?,
            Some(counterpart) => {
                let (old, new) = match side.which {
                    Side::Old => (&item.data, &counterpart),
                    Side::New => (&counterpart, &item.data),
                };
                let said = difference.compare(&item.key, old, new, ignored);
                said.map_err(|which| ShadowError::NoRecord {
                    which: which.name(),
                    key: item.key.clone(),
                })?;
            }
        }
    }
    difference.old_records = sides[0].read;
    difference.new_records = sides[1].read;
    (difference.only_old, difference.only_old_keys) = waiting.left(Side::Old)?;
    (difference.only_new, difference.only_new_keys) = waiting.left(Side::New)?;
    Ok(difference)
}
