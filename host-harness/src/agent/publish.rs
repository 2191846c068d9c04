//! Publishing what an agent has looked at first.

use super::{Agent, AgentError};
use crate::registry::{
    ConnectorName, Digest, Facts, InvalidName, Published, Release, SigningKey, Statement,
};
use crate::runtime;
use jiff::{SignedDuration, Timestamp};
use semver::Version;

/// What is to be published, and how.
#[derive(Debug, Default)]
pub struct Publication {
    /// The component.
    pub component: Vec<u8>,
    /// Another name than its own.
    pub name: Option<ConnectorName>,
    /// Another version than its own.
    pub version: Option<Version>,
    /// Who vouches for it.
    pub key: Option<SigningKey>,
    /// For how long the signature holds; without end unless given.
    pub holds_for: Option<SignedDuration>,
    /// What it is made of, as CycloneDX JSON.
    pub bill_of_materials: Option<Vec<u8>>,
    /// Where its source is.
    pub source: Option<String>,
    /// Which revision of the source it was built from.
    pub revision: Option<String>,
    /// Its licences, an SPDX expression.
    pub licenses: Option<String>,
    /// When it was made, where two publications of the same bytes are to be the
    /// same.
    pub created: Option<Timestamp>,
}

impl Agent {
    /// Publishes a component, under its own name and version unless others are
    /// given, and unsigned. What cannot be loaded is not published.
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
        self.publish_with(Publication {
            component,
            name,
            version,
            ..Publication::default()
        })
        .await
    }

    /// Publishes a component with what goes with it.
    ///
    /// # Errors
    /// As for [`Self::publish`], and where it cannot be signed.
    pub async fn publish_with(&self, publication: Publication) -> Result<Published, AgentError> {
        let component = publication.component;
        let connector = self.load(Digest::of(&component), component.clone()).await?;
        let descriptor = connector.descriptor();
        let misnamed = |why: String| AgentError::Misnamed {
            name: descriptor.id.clone(),
            version: descriptor.version.clone(),
            why,
        };
        let name = match publication.name {
            Some(name) => name,
            None => descriptor
                .id
                .parse()
                .map_err(|error: InvalidName| misnamed(error.to_string()))?,
        };
        let version = match publication.version {
            Some(version) => version,
            None => {
                Version::parse(&descriptor.version).map_err(|error| misnamed(error.to_string()))?
            }
        };
        let found = runtime::interfaces(&component).unwrap_or_default();
        let contract = runtime::contract_of(&found.exports);
        let mut signatures = Vec::new();
        if let Some(key) = publication.key {
            let signed_at = Timestamp::now();
            let statement = Statement {
                name: name.clone(),
                version: version.clone(),
                digest: Digest::of(&component),
                contract: contract.clone(),
                signed_at,
                expires: publication.holds_for.map(|holds| signed_at + holds),
            };
            signatures.push(key.sign(&component, statement)?);
        }
        let release = Release {
            name,
            version,
            facts: Facts {
                title: descriptor.title.clone(),
                description: descriptor.description.clone(),
                contract,
                reaches: descriptor.reaches.clone(),
                imports: found.imports,
                exports: found.exports,
                source: publication.source,
                revision: publication.revision,
                licenses: publication.licenses,
            },
            component,
            created: publication.created,
            signatures,
            bill_of_materials: publication.bill_of_materials,
        };
        Ok(self.registry.publish(&release).await?)
    }
}
