//! Versions of connectors: where they are published, and the agent's own copies.
//!
//! A [`LocalRegistry`] is a folder in which connectors are published under a
//! name and a version. A [`Store`] is the folder of one agent, in which the
//! versions that it runs are kept under their digest.
//!
//! The two meet in one place: a registry answers an [`Entry`], which says what
//! digest a version has, and hands the bytes to [`Store::receive`], which
//! believes nobody: it hashes what comes and keeps it only under the digest it
//! has. A registry of another kind, as an OCI registry is, needs no more than
//! that: a list of entries for [`Requirement::choose`], and a reader.
//!
//! Nothing is changed in place. Every file is written beside its target, synced
//! and renamed, so that a reader meets a whole file or none.

mod commit;
mod digest;
mod entry;
mod error;
mod local;
mod name;
mod store;

pub use digest::{Digest, InvalidDigest};
pub use entry::{Entry, InvalidRequirement, Requirement};
pub use error::{RegistryError, StoreError};
pub use local::{LocalRegistry, Published};
pub use name::{ConnectorName, InvalidName};
pub use store::{DEFAULT_MAX_BYTES, Pulled, Store};
