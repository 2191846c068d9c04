//! Groups of agents on several machines, which take their work from a NATS server
//! with JetStream.
//!
//! A workspace makes a self-contained [`Job`] of a run and [submits](Group::submit)
//! it; a [`worker`] of the group takes it, runs it and reports; the workspace
//! [reads](Group::next_report) the reports. Nothing here knows the workspace, and
//! without a group nothing here is used.
//!
//! What lies on the server, for a group called `G`:
//!
//! | name | kind | what |
//! |---|---|---|
//! | `HARNESS_G_JOBS` | work queue | one message for each job, until it has been done |
//! | `HARNESS_G_RUNS` | stream | what agents report, one subject for each job |
//! | `HARNESS_G_INPUTS` | stream | what jobs read that lies with the workspace, one subject for each part |
//! | `HARNESS_G` | key-value bucket | leases, heartbeats, requests to stop, rate budgets |
//!
//! Jobs, reports, inputs and tests are sealed under the group's key for their subject:
//! whoever can read or write the server but has no key learns and forges nothing of
//! them.
//!
//! Two agents never do one job at the same time: see `lease`.

mod budget;
mod error;
mod hearing;
mod input;
mod job;
mod journal;
mod lease;
mod name;
mod presence;
mod report;
mod sealed;
mod server;
mod streams;
mod submit;
mod tested;
pub mod worker;

pub use error::GroupError;
pub use hearing::Hearing;
pub use input::{DEFAULT_INPUT, StoredInput};
pub use job::{FORMAT, Job, JobConnection, JobEnd, JobSource, format_of};
pub use journal::Entry;
pub use name::{GroupName, InvalidGroupName};
pub use presence::{HasVersion, HeldVersion, Presence, Seen};
pub use report::{Batch, End, Report, ReportedLine};
pub use server::{Credentials, Server};
pub use streams::{DEFAULT_LEASE, Group};
pub use tested::{TestRequest, Tested};
