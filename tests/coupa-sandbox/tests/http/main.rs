//! The sandbox as a client sees it: through HTTP and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod actions;
mod api_docs;
mod auth;
mod control;
mod fault;
mod files;
mod filter;
mod graphql;
mod hostile;
mod list;
mod memory;
mod program;
mod shape;
mod support;
mod switch;
mod write;
mod xml;
