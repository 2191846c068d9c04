//! A registry of either kind. Whoever uses it does not know which.

use semver::Version;

use super::oci::OciRegistry;
use super::{
    ConnectorName, Entry, Listing, LocalRegistry, Published, Pulled, RegistryError, Release,
    Requirement, Store,
};

/// Where versions of connectors are published.
#[derive(Debug, Clone)]
pub enum Registry {
    /// A folder.
    Folder(LocalRegistry),
    /// An OCI registry.
    Oci(OciRegistry),
}

impl Registry {
    /// The folder, where it is one.
    #[must_use]
    pub fn folder(&self) -> Option<&LocalRegistry> {
        match self {
            Self::Folder(registry) => Some(registry),
            Self::Oci(_) => None,
        }
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Folder(registry) => registry.place(),
            Self::Oci(registry) => registry.address().to_string(),
        }
    }

    /// The names of its connectors, in order.
    ///
    /// # Errors
    /// Where it cannot be asked, or does not tell.
    pub async fn names(&self) -> Result<Vec<ConnectorName>, RegistryError> {
        match self {
            Self::Folder(registry) => registry.names(),
            Self::Oci(registry) => Ok(registry.names().await?),
        }
    }

    /// The versions of a connector, oldest first; none where it is unknown.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn versions(&self, name: &ConnectorName) -> Result<Vec<Version>, RegistryError> {
        match self {
            Self::Folder(registry) => {
                let entries = registry.versions(name)?;
                Ok(entries.into_iter().map(|entry| entry.version).collect())
            }
            Self::Oci(registry) => Ok(registry.versions(name).await?),
        }
    }

    /// What it says of one version; absent where it has none.
    ///
    /// # Errors
    /// Where it cannot be asked, or has something under that version that is no
    /// connector.
    pub async fn entry(
        &self,
        name: &ConnectorName,
        version: &Version,
    ) -> Result<Option<Entry>, RegistryError> {
        match self {
            Self::Folder(registry) => registry.entry(name, version),
            Self::Oci(registry) => Ok(registry.entry(name, version).await?),
        }
    }

    /// All that is published, by name and then by version, oldest first, and what
    /// else lies there.
    ///
    /// # Errors
    /// Where it cannot be asked, or a folder's version cannot be understood: a list
    /// that silently lacks it would mislead.
    pub async fn list(&self) -> Result<Listing, RegistryError> {
        match self {
            Self::Folder(registry) => Ok(Listing {
                entries: registry.list()?,
                passed_over: Vec::new(),
            }),
            Self::Oci(registry) => Ok(registry.list().await?),
        }
    }

    /// The signatures of a version, in minisign's format; unchecked.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn signatures(&self, entry: &Entry) -> Result<Vec<String>, RegistryError> {
        match self {
            Self::Folder(registry) => registry.signatures(entry),
            Self::Oci(registry) => Ok(registry.signatures(entry).await?),
        }
    }

    /// What a version is made of, as CycloneDX JSON; absent where its publisher
    /// did not say.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn bill_of_materials(&self, entry: &Entry) -> Result<Option<Vec<u8>>, RegistryError> {
        match self {
            Self::Folder(registry) => registry.bill_of_materials(entry),
            Self::Oci(registry) => Ok(registry.bill_of_materials(entry).await?),
        }
    }

    /// Brings the version of `entry` into `store`.
    ///
    /// # Errors
    /// Where the bytes cannot be had or are not those that were published.
    pub async fn pull(&self, entry: &Entry, store: &Store) -> Result<Pulled, RegistryError> {
        match self {
            Self::Folder(registry) => registry.pull(entry, store),
            Self::Oci(registry) => registry.pull(entry, store).await,
        }
    }

    /// Publishes a version. The same bytes again change nothing, but add
    /// signatures that were not there.
    ///
    /// # Errors
    /// [`RegistryError::VersionTaken`] where the version has other bytes.
    pub async fn publish(&self, release: &Release) -> Result<Published, RegistryError> {
        match self {
            Self::Folder(registry) => registry.release(release),
            Self::Oci(registry) => registry.release(release).await,
        }
    }

    /// Why none of the versions fits what was asked for.
    pub(crate) async fn nothing_fits(
        &self,
        name: &ConnectorName,
        required: &Requirement,
        published: Vec<Version>,
    ) -> RegistryError {
        if !published.is_empty() {
            return RegistryError::UnknownVersion {
                name: name.clone(),
                required: required.clone(),
                published,
            };
        }
        RegistryError::UnknownConnector {
            registry: self.place(),
            name: name.clone(),
            // Not every registry tells; that is no reason to say something else.
            known: self.names().await.unwrap_or_default(),
        }
    }
}
