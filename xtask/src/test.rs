//! `cargo xtask test`: everything that has to hold, cheapest first; or, of it, what a
//! change asks for. `docs/testing.md` says what runs when, and how long it takes.

pub mod compiler;
mod libtest;
mod suite;

use crate::build;
use crate::process::{cargo, run};
use crate::programs::{self, Installing};
use anyhow::{Result, bail};
use libtest::{Run, Timed};
use std::process::Command;
use std::time::Instant;

/// What is to be tested.
#[derive(clap::Args)]
pub struct Wanted {
    /// Build, and run only the tests that have one of these in their names, such as `web`
    /// or `screen::menus`.
    filters: Vec<String>,
    /// Run the tests that go through rounds, or through cases made by chance, and no
    /// others: many times as many rounds and cases as every day.
    #[arg(long)]
    soak: bool,
}

/// Runs the checks and tests that are wanted, and tells which tests took longest.
///
/// # Errors
/// The first that fails.
pub fn test(wanted: &Wanted) -> Result<()> {
    let installing = Installing::begin(programs::OF_TESTS);
    let filters: Vec<&str> = wanted.filters.iter().map(String::as_str).collect();
    let mut times = Times::default();
    let ended = match (wanted.soak, &*filters) {
        (true, filters) => soak(installing, filters, &mut times),
        (false, []) => everything(installing, &mut times),
        (false, filters) => those_named(installing, filters, &mut times),
    };
    times.tell();
    ended
}

/// The checks and the everyday tests.
fn everything(installing: Installing, times: &mut Times) -> Result<()> {
    step("format", format)?;
    step("dependencies", crate::deny::check)?;
    step("contract", || crate::contract::run(false))?;
    step("components", build::all)?;
    step("lints of the component", lints_of_the_component)?;
    step("build, with lints and documentation", || {
        compile(&["--lib", "--bins", "--tests", "--examples", "--benches"])?;
        run(of_xtask("build")?.args(["--bins", "--tests"]))
    })?;
    step("programs that tests start", || installing.end())?;
    step("documentation's examples", || {
        run(tested("test")?.arg("--doc"))
    })?;
    let mut units = tests(&["--lib", "--bins", "--examples"], &[])?;
    times.of("unit tests", &mut units)?;
    let mut sandboxs = tests(&["--test", "http"], &[])?;
    times.of("the Coupa sandbox", &mut sandboxs)?;
    let mut of_xtask = of_xtask("test")?;
    of_xtask.args(libtest::RUNNER).arg("--");
    of_xtask.args(libtest::REPORTING);
    times.of("xtask's tests", &mut of_xtask)?;
    step("end to end", || {
        times.add(libtest::in_turn(end_to_end()?)?);
        Ok(())
    })
}

/// What the change that the filters name asks for.
fn those_named(installing: Installing, filters: &[&str], times: &mut Times) -> Result<()> {
    let kinds = ["--lib", "--bins", "--tests"];
    made_ready(installing, &kinds)?;
    let threads = threads();
    let arguments = [filters, &[&threads]].concat();
    times.of("tests", &mut tests(&kinds, &arguments)?)?;
    if times.0.is_empty() {
        bail!("no test has {} in its name", filters.join(" or "));
    }
    Ok(())
}

/// The rounds and cases that are too many for every day.
fn soak(installing: Installing, filters: &[&str], times: &mut Times) -> Result<()> {
    made_ready(installing, &["--lib", "--bins", "--tests"])?;
    let mut cases = tests(&["--lib"], filters)?;
    times.of("cases made by chance", cases.env("PROPTEST_CASES", CASES))?;
    let rounds: Vec<&str> = match filters {
        [] => suite::OF_MORE_ROUNDS.to_vec(),
        filters => filters.to_vec(),
    };
    let threads = threads();
    let mut rounds = tests(E2E, &[&rounds[..], &[&threads]].concat())?;
    times.of("rounds", rounds.env("SOAK", "1"))
}

/// Cases of each property in `--soak`.
const CASES: &str = "20000";

const E2E: &[&str] = &["--test", "e2e"];

fn made_ready(installing: Installing, kinds: &[&str]) -> Result<()> {
    step("format", format)?;
    step("components", build::all)?;
    step("build, with lints and documentation", || compile(kinds))?;
    step("programs that tests start", || installing.end())
}

/// The suite in row 0, and after it the further rows: beside each other, they take the
/// processors from tests that hold a rate or a lease to its time.
fn end_to_end() -> Result<Vec<Run>> {
    let threads = threads();
    let suite = Run {
        name: "row 0".to_owned(),
        cargo: tests(E2E, &[&threads])?,
    };
    let listed = libtest::list(&mut tests(E2E, &["--list"])?)?;
    let of_a_row = suite::of_a_row(&listed)?;
    let mut runs = vec![suite];
    for row in 1..suite::ROWS {
        let arguments = [&["--exact", &*threads], &of_a_row[..]].concat();
        let mut cargo = tests(E2E, &arguments)?;
        cargo.env("COUPA_SANDBOX_ROW", format!("{row}/{}", suite::ROWS));
        runs.push(Run {
            name: format!("row {row}"),
            cargo,
        });
    }
    Ok(runs)
}

/// How many end-to-end tests run at a time, as an argument for them: most of them wait
/// most of the time, for a process that starts, a lease that ends or a rate that is kept.
fn threads() -> String {
    const LEAST: usize = 6;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("--test-threads={}", processors.max(LEAST))
}

fn format() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

/// Those for its own target; what is compiled natively is looked at as it is compiled.
fn lints_of_the_component() -> Result<()> {
    let mut clippy = cargo();
    clippy.args(["clippy", "--lib", "--quiet"]);
    for package in build::CONNECTORS {
        clippy.args(["--package", package.name()]);
    }
    clippy.args(["--package", "connector-guest"]);
    clippy.args(["--profile", "component", "--target", component::TARGET]);
    run(clippy.args(["--", "-D", "warnings"]))
}

fn compile(kinds: &[&str]) -> Result<()> {
    run(tested("build")?.args(kinds))
}

/// Tests of some targets, with arguments for the tests.
fn tests(targets: &[&str], arguments: &[&str]) -> Result<Command> {
    let mut tests = tested("test")?;
    tests.args(targets).args(libtest::RUNNER).arg("--");
    tests.args(libtest::REPORTING).args(arguments);
    Ok(tests)
}

/// A cargo for what is tested: the same packages each time, or their dependencies are
/// built anew.
fn tested(command: &str) -> Result<Command> {
    let mut cargo = of(command)?;
    cargo.args(["--release", "--workspace", "--exclude", "xtask"]);
    // Of our own packages only; a change is compiled in a fraction of the time.
    cargo.args(["--config", "profile.release.incremental=true"]);
    for (package, level) in OPTIMISED {
        let setting = format!("profile.release.package.{package}.opt-level={level}");
        cargo.args(["--config", &setting]);
    }
    Ok(cargo)
}

/// A cargo for the package that this program is of, built as this program is.
fn of_xtask(command: &str) -> Result<Command> {
    let mut cargo = of(command)?;
    cargo.args(["--package", "xtask"]);
    Ok(cargo)
}

fn of(command: &str) -> Result<Command> {
    let mut cargo = cargo();
    cargo.args([command, "--quiet"]);
    compiler::stand_in(&mut cargo)?;
    Ok(cargo)
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

/// How long each test took.
#[derive(Default)]
struct Times(Vec<Timed>);

impl Times {
    fn add(&mut self, more: Vec<Timed>) {
        self.0.extend(more);
    }

    /// Runs a step's tests.
    fn of(&mut self, name: &str, tests: &mut Command) -> Result<()> {
        step(name, || {
            self.add(libtest::run(tests)?);
            Ok(())
        })
    }

    /// Tells of the slowest.
    fn tell(self) {
        const TOLD: usize = 10;
        println!("== the slowest tests");
        for Timed { name, took } in libtest::slowest(self.0, TOLD) {
            println!("{:>7.1} s  {name}", took.as_secs_f64());
        }
    }
}

fn step(name: &str, check: impl FnOnce() -> Result<()>) -> Result<()> {
    let started = Instant::now();
    println!("== {name}");
    check()?;
    println!("   {name}: {:.1} s", started.elapsed().as_secs_f64());
    Ok(())
}
