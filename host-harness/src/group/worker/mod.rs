//! An agent of a group: takes jobs while it has a free slot, and does them.

mod conduct;
mod health;
mod prepare;
mod reporter;
mod testing;
mod untold;
mod versions;

use super::error::GroupError;
use super::job::FORMAT;
use super::name::GroupName;
use super::presence::{BEAT, HeldVersion, Presence};
use super::streams::Group;
use crate::agent::Agent;
use crate::egress::{Budgets, Certificates, Proxy};
use crate::observability::{Became, Counted, metrics};
use crate::sealing::random_name;
use async_nats::jetstream::Message;
use futures::StreamExt;
use std::collections::BTreeSet;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use untold::Untold;
use versions::Versions;

/// How long a slot waits for a job before it asks anew. A slot that is told to end
/// waits no longer than that.
const FETCH: Duration = Duration::from_secs(1);
/// How long to wait for a server that does not answer.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a run that is told to stop may take to finish what is under way, and a
/// little more.
const STOPPING: Duration = Duration::from_secs(65);

/// How many bytes of records a run may be ahead of the workspace, unless an agent is told
/// otherwise.
pub const DEFAULT_AHEAD: u64 = 32 * 1024 * 1024;

/// What an agent is told.
#[derive(Clone)]
pub struct Settings {
    /// Its name, unique in the group.
    pub name: GroupName,
    /// How many runs it does at the same time.
    pub slots: usize,
    /// Its home: what the connectors' own files lie in, as `files`, and what it
    /// remembers.
    pub home: PathBuf,
    /// The proxy for connections that ask for the agent's.
    pub proxy: Option<Proxy>,
    /// Certificate authorities to trust beside the system's.
    pub certificates: Certificates,
    /// How long runs may go on when the agent is told to end. After that they are
    /// stopped at a place, and others go on with them.
    pub grace: Duration,
    /// How many bytes of records a run may report before the workspace has made them
    /// part of its file; see [`DEFAULT_AHEAD`].
    pub ahead: u64,
}

/// An agent of a group. Cloning it is cheap, and the clones are the same agent.
#[derive(Clone)]
pub struct Worker(Arc<Shared>);

struct Shared {
    group: Group,
    agent: Agent,
    settings: Settings,
    instance: String,
    versions: Versions,
    busy: AtomicUsize,
    /// The jobs that it has under way.
    running: Mutex<BTreeSet<String>>,
    trouble: Mutex<Option<String>>,
    untold: Untold,
    /// When the group last heard that it is there.
    heartbeat: Mutex<Instant>,
    drain: watch::Sender<Drain>,
}

/// How far an agent is with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Drain {
    /// It is not to end.
    No,
    /// It takes no more jobs.
    NoMore,
    /// What it has is given back.
    HandBack,
}

/// From half of a time to one and a half. Slots that all wait equally long stand in
/// the queue in the same order for ever, and what one leaves comes back to the same.
fn about(time: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness it is half.
    let _ = getrandom::fill(&mut byte);
    time / 2 + time * u32::from(byte[0]) / 256
}

impl Worker {
    /// An agent that is to work for a group.
    ///
    /// # Errors
    /// If the machine has no randomness.
    pub fn new(group: Group, agent: Agent, settings: Settings) -> Result<Self, GroupError> {
        let instance = random_name::<8>()?;
        let budgets = Budgets::shared(Arc::new(super::budget::GroupBudgets(group.clone())));
        Ok(Self(Arc::new(Shared {
            versions: Versions::open(&settings.home),
            agent: agent.with_budgets(budgets),
            group,
            settings,
            instance,
            busy: AtomicUsize::new(0),
            running: Mutex::default(),
            trouble: Mutex::default(),
            untold: Untold::default(),
            heartbeat: Mutex::new(Instant::now()),
            drain: watch::Sender::new(Drain::No),
        })))
    }

    /// Works for the group until `stop` is there; then takes no more, lets what is under
    /// way finish or gives it back, and leaves.
    ///
    /// # Errors
    /// If another agent has the name, or the server cannot be used at the start. What it
    /// lacks later is waited for.
    pub async fn work(self, stop: impl Future<Output = ()>) -> Result<(), GroupError> {
        let shared = &self.0;
        shared.group.claim(&shared.settings.name).await?;
        let slots = shared.settings.slots.max(1);
        metrics()
            .agent()
            .slots
            .set(i64::try_from(slots).unwrap_or(i64::MAX));
        self.beat().await?;
        let beating = tokio::spawn(self.clone().keep_beating());
        let testing = tokio::spawn(testing::answer(self.clone()));
        let mut filled = tokio::task::JoinSet::new();
        for _ in 0..slots {
            filled.spawn(self.clone().fill_a_slot());
        }
        stop.await;
        shared.drain.send_replace(Drain::NoMore);
        testing.abort();
        let _ = self.beat().await;
        let all = async { while filled.join_next().await.is_some() {} };
        let mut all = std::pin::pin!(all);
        let finished = tokio::time::timeout(shared.settings.grace, &mut all).await;
        if finished.is_err() {
            shared.drain.send_replace(Drain::HandBack);
            // What takes longer is taken over, as if the agent had died.
            let _ = tokio::time::timeout(STOPPING, all).await;
        }
        beating.abort();
        shared.group.leave(&shared.settings.name).await;
        // What was said last is on its way.
        let _ = tokio::time::timeout(FETCH, shared.group.client().flush()).await;
        Ok(())
    }

    async fn beat(&self) -> Result<(), GroupError> {
        let shared = &self.0;
        let presence = Presence {
            name: shared.settings.name.to_string(),
            instance: shared.instance.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            slots: shared.settings.slots,
            busy: shared.busy.load(Ordering::Relaxed),
            draining: *shared.drain.borrow() > Drain::No,
            versions: shared.versions.all(),
            quarantine: self.held(),
            trouble: self.trouble(),
            untold: shared.untold.all(),
        };
        let heard = shared.group.beat(&presence).await;
        if heard.is_ok() {
            *shared
                .heartbeat
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        let connected = shared.group.is_connected();
        metrics().agent().beat(heard.is_ok(), connected);
        heard
    }

    /// When the group last heard that the agent is there.
    fn heartbeat(&self) -> Instant {
        let heartbeat = self.0.heartbeat.lock();
        *heartbeat.unwrap_or_else(PoisonError::into_inner)
    }

    /// The versions that are in quarantine here. What cannot be read is not told.
    fn held(&self) -> Vec<HeldVersion> {
        let all = self.0.agent.quarantine().all().unwrap_or_else(|error| {
            tracing::warn!(%error, "the quarantine cannot be read");
            Vec::new()
        });
        let held = all.into_iter().filter(|kept| kept.since.is_some());
        held.map(|kept| HeldVersion {
            connector: kept.name.to_string(),
            version: kept.version.to_string(),
            reason: kept.reason(),
        })
        .collect()
    }

    async fn keep_beating(self) {
        let mut beat = tokio::time::interval(BEAT);
        loop {
            beat.tick().await;
            if let Err(error) = self.beat().await {
                tracing::warn!(%error, "the group does not hear that this agent is there");
            }
        }
    }

    /// Why a job was left to others.
    fn trouble(&self) -> Option<String> {
        let trouble = self.0.trouble.lock();
        trouble.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says why a job was left to others; none: it was not.
    fn set_trouble(&self, trouble: Option<String>) {
        if let Some(trouble) = &trouble {
            tracing::error!(trouble, "a job is left to other agents");
            metrics().agent().job(Became::Left);
        }
        *self
            .0
            .trouble
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<String>> {
        let running = self.0.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }

    fn draining(&self) -> bool {
        *self.0.drain.borrow() > Drain::No
    }

    /// Does one job after the other.
    async fn fill_a_slot(self) {
        while !self.draining() {
            match self.next().await {
                Ok(Some(message)) => {
                    self.0.busy.fetch_add(1, Ordering::Relaxed);
                    let counted = Counted::up(&metrics().agent().busy);
                    conduct::conduct(&self, Arc::new(message)).await;
                    drop(counted);
                    self.0.busy.fetch_sub(1, Ordering::Relaxed);
                }
                Ok(None) => {}
                Err(why) => {
                    tracing::warn!(why, "no jobs are to be had");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
    }

    async fn next(&self) -> Result<Option<Message>, String> {
        let fetch = async {
            let batch = self.0.group.consumer().batch();
            let mut messages = batch
                .max_messages(1)
                .expires(about(FETCH))
                .messages()
                .await
                .map_err(|error| error.to_string())?;
            match messages.next().await {
                Some(Ok(message)) => Ok(Some(message)),
                Some(Err(error)) => Err(error.to_string()),
                None => Ok(None),
            }
        };
        match tokio::time::timeout(FETCH * 4, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err("the server does not answer".to_owned()),
        }
    }
}
