//! Faults: what goes wrong between a client and a server, on demand.
//!
//! A fault belongs to a rule, and a rule to the requests it matches: so many
//! are let through first, and so many are hit. That makes tests repeatable.

mod apply;
mod bend;
mod edit;
mod huge;
mod kind;
mod queue;
mod redirect;
mod rule;

pub use apply::{after, before};
pub use bend::bend;
pub use kind::{Fault, Filler, RedirectTarget};
pub use queue::FaultQueue;
pub use rule::FaultRule;
