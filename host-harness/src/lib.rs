//! Runs connectors: WebAssembly components of the contract
//! `integration:connector`, the way an integration platform's agents do.
//!
//! A version is published to a [`registry`], pulled by digest into the agent's
//! own store, verified on every load, and run in a sandbox by the [`runtime`]:
//! limited memory, limited time, and one door to the network, the [`egress`],
//! that opens only to the connection's own origin. Nothing here knows any remote
//! system.
//!
//! Around that stands the [`workspace`]: what a platform keeps, connections,
//! variables, policies, operations and runs; and the [`web`] screen over it.
//! [`conformance`] holds any connector against the contract.
//!
//! Dependencies point one way: `cli` and `web` → `workspace` → `group` → `agent` →
//! `run` and `shadow` → `runtime` → `egress`, with `form`, `variables`, `mapping`,
//! `registry`, `connection`, `records`, `cache`, `sealing`, `observability` and
//! `atomic_file` beneath.

pub mod agent;
mod atomic_file;
mod blocking;
pub mod cache;

pub mod conformance;
pub mod connection;
pub mod egress;
pub mod form;
pub mod group;
pub mod mapping;
pub mod observability;
mod recent;
pub mod records;
pub mod registry;
pub mod run;
pub mod runtime;
pub mod sealing;
pub mod shadow;
pub mod variables;
pub mod web;
pub mod workspace;
