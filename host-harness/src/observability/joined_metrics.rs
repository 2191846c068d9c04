//! The numbers of an agent that has joined a group, and those that a workspace has of
//! its groups. A process that is neither shows none of them.

use super::metrics::Registering;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// What an agent did with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Became {
    /// It took one that no agent had had.
    Taken,
    /// It went on with another's.
    TakenOver,
    /// It gave one back, because it was to end.
    HandedBack,
    /// It left one, which it cannot do, to others.
    Left,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BecameLabel {
    became: Became,
}

/// The numbers of an agent that has joined a group.
pub(crate) struct AgentNumbers {
    pub(super) registry: Registry,
    /// Runs that it does at the same time.
    pub(crate) slots: Gauge,
    /// Runs that it has under way.
    pub(crate) busy: Gauge,
    jobs: Family<BecameLabel, Counter>,
    /// Runs that another agent took while this one had them.
    pub(crate) leases_lost: Counter,
    connected: Gauge,
    heartbeat: Since,
}

impl AgentNumbers {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("harness_agent");
        let mut all = Registering(&mut registry);
        let slots = all.plain("slots", "Runs that it does at once", Gauge::default());
        let busy = all.plain("slots_busy", "Runs under way", Gauge::default());
        let jobs = all.plain(
            "jobs",
            "Jobs, by what this agent did with them",
            Family::default(),
        );
        let leases_lost = all.plain(
            "leases_lost",
            "Runs that another agent took while this one had them",
            Counter::default(),
        );
        let connected = all.plain(
            "nats_connected",
            "Whether the agent is connected to NATS: 1, or 0",
            Gauge::default(),
        );
        let heartbeat = all.with_unit(
            Unit::Seconds,
            "heartbeat_age",
            "Since the group last heard that the agent is there",
            Since::now(),
        );
        Self {
            registry,
            slots,
            busy,
            jobs,
            leases_lost,
            connected,
            heartbeat,
        }
    }

    pub(crate) fn job(&self, became: Became) {
        self.jobs.get_or_create(&BecameLabel { became }).inc();
    }

    /// That the group has heard of the agent, or has not.
    pub(crate) fn beat(&self, heard: bool, connected: bool) {
        self.connected.set(connected.into());
        if heard {
            self.heartbeat.again();
        }
    }
}

/// What a workspace knows of its groups, all together.
pub(crate) struct GroupsNumbers {
    pub(super) registry: Registry,
    /// Jobs that no agent has under way.
    pub(crate) waiting: Gauge,
    /// Agents that are there.
    pub(crate) agents: Gauge,
    /// Their slots.
    pub(crate) slots: Gauge,
    /// Runs that they have under way.
    pub(crate) busy: Gauge,
    /// Runs with reports that have not been read.
    pub(crate) unread: Gauge,
    /// Groups that are not reached.
    pub(crate) unreached: Gauge,
}

impl GroupsNumbers {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("harness_groups");
        let mut all = Registering(&mut registry);
        Self {
            waiting: all.plain(
                "jobs_waiting",
                "Jobs in the queues of all groups that no agent has under way",
                Gauge::default(),
            ),
            agents: all.plain("agents", "Agents that are there", Gauge::default()),
            slots: all.plain("slots", "Runs that they do at once", Gauge::default()),
            busy: all.plain("slots_busy", "Runs that they have", Gauge::default()),
            unread: all.plain(
                "runs_unread",
                "Runs with reports that the workspace has not read",
                Gauge::default(),
            ),
            unreached: all.plain(
                "unreached",
                "Groups that are not reached over NATS",
                Gauge::default(),
            ),
            registry,
        }
    }
}

/// The time since something happened last, as it is when it is asked for.
#[derive(Debug, Clone)]
struct Since(Arc<Mutex<Instant>>);

impl Since {
    fn now() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    fn again(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl EncodeMetric for Since {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        encoder.encode_gauge(&last.elapsed().as_secs_f64())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}
