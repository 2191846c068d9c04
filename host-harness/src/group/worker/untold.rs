//! What the server does not take just now: the jobs whose reports wait, and why.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The jobs whose reports wait, and what the server says.
#[derive(Default)]
pub(super) struct Untold(Mutex<BTreeMap<String, String>>);

impl Untold {
    /// Its reports wait.
    pub(super) fn wait(&self, job: &str, why: String) {
        self.jobs().insert(job.to_owned(), why);
    }

    /// They wait no longer.
    pub(super) fn told(&self, job: &str) {
        self.jobs().remove(job);
    }

    pub(super) fn all(&self) -> BTreeMap<String, String> {
        self.jobs().clone()
    }

    fn jobs(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
