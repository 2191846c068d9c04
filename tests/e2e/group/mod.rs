//! Agents that join a group over NATS: real servers, real agents, and what they
//! write in the sandbox.

mod allowed;
mod budget;
mod cluster;
mod death;
mod entry;
mod files;
mod full;
mod inputs;
mod limits;
pub mod place;
mod rounds;
mod runs;
pub mod server;
mod serving;
mod versions;
