//! Programs that tests start, from Debian where they are missing.

use crate::process::run;
use anyhow::{Context, Result, anyhow};
use std::process::Command;
use std::thread::JoinHandle;

/// Each with the package that it is in: the tests of the screen drive a browser, those of
/// registries start one and mirror it, those of groups of agents start NATS servers.
const PROGRAMS: [(&str, &str); 5] = [
    ("chromium", "chromium"),
    ("chromedriver", "chromium-driver"),
    ("docker-registry", "docker-registry"),
    ("skopeo", "skopeo"),
    ("nats-server", "nats-server"),
];

/// Programs that are being installed, while others build.
pub struct Installing(JoinHandle<Result<()>>);

impl Installing {
    /// Begins to install what is missing.
    pub fn begin() -> Self {
        Self(std::thread::spawn(|| {
            let missing: Vec<&str> = PROGRAMS
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
                .with_context(|| format!("the tests need {}: install them", missing.join(", ")))
        }))
    }

    /// Waits until they are here.
    ///
    /// # Errors
    /// If one of them could not be installed.
    pub fn end(self) -> Result<()> {
        let ended = self.0.join();
        ended.map_err(|_| anyhow!("installing what the tests start broke down"))?
    }
}

fn apt(arguments: &[&str]) -> Result<()> {
    run(Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdout(std::process::Stdio::null()))
}
