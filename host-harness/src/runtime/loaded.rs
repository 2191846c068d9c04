//! Connectors that this process has made ready, so that the next run of one begins
//! with an instance: loading its compiled code again takes a hundred times as long.
//!
//! What is found here was asked for by a digest that its bytes were compared with just
//! before, each time: nothing is believed for having been here.

use super::bindings::{ConnectorComponentPre, design};
use super::guest::Guest;
use crate::recent::Recent;
use crate::registry::Digest;
use std::sync::Arc;

/// As many as are kept, those that were used last. The code of each is some megabytes.
const KEPT: usize = 8;

/// A component, linked, and what it says of itself.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) pre: ConnectorComponentPre<Guest>,
    pub(super) descriptor: Arc<design::Descriptor>,
}

pub(super) type Loaded = Arc<Recent<Digest, Ready>>;

pub(super) fn none_yet() -> Loaded {
    Arc::new(Recent::new(KEPT))
}
