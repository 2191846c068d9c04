//! Loads connectors and runs them in a sandbox.
//!
//! [`Runtime`] is one per process. It makes a [`Connector`] of a component:
//! admitted by its imports and exports, compiled or taken from the cache,
//! linked once. A [`Session`] is one instance of it for one connection and one
//! run; whatever goes wrong in it, dropping it is all there is to do.

mod address_space;
mod admission;
pub mod bindings;
mod compiled;
mod compiler;
mod connector;
mod engine;
mod error;
mod execution;
mod files;
mod guest;
mod limits;
mod loaded;
mod plan;
mod process_limits;
pub mod recording;
mod redaction;
mod run_log;
mod secret_source;
pub(crate) mod serialized;
mod session;
mod share;

pub use admission::{CONTRACT, Interfaces, contract_of, interfaces, served, serves};
pub use bindings::{design, types};
pub use compiled::CompiledCode;
pub use compiler::{CompileError, CompileLimits, Compiler, compile};
pub use connector::{Connector, Runtime, Watch};
pub use engine::{Engine, MOST_MEMORY, TICK};
pub use error::{Breach, ConnectorError, RuntimeError};
pub use execution::Execution;
pub use files::RunFiles;
pub use limits::{LimitReached, Limits, Usage};
pub use plan::{Extent, Permissions, Plan, PlannedRequest};
pub use process_limits::ProcessLimits;
pub use redaction::Redactor;
pub(crate) use run_log::HOST;
pub use run_log::{Level, Line, RunLog};
pub use secret_source::{NoSecrets, SecretError, SecretSource};
pub use session::{Connection, Session, call};
