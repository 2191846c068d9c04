//! An emulator of Coupa's Core REST API, for tests and demonstrations.
//!
//! The paths, verbs, record types and fields come from the catalog of one
//! release; behaviour follows Coupa's integration documentation and what
//! third-party clients have met. Where nobody knows, there is a switch, and
//! what goes wrong on a network is a fault on demand. It shares the catalog's
//! facts with the connector and no logic, so that it cannot agree with it by
//! mistake.
//!
//! ```no_run
//! use coupa_sandbox::{Client, Configuration, Fault, Sandbox};
//!
//! # fn main() -> Result<(), coupa_sandbox::StartError> {
//! let sandbox = Sandbox::start(Configuration {
//!     seed_records: [("suppliers".to_owned(), 120)].into(),
//!     clients: vec![Client {
//!         id: "id".to_owned(),
//!         secret: "secret".to_owned(),
//!         scopes: vec!["core.supplier.read".to_owned()],
//!     }],
//!     ..Configuration::default()
//! })?;
//! sandbox.fail_next(Fault::ResetAfter);
//! println!("{} with {} suppliers", sandbox.base_url(), sandbox.count("suppliers"));
//! # Ok(())
//! # }
//! ```

mod auth;
mod clock;
mod configuration;
mod fault;
mod files;
mod graphql;
mod media;
mod model;
mod observed;
mod query;
mod random;
mod rate;
mod refusal;
mod sandbox;
mod seed;
mod server;
mod store;
pub mod switches;
mod write;

pub use configuration::{Client, Configuration};
pub use fault::{Fault, FaultRule, Filler, RedirectTarget};
pub use files::FileRecord;
pub use observed::{Counters, RequestRecord};
pub use sandbox::{Sandbox, StartError};
pub use seed::SeedError;
pub use server::{PlacedFile, SeededFile};
pub use store::StoreError;
pub use switches::{SwitchError, Switches};
