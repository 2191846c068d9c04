//! Who may sign which connectors, and whether a signature says what it must.
//!
//! Signatures are [minisign](https://jedisct1.github.io/minisign/)'s: Ed25519
//! over the BLAKE2b hash of the component, and over a *trusted comment*, one line
//! of text, which here is the [`Statement`]: the name, the version, the digest,
//! the contract, when it was signed and until when that holds. So a signature of
//! one version is good for no other.

mod error;
mod key;
mod policy;
mod statement;

pub use error::{KeyError, TrustError, TrustPolicyError};
pub use key::{KeyId, PublicKey, SigningKey};
pub(super) use key::{MAX_SIGNATURE_BYTES, key_id_of};
pub(crate) use policy::Candidate;
pub use policy::{Rollback, TrustPolicy, Unsigned};
pub use statement::Statement;
