//! What a publisher says of a version, so that it is known before the version is
//! downloaded. None of it is believed where it matters: what a component imports
//! and reaches is read from the component again.

use semver::Version;
use serde::{Deserialize, Serialize};

/// What is known of a version beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// For people, from the descriptor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What it does, from the descriptor.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The version of the contract that the component was built for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<Version>,
    /// The properties of a connection that hold the URLs which it has to reach.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reaches: Vec<String>,
    /// The component's imports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// The component's exports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exports: Vec<String>,
    /// Where its source is, a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Which revision of the source it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Its licences, an SPDX expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licenses: Option<String>,
}

impl Facts {
    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is published: a version of a connector and what goes with it.
#[derive(Debug, Clone)]
pub struct Release {
    /// The connector.
    pub name: super::ConnectorName,
    /// Its version.
    pub version: Version,
    /// The component.
    pub component: Vec<u8>,
    /// What is said of it.
    pub facts: Facts,
    /// When it was made, which makes two publications of the same bytes the same
    /// where it is given; else now.
    pub created: Option<jiff::Timestamp>,
    /// Signatures of the component, in minisign's format.
    pub signatures: Vec<String>,
    /// What the component is made of, as CycloneDX JSON.
    pub bill_of_materials: Option<Vec<u8>>,
}
