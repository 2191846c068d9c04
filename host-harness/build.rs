//! Finds the component that mappings run in, which the library carries. `cargo xtask
//! build` makes it: a build script that started a cargo of its own would build its
//! dependencies once more for every way in which this crate is built.

use std::path::{Path, PathBuf};

/// Names another place of the component.
const PLACE: &str = "HARNESS_JQ_COMPONENT";

fn main() {
    println!("cargo::rerun-if-env-changed={PLACE}");
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let component = match std::env::var_os(PLACE) {
        Some(place) => here.join(place),
        None => here.join("../target/components/jq.wasm"),
    };
    println!("cargo::rerun-if-changed={}", component.display());
    if !Path::new(&component).is_file() {
        println!(
            "cargo::error={} is missing: run `cargo xtask build` once, or name another place \
             in {PLACE}",
            component.display()
        );
    }
    println!("cargo::rustc-env=JQ_COMPONENT={}", component.display());
}
