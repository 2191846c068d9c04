//! What can go wrong between a host and a connector.

use super::bindings::types;
use super::compiler::CompileError;
use super::limits::{LimitReached, Limits};
use crate::registry::Digest;

/// Why a connector could not be loaded, or ended badly.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// This machine cannot run compiled code.
    #[error("the WebAssembly engine could not be started: {0}")]
    Engine(#[source] wasmtime::Error),
    /// No thread for the engine's clock.
    #[error("no thread could be started: {0}")]
    Thread(#[source] std::io::Error),
    /// The file is no component, or not one of this contract.
    #[error("{digest} is not a connector that this host can run: {why} [runtime.not-a-connector]")]
    NotAConnector {
        /// The component.
        digest: Digest,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// Compiling failed though the file is well-formed, or was stopped at a limit.
    #[error("{digest} could not be compiled: {source} [{code}]", code = .source.code())]
    Compile {
        /// The component.
        digest: Digest,
        /// Why.
        source: CompileError,
    },
    /// The connection does not fit the connector's form.
    #[error("{0}")]
    Connection(String),
    /// The connector said what is wrong.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// It was stopped at a limit of its sandbox.
    #[error("the connector was stopped: {0} [{code}]", code = .0.code())]
    Limit(#[from] LimitReached),
    /// It broke down.
    #[error("the connector broke down: {0} [runtime.trap]")]
    Trap(String),
    /// It does what the contract does not allow.
    #[error("the connector broke the contract: {0} [runtime.contract]")]
    Contract(#[from] Breach),
    /// The run was cancelled by this host.
    #[error("the run was cancelled")]
    Cancelled,
    /// As many runs as the process can take are under way, and none ended in time.
    #[error("the host is full: {0} connectors are running [runtime.full]")]
    Full(u32),
}

/// What the contract does not allow, and a connector did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Breach {
    /// It answered what it was not asked, or twice.
    #[error("it answered the record “{key}”, which it was not given, or twice")]
    Unasked {
        /// The key that it answered.
        key: String,
    },
    /// Its stream of events ended, and nothing said how the call had ended.
    #[error("it ended without saying how")]
    NoEnd,
    /// A checkpoint that no host has to keep.
    #[error("its checkpoint has {bytes} bytes, and may have {most}")]
    Checkpoint {
        /// What it has.
        bytes: usize,
        /// What it may have.
        most: usize,
    },
}

impl RuntimeError {
    /// Stable, for programs: what a run's record has. Of an error that the
    /// connector itself told, its own code.
    pub fn code(&self) -> &str {
        match self {
            Self::Engine(_) | Self::Thread(_) => "runtime.engine",
            Self::NotAConnector { .. } => "runtime.not-a-connector",
            Self::Compile { source, .. } => source.code(),
            Self::Connection(_) => "runtime.connection",
            Self::Connector(error) => &error.0.code,
            Self::Limit(limit) => limit.code(),
            Self::Trap(_) => "runtime.trap",
            Self::Contract(_) => "runtime.contract",
            Self::Cancelled => "runtime.cancelled",
            Self::Full(_) => "runtime.full",
        }
    }

    /// Whether the connector itself is at fault: it trapped, or used up its
    /// processor time or memory. Not so the time on the clock, which is the remote
    /// system's as well.
    #[must_use]
    pub const fn is_breakdown(&self) -> bool {
        matches!(
            self,
            Self::Trap(_)
                | Self::Contract(_)
                | Self::Limit(LimitReached::Cpu(_) | LimitReached::Memory(_))
        )
    }

    /// Whether it is a limit that somebody set for a connection below the default:
    /// that says nothing of the version.
    pub(super) fn is_lowered_limit(&self) -> bool {
        let usual = Limits::default();
        match self {
            Self::Limit(LimitReached::Cpu(limit)) => *limit < usual.cpu,
            Self::Limit(LimitReached::Memory(limit)) => *limit < usual.memory,
            _ => false,
        }
    }

    /// What came of a call into a guest that did not return.
    pub(super) fn from_call(error: &wasmtime::Error, limits: &Limits) -> Self {
        for cause in error.chain() {
            if let Some(limit) = cause.downcast_ref::<LimitReached>() {
                return Self::Limit(*limit);
            }
            if let Some(breach) = cause.downcast_ref::<Breach>() {
                return Self::Contract(breach.clone());
            }
            if let Some(wasmtime::component::ResourceTableError::Full) = cause.downcast_ref() {
                return LimitReached::Handles(limits.handles).into();
            }
            if let Some(wasmtime::Trap::StackOverflow) = cause.downcast_ref() {
                return LimitReached::Stack.into();
            }
            // These two have no type that others can name; their texts stand for
            // them. End-to-end tests meet both, so that another wording does not
            // go unseen.
            let text = cause.to_string();
            if text.contains("fuel allocated for hostcalls") {
                return LimitReached::HandedOver(limits.handed_over).into();
            }
            if text.contains("store handle limit exceeded") {
                return LimitReached::Handles(limits.handles).into();
            }
        }
        match error
            .chain()
            .find_map(|cause| cause.downcast_ref::<wasmtime::Trap>())
        {
            Some(trap) => Self::Trap(trap.to_string()),
            None => Self::Trap(error.root_cause().to_string()),
        }
    }
}

/// An error in the contract's form, secrets redacted.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", text(.0))]
pub struct ConnectorError(pub types::Error);

/// One message with everything that helps: what, fields, what to do, the code.
fn text(error: &types::Error) -> String {
    let mut text = error.message.clone();
    for field in &error.fields {
        if !error.message.contains(&field.message) {
            text.push_str("\n  ");
            text.push_str(&field.message);
        }
    }
    if let Some(remedy) = &error.remedy {
        text.push_str("\n  ");
        text.push_str(remedy);
    }
    text.push_str(&format!(" [{}]", error.code));
    text
}
