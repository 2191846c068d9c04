//! The server: connections, the way of a request, and the control endpoints.

mod actions;
mod bulk;
mod connection;
mod control;
mod files;
mod reads;
mod request;
mod route;
mod service;
mod shared;
mod writes;

pub use connection::{CountingListener, ResetHandle};
pub use service::router;
pub use shared::Shared;
