//! What a sandbox is started with.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::switches::Switches;

/// An OAuth client that is registered with the instance.
#[derive(Clone)]
pub struct Client {
    /// Its public name.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The scopes it was granted, such as `core.supplier.read`.
    pub scopes: Vec<String>,
}

impl fmt::Debug for Client {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// What a sandbox is started with. The default is an instance with the base
/// world and nobody who may use it.
#[derive(Clone, Default)]
pub struct Configuration {
    /// The port to listen on; 0 for any that is free.
    pub port: u16,
    /// The database file; in memory where there is none. Uploaded files lie
    /// beside it, in a folder with `.files` after its name.
    pub database: Option<PathBuf>,
    /// What the believable records are drawn from: the same seed, the same records.
    pub seed: u64,
    /// How many records a collection holds at the start, by its path. The base
    /// world's own records count towards it.
    pub seed_records: BTreeMap<String, u64>,
    /// The OAuth clients.
    pub clients: Vec<Client>,
    /// The API keys; they work while the switch `api_key` is on.
    pub api_keys: Vec<String>,
    /// The switches at the start.
    pub switches: Switches,
}

impl fmt::Debug for Configuration {
    /// Leaves the secrets out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configuration")
            .field("port", &self.port)
            .field("database", &self.database)
            .field("seed", &self.seed)
            .field("seed_records", &self.seed_records)
            .field("clients", &self.clients)
            .field("switches", &self.switches)
            .finish_non_exhaustive()
    }
}
