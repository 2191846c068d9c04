//! What a run may use, and what it has used.

use super::share::Turn;
use crate::connection::{Limit, Limits as Set};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use wasmtime::ResourceLimiter;

/// Parts of one component: one made from one module has two core instances, one
/// memory and two tables.
pub(super) const MOST_CORE_INSTANCES: usize = 8;
pub(super) const MOST_MEMORIES: usize = 2;
pub(super) const MOST_TABLES: usize = 8;

/// Elements of a table: its part of the pool.
pub(super) const MOST_TABLE_ELEMENTS: usize = 20_000;

/// What one run may use. Each has a setting, [`crate::connection::Limit`], that has
/// its default; docs/sandbox.md has the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes.
    pub memory: usize,
    /// Processor time: 300 s are about 100 million records.
    pub cpu: Duration,
    /// From start to end.
    pub wall: Duration,
    /// Requests per second; none: what the connector's descriptor says.
    pub requests_per_second: Option<u32>,
    /// Requests under way at the same time; more wait.
    pub requests_at_a_time: usize,
    /// Bytes that one call or one write of events may hand to the host: bounds a
    /// record, a page of them, and a list.
    pub handed_over: usize,
    /// Handles that it may hold at a time, to requests, answers, bodies, streams
    /// and the like.
    pub handles: usize,
    /// Elements of each table.
    pub table_elements: usize,
    /// Bytes of the headers of one message.
    pub header_bytes: usize,
    /// Bytes of a file that it keeps.
    pub file: u64,
    /// Lines of the log that are kept, of the connector and of the host each.
    pub log_lines: usize,
    /// Bytes that are kept of the text of a line, and of each of its fields.
    pub log_text: usize,
    /// Fields that are kept of a line.
    pub log_fields: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from(&Set::default())
    }
}

impl From<&Set> for Limits {
    fn from(set: &Set) -> Self {
        let number = |limit: Limit| set.get(limit).or(limit.form().default).unwrap_or(u32::MAX);
        let count = |limit| number(limit) as usize;
        let seconds = |limit| Duration::from_secs(number(limit).into());
        Self {
            memory: count(Limit::MemoryMib) << 20,
            cpu: seconds(Limit::CpuSeconds),
            wall: seconds(Limit::WallSeconds),
            requests_per_second: set.get(Limit::RequestsPerSecond),
            requests_at_a_time: count(Limit::RequestsAtATime),
            handed_over: count(Limit::HandedOverMib) << 20,
            handles: count(Limit::Handles),
            table_elements: count(Limit::TableElements),
            header_bytes: count(Limit::HeaderKib) << 10,
            file: u64::from(number(Limit::FileMib)) << 20,
            log_lines: count(Limit::LogLines),
            log_text: count(Limit::LogTextKib) << 10,
            log_fields: count(Limit::LogFields),
        }
    }
}

/// Why a guest was stopped. Travels through wasmtime as the cause of a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitReached {
    /// It asked for more memory than it may have, in bytes.
    #[error("it needed more than its {0} bytes of memory")]
    Memory(usize),
    /// It computed longer than it may.
    #[error("it computed longer than its {} s of processor time", .0.as_secs_f64())]
    Cpu(Duration),
    /// It ran longer than it may.
    #[error("it ran longer than its {} s", .0.as_secs_f64())]
    Wall(Duration),
    /// It handed over more at once than it may, in bytes.
    #[error("it handed over more than {0} bytes at once")]
    HandedOver(usize),
    /// It took more handles than it may have.
    #[error("it held more than its {0} handles")]
    Handles(usize),
    /// A table of it asked for more elements than it may have.
    #[error("a table of it needed more than its {0} elements")]
    Table(usize),
    /// Its calls went too deep.
    #[error("its calls went deeper than its stack")]
    Stack,
}

impl LimitReached {
    /// Stable, for programs: what a run's record has.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Memory(_) => "runtime.memory",
            Self::Cpu(_) => "runtime.processor-time",
            Self::Wall(_) => "runtime.wall-time",
            Self::HandedOver(_) => "runtime.handed-over",
            Self::Handles(_) => "runtime.handles",
            Self::Table(_) => "runtime.table",
            Self::Stack => "runtime.stack",
        }
    }
}

/// What one run has used so far. Cheap to share and to read while it runs.
#[derive(Debug, Clone, Default)]
pub struct Usage(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// Nanoseconds in polls that have ended.
    cpu: AtomicU64,
    peak_memory: AtomicUsize,
}

impl Usage {
    /// Time spent computing, the host's part of it included.
    pub fn cpu(&self) -> Duration {
        Duration::from_nanos(self.0.cpu.load(Ordering::Relaxed))
    }

    /// The most linear memory it had, in bytes.
    pub fn peak_memory(&self) -> usize {
        self.0.peak_memory.load(Ordering::Relaxed)
    }
}

/// Grants memory up to a limit, for all memories of an instance together.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: usize,
    table_elements: usize,
    granted: usize,
    usage: Usage,
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits, usage: Usage) -> Self {
        Self {
            limit: limits.memory,
            table_elements: limits.table_elements.min(MOST_TABLE_ELEMENTS),
            granted: 0,
            usage,
        }
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let granted = self.granted.saturating_add(desired.saturating_sub(current));
        if granted > self.limit {
            // An error traps. Refusing quietly would let the guest abort with
            // nothing said.
            return Err(LimitReached::Memory(self.limit).into());
        }
        self.granted = granted;
        self.usage
            .0
            .peak_memory
            .fetch_max(granted, Ordering::Relaxed);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > self.table_elements {
            return Err(LimitReached::Table(self.table_elements).into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MOST_CORE_INSTANCES
    }

    fn memories(&self) -> usize {
        MOST_MEMORIES
    }

    fn tables(&self) -> usize {
        MOST_TABLES
    }
}

/// Counts the time that a guest computes: the processor time of polls of the
/// future that drives it. Epochs alone would charge a whole tick for each moment
/// that it is awake, and a clock on the wall would charge it for what others do.
#[derive(Debug, Clone)]
pub(super) struct CpuMeter {
    usage: Usage,
    limit: Duration,
    turn: Turn,
    poll_started: Arc<std::sync::Mutex<Option<Duration>>>,
}

impl CpuMeter {
    pub(super) fn new(usage: Usage, limit: Duration, turn: Turn) -> Self {
        Self {
            usage,
            limit,
            turn,
            poll_started: Arc::default(),
        }
    }

    pub(super) fn works_beside(&self, other: &Self) {
        self.turn.join(&other.turn);
    }

    /// Called by a running guest at each tick: what to wait for before it goes on.
    pub(super) fn check(&self) -> Result<impl Future<Output = ()> + Send + use<>, LimitReached> {
        let running = self
            .poll_started
            .lock()
            .ok()
            .and_then(|started| *started)
            .map_or(Duration::ZERO, |started| {
                thread_time().saturating_sub(started)
            });
        if self.usage.cpu().saturating_add(running) > self.limit {
            return Err(LimitReached::Cpu(self.limit));
        }
        Ok(self.turn.tick(running))
    }

    fn set_started(&self, started: Option<Duration>) {
        if let Ok(mut slot) = self.poll_started.lock() {
            *slot = started;
        }
    }

    /// Meters a future that drives a guest.
    pub(super) async fn metered<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| self.poll(future.as_mut(), context)).await
    }

    fn poll<F: Future>(&self, future: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
        let started = thread_time();
        self.set_started(Some(started));
        let polled = future.poll(context);
        self.set_started(None);
        let computed = thread_time().saturating_sub(started);
        self.turn.ended(computed);
        let nanoseconds = u64::try_from(computed.as_nanos()).unwrap_or(u64::MAX);
        self.usage.0.cpu.fetch_add(nanoseconds, Ordering::Relaxed);
        polled
    }
}

/// Processor time of this thread. A poll begins and ends on one.
#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// Where threads have no clock of their own: the clock on the wall.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::MOST_MEMORY;

    #[test]
    fn what_can_be_set_fits_into_the_pool() {
        let most = |limit: Limit| limit.form().most as usize;
        assert_eq!(most(Limit::MemoryMib) << 20, MOST_MEMORY);
        assert_eq!(most(Limit::TableElements), MOST_TABLE_ELEMENTS);
    }
}
