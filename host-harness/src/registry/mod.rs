//! Versions of connectors: where they are published, and the agent's own copies.
//!
//! A [`Registry`] is where connectors are published under a name and a version:
//! a folder ([`LocalRegistry`]) or an OCI registry ([`OciRegistry`]). A [`Store`]
//! is the folder of one agent, in which the versions that it runs are kept under
//! their digest.
//!
//! The two meet in one place: a registry answers an [`Entry`], which says what
//! digest a version has, and hands the bytes to the store, which believes
//! nobody: it hashes what comes and keeps it only under the digest it has.
//! Whether a version may run at all is for the [`TrustPolicy`] to say, by the
//! signatures that came with it, and whether it did well for the [`Quarantine`].
//!
//! Nothing is changed in place. Every file is written beside its target, synced
//! and renamed, so that a reader meets a whole file or none.

mod any;
mod digest;
mod entry;
mod error;
mod facts;
mod kept;
mod listing;
mod local;
mod location;
mod name;
mod oci;
mod store;
mod trust;

pub use any::Registry;
pub(crate) use digest::Hasher;
pub use digest::{Digest, InvalidDigest};
pub use entry::{Entry, InvalidRequirement, Requirement};
pub use error::{RegistryError, StoreError};
pub use facts::{Facts, Release};
pub use kept::{Collected, Incident, Lease, Quarantine, QuarantinedVersion, Receipt, Receipts};
pub use listing::{Listing, PassedOver};
pub use local::{LocalRegistry, Published};
pub use location::{InvalidLocation, Location, OciAddress};
pub use name::{ConnectorName, InvalidName};
pub use oci::{Credentials, OciError, OciRegistry, OciSettings};
pub use store::{DEFAULT_MAX_BYTES, Pulled, Store};
pub(crate) use trust::Candidate;
pub use trust::{
    KeyError as SigningKeyError, KeyId, PublicKey, Rollback, SigningKey, Statement, TrustError,
    TrustPolicy, TrustPolicyError, Unsigned,
};
