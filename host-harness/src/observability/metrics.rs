//! The numbers of this process, in the form that Prometheus reads.
//!
//! There is one set for a process, as Prometheus sees a process as one target.
//! The values of every label are counted off here, so that no connection,
//! tenant or record can make new series: a process has a few hundred at most.

use super::joined_metrics::{AgentNumbers, GroupsNumbers};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};
use std::sync::atomic::AtomicU64;
use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

type Seconds = Counter<f64, AtomicU64>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Ended {
    /// All records were taken.
    Success,
    /// Some were not.
    Partial,
    /// It was stopped.
    Interrupted,
    /// It broke off.
    Failure,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Fate {
    /// It came from the source.
    Read,
    /// The target has it.
    Written,
    /// It was not taken.
    Rejected,
    /// It may have been written.
    Uncertain,
    /// It was left out.
    Skipped,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Answer {
    /// 1xx and 2xx.
    Ok,
    /// 3xx.
    Redirect,
    /// 429.
    RateLimited,
    /// Any other 4xx.
    ClientError,
    /// 5xx and what is no status at all.
    ServerError,
    /// Nothing came.
    None,
}

impl Answer {
    pub(crate) fn of(status: u16) -> Self {
        match status {
            100..=299 => Self::Ok,
            300..=399 => Self::Redirect,
            429 => Self::RateLimited,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

/// Why an instance was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum Broken {
    /// It trapped.
    Trap,
    /// It reached one of its limits.
    Limit,
    /// Something else.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Ended,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FateLabel {
    outcome: Fate,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    answer: Answer,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BrokenLabel {
    cause: Broken,
}

/// The numbers of a process.
pub struct Metrics {
    registry: Registry,
    /// Runs under way.
    pub(crate) running: Gauge,
    runs: Family<OutcomeLabel, Counter>,
    records: Family<FateLabel, Counter>,
    requests: Family<AnswerLabel, Counter>,
    request_seconds: Histogram,
    /// Bytes of answers' bodies.
    pub(crate) received: Counter,
    /// Requests to what a connection does not reach.
    pub(crate) refused: Counter,
    rate_wait: Seconds,
    /// Instances of connectors.
    pub(crate) instances: Gauge,
    /// Those who wait for a place for an instance.
    pub(crate) waiting: Gauge,
    broken: Family<BrokenLabel, Counter>,
    compile_seconds: Histogram,
    instantiate_seconds: Histogram,
    peak_memory: Histogram,
    guest_cpu: Seconds,
    agent: OnceLock<AgentNumbers>,
    groups: OnceLock<GroupsNumbers>,
}

/// The numbers of this process.
pub fn metrics() -> &'static Metrics {
    static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);
    &METRICS
}

impl Metrics {
    fn new() -> Self {
        let mut registry = Registry::with_prefix("harness");
        let mut all = Registering(&mut registry);
        let from_milliseconds = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let running = all.plain("runs_running", "Runs that are under way", Gauge::default());
        let runs = all.plain(
            "runs",
            "Runs that have ended, by how they did",
            Family::default(),
        );
        let records = all.plain(
            "records",
            "Records, by what became of them; one that was read and written counts as both",
            Family::default(),
        );
        let requests = all.plain(
            "http_requests",
            "HTTP requests of connectors, by the answer they got",
            Family::default(),
        );
        let request_seconds = all.with_unit(
            Unit::Seconds,
            "http_request_duration",
            "From sending a request to the head of its answer",
            from_milliseconds(),
        );
        let received = all.with_unit(
            Unit::Bytes,
            "http_received",
            "Bytes of answers' bodies",
            Counter::default(),
        );
        let refused = all.plain(
            "http_refused",
            "Requests of connectors to what their connection does not reach",
            Counter::default(),
        );
        let rate_wait = all.with_unit(
            Unit::Seconds,
            "rate_wait",
            "Time that requests have waited for the rate budget, added up",
            Seconds::default(),
        );
        let instances = all.plain("instances", "Instances of connectors", Gauge::default());
        let waiting = all.plain(
            "instances_waiting",
            "Calls that wait for a place for an instance",
            Gauge::default(),
        );
        let broken = all.plain(
            "instances_broken",
            "Instances that were given up because their code broke down or reached a limit",
            Family::default(),
        );
        let compile_seconds = all.with_unit(
            Unit::Seconds,
            "compile_duration",
            "Making a component ready, by compiling it or from the cache",
            from_milliseconds(),
        );
        let instantiate_seconds = all.with_unit(
            Unit::Seconds,
            "instantiate_duration",
            "Making an instance",
            Histogram::new(exponential_buckets(0.000_01, 4.0, 10)),
        );
        // 1 MiB to 1 GiB.
        let peak_memory = all.with_unit(
            Unit::Bytes,
            "instance_peak_memory",
            "The most linear memory that an instance had, told when it ends",
            Histogram::new(exponential_buckets(1_048_576.0, 2.0, 11)),
        );
        let guest_cpu = all.with_unit(
            Unit::Seconds,
            "instance_cpu",
            "Time that instances have computed, told when they end",
            Seconds::default(),
        );
        Self {
            registry,
            running,
            runs,
            records,
            requests,
            request_seconds,
            received,
            refused,
            rate_wait,
            instances,
            waiting,
            broken,
            compile_seconds,
            instantiate_seconds,
            peak_memory,
            guest_cpu,
            agent: OnceLock::new(),
            groups: OnceLock::new(),
        }
    }

    /// All of them as text, in the OpenMetrics form that Prometheus reads.
    ///
    /// # Errors
    /// Only if the text cannot be put together.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        if let Some(agent) = self.agent.get() {
            encode_registry(&mut text, &agent.registry)?;
        }
        if let Some(groups) = self.groups.get() {
            encode_registry(&mut text, &groups.registry)?;
        }
        encode_eof(&mut text)?;
        Ok(text)
    }

    /// Those of an agent that has joined a group; shown once they were asked for.
    pub(crate) fn agent(&self) -> &AgentNumbers {
        self.agent.get_or_init(AgentNumbers::new)
    }

    /// Those of a workspace's groups; shown once they were asked for.
    pub(crate) fn groups(&self) -> &GroupsNumbers {
        self.groups.get_or_init(GroupsNumbers::new)
    }

    pub(crate) fn run_ended(&self, outcome: Ended) {
        self.runs.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn records(&self, outcome: Fate, more: u64) {
        if more > 0 {
            self.records
                .get_or_create(&FateLabel { outcome })
                .inc_by(more);
        }
    }

    pub(crate) fn request(&self, answer: Answer, took: Duration) {
        self.requests.get_or_create(&AnswerLabel { answer }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn rate_waited(&self, waited: Duration) {
        self.rate_wait.inc_by(waited.as_secs_f64());
    }

    pub(crate) fn made_ready(&self, took: Duration) {
        self.compile_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn instantiated(&self, took: Duration) {
        self.instances.inc();
        self.instantiate_seconds.observe(took.as_secs_f64());
    }

    pub(crate) fn instance_ended(&self, peak_memory: usize, cpu: Duration) {
        self.instances.dec();
        self.peak_memory.observe(peak_memory as f64);
        self.guest_cpu.inc_by(cpu.as_secs_f64());
    }

    pub(crate) fn instance_broke(&self, cause: Broken) {
        self.broken.get_or_create(&BrokenLabel { cause }).inc();
    }
}

/// Makes numbers known under their names.
pub(super) struct Registering<'a>(pub(super) &'a mut Registry);

impl Registering<'_> {
    pub(super) fn plain<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    pub(super) fn with_unit<M: Metric + Clone>(
        &mut self,
        unit: Unit,
        name: &str,
        help: &str,
        metric: M,
    ) -> M {
        self.0.register_with_unit(name, help, unit, metric.clone());
        metric
    }
}

/// Counts one up while it lives.
pub(crate) struct Counted(&'static Gauge);

impl Counted {
    pub(crate) fn up(gauge: &'static Gauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
