//! Packs the catalog's texts: a component carries them wherever it goes.

use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("there is no OUT_DIR")?);
    for name in ["r39.txt", "facts.txt"] {
        println!("cargo::rerun-if-changed={name}");
        let text = std::fs::read_to_string(name)?;
        // What a person is told by the comments, nobody reads at run time.
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let packed = miniz_oxide::deflate::compress_to_vec(lines.join("\n").as_bytes(), 10);
        std::fs::write(out.join(name), packed)?;
    }
    Ok(())
}
