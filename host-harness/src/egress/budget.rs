//! Requests per second, for all calls of a session together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A leaky bucket (the generic cell rate algorithm): `burst` requests may go at
/// once after a pause, and `per_second` keep going.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    burst: u32,
    /// When the bucket is empty again.
    empty_at: Mutex<Instant>,
}

impl Budget {
    pub(super) fn new(per_second: u32, burst: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            empty_at: Mutex::new(Instant::now()),
        }
    }

    /// Takes one request from the budget and answers how long that took.
    pub(super) async fn take(&self) -> Duration {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        wait
    }

    /// Reserves the next request that is free, and answers how long after `now` it is.
    fn reserve(&self, now: Instant) -> Duration {
        let mut empty_at = self.empty_at.lock().unwrap_or_else(PoisonError::into_inner);
        *empty_at = (*empty_at).max(now) + self.interval;
        let full = self.interval * self.burst;
        empty_at.saturating_duration_since(now).saturating_sub(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let budget = Budget::new(25, 20);
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(budget.reserve(start), Duration::ZERO);
        }
        let last = (0..50).map(|_| budget.reserve(start)).last().unwrap();
        assert!((1999..=2001).contains(&last.as_millis()), "{last:?}");
        // After a pause the burst is there again.
        let later = start + Duration::from_secs(10);
        assert_eq!(budget.reserve(later), Duration::ZERO);
    }
}
