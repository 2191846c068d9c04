//! From a registry to the first record: the first time, in a new process, and in one
//! that is running.
//!
//! The registry is OCI's, on this machine; the version is signed, and the agent's
//! policy takes no other. Beside it the same steps by others' code: the bytes by one
//! GET, their SHA-256, and wasmtime's own compiling.

use super::child;
use super::cold::{Peers, Start};
use super::programs;
use super::reading::Server;
use super::report::milliseconds;
use super::statistics::median;
use super::{Extent, Result, built, bytes_of};
use host_harness::agent::{Agent, AgentSettings, Publication};
use host_harness::registry::{Digest, PublicKey, SigningKey};
use secrecy::SecretString;
use std::path::Path;
use std::time::Duration;

/// Measures starts, each in a process of its own.
pub fn measure(extent: Extent) -> Result<()> {
    let rounds = match extent {
        Extent::Full => 11,
        Extent::Quick => 3,
    };
    let folder = tempfile::tempdir()?;
    let registry = programs::docker_registry(folder.path())?;
    let location = format!("oci+http://{}/connectors", registry.address);
    let public = publish(folder.path(), &location)?;
    let blob = format!(
        "http://{}/v2/connectors/coupa/blobs/{}",
        registry.address,
        Digest::of(&bytes_of(&built())?)
    );
    let server = Server::start(50, 0)?;
    let (mut cold, mut warm, mut peers) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        eprintln!("start {round} of {rounds}");
        let home = folder.path().join(format!("home-{round}"));
        trust(&home, &public)?;
        let home = home.to_string_lossy();
        let words = ["start", &home, &location, server.url()];
        cold.push(child::measure::<Start>(&words)?);
        warm.push(child::measure::<Start>(&words)?);
        peers.push(child::measure::<Peers>(&["peers", &blob])?);
    }
    print(&cold, &warm, &peers);
    Ok(())
}

/// Publishes the component, signed by a new key, and answers whom to trust.
fn publish(folder: &Path, location: &str) -> Result<PublicKey> {
    let path = folder.join("signing.key");
    let public = SigningKey::create(&path, None)?;
    let text = SecretString::from(std::fs::read_to_string(path)?);
    let key = SigningKey::parse(&text, None)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let home = folder.join("publisher");
        let settings = AgentSettings::read(&home, Some(location.parse()?))?;
        let publisher = Agent::with_settings(&home, settings)?;
        let publication = Publication {
            component: bytes_of(&built())?,
            key: Some(key),
            ..Publication::default()
        };
        publisher.publish_with(publication).await?;
        Ok(public)
    })
}

/// Makes a home whose agent runs what this key has signed, and nothing else.
fn trust(home: &Path, public: &PublicKey) -> Result<()> {
    std::fs::create_dir_all(home)?;
    let policy =
        format!("unsigned = \"refuse\"\n\n[[key]]\npublic = \"{public}\"\nnames = [\"coupa\"]\n");
    Ok(std::fs::write(home.join("trust.toml"), policy)?)
}

/// A step, how long others' code took for it, and how long it took here.
type Compared = (&'static str, fn(&Peers) -> Duration, fn(&Start) -> Duration);

/// A step of a start, by name.
type Step = (&'static str, fn(&Start) -> Duration);

const STEPS: [Step; 7] = [
    ("opening the agent", |start| start.opened),
    (
        "asking the registry: versions, manifest, signatures",
        |start| start.stages.asked,
    ),
    ("pulling the bytes, their digest", |start| {
        start.stages.pulled
    }),
    ("digest once more, and the signature", |start| {
        start.stages.verified
    }),
    ("compiling or loading, and describing itself", |start| {
        start.stages.made_ready
    }),
    ("instance, token, first record", |start| start.first_record),
    ("**until the first record**", |start| start.whole),
];

fn print(cold: &[Start], warm: &[Start], peers: &[Peers]) {
    let of = |starts: &[Start], figure: fn(&Start) -> Duration| {
        milliseconds(median(starts.iter().map(figure).collect()))
    };
    println!(
        "Medians of {}, in ms:\n\n| | first time | new process |\n|---|---:|---:|",
        cold.len()
    );
    for (what, figure) in STEPS {
        println!(
            "| {what} | {:.1} | {:.1} |",
            of(cold, figure),
            of(warm, figure)
        );
    }
    println!(
        "\nThe same again in a process that is running: {:.1} ms.\n\n\
         | | others' code | here | here / others' |\n|---|---:|---:|---:|",
        of(warm, |start| start.again)
    );
    let steps: [Compared; 2] = [
        (
            "pulling: one GET and SHA-256",
            |peers| peers.pulled,
            |start| start.stages.pulled,
        ),
        (
            "compiling: `Component::new`",
            |peers| peers.compiled,
            |start| start.stages.made_ready,
        ),
    ];
    for (what, theirs, ours) in steps {
        let theirs = milliseconds(median(peers.iter().map(theirs).collect()));
        let ours = of(cold, ours);
        println!(
            "| {what} | {theirs:.1} | {ours:.1} | {:.2} |",
            ours / theirs
        );
    }
}
