//! `cargo xtask test`: everything that has to hold, cheapest first.

use crate::build;
use crate::process::{cargo, run};
use anyhow::{Context, Result};

/// Runs all checks and tests.
///
/// # Errors
/// The first that fails.
pub fn test() -> Result<()> {
    step("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
    step("contract", || crate::contract::run(false))?;
    step("component", || {
        build::build(component::StandardLibrary::Auto).map(drop)
    })?;
    step("lints, host", || {
        run(cargo()
            .args([
                "clippy",
                "--release",
                "--workspace",
                "--all-targets",
                "--quiet",
            ])
            .args(DENY))
    })?;
    step("lints, component", || {
        let mut clippy = cargo();
        clippy.args(["clippy", "--lib", "--quiet"]);
        clippy.args([
            "--package",
            "coupa-connector",
            "--package",
            "connector-guest",
            "--package",
            "json-list-connector",
            "--package",
            "hostile-connector",
        ]);
        clippy.args(["--profile", "component", "--target", component::TARGET]);
        run(clippy.args(DENY))
    })?;
    step("documentation", || {
        let mut doc = cargo();
        doc.args(["doc", "--release", "--workspace", "--no-deps", "--quiet"]);
        run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    // The program is built together with the tests that start it.
    step("build", || {
        let kinds = ["--lib", "--bins", "--tests", "--examples", "--benches"];
        run(cargo()
            .args([
                "build",
                "--release",
                "--workspace",
                "--exclude",
                "xtask",
                "--quiet",
            ])
            .args(kinds))
    })?;
    step("a browser", browser)?;
    // The same packages each time, or their dependencies are built anew.
    let tests = |chosen: &[&str]| {
        let mut tests = cargo();
        tests.args([
            "test",
            "--release",
            "--workspace",
            "--exclude",
            "xtask",
            "--quiet",
        ]);
        run(tests.args(chosen))
    };
    step("documentation's examples", || tests(&["--doc"]))?;
    step("contract's tests", || {
        run(cargo().args(["test", "--release", "--package", "xtask", "--quiet"]))
    })?;
    step("unit tests", || tests(&["--lib", "--bins", "--examples"]))?;
    step("the Coupa sandbox", || tests(&["--test", "http"]))?;
    step("end to end", || tests(&["--test", "e2e"]))
}

/// The tests of the screen need a browser and its driver: Debian's, where they
/// are missing.
fn browser() -> Result<()> {
    let there = ["chromium", "chromedriver"].iter().all(|name| {
        std::process::Command::new(name)
            .arg("--version")
            .output()
            .is_ok()
    });
    if there {
        return Ok(());
    }
    let apt = |arguments: &[&str]| {
        run(std::process::Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdout(std::process::Stdio::null()))
    };
    apt(&["update", "-qq"])
        .and_then(|()| apt(&["install", "-y", "-qq", "chromium", "chromium-driver"]))
        .context("the tests of the screen need chromium and chromium-driver: install them")
}

const DENY: [&str; 3] = ["--", "-D", "warnings"];

fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    let started = std::time::Instant::now();
    println!("== {name}");
    check()?;
    println!("   {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
