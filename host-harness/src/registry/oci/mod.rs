//! An OCI registry: connectors as artifacts of the CNCF's layout for WebAssembly
//! (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>), one
//! repository for each connector and one tag for each version.
//!
//! What goes with a version lies beside it, under tags made of its manifest's
//! digest: `sha256-<hex>.minisig` the signatures, `sha256-<hex>.cdx` what it is
//! made of. Registries without the referrers API keep these like any other, and
//! one with it lists them, because each names its subject.
//!
//! The manifests' types are [`oci_client`]'s. Requests are our own, because that
//! library takes answers of any size, and asks who is to be told only at `/v2/`: a
//! registry that is open there and closed elsewhere would never let it in.

mod access;
mod challenge;
mod error;
mod layout;
mod link;
mod listing;
mod manifest;
mod pages;
mod publish;
mod read;
mod transport;

pub use access::Credentials;
pub use error::OciError;
pub use transport::OciSettings;

use super::{ConnectorName, OciAddress};
use std::sync::Arc;
use transport::Transport;

/// Connectors in an OCI registry.
#[derive(Debug, Clone)]
pub struct OciRegistry {
    address: OciAddress,
    transport: Arc<Transport>,
    /// The connectors, where the registry does not tell.
    known: Vec<ConnectorName>,
}

impl OciRegistry {
    /// The registry at `address`. Nothing is asked yet.
    ///
    /// # Errors
    /// [`OciError::Settings`] where the settings cannot be, such as credentials
    /// that would go over the network in the clear.
    pub fn new(address: OciAddress, settings: OciSettings) -> Result<Self, OciError> {
        Ok(Self {
            known: settings.connectors.clone(),
            transport: Arc::new(Transport::new(&address, settings)?),
            address,
        })
    }

    /// Where it is.
    #[must_use]
    pub const fn address(&self) -> &OciAddress {
        &self.address
    }

    /// The repository of a connector.
    fn repository(&self, name: &ConnectorName) -> String {
        if self.address.prefix.is_empty() {
            name.to_string()
        } else {
            format!("{}/{name}", self.address.prefix)
        }
    }
}
