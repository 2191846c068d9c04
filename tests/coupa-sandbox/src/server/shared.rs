//! What all requests share.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::auth::Tokens;
use crate::configuration::Configuration;
use crate::fault::FaultQueue;
use crate::files::Folder;
use crate::observed::Observed;
use crate::rate::RateLimit;
use crate::store::Store;
use crate::switches::Switches;

/// What all requests share.
pub struct Shared {
    pub configuration: Configuration,
    pub store: Store,
    pub files: Folder,
    pub tokens: Tokens,
    pub faults: FaultQueue,
    pub observed: Observed,
    pub rate: RateLimit,
    switches: RwLock<Switches>,
}

impl Shared {
    pub fn new(configuration: Configuration, store: Store, files: Folder) -> Self {
        Self {
            switches: RwLock::new(configuration.switches.clone()),
            tokens: Tokens::default(),
            faults: FaultQueue::default(),
            observed: Observed::default(),
            rate: RateLimit::default(),
            configuration,
            store,
            files,
        }
    }

    /// The switches as they are now.
    pub fn switches(&self) -> RwLockReadGuard<'_, Switches> {
        self.switches.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The switches, to change them.
    pub fn switches_mut(&self) -> RwLockWriteGuard<'_, Switches> {
        self.switches
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
