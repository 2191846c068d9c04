//! End to end: the real component in the real host against the Coupa sandbox.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod broken_off;
mod chance;
mod contract;
mod coverage;
mod faults;
mod files;
mod fronts;
mod group;
mod hostile;
mod json_list;
mod lean;
mod limits;
mod operate;
mod platform;
mod program;
mod query;
mod reach;
mod record_files;
mod registry;
mod revised;
mod row;
mod sandbox;
mod screen;
mod servers;
mod size;
mod sources;
mod special_files;
mod support;
mod switches;
mod targets;
mod test_connection;
mod tokens;
mod waits;
mod write;
