//! Compiles a package of this workspace for `wasm32-unknown-unknown` and wraps
//! the module as a component.
//!
//! Why not `wasm32-wasip2`: its standard library drags in imports for the
//! environment, standard streams and the file system, which a connector must
//! not have.

use anyhow::{Context, Result, bail};
use std::path::Path;
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

/// Compiles `package` of the workspace at `workspace` in `target_dir`, and answers
/// the component.
///
/// # Errors
/// If there is no standard library for the target, or the package does not compile.
pub fn build(
    from: StandardLibrary,
    workspace: &Path,
    target_dir: &Path,
    package: &str,
) -> Result<Vec<u8>> {
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
    cargo
        .current_dir(workspace)
        .args(["--package", package, "--lib"])
        .args(["--profile", "component", "--target", TARGET])
        .arg("--target-dir")
        .arg(target_dir)
        // The same source gives the same bytes wherever it lies on the disk.
        .env("CARGO_ENCODED_RUSTFLAGS", remapped_paths(workspace));
    // What the build around this one, such as clippy's, wraps compilers in.
    for name in ["RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    let status = cargo.status().context("starting cargo")?;
    if !status.success() {
        bail!("building {package} for {TARGET} ended with {status}");
    }
    let module = target_dir
        .join(TARGET)
        .join("component")
        .join(format!("{}.wasm", package.replace('-', "_")));
    let bytes = std::fs::read(&module).with_context(|| format!("reading {}", module.display()))?;
    wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .context("making the module a component")
}

/// Flags that keep the machine's folders out of the component.
fn remapped_paths(workspace: &Path) -> String {
    let home = std::env::var("CARGO_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")))
        .unwrap_or_default();
    [
        format!("--remap-path-prefix={}=source", workspace.display()),
        format!("--remap-path-prefix={home}=cargo"),
        // The compiler's default of 225 makes the component 5 % larger.
        "-Cllvm-args=-inline-threshold=120".to_owned(),
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
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
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
