//! The connection: which connector, with which settings, against which system.
//!
//! A person starts with a [`ConnectionFile`], a TOML file that can be kept in
//! version control, because no secret is ever in it: `[secrets]` only says where
//! each secret is kept.
//!
//! ```toml
//! name = "Acme test"
//! connector = "acme"
//! version = "1.2.3"                # the newest where it is absent
//! environment = "development"      # production where it is absent
//! certificates = "company-ca.pem"  # authorities to trust beside the system's
//! protocol = "auto"                # or http1, where a gateway's HTTP/2 is at fault
//!
//! [client-certificate]             # for a server that asks for one
//! certificate = "client.pem"
//! key = { file = "client.key" }
//!
//! [settings]
//! host = "https://test.acme.example"
//! scopes = ["orders.read", "orders.write"]
//!
//! [secrets]
//! client-secret = { env = "ACME_CLIENT_SECRET" }
//! api-key = { file = "secrets/api-key" }
//!
//! [limits]
//! memory-mib = 256
//! ```
//!
//! The file is read strictly: a misspelt key must not be a setting that silently
//! does not hold. Which settings a connector takes is checked elsewhere, where
//! its descriptor is at hand.

mod document;
mod environment;
mod error;
mod file;
mod limits;
mod private_file;
mod secrets;

pub use environment::{Environment, UnknownEnvironment};
pub use error::ConnectionFileError;
pub use file::ConnectionFile;
pub use limits::{Limit, LimitError, LimitForm, Limits};
pub use private_file::PrivateFileError;
pub(crate) use private_file::read as read_private_file;
pub use secrets::{RevealError, SecretError, SecretReference, Secrets};
