//! Stands in for rustc while the tests are built: what is our own is compiled by
//! clippy's driver, which is the same compiler with more lints, and then looked at by
//! rustdoc. So all that our code depends on is compiled once, where `cargo clippy` and
//! `cargo doc` would each have it checked anew, for minutes.
//!
//! Cargo starts this program so (`RUSTC_WORKSPACE_WRAPPER`), with the compiler and its
//! arguments. What users get is compiled by rustc itself.

use anyhow::{Context, Result, anyhow};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::OnceLock;

/// Set where this program is started by cargo in place of a compiler.
const VARIABLE: &str = "XTASK_STANDS_IN_FOR_RUSTC";

/// Lets this cargo compile what is our own so.
///
/// # Errors
/// If it is not known where this program lies.
pub fn stand_in(cargo: &mut Command) -> Result<()> {
    // Asked once: when its own package is compiled so, another file stands in its place.
    static THIS: OnceLock<std::io::Result<PathBuf>> = OnceLock::new();
    let this = THIS.get_or_init(std::env::current_exe).as_ref();
    let this = this.map_err(|error| anyhow!("looking for this program: {error}"))?;
    cargo.env("RUSTC_WORKSPACE_WRAPPER", this);
    cargo.env(VARIABLE, "1");
    Ok(())
}

/// Compiles, where cargo has started this program for that.
pub fn called() -> Option<ExitCode> {
    std::env::var_os(VARIABLE)?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let ended = compile(&arguments).unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    });
    Some(ended)
}

fn compile(arguments: &[OsString]) -> Result<ExitCode> {
    // The first is the compiler itself, which the driver skips.
    let mut driver = Command::new("clippy-driver");
    driver.args(arguments).args(["-D", "warnings"]);
    if !succeeds(&mut driver)? {
        return Ok(ExitCode::FAILURE);
    }
    let Some(documentation) = documentation(arguments.get(1..).unwrap_or_default()) else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut rustdoc = Command::new("rustdoc");
    match succeeds(rustdoc.args(documentation))? {
        true => Ok(ExitCode::SUCCESS),
        false => Ok(ExitCode::FAILURE),
    }
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status();
    let status = status.with_context(|| {
        format!("starting {program}; `rustup component add clippy` brings clippy-driver")
    })?;
    Ok(status.success())
}

/// The arguments for rustdoc, where what is compiled has documentation: a library or a
/// program, and neither tests nor a build script.
fn documentation(arguments: &[OsString]) -> Option<Vec<OsString>> {
    let after = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1)
    };
    let name = after("--crate-name")?.to_str()?;
    let kind = after("--crate-type")?;
    let source = arguments
        .iter()
        .map(Path::new)
        .find(|path| path.extension() == Some(OsStr::new("rs")))?;
    let beside = source
        .components()
        .any(|part| matches!(part.as_os_str().to_str(), Some("benches" | "examples")));
    let tests = arguments.iter().any(|argument| argument == "--test");
    // Cargo asks about the compiler by one named so.
    if tests || beside || name.starts_with("build_script") || name == "___" || kind == "proc-macro"
    {
        return None;
    }
    let out = PathBuf::from(after("--out-dir")?);
    let mut documentation = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        match &*text {
            "--out-dir" => {
                arguments.next();
            }
            "-C" => {
                let option = arguments.next()?;
                if !option.to_string_lossy().starts_with("incremental=") {
                    documentation.extend([argument.clone(), option.clone()]);
                }
            }
            text if text.starts_with("--emit") => {}
            _ => documentation.push(argument.clone()),
        }
    }
    // A library and a program may have the same name.
    let out = out.join("../documentation").join(kind);
    documentation.extend(["--out-dir".into(), out.into(), "-Dwarnings".into()]);
    if kind == "bin" {
        // As cargo has it.
        documentation.extend([
            "--document-private-items".into(),
            "-Arustdoc::private-intra-doc-links".into(),
        ]);
    }
    Some(documentation)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As cargo 1.95 starts a compiler.
    fn arguments(name: &str, source: &str, more: &[&str]) -> Vec<OsString> {
        let kind = if source.ends_with("main.rs") {
            "bin"
        } else {
            "lib"
        };
        let common = [
            "--crate-name",
            name,
            "--edition=2024",
            source,
            "--error-format=json",
            "--crate-type",
            kind,
            "--emit=dep-info,metadata,link",
            "-C",
            "opt-level=0",
            "-C",
            "incremental=/target/incremental",
            "--out-dir",
            "/target/deps",
            "--extern",
            "serde=/target/deps/libserde.rlib",
        ];
        common.iter().chain(more).map(OsString::from).collect()
    }

    #[test]
    fn libraries_and_programs_are_documented_and_nothing_else() {
        let given = arguments("host_harness", "host-harness/src/lib.rs", &[]);
        let documentation = documentation(&given).unwrap();
        let documentation: Vec<_> = documentation
            .iter()
            .filter_map(|one| one.to_str())
            .collect();
        assert_eq!(
            documentation,
            [
                "--crate-name",
                "host_harness",
                "--edition=2024",
                "host-harness/src/lib.rs",
                "--error-format=json",
                "--crate-type",
                "lib",
                "-C",
                "opt-level=0",
                "--extern",
                "serde=/target/deps/libserde.rlib",
                "--out-dir",
                "/target/deps/../documentation/lib",
                "-Dwarnings",
            ]
        );
        let is_documented = |name, source, more: &[&str]| {
            super::documentation(&arguments(name, source, more)).is_some()
        };
        assert!(is_documented("harness", "host-harness/src/main.rs", &[]));
        assert!(!is_documented(
            "harness",
            "host-harness/src/main.rs",
            &["--test"]
        ));
        assert!(!is_documented(
            "build_script_build",
            "host-harness/build.rs",
            &[]
        ));
        assert!(!is_documented(
            "embed",
            "host-harness/examples/embed.rs",
            &[]
        ));
        assert!(!is_documented(
            "connector",
            "benches/connector/main.rs",
            &[]
        ));
        // Cargo asks for the compiler's version, and for what a target is like.
        assert!(super::documentation(&["-vV".into()]).is_none());
        let asked = [
            "-",
            "--crate-name",
            "___",
            "--print=file-names",
            "--crate-type",
            "lib",
        ];
        assert!(super::documentation(&asked.map(OsString::from)).is_none());
    }
}
