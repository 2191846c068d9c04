//! What connectors cost, and what keeps running them costs.
//!
//! Each case is a table or two, in a file of its own; without names all are
//! measured. `cargo xtask bench` builds the component and runs it: `cargo xtask bench
//! loading queue` measures those two, and `--quick` takes a look, in seconds for each
//! case. It needs Linux, for `/proc`; `loading` needs `docker-registry`, `queue` and
//! `agents` need `nats-server`, `fronts` needs `nginx`.
//!
//! Whatever is measured is a process of its own, so that its processor time and its
//! memory are of nothing else, and ends with this one.

mod agents;
mod child;
mod cold;
mod component;
mod fronts;
mod group;
mod http;
mod idle;
mod loading;
mod machine;
mod measured;
mod native;
mod neighbours;
mod nginx;
mod pages;
mod place;
mod processes;
mod programs;
mod queue;
mod reading;
mod report;
mod statistics;
mod writing;

use fronts::Tls;
use std::error::Error;
use std::path::{Path, PathBuf};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How much is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Full,
    /// A look.
    Quick,
}

/// A case by name, and what measures it and prints its tables.
type Case = (&'static str, fn(Extent) -> Result<()>);

const CASES: [Case; 8] = [
    ("reading", reading::compare),
    ("writing", writing::compare),
    ("fronts", fronts::compare),
    ("loading", loading::measure),
    ("queue", queue::measure),
    ("agents", agents::measure),
    ("idle", idle::measure),
    ("neighbours", neighbours::measure),
];

fn main() -> Result<()> {
    // cargo adds `--bench`. The first words are those of the children.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", records, lines] => pages::serve(records.parse()?, lines.parse()?),
        ["keep", program, rest @ ..] => programs::keep(program, rest),
        ["native", url, tls @ ..] => child::answer(&native::read(url, Tls::from_words(tls)?)?),
        ["component", url, compiled, activity, tls @ ..] => child::answer(&component::read(
            url,
            Path::new(compiled),
            activity,
            Tls::from_words(tls)?,
        )?),
        ["load", compiled] => child::answer(&component::load(Path::new(compiled))?),
        ["write-natively", url, activity, count, folder] => child::answer(&native::write(
            url,
            activity,
            count.parse()?,
            Path::new(folder),
        )?),
        ["write", url, compiled, activity, count, folder] => child::answer(&component::write(
            url,
            Path::new(compiled),
            activity,
            count.parse()?,
            Path::new(folder),
        )?),
        ["start", home, registry, url] => {
            child::answer(&cold::start(Path::new(home), registry, url)?)
        }
        ["peers", blob] => child::answer(&cold::peers(blob)?),
        ["agent", joining @ ..] => group::work(joining),
        ["connections", count, urls @ ..] => {
            child::answer(&idle::keep_connections(count.parse()?, urls)?)
        }
        ["beside", url, compiled, activity, count] => child::answer(&neighbours::run_beside(
            url,
            Path::new(compiled),
            activity,
            count.parse()?,
        )?),
        words => measure(words),
    }
}

/// Measures the cases that were named, or all.
fn measure(words: &[&str]) -> Result<()> {
    let (options, names): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.starts_with("--"));
    let extent = match options.as_slice() {
        [] => Extent::Full,
        ["--quick"] => Extent::Quick,
        _ => return Err(format!("unknown options: {options:?}; there is only --quick").into()),
    };
    if let Some(name) = names
        .iter()
        .find(|name| CASES.iter().all(|(case, _)| case != *name))
    {
        let cases: Vec<&str> = CASES.iter().map(|(case, _)| *case).collect();
        return Err(format!("nothing is called {name}; there are {}", cases.join(", ")).into());
    }
    println!("{}", machine::machine());
    for (name, measure) in CASES {
        if names.is_empty() || names.contains(&name) {
            println!("\n## {name}\n");
            measure(extent)?;
        }
    }
    Ok(())
}

/// The component as `cargo xtask build` leaves it.
fn built() -> PathBuf {
    built_beside("coupa.wasm")
}

/// Another one that is built with it.
fn built_beside(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("target/components")
        .join(name)
}

/// The bytes of a built component.
fn bytes_of(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        format!("{}: {error}; run `cargo xtask build` first", path.display()).into()
    })
}
