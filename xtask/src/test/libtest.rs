//! Tests as they tell of themselves: what they say is passed on, and how long each took
//! is kept.
//!
//! libtest tells durations only to whoever asks for its unstable options. They are
//! switched on in the environment of the tests alone, by cargo's runner: compilers and
//! build scripts would begin anew.

use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Settings of the cargo that runs the tests.
pub const RUNNER: [&str; 2] = [
    "--config",
    "target.'cfg(all())'.runner = ['env', 'RUSTC_BOOTSTRAP=1']",
];
/// Arguments of the tests themselves. Of a quiet cargo's they would print dots.
pub const REPORTING: [&str; 3] = ["--format=pretty", "-Zunstable-options", "--report-time"];

/// A test, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub name: String,
    pub took: Duration,
}

/// Tests that are run in one go, and what they are called among others.
pub struct Run {
    pub name: String,
    pub cargo: Command,
}

/// Runs tests to their end, and passes on what they say.
///
/// # Errors
/// If they cannot be started, or one fails.
pub fn run(cargo: &mut Command) -> Result<Vec<Timed>> {
    let mut times = Vec::new();
    follow(cargo, |line| {
        println!("{line}");
        times.extend(timed(line));
    })?;
    Ok(times)
}

/// The names of tests, of a cargo that lists them.
///
/// # Errors
/// If it does not.
pub fn list(cargo: &mut Command) -> Result<Vec<String>> {
    let mut names = Vec::new();
    follow(cargo, |line| {
        names.extend(line.strip_suffix(": test").map(str::to_owned));
    })?;
    Ok(names)
}

/// Runs tests one after another. Of each test one line is passed on as it ends, and all
/// else that a run has said when that ends.
///
/// # Errors
/// The first that fails.
pub fn in_turn(runs: Vec<Run>) -> Result<Vec<Timed>> {
    let mut times = Vec::new();
    for Run { name, mut cargo } in runs {
        let mut held = String::new();
        let ended = follow(&mut cargo, |line| match timed(line) {
            Some(Timed { name: test, took }) => {
                println!("{name}: {line}");
                let name = format!("{test}, {name}");
                times.push(Timed { name, took });
            }
            None => {
                held.push_str(line);
                held.push('\n');
            }
        });
        println!("== {name}\n{held}");
        ended.with_context(|| name)?;
    }
    Ok(times)
}

/// Runs a command and gives each line of its output, as soon as it is whole.
fn follow(cargo: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("starting cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    lines(output, &mut each)?;
    let ended = child.wait().context("waiting for cargo test")?;
    if !ended.success() {
        bail!("cargo test ended with {ended}");
    }
    Ok(())
}

/// The lines of something, whatever bytes a test has printed.
fn lines(output: impl Read, mut each: impl FnMut(&str)) -> Result<()> {
    for line in BufReader::new(output).split(b'\n') {
        each(&String::from_utf8_lossy(
            &line.context("reading what the tests say")?,
        ));
    }
    Ok(())
}

/// The test whose end a line tells, and how long it took.
fn timed(line: &str) -> Option<Timed> {
    let rest = line.strip_prefix("test ")?;
    let (rest, seconds) = rest.strip_suffix("s>")?.rsplit_once(" <")?;
    let (name, _outcome) = rest.split_once(" ... ")?;
    let took = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
    Some(Timed {
        name: name.to_owned(),
        took,
    })
}

/// Those that took longest, the longest first.
pub fn slowest(mut times: Vec<Timed>, count: usize) -> Vec<Timed> {
    times.sort_by_key(|timed| std::cmp::Reverse(timed.took));
    times.truncate(count);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As libtest of Rust 1.95 says it.
    const SAID: &[u8] = b"\nrunning 4 tests\n\
        test waits::a ... ok <3.088s>\n\
        test waits::b has been running for over 60 seconds\n\
        test write::c - should panic ... ok <0.010s>\n\
        printed \xff by a test ... ok <1s>\n\
        test write::d ... FAILED <61.500s>\n\
        test write::e ... ignored\n\
        \n\
        test result: FAILED. 2 passed; 1 failed; 1 ignored; finished in 61.50s\n";

    #[test]
    fn the_end_of_each_test_is_found_among_all_that_is_said() {
        let mut times = Vec::new();
        let mut count = 0;
        lines(SAID, |line| {
            count += 1;
            times.extend(timed(line));
        })
        .unwrap();
        assert_eq!(count, 10);
        let times = slowest(times, 2);
        let times: Vec<_> = times
            .iter()
            .map(|timed| (timed.name.as_str(), timed.took.as_millis()))
            .collect();
        assert_eq!(times, [("write::d", 61_500), ("waits::a", 3_088)]);
    }

    #[test]
    fn a_run_that_fails_is_told_by_its_name() {
        let run = |name: &str, script: &str| {
            let mut cargo = Command::new("sh");
            cargo.args(["-c", script]);
            Run {
                name: name.to_owned(),
                cargo,
            }
        };
        let good = || run("good", "echo 'test a ... ok <0.5s>'; echo test result: ok");
        let times = in_turn(vec![good(), good(), good()]).unwrap();
        assert_eq!(times.len(), 3);
        assert_eq!(times[0].name, "a, good");
        let bad = run("bad", "echo 'test b ... FAILED <0.1s>'; exit 101");
        let error = in_turn(vec![good(), bad, good()]).unwrap_err();
        assert!(format!("{error:#}").starts_with("bad: "), "{error:#}");
    }
}
