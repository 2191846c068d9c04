//! Builds the component that mappings run in, so that the library carries it.

use anyhow::{Context, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    for path in ["jq", "../Cargo.lock", "build.rs"] {
        println!("cargo::rerun-if-changed={path}");
    }
    let folder = |name| std::env::var_os(name).map(PathBuf::from).context(name);
    let (here, out) = (folder("CARGO_MANIFEST_DIR")?, folder("OUT_DIR")?);
    let workspace = here.parent().context("there is no workspace around this")?;
    let from = component::StandardLibrary::Auto;
    let jq = component::build(from, workspace, &out.join("target"), "jq-filter")?;
    std::fs::write(out.join("jq.wasm"), jq).context("writing jq.wasm")
}
