//! How long to wait between tries: exponential, with full jitter, so that
//! several callers that failed together do not come back together.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);
const LONGEST: Duration = Duration::from_secs(30);

/// The waits of one request.
#[derive(Debug)]
pub struct Backoff {
    tries: u32,
    /// Spread by the monotonic clock: there is no other source of chance here,
    /// and none is needed, for it only has to differ between callers.
    state: u64,
}

impl Backoff {
    pub fn new(now: Duration) -> Self {
        Self {
            tries: 0,
            state: now.as_nanos() as u64 | 1,
        }
    }

    /// Waits asked for so far.
    pub const fn tries(&self) -> u32 {
        self.tries
    }

    /// The next wait: between half of the step and all of it.
    pub fn next(&mut self, now: Duration) -> Duration {
        let step = FIRST.saturating_mul(1 << self.tries.min(10)).min(LONGEST);
        self.tries += 1;
        // xorshift64
        self.state ^= now.as_nanos() as u64;
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let part = (self.state % 1024) as u32;
        step / 2 + step / 2 * part / 1024
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_bounded() {
        let mut backoff = Backoff::new(Duration::from_nanos(12345));
        let mut step = FIRST;
        for _ in 0..20 {
            let wait = backoff.next(Duration::from_nanos(999));
            assert!(wait >= step / 2 && wait <= step, "{wait:?} of {step:?}");
            step = (step * 2).min(LONGEST);
        }
    }
}
