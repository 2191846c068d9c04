//! Programs that tests and the bench start, from Debian where they are missing.

use crate::process::run;
use anyhow::{Context, Result, anyhow};
use std::process::Command;
use std::thread::JoinHandle;

/// A program, and the package that it is in.
type Program = (&'static str, &'static str);

const CHROMIUM: Program = ("chromium", "chromium");
const CHROMEDRIVER: Program = ("chromedriver", "chromium-driver");
const OCI_REGISTRY: Program = ("docker-registry", "docker-registry");
const SKOPEO: Program = ("skopeo", "skopeo");
const NATS_SERVER: Program = ("nats-server", "nats-server");

/// What the tests start: those of the screen drive a browser, those of registries start
/// one and mirror it, those of groups of agents start NATS servers.
pub const OF_TESTS: &[Program] = &[CHROMIUM, CHROMEDRIVER, OCI_REGISTRY, SKOPEO, NATS_SERVER];
/// What the bench starts.
pub const OF_BENCH: &[Program] = &[OCI_REGISTRY, NATS_SERVER];

/// Programs that are being installed, while others build.
pub struct Installing(JoinHandle<Result<()>>);

impl Installing {
    /// Begins to install what is missing of these.
    pub fn begin(programs: &'static [Program]) -> Self {
        Self(std::thread::spawn(|| {
            let missing: Vec<&str> = programs
                .iter()
                .filter(|(program, _)| Command::new(program).arg("--version").output().is_err())
                .map(|(_, package)| *package)
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            let mut install = vec!["install", "-y", "-qq"];
            install.extend(&missing);
            apt(&["update", "-qq"])
                .and_then(|()| apt(&install))
                .with_context(|| format!("{} are needed: install them", missing.join(" and ")))
        }))
    }

    /// Waits until they are here.
    ///
    /// # Errors
    /// If one of them could not be installed.
    pub fn end(self) -> Result<()> {
        let ended = self.0.join();
        ended.map_err(|_| anyhow!("installing them broke down"))?
    }
}

fn apt(arguments: &[&str]) -> Result<()> {
    run(Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(std::process::Stdio::null()))
}
