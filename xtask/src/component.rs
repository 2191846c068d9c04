//! `cargo xtask build`: compiles the connector for `wasm32-unknown-unknown` and
//! wraps the module as a component.
//!
//! Why not `wasm32-wasip2`: its standard library drags in imports for the
//! environment, standard streams and the file system, which a connector must
//! not have.

use crate::process::run;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The only target whose standard library imports nothing.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's packages for the case that rustup cannot reach out.
const DEBIAN_PACKAGES: &str = "rustc-web cargo-web rust-web-src lld-22";

/// Where the standard library for the component's target comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StandardLibrary {
    /// The toolchain's own, else what rustup can add, else Debian's.
    Auto,
    /// The active toolchain's, added by rustup where it is missing.
    Rustup,
    /// Built from the sources that Debian packages, with Debian's own compiler.
    Debian,
}

/// A component that was built.
pub struct Built {
    pub path: PathBuf,
    pub size: u64,
}

/// Builds the connectors as `target/components/coupa.wasm` and, for the tests and
/// the guide, `json-list.wasm`. Answers the first.
pub fn build(from: StandardLibrary) -> Result<Built> {
    let built = one(from, "coupa-connector", "coupa")?;
    one(from, "json-list-connector", "json-list")?;
    Ok(built)
}

fn one(from: StandardLibrary, package: &str, name: &str) -> Result<Built> {
    let mut cargo = match from {
        StandardLibrary::Debian => debian_cargo()?,
        StandardLibrary::Rustup => rustup_cargo()?,
        StandardLibrary::Auto => rustup_cargo().or_else(|rustup| {
            eprintln!("rustup has no standard library for {TARGET} ({rustup:#}); trying Debian's");
            debian_cargo().with_context(|| {
                format!(
                    "no standard library for {TARGET}: run `rustup target add {TARGET}` where \
                     the network allows it, or `apt-get install {DEBIAN_PACKAGES}`"
                )
            })
        })?,
    };
    let target_dir = workspace().join("target");
    cargo
        .current_dir(workspace())
        .args(["--package", package, "--lib"])
        .args(["--profile", "component", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        // The same source gives the same bytes wherever it lies on the disk.
        .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths());
    run(&mut cargo)?;

    let module = target_dir
        .join(TARGET)
        .join("component")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let bytes = std::fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .context("making the module a component")?;
    let path = target_dir.join(format!("components/{name}.wasm"));
    std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
    std::fs::write(&path, &component).with_context(|| format!("writing {}", path.display()))?;
    Ok(Built {
        size: component.len() as u64,
        path,
    })
}

/// Flags that keep the machine's folders out of the component.
fn remapped_paths() -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    [
        format!("--remap-path-prefix={}=source", workspace().display()),
        format!("--remap-path-prefix={home}=cargo"),
    ]
    .join("\u{1f}")
}

fn rustup_cargo() -> Result<Command> {
    if !toolchain_has_target()? {
        let added = Command::new("rustup")
            .args(["target", "add", TARGET])
            .stdin(Stdio::null())
            .status()
            .context("running rustup")?;
        if !added.success() || !toolchain_has_target()? {
            bail!("`rustup target add {TARGET}` did not bring it");
        }
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.arg("build");
    Ok(cargo)
}

fn toolchain_has_target() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("running rustc")?;
    let folder = String::from_utf8_lossy(&output.stdout);
    Ok(output.status.success() && Path::new(folder.trim()).is_dir())
}

fn debian_cargo() -> Result<Command> {
    for (program, package) in [
        ("/usr/bin/cargo", "cargo-web"),
        ("/usr/bin/rustc", "rustc-web"),
        ("/usr/bin/wasm-ld-22", "lld-22"),
    ] {
        if !Path::new(program).exists() {
            bail!("{program} is missing; it is in Debian's package {package}");
        }
    }
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .args(["build", "-Zbuild-std=std,panic_abort"])
        .env("RUSTC", "/usr/bin/rustc")
        // build-std is unstable; Debian's compiler is a stable one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER",
            "/usr/bin/wasm-ld-22",
        );
    // rustup's cargo hands its own toolchain down to what it starts.
    for name in [
        "CARGO",
        "RUSTUP_TOOLCHAIN",
        "RUSTC_WRAPPER",
        "CARGO_HOME_TOOLCHAIN",
    ] {
        cargo.env_remove(name);
    }
    Ok(cargo)
}
