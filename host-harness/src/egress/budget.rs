//! Requests per second, for all calls of a session together.

use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A leaky bucket (the generic cell rate algorithm): `burst` requests may go at
/// once after a pause, and `per_second` keep going.
#[derive(Debug)]
pub(super) struct Budget {
    interval: Duration,
    burst: u32,
    /// When the bucket is empty again, as seen from now.
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
        let now = Instant::now();
        let goes_at = {
            let mut empty_at = self.empty_at.lock().await;
            *empty_at = (*empty_at).max(now) + self.interval;
            (*empty_at).checked_sub(self.interval * self.burst).unwrap_or(now)
        };
        tokio::time::sleep_until(goes_at).await;
        goes_at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let budget = Budget::new(25, 20);
        let started = Instant::now();
        for _ in 0..20 {
            budget.take().await;
        }
        assert_eq!(started.elapsed(), Duration::ZERO);
        for _ in 0..50 {
            budget.take().await;
        }
        let elapsed = started.elapsed();
        assert!((1900..=2100).contains(&elapsed.as_millis()), "{elapsed:?}");
    }
}
