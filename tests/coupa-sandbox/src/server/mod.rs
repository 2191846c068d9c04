//! The server: connections, the way of a request, and the control endpoints.

mod actions;
mod api_docs;
mod attachments;
mod binaries;
mod connection;
mod control;
mod reads;
mod request;
mod route;
mod seeded_files;
mod service;
mod shared;
mod writes;

pub use connection::{ConnectionHandle, CountingListener};
pub use seeded_files::{PlacedFile, SeededFile, add as add_file, find as find_file};
pub use service::router;
pub use shared::Shared;
