//! `cargo xtask bench`: the connector measured against the same work done natively.

use crate::build;
use crate::process;
use anyhow::Result;

/// Builds the component and measures it. The bench takes `--quick`.
///
/// # Errors
/// If the component cannot be built, or a run does not read everything.
pub fn run(arguments: &[String]) -> Result<()> {
    build::build(component::StandardLibrary::Auto)?;
    let mut bench = process::cargo();
    bench.args(["bench", "--bench", "connector", "--"]);
    process::run(bench.args(arguments))
}
