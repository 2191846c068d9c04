//! `cargo xtask build`: the connectors, as components in `target/components`, and
//! beside each what it is made of.

use crate::{sbom, workspace};
use anyhow::{Context, Result};
use component::StandardLibrary;
use std::path::PathBuf;

/// A component that was built.
pub struct Built {
    pub path: PathBuf,
    pub size: u64,
}

/// Builds the connectors as `target/components/coupa.wasm` and, for the tests and
/// the guide, `json-list.wasm` and `hostile.wasm`. Answers the first.
pub fn build(from: StandardLibrary) -> Result<Built> {
    let built = one(from, "coupa-connector", "coupa")?;
    one(from, "json-list-connector", "json-list")?;
    one(from, "hostile-connector", "hostile")?;
    Ok(built)
}

fn one(from: StandardLibrary, package: &str, name: &str) -> Result<Built> {
    let target_dir = workspace().join("target");
    let component = component::build(from, workspace(), &target_dir, package)?;
    let path = target_dir.join(format!("components/{name}.wasm"));
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    std::fs::write(&path, &component).with_context(|| format!("writing {}", path.display()))?;
    let bill = path.with_extension("cdx.json");
    std::fs::write(&bill, sbom::of(workspace(), package)?)
        .with_context(|| format!("writing {}", bill.display()))?;
    Ok(Built {
        size: component.len() as u64,
        path,
    })
}
