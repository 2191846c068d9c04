//! What a run is about to wait for, told before it waits.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Shorter waits are not worth telling.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// Why nothing is sent for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The connection's requests per second are used up.
    Budget,
    /// The remote system answered that it wants to be left alone for so long.
    Asked,
}

/// A wait that has just begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) reason: Reason,
    pub(crate) long: Duration,
}

impl Wait {
    /// For a person.
    pub(crate) fn message(&self) -> &'static str {
        match self.reason {
            Reason::Budget => "the requests per second of this connection are used up",
            Reason::Asked => "the remote system asks to wait before the next request",
        }
    }
}

/// The waits of a run. Requests wait side by side, so that one is told for all that
/// wait meanwhile.
#[derive(Debug, Default)]
pub(super) struct Waits {
    state: Mutex<State>,
    told: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Not taken yet.
    next: Option<Wait>,
    /// When the longest that was told is over.
    until: Option<Instant>,
}

impl Waits {
    /// Says that a request waits from `now` on.
    pub(super) fn tell(&self, wait: Wait, now: Instant) {
        if wait.long < WORTH_TELLING {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let until = now + wait.long;
        // What ends a little later than was told is the same wait.
        let is_told = |told: Instant| told > now && until < told + WORTH_TELLING;
        if state.until.is_some_and(is_told) {
            return;
        }
        state.until = Some(until);
        state.next = Some(wait);
        drop(state);
        self.told.notify_one();
    }

    /// The next wait that has begun. May be given up and called again.
    pub(super) async fn next(&self) -> Wait {
        loop {
            let told = self.told.notified();
            let next = {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.next.take()
            };
            if let Some(wait) = next {
                return wait;
            }
            told.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn budget(milliseconds: u64) -> Wait {
        Wait {
            reason: Reason::Budget,
            long: Duration::from_millis(milliseconds),
        }
    }

    fn taken(waits: &Waits) -> Option<Wait> {
        futures::FutureExt::now_or_never(waits.next())
    }

    #[test]
    fn one_is_told_for_all_that_wait_together() {
        let (waits, start) = (Waits::default(), Instant::now());
        waits.tell(budget(999), start);
        assert_eq!(taken(&waits), None);
        for wait in [2000, 2040, 2080, 2900] {
            waits.tell(budget(wait), start);
        }
        assert_eq!(taken(&waits), Some(budget(2000)));
        assert_eq!(taken(&waits), None);
        // One that lasts much longer is news, and so is one after the other's end.
        waits.tell(budget(5000), start);
        assert_eq!(taken(&waits), Some(budget(5000)));
        waits.tell(budget(1000), start + Duration::from_secs(6));
        assert_eq!(taken(&waits), Some(budget(1000)));
    }
}
