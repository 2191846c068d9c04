//! An agent: downloads versions of connectors, verifies them and runs them.
//!
//! Everything that an agent keeps lies in one folder, its home:
//!
//! | file or folder | what |
//! |---|---|
//! | `registry` | published versions, where no other registry is used |
//! | `store` | versions that it has downloaded, by digest, with receipts |
//! | `compiled` | their compiled code |
//! | `cache` | what connectors keep between runs, encrypted with `cache.key` |
//! | `agent.toml` | its [settings](AgentSettings) |
//! | `trust.toml` | whose versions it runs |

mod error;
mod guard;
mod publish;
mod settings;
mod stages;
mod versions;

pub use error::AgentError;
pub use publish::Publication;
pub use settings::{AgentSettings, SettingsError};
pub use stages::Stages;

use crate::cache::{Cache, Namespace};
use crate::connection::{self, ConnectionFile, RevealError, Secrets};
use crate::egress::Budgets;
use crate::mapping;
use crate::registry::{
    Digest, Entry, LocalRegistry, Location, OciRegistry, PassedOver, Pulled, Quarantine,
    QuarantinedVersion, Registry, RegistryError, Store, TrustPolicy,
};
use crate::runtime::recording::Recording;
use crate::runtime::{
    CompileLimits, CompiledCode, Compiler, Connection, Connector, Limits, ProcessLimits, Runtime,
    SecretError, SecretSource,
};
use crate::sealing::SealingKey;
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A version that was downloaded, verified and loaded.
#[derive(Debug)]
pub struct Downloaded {
    /// What the registry says of it.
    pub entry: Entry,
    /// The agent's own copy.
    pub pulled: Pulled,
    /// Ready to run.
    pub connector: Connector,
    /// Newer versions that would have fitted, and are in quarantine.
    pub passed_over: Vec<QuarantinedVersion>,
    /// What the registry has under newer versions that would have fitted, and is no
    /// connector.
    pub beside: Vec<PassedOver>,
    /// Why the registry could not be asked, where it could not: then this is the
    /// newest that was here.
    pub offline: Option<String>,
    /// How long it took.
    pub stages: Stages,
}

impl Downloaded {
    /// What is not as one would expect: a newer version that is in quarantine, or a
    /// registry that is out of reach.
    pub fn warnings(&self) -> Vec<String> {
        let entry = &self.entry;
        let held = self.passed_over.iter().map(|held| {
            format!(
                "{} {} is in quarantine on this agent ({}), so {} is used",
                held.name,
                held.version,
                held.reason(),
                entry.version
            )
        });
        let offline = self
            .offline
            .iter()
            .map(|why| format!("{why}; {} {} is what was here", entry.name, entry.version));
        held.chain(offline).collect()
    }
}

/// An agent.
#[derive(Clone)]
pub struct Agent {
    registry: Registry,
    store: Store,
    trust: Arc<TrustPolicy>,
    quarantine_after: u32,
    most: Arc<connection::Limits>,
    compiled: CompiledCode,
    runtime: Runtime,
    cache: Cache,
}

impl Agent {
    /// The agent whose home is `home`, which is made where it is missing, with
    /// the settings that lie there. Its registry is the one of the settings or a
    /// folder of the home, unless `registry` is another folder.
    ///
    /// # Errors
    /// If the settings cannot be, the folders cannot be made, or this machine
    /// cannot run compiled code.
    pub fn open(home: &Path, registry: Option<&Path>) -> Result<Self, AgentError> {
        let registry = registry.map(|folder| Location::Folder(folder.to_path_buf()));
        Self::with_settings(home, AgentSettings::read(home, registry)?)
    }

    /// The agent whose home is `home`, with other settings than lie there.
    ///
    /// # Errors
    /// As for [`Self::open`].
    pub fn with_settings(home: &Path, settings: AgentSettings) -> Result<Self, AgentError> {
        let compiled = home.join("compiled");
        let compiled = CompiledCode::open(&compiled).map_err(|source| AgentError::Folder {
            path: compiled.clone(),
            source,
        })?;
        mapping::keep_compiled_in(&compiled);
        let registry = match settings.registry {
            None => Registry::Folder(LocalRegistry::open(home.join("registry"))?),
            Some(Location::Folder(folder)) => Registry::Folder(LocalRegistry::open(folder)?),
            Some(Location::Oci(address)) => {
                Registry::Oci(OciRegistry::new(address, settings.oci).map_err(RegistryError::from)?)
            }
        };
        let compiling = CompileLimits {
            component: usize::try_from(settings.max_bytes).unwrap_or(usize::MAX),
            ..CompileLimits::default()
        };
        Ok(Self {
            registry,
            store: Store::open(home.join("store"))?.with_max_bytes(settings.max_bytes),
            trust: Arc::new(settings.trust),
            quarantine_after: settings.quarantine_after,
            most: Arc::new(settings.most),
            runtime: Runtime::limited(compiled.clone(), settings.limits)?
                .showing(settings.client_certificates)
                .compiling_with(Compiler::in_threads(compiling)),
            compiled,
            cache: Cache::open(
                home.join("cache"),
                SealingKey::load_or_create(home.join("cache.key"))?,
            )?,
        })
    }

    /// Compiles components with this compiler from now on.
    #[must_use]
    pub fn compiling_with(mut self, compiler: Compiler) -> Self {
        self.runtime = self.runtime.compiling_with(compiler);
        self
    }

    /// The same agent with budgets for requests that it shares with others.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.runtime = self.runtime.with_budgets(budgets);
        self
    }

    /// Another agent on the same machine: it has its own copies of versions, and
    /// shares the registry, the trust policy, the engine, the compiled code and the cache.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn beside(&self, home: &Path) -> Result<Self, AgentError> {
        Ok(Self {
            store: Store::open(home.join("store"))?.with_max_bytes(self.store.max_bytes()),
            ..self.clone()
        })
    }

    /// Where an agent of this user lives, unless told otherwise; none where the
    /// user has no home folder.
    pub fn default_home() -> Option<PathBuf> {
        let folders = directories::ProjectDirs::from("", "", "integration-harness")?;
        Some(folders.data_dir().to_owned())
    }

    /// The registry that it downloads from.
    pub const fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its own copies of versions.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Which versions broke down on it.
    pub fn quarantine(&self) -> Quarantine {
        self.store.quarantine(self.quarantine_after)
    }

    /// Removes compiled code that belongs to none of these components, nor to what
    /// mappings run in, and answers how many bytes that freed.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file cannot be removed.
    pub fn retain_compiled(&self, kept: &BTreeSet<Digest>) -> Result<u64, AgentError> {
        let mut kept = kept.clone();
        kept.insert(mapping::digest());
        self.compiled
            .retain(&kept)
            .map_err(|source| AgentError::Folder {
                path: "compiled".into(),
                source,
            })
    }

    /// What one connection keeps between runs; `name` stands for it alone.
    pub(crate) fn cache(&self, name: &str) -> Namespace {
        self.cache.namespace(name)
    }

    /// Loads a version that was downloaded before, by its digest.
    ///
    /// # Errors
    /// If it is not among this agent's copies, or no longer what it was.
    pub async fn load_stored(&self, digest: Digest) -> Result<Connector, AgentError> {
        let bytes = self.store.read(&digest)?;
        self.load(digest, bytes).await
    }

    /// Makes a connector of a component that is not in the registry.
    ///
    /// # Errors
    /// If it is no connector that this host can run.
    pub async fn load(&self, digest: Digest, bytes: Vec<u8>) -> Result<Connector, AgentError> {
        Ok(self.runtime.load(digest, bytes).await?)
    }

    /// What a connection may use on this agent: what was set for it, and no more than
    /// the agent allows.
    #[must_use]
    pub fn limits(&self, set: &connection::Limits) -> Limits {
        Limits::from(&set.within(&self.most))
    }

    /// What this process gives all its connectors together.
    pub fn process_limits(&self) -> &ProcessLimits {
        self.runtime.limits()
    }

    /// A connection as its file describes it, ready to be used.
    pub fn connection(&self, file: &ConnectionFile) -> Connection {
        Connection {
            name: file.name.clone(),
            settings: file.settings.clone(),
            secrets: Arc::new(FileSecrets(file.secrets.clone())),
            // The file's place stands for the connection: two files may give
            // two connections the same name.
            cache: self.cache.namespace(&format!(
                "{}\0{}\0{}",
                file.connector,
                std::path::absolute(&file.path)
                    .unwrap_or_else(|_| file.path.clone())
                    .display(),
                file.name
            )),
            files: None,
            environment: file.environment,
            limits: self.limits(&file.limits),
            proxy: None,
            certificates: file.certificates.clone(),
            client_certificate: file.client_certificate.clone(),
            protocol: file.protocol,
            recording: Recording::Off,
            gate: None,
        }
    }
}

/// The secrets of a connection file, behind the runtime's door for secrets.
struct FileSecrets(Secrets);

impl SecretSource for FileSecrets {
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        Box::pin(async move {
            self.0.reveal(name).map_err(|error| match error {
                RevealError::NotSet { .. } => SecretError::NotSet,
                other => SecretError::Unavailable(other.to_string()),
            })
        })
    }
}
