//! A connector to Coupa as one WebAssembly component.
//!
//! The component implements the WIT package `integration:connector` (folder
//! `wit/`). It knows Coupa and nothing of the host that runs it.
//!
//! Dependencies point one way:
//!
//! ```text
//! component ─→ activities, design, test_connection ─→ client ─→ host (a trait)
//!                        │                              │
//!                        └────────→ query ─→ catalog    └─→ settings
//! ```
//!
//! All logic compiles and is unit-tested natively: what lies outside the
//! connector (HTTP, clocks, secrets, cache, log) stands behind the trait
//! [`host::Host`], and only `component` names wit-bindgen.

pub mod activities;
pub mod client;
pub mod contract;
pub mod design;
#[cfg(test)]
mod fake;
mod fingerprint;
pub mod host;
pub mod query;
pub mod settings;
pub mod test_connection;
mod time;
#[cfg(any(test, target_family = "wasm"))]
mod tls_alert;

#[cfg(target_family = "wasm")]
mod component;
