//! What a connection lets its connector use up.

/// Limits that a person set. Where one is absent, the host's own holds. None of
/// them is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Memory of one running connector, in MiB.
    pub memory_mib: Option<u32>,
    /// Time that a call may spend computing, in seconds.
    pub cpu_seconds: Option<u32>,
    /// Time that a call may take in all, waiting included, in seconds.
    pub wall_seconds: Option<u32>,
    /// Requests per second to the remote system, sustained.
    pub requests_per_second: Option<u32>,
}
