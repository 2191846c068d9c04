//! `cargo xtask bench`: what connectors cost, and what keeps running them costs.

use crate::programs::{self, Installing};
use crate::{build, process};
use anyhow::Result;

/// Builds the components and measures them. The bench takes names of cases and
/// `--quick`.
///
/// # Errors
/// If a component cannot be built, a server is missing and cannot be installed, or a
/// run does not do everything.
pub fn run(arguments: &[String]) -> Result<()> {
    let installing = Installing::begin(programs::OF_BENCH);
    build::all()?;
    installing.end()?;
    let mut bench = process::cargo();
    bench.args(["bench", "--bench", "connector", "--"]);
    process::run(bench.args(arguments))
}
