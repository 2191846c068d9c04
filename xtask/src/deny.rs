//! `cargo xtask deny`: holds the dependencies against `deny.toml` by cargo-deny: what is
//! published against them, their licences, where they come from, and which are there
//! twice.
//!
//! What is published comes from a table in the repository ([`Advisories`]), so that the
//! same commit has the same result anywhere, without a network.

use crate::advisories::{Advisories, Advisory};
use crate::process::{cargo, run};
use crate::{programs, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;

/// The folder in which cargo-deny looks for the database of its default address; it is
/// made of that address, and the same as long as the program is.
const DATABASE: &str = "advisory-db-3157b0e258782691";
/// What `deny.toml` calls the folder of databases.
const DATABASES: &str = "ADVISORY_DATABASES";
/// Entries of `deny.toml` that excuse nothing any more.
const OUTDATED: [&str; 3] = [
    "unmatched-skip",
    "unnecessary-skip",
    "advisory-not-detected",
];

/// Checks all that `deny.toml` asks for.
///
/// # Errors
/// What does not hold, or if it cannot be checked.
pub fn check() -> Result<()> {
    let program = programs::cargo_deny()?;
    let advisories = Advisories::read()?;
    let unknown = advisories.not_looked_up(&crate::advisories::locked(workspace())?);
    ensure!(
        unknown.is_empty(),
        "nobody has looked up yet what is published against {}, which came into Cargo.lock \
         later: run `cargo xtask advisories` with a clone of RustSec's advisory-db \
         (docs/dependencies.md)",
        unknown.join(", ")
    );
    // cargo-deny reads the licences of all packages, those for other systems too.
    run(cargo().args(["fetch", "--locked", "--quiet"]))?;
    made_up_is_told(&program)?;
    let mut deny = cargo_deny(&program, "snapshot", &advisories)?;
    deny.args(OUTDATED.iter().flat_map(|lint| ["--deny", lint]));
    run(&mut deny)?;
    println!(
        "   advisories as of {}; `cargo xtask advisories` takes them anew",
        advisories.date
    );
    Ok(())
}

/// A check that always passed would show nothing: an advisory that is made up against a
/// package of ours has to be told.
fn made_up_is_told(program: &Path) -> Result<()> {
    const ID: &str = "RUSTSEC-2026-9999";
    let made_up = Advisory {
        date: "2026-01-01".to_owned(),
        informational: None,
        patched: Vec::new(),
        unaffected: Vec::new(),
    };
    let advisories = Advisories::of("serde", ID, made_up);
    let mut deny = cargo_deny(program, "made-up", &advisories)?;
    let output = deny
        .arg("advisories")
        .output()
        .context("starting cargo-deny")?;
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.success() || !told.contains(ID) {
        bail!("cargo-deny does not tell of {ID}, which was made up against serde:\n{told}");
    }
    Ok(())
}

/// A check against a database of these advisories, which is made in a folder of this name.
fn cargo_deny(program: &Path, name: &str, advisories: &Advisories) -> Result<Command> {
    let databases = workspace().join("target/deny").join(name);
    database(&databases.join(DATABASE), advisories)?;
    let mut deny = Command::new(program);
    deny.current_dir(workspace())
        .env(DATABASES, &databases)
        .args(["--workspace", "--locked", "--offline"])
        .args(["check", "--hide-inclusion-graph"]);
    Ok(deny)
}

/// Makes a database in RustSec's form: a git repository with a file for each advisory.
fn database(folder: &Path, advisories: &Advisories) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)
            .with_context(|| format!("removing {}", folder.display()))?;
    }
    for (package, id, text) in advisories.files()? {
        let path = folder.join("crates").join(package).join(format!("{id}.md"));
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    for arguments in [
        vec!["init", "--quiet"],
        vec!["add", "--all"],
        vec![
            "commit",
            "--quiet",
            "--no-verify",
            "--message",
            "Advisories",
        ],
    ] {
        run(git(folder).args(arguments))?;
    }
    Ok(())
}

/// git in a repository of our own making, whatever this user has set.
fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(folder);
    for setting in [
        "user.name=xtask",
        "user.email=xtask@localhost",
        "commit.gpgSign=false",
        "core.hooksPath=/dev/null",
    ] {
        git.args(["-c", setting]);
    }
    git
}
