//! `cargo xtask build`: components, in `target/components`, and beside each connector what
//! it is made of.

use crate::{sbom, workspace};
use anyhow::{Context, Result};
use clap::ValueEnum;
use component::StandardLibrary;
use std::path::PathBuf;

/// What is built as a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Package {
    /// What mappings run in: the host carries it, so it comes first.
    Jq,
    /// The connector to Coupa.
    Coupa,
    /// The small connector of the tests and the guide.
    JsonList,
    /// The component of the tests that attacks its host.
    Hostile,
}

/// Those that are connectors.
pub const CONNECTORS: [Package; 3] = [Package::Coupa, Package::JsonList, Package::Hostile];

/// A component that was built.
pub struct Built {
    pub path: PathBuf,
    pub size: u64,
}

/// Builds all of them.
///
/// # Errors
/// As [`Package::build`].
pub fn all() -> Result<()> {
    for package in Package::value_variants() {
        package.build(StandardLibrary::Auto)?;
    }
    Ok(())
}

impl Package {
    /// As cargo knows it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jq => "jq-filter",
            Self::Coupa => "coupa-connector",
            Self::JsonList => "json-list-connector",
            Self::Hostile => "hostile-connector",
        }
    }

    const fn file(self) -> &'static str {
        match self {
            Self::Jq => "jq.wasm",
            Self::Coupa => "coupa.wasm",
            Self::JsonList => "json-list.wasm",
            Self::Hostile => "hostile.wasm",
        }
    }

    /// Builds it.
    ///
    /// # Errors
    /// If it does not compile, or cannot be written.
    pub fn build(self, from: StandardLibrary) -> Result<Built> {
        let target = workspace().join("target");
        let component = component::build(from, workspace(), &target, self.name())?;
        let path = target.join("components").join(self.file());
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        // The host is built anew where this file is newer than it.
        if std::fs::read(&path).ok().as_ref() != Some(&component) {
            std::fs::write(&path, &component)
                .with_context(|| format!("writing {}", path.display()))?;
        }
        if self != Self::Jq {
            let bill = path.with_extension("cdx.json");
            std::fs::write(&bill, sbom::of(workspace(), self.name())?)
                .with_context(|| format!("writing {}", bill.display()))?;
        }
        Ok(Built {
            size: component.len() as u64,
            path,
        })
    }
}
