//! What every connector written in Rust would otherwise repeat: the glue between
//! the contract's streams and futures and plain Rust, an HTTP client over
//! `wasi:http`, and builders for errors, properties and the like.
//!
//! A connector implements `Connector` and names its type once:
//!
//! ```text
//! struct Acme;
//! connector_guest::connector!(Acme);
//!
//! impl connector_guest::Connector for Acme { /* … */ }
//! ```
//!
//! It is for `wasm32-unknown-unknown` alone; elsewhere this crate is empty.

#![cfg(target_family = "wasm")]

#[doc(hidden)]
pub mod bindings;
mod build;
mod connector;
mod events;
pub mod http;
mod secret;

pub use bindings::exports::integration::connector::design::{
    Descriptor, Extent, Object, Permissions, PlannedCall, PlannedRequest, Rate, Reauthentication,
    Shape,
};
pub use bindings::integration::connector::types::{
    Activity, Answer, Call, Check, CheckOutcome, Choice, Condition, Connection, Difference, Effect,
    Error, ErrorKind, Event, FieldError, Item, Notice, NoticeKind, Property, PropertyKind,
    Rejection, Role, Setting, Summary,
};
pub use connector::{Connector, Exported};
pub use events::{Ended, Events, Input, Stopped, Taken};
pub use secret::secret;

/// Exports a [`Connector`] as the component's own. Stands once, at the top of the
/// crate.
#[macro_export]
macro_rules! connector {
    ($connector:ident) => {
        #[expect(unsafe_code, reason = "generated")]
        mod exported {
            type Exported = $crate::Exported<super::$connector>;
            $crate::bindings::export!(Exported with_types_in $crate::bindings);
        }
    };
}
