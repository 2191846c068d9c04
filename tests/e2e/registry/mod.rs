//! Versions from a real registry: published, verified, pinned, taken back, held
//! back; against Debian's `docker-registry`, through the real components.

mod distribution;
mod guarded;
mod mirrored;
mod proxy;
mod quarantine;
mod server;
pub mod shadow;
mod shared;
mod stored;
mod trust;

use crate::support::component;
use host_harness::agent::{Agent, AgentError, AgentSettings, Downloaded};
use host_harness::registry::{
    ConnectorName, Facts, Location, Release, Requirement, SigningKey, Statement, Unsigned,
};
use secrecy::SecretString;
use semver::Version;
use std::path::Path;

/// The small connector: what is tested here is how it comes, not what it does.
pub fn json_list() -> Vec<u8> {
    std::fs::read(component().with_file_name("json-list.wasm")).unwrap()
}

/// The same component with a section of nothing behind it, which makes it another.
pub fn altered(mark: u8) -> Vec<u8> {
    let mut bytes = json_list();
    bytes.extend([0, 2, 1, mark]);
    bytes
}

pub fn name() -> ConnectorName {
    "json-list".parse().unwrap()
}

pub fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub fn exactly(text: &str) -> Requirement {
    Requirement::Exact(version(text))
}

/// The settings of an agent that uses this registry and takes unsigned versions.
pub fn settings(home: &Path, registry: &str) -> AgentSettings {
    let location: Location = registry.parse().unwrap();
    let mut settings = AgentSettings::read(home, Some(location)).unwrap();
    settings.trust.unsigned = Unsigned::Accept;
    settings
}

pub fn agent(home: &Path, registry: &str) -> Agent {
    Agent::with_settings(home, settings(home, registry)).unwrap()
}

pub fn release(number: &str, component: Vec<u8>) -> Release {
    Release {
        name: name(),
        version: version(number),
        component,
        facts: Facts::default(),
        created: None,
        signatures: Vec::new(),
        bill_of_materials: None,
    }
}

pub async fn newest(agent: &Agent) -> Result<Downloaded, AgentError> {
    agent.download(&name(), &Requirement::Newest).await
}

/// The code of what was refused.
pub fn code(downloaded: Result<Downloaded, AgentError>) -> &'static str {
    match downloaded {
        Ok(_) => "downloaded",
        Err(error) => {
            assert!(error.to_string().len() > 40, "says little: {error}");
            error.code()
        }
    }
}

/// A key made just now.
pub fn key() -> SigningKey {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    SigningKey::create(&path, None).unwrap();
    let text = SecretString::from(std::fs::read_to_string(path).unwrap());
    SigningKey::parse(&text, None).unwrap()
}

pub fn statement(number: &str, component: &[u8]) -> Statement {
    Statement {
        name: name(),
        version: version(number),
        digest: host_harness::registry::Digest::of(component),
        contract: None,
        signed_at: jiff::Timestamp::now(),
        expires: None,
    }
}

/// All literals of these files that look like a code of one of these areas.
fn codes(folder: &Path, areas: &[&str], found: &mut std::collections::BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            codes(&path, areas, found);
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        found.extend(
            text.split('"')
                .filter(|literal| {
                    literal.split_once('.').is_some_and(|(area, rest)| {
                        areas.contains(&area)
                            && !rest.is_empty()
                            && rest != "toml"
                            && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
                    })
                })
                .map(str::to_owned),
        );
    }
}

#[test]
fn every_code_of_a_version_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(root.join("docs/errors.md")).unwrap();
    let mut found = std::collections::BTreeSet::new();
    let areas = ["registry", "store", "trust", "version"];
    codes(&root.join("host-harness/src/registry"), &areas, &mut found);
    codes(&root.join("host-harness/src/agent"), &areas, &mut found);
    assert!(found.len() > 30, "{}", found.len());
    for code in found {
        assert!(
            documented.contains(&format!("`{code}`")),
            "{code} is not in docs/errors.md"
        );
    }
}
