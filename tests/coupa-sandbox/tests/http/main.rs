//! The sandbox as a client sees it: through HTTP and nothing else.

mod actions;
mod auth;
mod control;
mod fault;
mod filter;
mod list;
mod program;
mod shape;
mod support;
mod switch;
mod write;
mod xml;
