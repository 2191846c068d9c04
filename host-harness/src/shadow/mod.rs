//! A shadow run: the same read through two versions of a connector, compared
//! record by record, before one takes the place of the other.
//!
//! Records are matched by their key, in whatever order they come. The two sides
//! are read in step, and what waits for its counterpart lies in a temporary file,
//! so that memory does not grow with the records.

mod difference;
mod waiting;

pub use difference::{ChangedField, Difference, Example};

use crate::runtime::types::{Event, Item};
use crate::runtime::{Execution, RuntimeError};
use std::collections::{BTreeSet, VecDeque};
use waiting::{Side, Waiting};

/// Why two versions could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShadowError {
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
