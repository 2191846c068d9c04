//! Secrets at rest: sealed with XChaCha20-Poly1305 under a key that only the
//! owner of this host has.
//!
//! What is sealed belongs to a `Place`, which is authenticated with it: put in
//! another's place it does not open.

mod error;
mod key;
mod random;
mod seal;

pub use error::{KeyError, SealError};
pub use key::SealingKey;
pub(crate) use random::random_name;
pub(crate) use seal::{OVERHEAD_BYTES, Place, open, seal};
