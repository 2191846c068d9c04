//! Agents that join a group over NATS: real servers, real agents, and what they
//! write in the sandbox.

mod budget;
mod death;
mod entry;
mod files;
mod inputs;
mod place;
mod rounds;
mod runs;
mod server;
mod serving;
