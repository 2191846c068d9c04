//! Servers that tests start: programs of Debian, and a front of our own.

pub mod authority;
pub mod forward;
pub mod front;
pub mod nginx;
pub mod process;
