//! Which agents of a group are there.

use super::error::GroupError;
use super::name::GroupName;
use super::streams::Group;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use utoipa::ToSchema;

/// How often an agent says that it is there.
pub(super) const BEAT: Duration = Duration::from_secs(2);
/// An agent that has said nothing for so long is taken for gone.
pub(super) const GONE_AFTER: Duration = Duration::from_secs(7);
/// And after so long it is not listed any more.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// A version of a connector that an agent has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HasVersion {
    /// The connector's name in the registry.
    pub connector: String,
    /// The version.
    pub version: String,
    /// The digest that it was verified by.
    pub digest: String,
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Presence {
    /// Its name.
    pub name: String,
    /// Names this start of it.
    pub instance: String,
    /// The program's version.
    pub program: String,
    /// The newest format of jobs that it can do.
    pub format: u32,
    /// How many runs it does at the same time.
    pub slots: usize,
    /// How many it has under way.
    pub busy: usize,
    /// Whether it takes no more runs, because it is to end.
    pub draining: bool,
    /// The versions of connectors that it has.
    pub versions: Vec<HasVersion>,
    /// Why it could not do the last job that it left to others.
    pub trouble: Option<String>,
    /// The versions that it does not use, because they broke down on it.
    #[serde(default)]
    pub quarantine: Vec<HeldVersion>,
    /// The jobs whose reports the server does not take just now, and why.
    #[serde(default)]
    pub untold: BTreeMap<String, String>,
}

/// A version that an agent does not use, because it broke down there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct HeldVersion {
    /// The connector's name in the registry.
    pub connector: String,
    /// The version.
    pub version: String,
    /// Why, for people.
    pub reason: String,
}

/// An agent as it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Seen {
    /// What it said.
    #[serde(flatten)]
    pub presence: Presence,
    /// Milliseconds since it said that.
    pub seen_ms_ago: u64,
    /// Whether it is there, by that.
    pub alive: bool,
}

/// How long it is known what the server's clock says, before it is asked again.
const KNOWN_FOR: Duration = Duration::from_secs(10);

/// What the server's clock said, and when, on this machine's monotonic clock.
#[derive(Default)]
pub(super) struct Clock(Mutex<Option<(Instant, i128)>>);

impl Clock {
    fn now(&self) -> Option<i128> {
        let said = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, said) = said?;
        let since = at.elapsed();
        (since < KNOWN_FOR).then(|| said + i128::try_from(since.as_nanos()).unwrap_or(0))
    }

    fn set(&self, said: i128) -> i128 {
        let mut clock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *clock = Some((Instant::now(), said));
        said
    }
}

/// The key of a value that is put there to learn what the server's clock says.
const CLOCK: &str = "clock";

fn key(name: &str) -> String {
    format!("agent.{name}")
}

impl Group {
    /// Says that an agent is there.
    pub(super) async fn beat(&self, presence: &Presence) -> Result<(), GroupError> {
        let value = serde_json::to_vec(presence).map_err(|error| GroupError::Malformed {
            what: "what an agent says of itself",
            why: error.to_string(),
        })?;
        self.values()
            .put(key(&presence.name), value.into())
            .await
            .map_err(GroupError::server("take a heartbeat"))?;
        Ok(())
    }

    /// Says that it has gone.
    pub(super) async fn leave(&self, name: &GroupName) {
        // Where that does not arrive, it is seen no more.
        let _ = self.values().purge(key(name.as_str())).await;
    }

    /// Waits until no other agent has the name.
    ///
    /// # Errors
    /// [`GroupError::NameTaken`] where one has it, and is there.
    pub(super) async fn claim(&self, name: &GroupName) -> Result<(), GroupError> {
        let failed = GroupError::server("tell who is there");
        let entry = || async { self.values().entry(key(name.as_str())).await };
        let Some(before) = entry().await.map_err(&failed)? else {
            return Ok(());
        };
        let now = self.server_time().await;
        let Some(seen) = seen(&before.value, before.created.unix_timestamp_nanos(), now) else {
            return Ok(());
        };
        if !seen.alive {
            return Ok(());
        }
        // It may have been killed just now.
        for _ in 0..3 {
            tokio::time::sleep(BEAT).await;
            match entry().await.map_err(&failed)? {
                Some(now) if now.revision != before.revision => {
                    return Err(GroupError::NameTaken(name.to_string()));
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// What the server's clock says, in nanoseconds since 1970: when agents said
    /// something is told by it, and no other clock may be held against it. A server that
    /// does not take a value just now leaves this machine's.
    async fn server_time(&self) -> i128 {
        if let Some(now) = self.clock().now() {
            return now;
        }
        let told = async {
            self.values().put(CLOCK, "".into()).await.ok()?;
            self.values().entry(CLOCK).await.ok()?
        };
        match told.await {
            Some(entry) => self.clock().set(entry.created.unix_timestamp_nanos()),
            None => jiff::Timestamp::now().as_nanosecond(),
        }
    }

    /// The agents that have been there in the last hour, by name.
    ///
    /// # Errors
    /// If the server does not answer.
    pub async fn agents(&self) -> Result<Vec<Seen>, GroupError> {
        let mut agents = Vec::new();
        let now = self.server_time().await;
        let mut from = 1;
        while let Some((sequence, value, at)) = self.next_value("agent.*", from).await? {
            from = sequence + 1;
            agents.extend(
                seen(&value, at, now)
                    .filter(|seen| u128::from(seen.seen_ms_ago) < FORGOTTEN_AFTER.as_millis()),
            );
        }
        agents.sort_by(|a, b| a.presence.name.cmp(&b.presence.name));
        Ok(agents)
    }
}

/// `at` and `now` are the server's.
fn seen(value: &[u8], at: i128, now: i128) -> Option<Seen> {
    // What is left of one that has gone is empty.
    let presence: Presence = serde_json::from_slice(value).ok()?;
    let ago = u64::try_from((now - at) / 1_000_000).unwrap_or(0);
    Some(Seen {
        presence,
        seen_ms_ago: ago,
        alive: u128::from(ago) < GONE_AFTER.as_millis(),
    })
}
