//! Builds, shows, tests and measures the project: `cargo xtask --help`.

mod advisories;
mod bench;
mod build;
mod catalog;
mod contract;
mod demo;
mod deny;
mod process;
mod programs;
mod sbom;
mod test;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Builds, shows, tests and measures the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the components, in target/components: the connectors, and what the host
    /// carries.
    Build {
        /// Only these.
        #[arg(value_enum)]
        packages: Vec<build::Package>,
        /// Where the standard library for wasm32-unknown-unknown comes from.
        #[arg(long, value_enum, default_value = "auto")]
        std: component::StandardLibrary,
    },
    /// Show the whole thread in one run, against a Coupa sandbox.
    Demo,
    /// Check and test everything: format, lints, docs, units, end to end; or only what
    /// a change asks for.
    Test(test::Wanted),
    /// Measure the component against the same work done natively, and what keeps
    /// running connectors costs.
    Bench {
        /// For the benchmark itself: names of cases, such as reading or queue, and
        /// --quick.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Hold the contract in wit/ against its frozen versions: it only grows.
    Contract {
        /// Freeze it as it is, when it is released.
        #[arg(long)]
        freeze: bool,
    },
    /// Check the packages that this is built on, by cargo-deny: what is published
    /// against them, licences, sources, duplicates.
    Deny,
    /// Take anew what is published against the packages in Cargo.lock.
    Advisories {
        /// A clone of RustSec's advisory-db.
        clone: PathBuf,
    },
    /// Remake the catalog's text from the facts of a Coupa release.
    Catalog {
        /// The facts: paths, collections and types as JSON.
        facts: PathBuf,
        /// The release they are of.
        #[arg(long, default_value = "R39")]
        release: String,
    },
}

fn main() -> ExitCode {
    if let Some(compiled) = test::compiler::called() {
        return compiled;
    }
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Build { packages, std } => {
            let packages = match packages.as_slice() {
                [] => build::Package::value_variants(),
                chosen => chosen,
            };
            for package in packages {
                let built = package.build(std)?;
                println!("{} ({} bytes)", built.path.display(), built.size);
            }
            Ok(())
        }
        Command::Demo => demo::demo(),
        Command::Test(wanted) => test::test(&wanted),
        Command::Bench { arguments } => bench::run(&arguments),
        Command::Contract { freeze } => contract::run(freeze),
        Command::Deny => deny::check(),
        Command::Advisories { clone } => advisories::refresh(&clone),
        Command::Catalog { facts, release } => {
            catalog::run(&release, &facts, &workspace().join("catalog/r39.txt"))
        }
    }
}

/// The workspace's root.
fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}
