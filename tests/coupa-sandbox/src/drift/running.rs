//! The drifts that are on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::round::collection;
use super::{Drift, DriftError, DriftRound, round};
use crate::store::Store;

/// A drift, and how far it is.
struct Running {
    drift: Drift,
    pages: u64,
    rounds: u64,
}

/// The drifts that are on, and what they did.
#[derive(Default)]
pub struct Drifts {
    state: Mutex<(Vec<Running>, Vec<DriftRound>)>,
}

impl Drifts {
    /// Adds one; an error where there is no such collection.
    pub fn add(&self, drift: Drift) -> Result<(), DriftError> {
        collection(&drift)?;
        self.lock().0.push(Running {
            drift,
            pages: 0,
            rounds: 0,
        });
        Ok(())
    }

    /// Ends all of them; what they did is kept.
    pub fn clear(&self) {
        self.lock().0.clear();
    }

    /// What happened so far, oldest first.
    pub fn rounds(&self) -> Vec<DriftRound> {
        self.lock().1.clone()
    }

    /// To be told after every page of a list. Of several drifts of one
    /// collection each has its turn. A round that fails changes nothing.
    pub fn after_page(&self, collection: &str, store: &Store) {
        let mut state = self.lock();
        let (running, done) = &mut *state;
        for one in running
            .iter_mut()
            .filter(|one| one.drift.collection == collection)
        {
            one.pages += 1;
            let is_due = one.pages.is_multiple_of(one.drift.every.max(1));
            if !is_due || one.drift.times.is_some_and(|times| one.rounds >= times) {
                continue;
            }
            one.rounds += 1;
            done.extend(round(store, &one.drift, one.rounds));
        }
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<Running>, Vec<DriftRound>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
