//! What a process gives all its connectors together, and each of them before it has a
//! connection.

use super::limits::Limits;
use std::time::Duration;

/// Limits of a process, whatever its connections say. Each has a setting in
/// `agent.toml`; docs/sandbox.md has the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Instances of connectors that live at the same time. Default 64.
    pub connectors: u32,
    /// How long one more waits for another to end. Default 30 s.
    pub wait: Duration,
    /// Bytes of stack that the calls of an instance may take. Default 512 KiB.
    pub stack: usize,
    /// What a connector may use to describe itself, when it is loaded. Default
    /// 64 MiB, 2 s of processor time, 10 s, and 8 MiB handed over at once.
    pub describing: Limits,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self {
            connectors: 64,
            wait: Duration::from_secs(30),
            stack: 512 << 10,
            describing: Limits {
                memory: 64 << 20,
                cpu: Duration::from_secs(2),
                wall: Duration::from_secs(10),
                handed_over: 8 << 20,
                ..Limits::default()
            },
        }
    }
}
