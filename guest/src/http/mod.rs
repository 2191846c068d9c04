//! HTTP over `wasi:http`: whole bodies, time-outs, a limit to the size of answers.

mod failure;
mod request;
mod response;
mod server;

pub use failure::Failure;
pub use request::Request;
pub use response::Response;
pub use server::Server;
pub use wasip3::http::types::Method;
