//! What an agent keeps of versions beside their bytes, in its store's folder:
//!
//! ```text
//! blobs/sha256/<hex>               the bytes
//! receipts/<name>/<version>.json   what was taken from where, written last
//! seen.json                        the highest version of each connector so far
//! leases/<hex>                     locked while a version is in use
//! quarantine/<hex>.json            how a version misbehaved
//! ```

mod collect;
mod lease;
mod quarantine;
mod receipt;

pub use collect::Collected;
pub use lease::Lease;
pub use quarantine::{Incident, Quarantine, QuarantinedVersion};
pub use receipt::{Receipt, Receipts};
