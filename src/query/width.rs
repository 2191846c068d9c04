//! How many pages are worth being on their way at once: as many as make reading faster.
//!
//! How long Coupa takes to answer cannot be told from how long the host holds a request
//! back for the rate that the tenant allows, so neither is guessed at: the number is
//! doubled, and stays so where pages then come sooner; and now and then it is halved, and
//! stays so where they come as soon.

use std::time::Duration;

/// How much sooner pages have to come with twice as many at once, for that to stay.
const WORTH_IT: f64 = 1.2;
/// How much later they may come with half as many, for that to stay.
const AS_GOOD: f64 = 1.05;
/// Measurements between two attempts.
const QUIET: u32 = 10;

/// The number, and what is known of what it brings.
#[derive(Debug)]
pub struct Width {
    now: usize,
    most: usize,
    /// Pages delivered since then.
    measured: (usize, Duration),
    /// What is tried, and pages a second before.
    trial: Option<(Trial, f64)>,
    /// What is tried next.
    next: Trial,
    quiet: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Double,
    Half,
}

impl Width {
    /// One at a time, up to `most`.
    pub fn new(most: usize, now: Duration) -> Self {
        Self {
            now: 1,
            most: most.max(1),
            measured: (0, now),
            trial: None,
            next: Trial::Double,
            quiet: 0,
        }
    }

    pub const fn get(&self) -> usize {
        self.now
    }

    /// No more than `most` from now on.
    pub fn at_most(&mut self, most: usize, now: Duration) {
        self.most = self.most.min(most.max(1));
        if self.now > self.most {
            self.set(self.most, now);
        }
    }

    /// A whole page was delivered.
    pub fn delivered(&mut self, now: Duration) {
        let (pages, since) = self.measured;
        self.measured.0 = pages + 1;
        if pages + 1 < 2 * self.now {
            return;
        }
        let took = now.saturating_sub(since).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "pages are few")]
        let rate = (pages + 1) as f64 / took.max(1e-6);
        self.measured = (0, now);
        match self.trial.take() {
            Some((Trial::Double, before)) if rate < before * WORTH_IT => {
                self.give_up(self.now / 2, Trial::Half);
            }
            Some((Trial::Half, before)) if rate * AS_GOOD < before => {
                self.give_up(self.now * 2, Trial::Double);
            }
            // What has helped is gone on with.
            Some((trial, _)) => self.try_out(trial, rate),
            None if self.quiet > 0 => self.quiet -= 1,
            None => self.try_out(self.next, rate),
        }
    }

    fn try_out(&mut self, trial: Trial, rate: f64) {
        let width = match trial {
            Trial::Double => self.now * 2,
            Trial::Half => self.now / 2,
        };
        if (1..=self.most).contains(&width) {
            self.now = width;
            self.trial = Some((trial, rate));
        } else {
            self.quiet = QUIET;
            self.next = match trial {
                Trial::Double => Trial::Half,
                Trial::Half => Trial::Double,
            };
        }
    }

    fn give_up(&mut self, width: usize, next: Trial) {
        self.now = width.clamp(1, self.most);
        self.quiet = QUIET;
        self.next = next;
    }

    /// What was asked for ahead was of no use: one at a time, until pages are whole again.
    pub fn fell_short(&mut self, now: Duration) {
        self.set(1, now);
    }

    fn set(&mut self, width: usize, now: Duration) {
        self.now = width;
        self.trial = None;
        self.next = Trial::Double;
        self.quiet = 0;
        self.measured = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The width after many pages, where an answer takes `latency` and at most `rate`
    /// requests a second are let through.
    fn settled(latency: f64, rate: f64, most: usize) -> Vec<usize> {
        let mut now = 0.0;
        let mut width = Width::new(most, Duration::ZERO);
        let mut seen = Vec::new();
        for _ in 0..4000 {
            #[expect(clippy::cast_precision_loss, reason = "they are few")]
            let at_once = width.get() as f64;
            now += (latency / at_once).max(1.0 / rate);
            width.delivered(Duration::from_secs_f64(now));
            seen.push(width.get());
        }
        seen.split_off(2000)
    }

    #[test]
    fn as_many_as_it_takes_and_seldom_more() {
        for (latency, rate, least) in [
            (0.006, 25.0, 1),
            (0.3, 25.0, 8),
            (1.0, 25.0, 32),
            (1.0, 5.0, 8),
            (5.0, 25.0, 32),
        ] {
            let seen = settled(latency, rate, 32);
            let enough = seen.iter().filter(|width| **width >= least).count();
            let more = seen.iter().filter(|width| **width > least).count();
            assert!(
                enough * 20 >= seen.len() * 19,
                "{latency} s, {rate}/s: {seen:?}"
            );
            assert!(more * 3 <= seen.len(), "{latency} s, {rate}/s: {seen:?}");
        }
    }

    #[test]
    fn it_is_bounded_and_begins_anew_after_a_shortage() {
        let mut width = Width::new(2, Duration::ZERO);
        for second in 1..100 {
            width.delivered(Duration::from_secs(second));
            assert!(width.get() <= 2);
        }
        width.fell_short(Duration::from_secs(100));
        assert_eq!(width.get(), 1);
        width.at_most(0, Duration::from_secs(100));
        assert_eq!(width.get(), 1);
    }
}
