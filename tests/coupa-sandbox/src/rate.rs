//! The rate limit: a leaky bucket with the documented 25 requests a second and
//! 20 at once. What is over it gets 429, as third-party clients report.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::switches::Switches;

/// The bucket.
#[derive(Debug)]
pub struct RateLimit {
    state: Mutex<(f64, Instant)>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            state: Mutex::new((0.0, Instant::now())),
        }
    }
}

impl RateLimit {
    /// Whether one more request is let through now.
    pub fn allows(&self, switches: &Switches) -> bool {
        !switches.rate_limit || self.pour(Instant::now(), switches)
    }

    fn pour(&self, now: Instant, switches: &Switches) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (level, last) = *state;
        let leaked = now.saturating_duration_since(last).as_secs_f64() * switches.rate_per_second;
        let level = (level - leaked).max(0.0);
        let fits = level + 1.0 <= switches.rate_burst;
        *state = (if fits { level + 1.0 } else { level }, now);
        fits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_fits_and_then_only_what_leaks() {
        let switches = Switches {
            rate_limit: true,
            ..Switches::default()
        };
        let limit = RateLimit::default();
        let start = Instant::now();
        let let_through = (0..100).filter(|_| limit.pour(start, &switches)).count();
        assert_eq!(let_through, 20);
        let later = start + Duration::from_secs(1) / 2;
        let let_through = (0..100).filter(|_| limit.pour(later, &switches)).count();
        assert!((12..=13).contains(&let_through));
    }
}
