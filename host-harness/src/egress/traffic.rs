//! What went over the network in a run.

use super::protocol::Spoken;
use super::trouble::Trouble;
use super::wait::{Wait, Waits};
use crate::observability::metrics;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counters of one run. Cheap to share and to read while it runs.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    requests: AtomicU64,
    refused: AtomicU64,
    received: AtomicU64,
    waited: AtomicU64,
    repeated: AtomicU64,
    waits: Waits,
    spoken: Spoken,
    trouble: Mutex<Option<Trouble>>,
}

impl Traffic {
    /// Requests that went out.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Requests that the policy refused.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Bytes of answers' bodies.
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    /// Time that requests have waited for the rate budget, added up.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.0.waited.load(Ordering::Relaxed))
    }

    /// Requests that the connector says it sends again.
    pub fn repeated(&self) -> u64 {
        self.0.repeated.load(Ordering::Relaxed)
    }

    /// The next wait that has begun, of those worth telling. May be given up and
    /// called again.
    pub(crate) async fn next_wait(&self) -> Wait {
        self.0.waits.next().await
    }

    /// The protocols in which answers came, such as `HTTP/2`.
    pub fn protocols(&self) -> Vec<&'static str> {
        self.0.spoken.all()
    }

    /// Why the last request did not get through, where the host knows more of it than
    /// `wasi:http` can say.
    pub fn trouble(&self) -> Option<Trouble> {
        let trouble = &self.0.trouble;
        trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_trouble(&self, met: Option<Trouble>) {
        let trouble = &self.0.trouble;
        *trouble.lock().unwrap_or_else(PoisonError::into_inner) = met;
    }

    pub(super) fn count_request(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn spoke(&self, protocol: &'static str) {
        self.0.spoken.add(protocol);
    }

    pub(super) fn count_refused(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_repeated(&self) {
        self.0.repeated.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tell_wait(&self, wait: Wait) {
        self.0.waits.tell(wait, Instant::now());
    }

    pub(super) fn add_received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
        metrics().received.inc_by(bytes as u64);
    }

    pub(super) fn add_waited(&self, waited: Duration) {
        let waited = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        self.0.waited.fetch_add(waited, Ordering::Relaxed);
    }
}
