//! What a form or a canvas needs before anything runs.

mod custom_fields;
mod objects;
mod plan;
mod schema;

pub use objects::{Object, objects};
pub use plan::plan;
pub use schema::{Shape, shape};

use crate::contract::Property;
use crate::settings;

/// When one of `changed` changes, the secrets `clear` no longer belong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reauthentication {
    pub changed: Vec<&'static str>,
    pub clear: Vec<&'static str>,
}

/// What this connector is and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    pub id: &'static str,
    pub title: &'static str,
    pub description: &'static str,
    pub version: &'static str,
    pub properties: Vec<Property>,
    pub reauthentication: Vec<Reauthentication>,
    pub reaches: Vec<&'static str>,
    pub requests_per_second: u32,
    pub burst: u32,
}

/// How many requests a second Coupa takes, for an instance as a whole.
pub const REQUESTS_PER_SECOND: u32 = 25;

/// Describes this connector.
pub fn describe() -> Descriptor {
    Descriptor {
        id: "coupa",
        title: "Coupa",
        description: "Reads and writes suppliers, orders, invoices and all else that Coupa's Core API offers.",
        version: env!("CARGO_PKG_VERSION"),
        properties: settings::form(),
        reauthentication: vec![Reauthentication {
            changed: vec![settings::name::HOST, settings::name::CLIENT_ID],
            clear: vec![settings::name::API_KEY, settings::name::CLIENT_SECRET],
        }],
        reaches: vec![settings::name::HOST],
        requests_per_second: REQUESTS_PER_SECOND,
        burst: 20,
    }
}
