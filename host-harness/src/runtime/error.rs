//! What can go wrong between a host and a connector.

use super::bindings::types;
use super::limits::LimitReached;
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
    #[error("{digest} is not a connector that this host can run: {why}")]
    NotAConnector {
        /// The component.
        digest: Digest,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// Compiling failed though the file is well-formed.
    #[error("{digest} could not be compiled: {source}")]
    Compile {
        /// The component.
        digest: Digest,
        /// What the compiler says.
        source: wasmtime::Error,
    },
    /// The connection does not fit the connector's form.
    #[error("{0}")]
    Connection(String),
    /// The connector said what is wrong.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// It was stopped at a limit of its sandbox.
    #[error("the connector was stopped: {0}")]
    Limit(LimitReached),
    /// It broke down.
    #[error("the connector broke down: {0}")]
    Trap(String),
    /// The run was cancelled by this host.
    #[error("the run was cancelled")]
    Cancelled,
    /// As many runs as the process can take are under way, and none ended in time.
    #[error("the host is full: {0} connectors are running")]
    Full(u32),
}

impl RuntimeError {
    /// Whether the connector itself is at fault: it trapped, or used up its
    /// processor time or memory. Not so the time on the clock, which is the remote
    /// system's as well.
    #[must_use]
    pub const fn is_breakdown(&self) -> bool {
        matches!(
            self,
            Self::Trap(_) | Self::Limit(LimitReached::Cpu(_) | LimitReached::Memory(_))
        )
    }

    /// What came of a call into a guest that did not return.
    pub(super) fn from_call(error: &wasmtime::Error) -> Self {
        if let Some(limit) = error
            .chain()
            .find_map(|cause| cause.downcast_ref::<LimitReached>())
        {
            return Self::Limit(*limit);
        }
        match error
            .chain()
            .find_map(|cause| cause.downcast_ref::<wasmtime::Trap>())
        {
            Some(trap) => Self::Trap(trap.to_string()),
            None => Self::Trap(error.to_string()),
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
