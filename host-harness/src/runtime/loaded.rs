//! Connectors that this process has made ready, so that the next run of one begins
//! with an instance: loading its compiled code again takes a hundred times as long.
//!
//! What is found here was asked for by a digest that its bytes were compared with just
//! before, each time: nothing is believed for having been here.

use super::bindings::{ConnectorComponentPre, design};
use super::guest::Guest;
use crate::registry::Digest;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// As many as are kept, those that were used last. The code of each is some megabytes.
const KEPT: usize = 8;

/// A component, linked, and what it says of itself.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) pre: ConnectorComponentPre<Guest>,
    pub(super) descriptor: Arc<design::Descriptor>,
}

/// The connectors that are ready, the one that was used last at the front.
#[derive(Clone, Default)]
pub(super) struct Loaded(Arc<Mutex<VecDeque<(Digest, Ready)>>>);

impl Loaded {
    fn ready(&self) -> MutexGuard<'_, VecDeque<(Digest, Ready)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, digest: Digest) -> Option<Ready> {
        let mut ready = self.ready();
        let place = ready.iter().position(|(known, _)| *known == digest)?;
        let found = ready.remove(place)?;
        let answer = found.1.clone();
        ready.push_front(found);
        Some(answer)
    }

    pub(super) fn put(&self, digest: Digest, component: &Ready) {
        let mut ready = self.ready();
        // Several may have loaded it at the same time.
        ready.retain(|(known, _)| *known != digest);
        ready.push_front((digest, component.clone()));
        ready.truncate(KEPT);
    }
}
