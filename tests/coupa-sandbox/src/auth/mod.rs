//! Who may do what: the token endpoint, the tokens, and the scope that each
//! resource needs.

mod access;
mod credentials;
mod scopes;
mod token_endpoint;
mod tokens;

pub use access::{Granted, authorize, identify};
pub use token_endpoint::grant;
pub use tokens::Tokens;
