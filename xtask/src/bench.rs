//! `cargo xtask bench`: what connectors cost, and what keeps running them costs.

use crate::process;
use crate::{build, test};
use anyhow::Result;

/// Builds the components and measures them. The bench takes names of cases and
/// `--quick`.
///
/// # Errors
/// If a component cannot be built, a server is missing and cannot be installed, or a
/// run does not do everything.
pub fn run(arguments: &[String]) -> Result<()> {
    test::installed(&["docker-registry"], &["docker-registry"])?;
    test::installed(&["nats-server"], &["nats-server"])?;
    build::build(component::StandardLibrary::Auto)?;
    let mut bench = process::cargo();
    bench.args(["bench", "--bench", "connector", "--"]);
    process::run(bench.args(arguments))
}
