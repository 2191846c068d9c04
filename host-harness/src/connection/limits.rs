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
    /// What a connector may hand over at once, in MiB: a record, a page, a list.
    pub handed_over_mib: Option<u32>,
    /// Handles that it may hold at a time.
    pub handles: Option<u32>,
    /// Elements of each of its tables.
    pub table_elements: Option<u32>,
    /// Headers of one message, in KiB.
    pub header_kib: Option<u32>,
    /// Lines of a run's log that are kept, of the connector and of the host each.
    pub log_lines: Option<u32>,
}
