//! `harness publish`, `list`, `pull` and `sbom`.

use super::key::Signing;
use super::table::table;
use super::{Failed, print};
use clap::Args;
use host_harness::agent::{Agent, Publication};
use host_harness::registry::{ConnectorName, PassedOver, RegistryError, Requirement};
use jiff::Timestamp;
use semver::Version;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct Publish {
    /// The component, a .wasm file. What it is made of is published with it where
    /// that lies beside as .cdx.json.
    component: PathBuf,
    /// Another name than its own.
    #[arg(long)]
    name: Option<ConnectorName>,
    /// Another version than its own.
    #[arg(long, value_name = "VERSION")]
    version: Option<Version>,
    #[command(flatten)]
    signing: Signing,
    /// What the component is made of, as CycloneDX JSON, where it does not lie
    /// beside it.
    #[arg(long, value_name = "FILE")]
    sbom: Option<PathBuf>,
    /// Where its source is.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Which revision of the source it was built from.
    #[arg(long)]
    revision: Option<String>,
    /// Its licences, an SPDX expression.
    #[arg(long, value_name = "EXPRESSION")]
    licenses: Option<String>,
    /// When it was made, in seconds since 1970, so that publishing the same bytes
    /// anywhere gives the same manifest.
    #[arg(long, env = "SOURCE_DATE_EPOCH", value_name = "SECONDS")]
    created: Option<i64>,
}

pub async fn publish(agent: &Agent, arguments: Publish) -> Result<ExitCode, Failed> {
    let component = read(&arguments.component)?;
    let beside = arguments.component.with_extension("cdx.json");
    let bill_of_materials = match &arguments.sbom {
        Some(path) => Some(read(path)?),
        None if beside.is_file() => Some(read(&beside)?),
        None => None,
    };
    let created = arguments.created.map(Timestamp::from_second).transpose()?;
    let key = arguments.signing.key()?;
    let signed_by = match &key {
        Some(key) => Some(key.public()?.id()),
        None => None,
    };
    let publication = Publication {
        component,
        name: arguments.name,
        version: arguments.version,
        key,
        holds_for: arguments.signing.holds_for(),
        bill_of_materials,
        source: arguments.source,
        revision: arguments.revision,
        licenses: arguments.licenses,
        created,
    };
    let published = agent.publish_with(publication).await?;
    let mut text = format!(
        "published {} {}\n{} ({} bytes)",
        published.name, published.version, published.digest, published.size
    );
    if let Some(manifest) = published.manifest {
        text.push_str(&format!(
            "\nmanifest {manifest} in {}",
            agent.registry().place()
        ));
    }
    if let Some(key) = signed_by {
        text.push_str(&format!("\nsigned by {key}"));
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Failed> {
    Ok(std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?)
}

pub async fn list(agent: &Agent) -> Result<ExitCode, Failed> {
    let header = ["CONNECTOR", "VERSION", "BYTES", "PUBLISHED", "DIGEST"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![header];
    let listing = agent.registry().list().await?;
    if let Some(line) = PassedOver::line(&listing.passed_over) {
        eprintln!("harness: {line}");
    }
    for entry in listing.entries {
        rows.push(vec![
            entry.name.to_string(),
            entry.version.to_string(),
            entry.size.to_string(),
            entry
                .published_at
                .strftime("%Y-%m-%d %H:%M:%SZ")
                .to_string(),
            entry.digest.to_string(),
        ]);
    }
    print(&table(&rows))?;
    Ok(ExitCode::SUCCESS)
}

pub async fn pull(
    agent: &Agent,
    name: &ConnectorName,
    version: &Requirement,
) -> Result<ExitCode, Failed> {
    let downloaded = agent.download(name, version).await?;
    let how = if downloaded.pulled.transferred {
        "downloaded"
    } else {
        "already here"
    };
    for held in &downloaded.passed_over {
        eprintln!(
            "harness: {} {} is in quarantine here and was passed over: {}",
            held.name,
            held.version,
            held.reason()
        );
    }
    if let Some(line) = PassedOver::line(&downloaded.beside) {
        eprintln!("harness: {line}");
    }
    if let Some(why) = &downloaded.offline {
        eprintln!("harness: {why}");
    }
    print(&format!(
        "{} {}: {how}, verified\n{}\n{}",
        downloaded.entry.name,
        downloaded.entry.version,
        downloaded.pulled.digest,
        downloaded.pulled.path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what a published version is made of.
pub async fn sbom(
    agent: &Agent,
    name: &ConnectorName,
    version: &Version,
) -> Result<ExitCode, Failed> {
    let registry = agent.registry();
    let Some(entry) = registry.entry(name, version).await? else {
        return Err(RegistryError::UnknownVersion {
            name: name.clone(),
            required: Requirement::Exact(version.clone()),
            published: registry.versions(name).await?,
        }
        .into());
    };
    match registry.bill_of_materials(&entry).await? {
        Some(bill) => print(String::from_utf8_lossy(&bill).trim_end())?,
        None => {
            return Err(format!("`{name}` {version} was published without one").into());
        }
    }
    Ok(ExitCode::SUCCESS)
}
