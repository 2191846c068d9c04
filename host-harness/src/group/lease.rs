//! The right to do a run, held by one agent at a time.
//!
//! A lease is an entry of the group's bucket with a number, the epoch, that counts
//! up whenever it is taken. Its holder renews it, and with it the moment until which
//! its requests may pass the [gate](crate::egress::Gate); each renewal counts from
//! when it was *asked for*, on the holder's own clock, less a margin. Whoever takes
//! it from another changes the entry, which ends renewing, and waits until the old
//! lease has run out since its last renewal. Both moments are times of the one
//! server, so no two machines' clocks are ever compared, and the holder's gate has
//! closed before.
//!
//! A holder that cannot reach the server waits behind its closed gate; where nobody
//! has taken the lease when the server is back, it goes on.

use super::error::GroupError;
use super::streams::Group;
use crate::egress::{Gate, GateKeeper};
use async_nats::jetstream::kv::UpdateErrorKind;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Of the lease, what is left at its end in which nothing is begun any more: what was
/// sent just before has so long to arrive before another agent looks.
fn margin(lease: Duration) -> Duration {
    lease / 4
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Entry {
    epoch: u64,
    agent: String,
    milliseconds: u64,
    /// Given back: nobody has to wait.
    released: bool,
}

/// A lease that is held.
pub(super) struct Lease {
    group: Group,
    key: String,
    entry: Entry,
    revision: u64,
    keeper: GateKeeper,
}

/// What came of renewing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewed {
    /// It is held for another while.
    Held,
    /// Whether it is held is not known: the server does not answer.
    Unknown,
    /// Another has it.
    Lost,
}

impl Lease {
    /// Takes the lease of a job, and waits until an earlier one has run out; none
    /// where another agent was quicker. The gate is open from then on.
    pub(super) async fn take(
        group: &Group,
        job: &str,
        agent: &str,
    ) -> Result<Option<(Self, Gate)>, GroupError> {
        let failed = GroupError::server("give a lease");
        let key = format!("lease.{job}");
        let before = group.values().entry(&key).await.map_err(&failed)?;
        let old: Option<Entry> = before
            .as_ref()
            .and_then(|entry| serde_json::from_slice(&entry.value).ok());
        let lease = group.lease();
        if let (Some(before), Some(old)) = (&before, &old)
            && !old.released
        {
            // Its holder may be well, and only the queue not have heard of it.
            tokio::time::sleep(lease / 2).await;
            let now = group.values().entry(&key).await.map_err(&failed)?;
            if now.is_none_or(|now| now.revision != before.revision) {
                return Ok(None);
            }
        }
        let entry = Entry {
            epoch: old.as_ref().map_or(0, |old| old.epoch) + 1,
            agent: agent.to_owned(),
            milliseconds: u64::try_from(lease.as_millis()).unwrap_or(u64::MAX),
            released: false,
        };
        let revision = before.as_ref().map_or(0, |entry| entry.revision);
        let (keeper, gate) = Gate::until(Instant::now());
        let Some(revision) = put(group, &key, &entry, revision).await? else {
            // Another agent was quicker.
            return Ok(None);
        };
        let mut taken = Self {
            group: group.clone(),
            key,
            entry,
            revision,
            keeper,
        };
        if let (Some(before), Some(old)) = (before, old.filter(|old| !old.released)) {
            let now = group.values().entry(&taken.key).await.map_err(&failed)?;
            let Some(now) = now.filter(|now| now.revision == revision) else {
                return Ok(None);
            };
            let passed = (now.created - before.created).whole_milliseconds();
            let passed = u64::try_from(passed).unwrap_or(0);
            let rest = Duration::from_millis(old.milliseconds.saturating_sub(passed));
            tracing::info!(job, wait = ?rest, of = old.agent, "waiting until a lease has run out");
            // Longer than the lease itself would let another think that we are dead.
            let until = Instant::now() + rest;
            while let Some(left) = until.checked_duration_since(Instant::now()) {
                tokio::time::sleep(left.min(lease / 4)).await;
                if taken.renew().await == Renewed::Lost {
                    return Ok(None);
                }
                // Not before it is ours alone.
                taken.keeper.keep_open_until(Instant::now());
            }
        }
        match taken.renew().await {
            Renewed::Held => Ok(Some((taken, gate))),
            Renewed::Unknown | Renewed::Lost => Ok(None),
        }
    }

    /// Which holder of the lease this is, from 1.
    pub(super) fn epoch(&self) -> u64 {
        self.entry.epoch
    }

    /// Renews it.
    pub(super) async fn renew(&mut self) -> Renewed {
        let asked = Instant::now();
        match put(&self.group, &self.key, &self.entry, self.revision).await {
            Ok(Some(revision)) => {
                self.revision = revision;
                let lease = self.group.lease();
                self.keeper
                    .keep_open_until(asked + lease.saturating_sub(margin(lease)));
                Renewed::Held
            }
            Err(_) => Renewed::Unknown,
            // It may be an earlier renewal whose answer did not come.
            Ok(None) => match self.group.values().entry(&self.key).await {
                Err(_) => Renewed::Unknown,
                Ok(Some(now)) => match serde_json::from_slice::<Entry>(&now.value) {
                    Ok(entry)
                        if entry.epoch == self.entry.epoch && entry.agent == self.entry.agent =>
                    {
                        self.revision = now.revision;
                        Renewed::Unknown
                    }
                    _ => Renewed::Lost,
                },
                Ok(None) => Renewed::Lost,
            },
        }
    }

    /// Gives it back, so that the next one need not wait.
    pub(super) async fn release(mut self) {
        self.keeper.keep_open_until(Instant::now());
        self.entry.released = true;
        // Where that does not arrive, it runs out.
        let _ = put(&self.group, &self.key, &self.entry, self.revision).await;
    }

    /// Removes it: the job has been done.
    pub(super) async fn end(self) {
        self.keeper.keep_open_until(Instant::now());
        let _ = self.group.values().purge(&self.key).await;
    }
}

/// Puts an entry in place of the revision that was seen; none where that is not the
/// last one any more.
async fn put(
    group: &Group,
    key: &str,
    entry: &Entry,
    revision: u64,
) -> Result<Option<u64>, GroupError> {
    let value = serde_json::to_vec(entry).map_err(|error| GroupError::Malformed {
        what: "a lease",
        why: error.to_string(),
    })?;
    match group.values().update(key, value.into(), revision).await {
        Ok(revision) => Ok(Some(revision)),
        Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => Ok(None),
        Err(error) => Err(GroupError::server("renew a lease")(error)),
    }
}
