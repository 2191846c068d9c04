//! The one wasmtime engine of a process, and the clock that lets guests be
//! interrupted.

use super::address_space::{Memories, has_room_for};
use super::error::RuntimeError;
use super::limits::{MOST_CORE_INSTANCES, MOST_MEMORIES, MOST_TABLE_ELEMENTS, MOST_TABLES};
use super::process_limits::ProcessLimits;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};
use std::thread::JoinHandle;
use std::time::Duration;
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

/// How often a running guest can be interrupted. A guest that computes is
/// looked after every tick: other tasks get their turn, and its time is
/// counted.
pub const TICK: Duration = Duration::from_millis(10);

/// The most memory that any limit can grant an instance: its part of the pool.
pub const MOST_MEMORY: usize = 4 << 30;

/// What lies between two memories of the pool, as wasmtime has it.
const GUARD: usize = 32 << 20;
/// Room in the address space for everything else than the pool: stacks, compiled code,
/// what the host itself needs.
const ELSE: usize = 4 << 30;
/// Memories of guests that are no connectors, for which there has to be room.
const SEVERAL: usize = 64;

/// Bytes of a stack that are the host's own, beside what a guest's calls may take.
const HOST_STACK: usize = 3 << 19;

/// The only place where wasmtime is configured for connectors: what compiles and
/// what runs must agree, or compiled code on the disk is of no use. The limits of a
/// process are not part of what they agree on.
fn config(limits: &ProcessLimits, memories: Memories) -> Config {
    let mut config = Config::new();
    memories.configure(&mut config);
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .max_wasm_stack(limits.stack)
        .async_stack_size(limits.stack + HOST_STACK)
        // A trap is told by its code; a guest's stack frames say nothing to a
        // person who runs a connector.
        .wasm_backtrace_max_frames(None);
    if memories == Memories::OnDemand {
        return config;
    }
    let most = limits.connectors;
    let mut pool = PoolingAllocationConfig::new();
    // Each instance has its part of the pool, and no component can take more.
    pool.total_component_instances(most)
        .total_core_instances(most * MOST_CORE_INSTANCES as u32)
        .total_tables(most * MOST_TABLES as u32)
        .total_memories(most * MOST_MEMORIES as u32)
        .total_stacks(most * 4)
        .max_core_instances_per_component(MOST_CORE_INSTANCES as u32)
        .max_memories_per_component(MOST_MEMORIES as u32)
        .max_tables_per_component(MOST_TABLES as u32)
        .table_elements(MOST_TABLE_ELEMENTS)
        .max_memory_size(MOST_MEMORY)
        // Measured elsewhere as best for small guests: more is spent on zeroing
        // than it saves.
        .linear_memory_keep_resident(64 * 1024);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// An engine with its ticking clock.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    memories: Memories,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// # Errors
    /// If the machine cannot run compiled code as configured.
    pub fn new() -> Result<Self, RuntimeError> {
        Self::limited(&ProcessLimits::default())
    }

    /// The same within other limits. Where there is no room to reserve a pool of
    /// memories, each is allocated when it is needed, and that is said.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn limited(limits: &ProcessLimits) -> Result<Self, RuntimeError> {
        let most = limits.connectors as usize;
        let pool = most
            .saturating_mul(MOST_MEMORIES)
            .saturating_mul(MOST_MEMORY + GUARD)
            .saturating_add(ELSE);
        let why = if has_room_for(pool) {
            match Self::configured(&config(limits, Memories::Reserved), Memories::Reserved) {
                Err(RuntimeError::Engine(error)) => format!(": {error:#}"),
                started => return started,
            }
        } else {
            String::new()
        };
        let started = Self::configured(&config(limits, Memories::OnDemand), Memories::OnDemand)?;
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            tracing::warn!(
                "the address space of this process is limited (ulimit -v), and the memories of \
                 {most} connectors cannot be reserved{why}: they are allocated as they are \
                 needed, and connectors compute more slowly; raise the limit, or lower \
                 connectors in [limits] of agent.toml"
            );
        });
        Ok(started)
    }

    /// An engine that only compiles, for those whose memories are allocated so.
    pub(super) fn compiling_for(memories: Memories) -> Result<Self, RuntimeError> {
        let mut config = config(&ProcessLimits::default(), memories);
        // It makes no instance, and needs no pool.
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Self::configured(&config, memories)
    }

    /// An engine for something else than connectors.
    pub(crate) fn with(config: &mut Config) -> Result<Self, RuntimeError> {
        let memories = if has_room_for(SEVERAL * MOST_MEMORY) {
            Memories::Reserved
        } else {
            Memories::OnDemand
        };
        memories.configure(config);
        Self::configured(config, memories)
    }

    fn configured(config: &Config, memories: Memories) -> Result<Self, RuntimeError> {
        let engine = wasmtime::Engine::new(config).map_err(RuntimeError::Engine)?;
        let ticker = Ticker::start(&engine)?;
        Ok(Self {
            engine,
            memories,
            _ticker: Arc::new(ticker),
        })
    }

    /// How its instances get their memories, on which compiled code depends.
    pub(super) fn memories(&self) -> Memories {
        self.memories
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }
}

/// One thread that advances the epoch as long as the engine is in use.
struct Ticker {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &wasmtime::Engine) -> Result<Self, RuntimeError> {
        let stopped = Arc::new(AtomicBool::new(false));
        let (engine, seen) = (engine.weak(), Arc::clone(&stopped));
        let thread = std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || {
                while !seen.load(Ordering::Relaxed) {
                    std::thread::sleep(TICK);
                    match engine.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => return,
                    }
                }
            })
            .map_err(RuntimeError::Thread)?;
        Ok(Self {
            stopped,
            thread: Some(thread),
        })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within a tick; a panic in it has nothing to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the proof stands beside it")]
    fn what_one_engine_compiles_another_of_other_limits_loads() {
        let limits = ProcessLimits {
            connectors: 3,
            stack: 2 << 20,
            ..ProcessLimits::default()
        };
        let (compiles, runs) = (Engine::new().unwrap(), Engine::limited(&limits).unwrap());
        // The smallest component: a header and nothing in it.
        let empty = b"\0asm\x0d\0\x01\0";
        let code = compiles.wasmtime().precompile_component(empty).unwrap();
        // SAFETY: the bytes were made by `precompile_component` just above.
        let loaded = unsafe { wasmtime::component::Component::deserialize(runs.wasmtime(), code) };
        assert!(loaded.is_ok());
    }

    #[test]
    #[expect(unsafe_code, reason = "the proof stands beside it")]
    fn what_only_compiles_compiles_for_either_way_to_allocate() {
        for memories in [Memories::Reserved, Memories::OnDemand] {
            let compiles = Engine::compiling_for(memories).unwrap();
            let runs = Engine::configured(&config(&ProcessLimits::default(), memories), memories);
            let code = compiles
                .wasmtime()
                .precompile_component(b"\0asm\x0d\0\x01\0")
                .unwrap();
            // SAFETY: the bytes were made by `precompile_component` just above.
            let loaded = unsafe {
                wasmtime::component::Component::deserialize(runs.unwrap().wasmtime(), code)
            };
            assert!(loaded.is_ok(), "{memories:?}");
        }
    }
}
