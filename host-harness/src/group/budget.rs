//! One rate for all that the agents of a group send to one remote system.
//!
//! The bucket lies in the group's key-value store and is changed by compare and
//! swap: an agent takes permits for requests that wait just now, each with the
//! moment from which it holds. Nothing is taken ahead of need, so no permit is kept
//! and used later together with others', and none is lost.
//!
//! Times in the bucket are the server's. An agent knows them between two bounds,
//! from when it asked for its last write and when the answer came: it books requests
//! at the later one and sends them at the earlier one, so that what it does not know
//! makes it slower, never faster.
//!
//! An agent that cannot reach the server gets no permits and sends nothing.

use super::error::GroupError;
use super::streams::Group;
use crate::egress::{BudgetSource, SharedBudget};
use crate::registry::Digest;
use async_nats::jetstream::kv::UpdateErrorKind;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// The most permits that are taken at once: more would make others wait for those
/// that have not even come to be used.
const MOST_AT_ONCE: usize = 8;
/// How much slower it can become where the remote system asks to slow down.
const SLOWEST: u32 = 16;
/// Answers that go well after which half of a slow-down is taken back.
const TRUST: u32 = 25;
/// Requests to slow down that come within so long count as one.
const TOGETHER: i64 = 1_000_000_000;
/// How long the server's clock is known from one look at it.
const CLOCK_HOLDS: Duration = Duration::from_secs(10);
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_millis(200);

/// The bucket.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bucket {
    /// When it is empty again: nanoseconds since 1970.
    empty_at: i64,
    /// How many times slower than it could be.
    slower: u32,
    /// When that changed.
    changed_at: i64,
}

impl Bucket {
    /// Books `count` requests at `now`, and answers from when each of them may go.
    fn book(&mut self, now: i64, interval: i64, burst: i64, count: usize) -> Vec<i64> {
        // Somebody who was asked to slow down sends nothing at once.
        let (interval, burst) = match self.slower {
            0 | 1 => (interval, burst),
            slower => (interval * i64::from(slower), 1),
        };
        self.empty_at = self.empty_at.max(now);
        let mut moments = Vec::with_capacity(count);
        for _ in 0..count {
            self.empty_at += interval;
            moments.push(self.empty_at - interval * burst);
        }
        moments
    }

    fn slow_down(&mut self, now: i64) {
        if self.slower <= 1 || now - self.changed_at > TOGETHER {
            self.slower = (self.slower.max(1) * 2).min(SLOWEST);
            self.changed_at = now;
        }
    }

    fn speed_up(&mut self, now: i64) {
        if self.slower > 1 && now - self.changed_at > TOGETHER {
            self.slower /= 2;
            self.changed_at = now;
        }
    }
}

enum Wish {
    Request(oneshot::Sender<(Instant, u32)>),
    Slower,
    Faster,
}

/// Budgets that all agents of a group share.
pub(super) struct GroupBudgets(pub(super) Group);

impl BudgetSource for GroupBudgets {
    fn budget(&self, name: &str, per_second: u32, burst: u32) -> Arc<dyn SharedBudget> {
        let hash = Digest::of(name.as_bytes()).hex();
        let (wishes, waiting) = mpsc::unbounded_channel();
        let booking = Booking {
            group: self.0.clone(),
            key: format!("budget.{hash:.32}"),
            interval: 1_000_000_000 / i64::from(per_second.max(1)),
            burst: i64::from(burst.max(1)),
            bucket: Bucket::default(),
            revision: 0,
            clock: None,
        };
        tokio::spawn(booking.run(waiting));
        Arc::new(GroupBudget {
            wishes,
            well: AtomicU32::new(0),
            slower: AtomicU32::new(1),
        })
    }
}

/// The agent's end of a budget.
struct GroupBudget {
    wishes: mpsc::UnboundedSender<Wish>,
    well: AtomicU32,
    /// As it was when the last permit came.
    slower: AtomicU32,
}

impl SharedBudget for GroupBudget {
    fn take(&self) -> BoxFuture<'_, Duration> {
        Box::pin(async {
            let started = Instant::now();
            let (sender, permit) = oneshot::channel();
            let asked = self.wishes.send(Wish::Request(sender)).is_ok();
            match permit.await {
                Ok((moment, slower)) if asked => {
                    self.slower.store(slower, Ordering::Relaxed);
                    tokio::time::sleep_until(moment.into()).await;
                }
                // The program is about to end.
                _ => std::future::pending().await,
            }
            started.elapsed()
        })
    }

    fn slow_down(&self) {
        self.well.store(0, Ordering::Relaxed);
        let _ = self.wishes.send(Wish::Slower);
    }

    fn went_well(&self) {
        let well = self.well.fetch_add(1, Ordering::Relaxed) + 1;
        if well >= TRUST && self.slower.load(Ordering::Relaxed) > 1 {
            self.well.store(0, Ordering::Relaxed);
            let _ = self.wishes.send(Wish::Faster);
        }
    }
}

/// The server's clock, seen from here.
#[derive(Clone, Copy)]
struct Clock {
    /// The server's time of a write, in nanoseconds since 1970.
    at: i64,
    /// Before that write, here.
    asked: Instant,
    /// After it.
    answered: Instant,
}

impl Clock {
    /// The server's time is this at the latest.
    fn latest(&self) -> i64 {
        self.at + i64::try_from(self.asked.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }

    /// When the server's time has surely come.
    fn here(&self, moment: i64) -> Instant {
        match u64::try_from(moment - self.at) {
            Ok(after) => self.answered + Duration::from_nanos(after),
            Err(_) => {
                let before = Duration::from_nanos((self.at - moment).unsigned_abs());
                self.answered.checked_sub(before).unwrap_or(self.answered)
            }
        }
    }
}

/// Takes permits from the bucket, for all who wait in this process.
struct Booking {
    group: Group,
    key: String,
    interval: i64,
    burst: i64,
    /// The bucket as it was last seen, and its revision.
    bucket: Bucket,
    revision: u64,
    clock: Option<Clock>,
}

impl Booking {
    async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Wish>) {
        while let Some(first) = wishes.recv().await {
            let mut waiting = Vec::new();
            let (mut slower, mut faster) = (false, false);
            let mut next = Some(first);
            while let Some(wish) = next {
                match wish {
                    Wish::Request(sender) => waiting.push(sender),
                    Wish::Slower => slower = true,
                    Wish::Faster => faster = true,
                }
                if waiting.len() >= MOST_AT_ONCE {
                    break;
                }
                next = wishes.try_recv().ok();
            }
            // Whoever has given up needs none.
            waiting.retain(|sender| !sender.is_closed());
            if waiting.is_empty() && !slower && !faster {
                continue;
            }
            let moments = loop {
                match self.change(slower, faster, waiting.len()).await {
                    Ok(Some(moments)) => break moments,
                    Ok(None) => {}
                    Err(error) => {
                        tracing::warn!(%error, "no permits for requests are to be had");
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            };
            let last = moments.last().copied();
            for (sender, moment) in waiting.into_iter().zip(moments) {
                let _ = sender.send((moment, self.bucket.slower));
            }
            // The others of the group get theirs meanwhile.
            if let Some(last) = last {
                tokio::time::sleep_until(last.into()).await;
            }
        }
    }

    /// Changes the bucket; none where another agent did so in between.
    async fn change(
        &mut self,
        slower: bool,
        faster: bool,
        count: usize,
    ) -> Result<Option<Vec<Instant>>, GroupError> {
        let clock = match self.clock {
            Some(clock) if clock.answered.elapsed() < CLOCK_HOLDS => clock,
            _ => self.look_at_the_clock().await?,
        };
        let now = clock.latest();
        let mut bucket = self.bucket;
        if slower {
            bucket.slow_down(now);
        }
        if faster {
            bucket.speed_up(now);
        }
        let moments = bucket.book(now, self.interval, self.burst, count);
        if !self.put(bucket).await? {
            return Ok(None);
        }
        Ok(Some(
            moments
                .into_iter()
                .map(|moment| clock.here(moment))
                .collect(),
        ))
    }

    async fn put(&mut self, bucket: Bucket) -> Result<bool, GroupError> {
        let value = serde_json::to_vec(&bucket).map_err(|error| GroupError::Malformed {
            what: "a budget",
            why: error.to_string(),
        })?;
        let values = self.group.values();
        match values.update(&self.key, value.into(), self.revision).await {
            Ok(revision) => {
                self.revision = revision;
                self.bucket = bucket;
                Ok(true)
            }
            Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {
                self.read().await?;
                Ok(false)
            }
            Err(error) => Err(GroupError::server("book requests")(error)),
        }
    }

    async fn read(&mut self) -> Result<Option<i64>, GroupError> {
        let entry = self.group.values().entry(&self.key).await;
        let entry = entry.map_err(GroupError::server("tell the budget"))?;
        let Some(entry) = entry else {
            (self.bucket, self.revision) = (Bucket::default(), 0);
            return Ok(None);
        };
        // What cannot be read is as good as none.
        self.bucket = serde_json::from_slice(&entry.value).unwrap_or_default();
        self.revision = entry.revision;
        Ok(i64::try_from(entry.created.unix_timestamp_nanos()).ok())
    }

    /// Writes a key of its own, to see when the server thinks that that was.
    async fn look_at_the_clock(&mut self) -> Result<Clock, GroupError> {
        let failed = GroupError::server("tell the time");
        let key = format!("clock.{}", self.key);
        let values = self.group.values();
        let asked = Instant::now();
        let revision = values
            .put(&key, "".into())
            .await
            .map_err(|error| failed(error.to_string()))?;
        let answered = Instant::now();
        let entry = values
            .entry_for_revision(&key, revision)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let at = entry.and_then(|entry| i64::try_from(entry.created.unix_timestamp_nanos()).ok());
        // Another agent has written over it.
        let at = at.ok_or_else(|| failed("others ask for it as well".to_owned()))?;
        let clock = Clock {
            at,
            asked,
            answered,
        };
        self.clock = Some(clock);
        self.read().await?;
        Ok(clock)
    }
}

#[cfg(test)]
mod tests {
    use super::Bucket;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let mut bucket = Bucket::default();
        let interval = SECOND / 25;
        let now = 1000 * SECOND;
        let moments = bucket.book(now, interval, 20, 70);
        assert!(moments[..20].iter().all(|moment| *moment <= now));
        assert_eq!(moments[69], now + 50 * interval);
        // In no window are there more than a burst and what the rate gives.
        for (first, start) in moments.iter().enumerate() {
            for (last, end) in moments.iter().enumerate().skip(first) {
                let (start, end) = ((*start).max(now), (*end).max(now));
                let most = 20 + (end - start) / interval;
                assert!(((last - first) as i64) < most + 1, "{first} to {last}");
            }
        }
    }

    #[test]
    fn one_who_is_refused_slows_all_down_and_several_at_once_count_as_one() {
        let mut bucket = Bucket::default();
        let now = 1000 * SECOND;
        bucket.slow_down(now);
        bucket.slow_down(now + 1000);
        assert_eq!(bucket.slower, 2);
        let moments = bucket.book(now, SECOND, 20, 2);
        assert_eq!(moments, [now, now + 2 * SECOND]);
        bucket.speed_up(now + 2 * SECOND);
        assert_eq!(bucket.slower, 1);
    }
}
