//! What a run may use, and what it has used.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasmtime::ResourceLimiter;

/// Parts of one component: one made from one module has two core instances, one
/// memory and two tables.
pub(super) const MOST_CORE_INSTANCES: usize = 8;
pub(super) const MOST_MEMORIES: usize = 2;
pub(super) const MOST_TABLES: usize = 8;

/// What one run may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory, in bytes. Default 256 MiB.
    pub memory: usize,
    /// Time spent computing. Default 300 s, which is about 100 million records.
    pub cpu: Duration,
    /// From start to end. Default 24 h.
    pub wall: Duration,
    /// Requests per second; none: what the connector's descriptor says.
    pub requests_per_second: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            cpu: Duration::from_secs(300),
            wall: Duration::from_secs(24 * 3600),
            requests_per_second: None,
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
    granted: usize,
    usage: Usage,
}

impl MemoryLimiter {
    pub(super) const fn new(limit: usize, usage: Usage) -> Self {
        Self {
            limit,
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
        Ok(desired <= 100_000)
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

/// Counts the time that a guest computes: the time inside polls of the future
/// that drives it. Epochs alone would charge a whole tick for each moment that
/// it is awake.
#[derive(Debug, Clone)]
pub(super) struct CpuMeter {
    usage: Usage,
    limit: Duration,
    poll_started: Arc<std::sync::Mutex<Option<Instant>>>,
}

impl CpuMeter {
    pub(super) fn new(usage: Usage, limit: Duration) -> Self {
        Self {
            usage,
            limit,
            poll_started: Arc::default(),
        }
    }

    /// Called by a running guest at each tick.
    pub(super) fn check(&self) -> Result<(), LimitReached> {
        let running = self
            .poll_started
            .lock()
            .ok()
            .and_then(|started| *started)
            .map_or(Duration::ZERO, |started| started.elapsed());
        if self.usage.cpu().saturating_add(running) > self.limit {
            return Err(LimitReached::Cpu(self.limit));
        }
        Ok(())
    }

    fn set_started(&self, started: Option<Instant>) {
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
        let started = Instant::now();
        self.set_started(Some(started));
        let polled = future.poll(context);
        self.set_started(None);
        let nanoseconds = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.usage.0.cpu.fetch_add(nanoseconds, Ordering::Relaxed);
        polled
    }
}
