//! `cargo xtask test`: everything that has to hold, cheapest first.

use crate::build;
use crate::process::{cargo, run};
use crate::programs::{self, Installing};
use anyhow::Result;
use std::process::Command;

/// Runs all checks and tests.
///
/// # Errors
/// The first that fails.
pub fn test() -> Result<()> {
    let installing = Installing::begin(programs::OF_TESTS);
    step("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
    step("contract", || crate::contract::run(false))?;
    step("components", build::all)?;
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
        run(tested("build").args(kinds))
    })?;
    step("programs that tests start", || installing.end())?;
    let tests = |chosen: &[&str]| run(&mut tests_of(chosen));
    step("documentation's examples", || tests(&["--doc"]))?;
    step("contract's tests", || {
        run(cargo().args(["test", "--release", "--package", "xtask", "--quiet"]))
    })?;
    step("unit tests", || tests(&["--lib", "--bins", "--examples"]))?;
    step("the Coupa sandbox", || tests(&["--test", "http"]))?;
    step("end to end", || tests(&["--test", "e2e"]))?;
    for row in 1..ROWS {
        let name = format!("end to end, in row {row} of {ROWS} of the sandbox's switches");
        step(&name, || {
            let mut tests = tests_of(&["--test", "e2e", "--"]);
            // Under a limited rate most of them wait.
            tests.arg("--test-threads=4");
            tests.args(
                NOT_ABOUT_COUPA
                    .iter()
                    .flat_map(|module| ["--skip", *module]),
            );
            run(tests.env("COUPA_SANDBOX_ROW", format!("{row}/{ROWS}")))
        })?;
    }
    Ok(())
}

/// As many as the switch with the most positions has; the suite fails in a row where
/// they are too few. Row 0, documented behaviour, is the suite without a row.
const ROWS: usize = 4;

/// Modules of the end-to-end tests that are not about what Coupa answers.
const NOT_ABOUT_COUPA: [&str; 8] = [
    // A second connector, with a server of its own.
    "json_list::",
    // Servers that the tests write themselves.
    "size::",
    "platform::generic::",
    // It sets every switch itself, one at a time from documented behaviour.
    "switches::every_day",
    // The host's own: versions, limits, agents and what is watched of them. What they
    // ask of Coupa are a query and a create, which others do in each row.
    "registry::",
    "sandbox::",
    "group::",
    "operate::",
];

fn tests_of(chosen: &[&str]) -> Command {
    let mut tests = tested("test");
    tests.args(chosen);
    tests
}

/// Builds what is tested: the same packages each time, or their dependencies are built
/// anew.
fn tested(command: &str) -> Command {
    let mut cargo = cargo();
    cargo.args([command, "--release", "--workspace", "--exclude", "xtask"]);
    cargo.arg("--quiet");
    for (package, level) in OPTIMISED {
        let setting = format!("profile.release.package.{package}.opt-level={level}");
        cargo.args(["--config", &setting]);
    }
    cargo
}

/// How far our own crates are optimised for the tests. Wasmtime, the component and all
/// else are as they are used; that these are too would double the time to build, and what
/// takes long in the tests is waiting.
const OPTIMISED: [(&str, u8); 3] = [
    ("host-harness", 0),
    ("coupa-sandbox", 1),
    // The tests themselves.
    ("coupa-connector", 0),
];

const DENY: [&str; 3] = ["--", "-D", "warnings"];

fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    let started = std::time::Instant::now();
    println!("== {name}");
    check()?;
    println!("   {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
