//! Where filters run: a WebAssembly instance of their own, that has no imports,
//! no more memory than [`MOST_MEMORY`] and no more time than it is given.

use super::{MOST_BYTES, MOST_MEMORY, MOST_OUTPUTS, MappingError};
use crate::registry::Digest;
use crate::runtime::{CompiledCode, Compiler, Engine, TICK};
use bindings::exports::harness::jq::filters::{Bounds, Failure, Wrong};
use std::sync::OnceLock;
use std::time::Duration;
use wasmtime::component::{Component, Linker, ResourceAny};
use wasmtime::{ResourceLimiter, Store, Trap};

mod bindings {
    //! What the WIT becomes in Rust.

    wasmtime::component::bindgen!({ path: "jq/wit", world: "jq" });
}

/// Room for what a filter does with nested records.
const MOST_STACK: usize = 8 << 20;
/// The stack of the threads that filters run on: theirs, and the host's part.
const THREAD_STACK: usize = MOST_STACK + (2 << 20);

/// A thread that a filter can run on: others have too little stack for it.
pub(super) fn thread() -> std::thread::Builder {
    std::thread::Builder::new()
        .name("mapping".to_owned())
        .stack_size(THREAD_STACK)
}

/// Whether a text is a filter.
pub(super) fn check(text: &str, limit: Duration) -> Result<(), MappingError> {
    let unusable = |why: String| MappingError::Unusable(why);
    std::thread::scope(|scope| {
        thread()
            .spawn_scoped(scope, || Sandbox::start(text, limit).map(drop))
            .map_err(|error| unusable(error.to_string()))?
            .join()
            .map_err(|_| unusable("its thread is gone".to_owned()))?
    })
}

/// Grants memory up to [`MOST_MEMORY`].
struct Memory;

#[derive(Debug, thiserror::Error)]
#[error("the filter's memory is used up")]
struct UsedUp;

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MOST_MEMORY {
            // An error traps, and says why; the guest would only abort.
            return Err(UsedUp.into());
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 10_000)
    }
}

/// The component, compiled once in a process.
struct Code {
    engine: Engine,
    component: bindings::JqPre<Memory>,
}

fn code() -> Result<&'static Code, MappingError> {
    static CODE: OnceLock<Result<Code, String>> = OnceLock::new();
    CODE.get_or_init(|| compile().map_err(|error| error.to_string()))
        .as_ref()
        .map_err(|error| MappingError::Unusable(error.clone()))
}

/// The component itself, without its compiled code.
const COMPONENT: &[u8] = include_bytes!(env!("JQ_COMPONENT"));

/// Where compiled code lies, which the first agent of a process says: to compile the
/// component takes a second and more, to load its code some milliseconds.
static KEPT_IN: OnceLock<CompiledCode> = OnceLock::new();

/// Keeps the compiled code of what filters run in there, unless it has a place already.
pub(crate) fn keep_compiled_in(folder: &CompiledCode) {
    let _ = KEPT_IN.set(folder.clone());
}

/// Stands for the component among compiled code.
pub(crate) fn digest() -> Digest {
    static DIGEST: OnceLock<Digest> = OnceLock::new();
    *DIGEST.get_or_init(|| Digest::of(COMPONENT))
}

fn compile() -> wasmtime::Result<Code> {
    let mut config = wasmtime::Config::new();
    config
        .epoch_interruption(true)
        .async_stack_size(THREAD_STACK)
        .max_wasm_stack(MOST_STACK)
        .wasm_backtrace_max_frames(None);
    let engine = Engine::with(&mut config)?;
    let component = match KEPT_IN.get() {
        Some(kept) => kept.load(&engine, &Compiler::default(), digest(), COMPONENT)?,
        None => Component::new(engine.wasmtime(), COMPONENT)?,
    };
    let linker = Linker::new(engine.wasmtime());
    Ok(Code {
        component: bindings::JqPre::new(linker.instantiate_pre(&component)?)?,
        engine,
    })
}

/// A filter in an instance of its own.
pub(super) struct Sandbox {
    store: Store<Memory>,
    jq: bindings::Jq,
    filter: ResourceAny,
}

impl Sandbox {
    /// Parses a filter, within `limit`.
    pub(super) fn start(text: &str, limit: Duration) -> Result<Self, MappingError> {
        let code = code()?;
        let mut store = Store::new(code.engine.wasmtime(), Memory);
        store.limiter(|memory| memory);
        store.set_epoch_deadline(ticks(limit));
        let failed = |error: wasmtime::Error| ended(&error, limit);
        let jq = code.component.instantiate(&mut store).map_err(failed)?;
        let bounds = Bounds {
            outputs: MOST_OUTPUTS as u32,
            bytes: MOST_BYTES as u32,
        };
        let filter = jq
            .harness_jq_filters()
            .filter()
            .call_parse(&mut store, text, bounds)
            .map_err(failed)?
            .map_err(|wrong| match wrong {
                Wrong::Syntax(place) => MappingError::Syntax {
                    line: place.line,
                    column: place.column,
                    what: place.what,
                },
                Wrong::Unavailable(word) => MappingError::Unavailable {
                    word: word.word,
                    why: word.why,
                },
            })?;
        Ok(Self { store, jq, filter })
    }

    /// What the filter makes of a record, within `limit`. A sandbox whose filter
    /// was ended from outside is of no more use, and says so by `None` in place
    /// of itself.
    pub(super) fn apply(
        mut self,
        record: &str,
        limit: Duration,
    ) -> (Option<Self>, Result<Vec<String>, MappingError>) {
        self.store.set_epoch_deadline(ticks(limit));
        let now = jiff::Timestamp::now().as_duration().as_secs_f64();
        let applied = self.jq.harness_jq_filters().filter().call_apply(
            &mut self.store,
            self.filter,
            record,
            now,
        );
        match applied {
            Err(error) => (None, Err(ended(&error, limit))),
            Ok(Ok(outputs)) => (Some(self), Ok(outputs)),
            Ok(Err(failure)) => (
                Some(self),
                Err(match failure {
                    Failure::Input(what) => MappingError::Input(what),
                    Failure::Failed(what) => MappingError::Failed(what),
                    Failure::NotARecord(found) => MappingError::NotARecord { found },
                    Failure::TooMany => MappingError::TooMany,
                }),
            ),
        }
    }
}

/// The ticks in a time, and one because the present one is under way.
fn ticks(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos().div_ceil(TICK.as_nanos()) + 1).unwrap_or(u64::MAX)
}

/// Why a filter was ended from outside.
fn ended(error: &wasmtime::Error, limit: Duration) -> MappingError {
    if error.downcast_ref::<UsedUp>().is_some() {
        return MappingError::TooMuchMemory;
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) => MappingError::TooLong(limit),
        Some(Trap::StackOverflow | Trap::MemoryOutOfBounds) => MappingError::TooDeep,
        _ => MappingError::Unusable(error.to_string()),
    }
}
