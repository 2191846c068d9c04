//! An agent: downloads versions of connectors, verifies them and runs them.
//!
//! Everything that an agent keeps lies in one folder, its home:
//!
//! | folder | what |
//! |---|---|
//! | `registry` | published versions, where no other registry is used |
//! | `store` | versions that it has downloaded, by digest |
//! | `compiled` | their compiled code |
//! | `cache` | what connectors keep between runs, encrypted with `cache.key` |

use crate::cache::{Cache, CacheError, Namespace};
use crate::connection::{ConnectionFile, RevealError, Secrets};
use crate::egress::Budgets;
use crate::registry::{
    ConnectorName, Digest, Entry, InvalidName, LocalRegistry, Published, Pulled, RegistryError,
    Requirement, Store, StoreError,
};
use crate::runtime::{
    CompiledCode, Connection, Connector, Limits, MOST_MEMORY, Runtime, RuntimeError, SecretError,
    SecretSource,
};
use crate::sealing::{KeyError, SealingKey};
use futures::future::BoxFuture;
use secrecy::SecretString;
use semver::Version;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why an agent could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// From the registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// From its own copies.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// From the sandbox.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// From what connectors keep.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// From the key to that.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A component that names itself badly.
    #[error("the component calls itself “{name}” {version}: {why}")]
    Misnamed {
        /// The name that it gives itself.
        name: String,
        /// Its version.
        version: String,
        /// What is wrong with them.
        why: String,
    },
    /// A folder of its home.
    #[error("the folder {path} cannot be used: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A version that was downloaded, verified and loaded.
#[derive(Debug)]
pub struct Downloaded {
    /// What the registry says of it.
    pub entry: Entry,
    /// The agent's own copy.
    pub pulled: Pulled,
    /// Ready to run.
    pub connector: Connector,
}

/// An agent.
#[derive(Clone)]
pub struct Agent {
    registry: LocalRegistry,
    store: Store,
    runtime: Runtime,
    cache: Cache,
}

impl Agent {
    /// The agent whose home is `home`, which is made where it is missing. Its
    /// registry is a folder of the home, or `registry`.
    ///
    /// # Errors
    /// If the folders cannot be made, or this machine cannot run compiled code.
    pub fn open(home: &Path, registry: Option<&Path>) -> Result<Self, AgentError> {
        let registry = registry.map_or_else(|| home.join("registry"), Path::to_path_buf);
        let compiled = home.join("compiled");
        let compiled = CompiledCode::open(&compiled).map_err(|source| AgentError::Folder {
            path: compiled.clone(),
            source,
        })?;
        Ok(Self {
            registry: LocalRegistry::open(registry)?,
            store: Store::open(home.join("store"))?,
            runtime: Runtime::new(compiled)?,
            cache: Cache::open(
                home.join("cache"),
                SealingKey::load_or_create(home.join("cache.key"))?,
            )?,
        })
    }

    /// Another agent on the same machine: it has its own copies of versions, and
    /// shares the registry, the engine, the compiled code and the cache.
    ///
    /// # Errors
    /// If its folder cannot be made.
    pub fn beside(&self, home: &Path) -> Result<Self, AgentError> {
        Ok(Self {
            store: Store::open(home.join("store"))?,
            ..self.clone()
        })
    }

    /// The same agent with budgets for requests that it shares with others.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.runtime = self.runtime.with_budgets(budgets);
        self
    }

    /// Where an agent of this user lives, unless told otherwise; none where the
    /// user has no home folder.
    pub fn default_home() -> Option<PathBuf> {
        let folders = directories::ProjectDirs::from("", "", "integration-harness")?;
        Some(folders.data_dir().to_owned())
    }

    /// The registry that it downloads from.
    pub fn registry(&self) -> &LocalRegistry {
        &self.registry
    }

    /// Downloads a version, unless it has it, and makes it ready to run. Its
    /// bytes are compared with the registry's digest when they come and each
    /// time that they are loaded.
    ///
    /// # Errors
    /// If there is no such version, its bytes are not what was published, or it
    /// is no connector that this host can run.
    pub async fn download(
        &self,
        name: &ConnectorName,
        version: &Requirement,
    ) -> Result<Downloaded, AgentError> {
        let entry = self.registry.resolve(name, version)?;
        let pulled = self.registry.pull(&entry, &self.store)?;
        let bytes = self.store.read(&pulled.digest)?;
        let connector = self.runtime.load(pulled.digest, bytes).await?;
        Ok(Downloaded {
            entry,
            pulled,
            connector,
        })
    }

    /// Publishes a component, under its own name and version unless others are
    /// given. What cannot be loaded is not published.
    ///
    /// # Errors
    /// If it is no connector that this host can run, or another component has
    /// the version.
    pub async fn publish(
        &self,
        component: Vec<u8>,
        name: Option<ConnectorName>,
        version: Option<Version>,
    ) -> Result<Published, AgentError> {
        let connector = self.load(Digest::of(&component), component.clone()).await?;
        let descriptor = connector.descriptor();
        let misnamed = |why: String| AgentError::Misnamed {
            name: descriptor.id.clone(),
            version: descriptor.version.clone(),
            why,
        };
        let name = match name {
            Some(name) => name,
            None => descriptor
                .id
                .parse()
                .map_err(|error: InvalidName| misnamed(error.to_string()))?,
        };
        let version = match version {
            Some(version) => version,
            None => {
                Version::parse(&descriptor.version).map_err(|error| misnamed(error.to_string()))?
            }
        };
        Ok(self.registry.publish(&name, version, &component)?)
    }

    /// What one connection keeps between runs; `name` stands for it alone.
    pub(crate) fn cache(&self, name: &str) -> Namespace {
        self.cache.namespace(name)
    }

    /// Makes a connector of a component that is not in the registry.
    ///
    /// # Errors
    /// If it is no connector that this host can run.
    pub async fn load(&self, digest: Digest, bytes: Vec<u8>) -> Result<Connector, AgentError> {
        Ok(self.runtime.load(digest, bytes).await?)
    }

    /// A connection as its file describes it, ready to be used.
    pub fn connection(&self, file: &ConnectionFile) -> Connection {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let defaults = Limits::default();
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
            limits: Limits {
                memory: file
                    .limits
                    .memory_mib
                    .map_or(defaults.memory, |mib| (mib as usize) << 20)
                    .min(MOST_MEMORY),
                cpu: file.limits.cpu_seconds.map_or(defaults.cpu, seconds),
                wall: file.limits.wall_seconds.map_or(defaults.wall, seconds),
                requests_per_second: file.limits.requests_per_second,
            },
            proxy: None,
            certificates: file.certificates.clone(),
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
