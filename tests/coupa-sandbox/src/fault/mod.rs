//! Faults: what goes wrong between a client and a server, on demand.
//!
//! A fault belongs to a rule, and a rule to the requests it matches: so many
//! are let through first, and so many are hit. That makes tests repeatable.

mod apply;
mod queue;
mod rule;

pub use apply::{after, before};
pub use queue::FaultQueue;
pub use rule::{Fault, FaultRule};
