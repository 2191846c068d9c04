//! `harness publish`, `list` and `pull`.

use super::table::table;
use super::{Failed, print};
use host_harness::agent::Agent;
use host_harness::registry::{ConnectorName, Requirement};
use semver::Version;
use std::path::Path;
use std::process::ExitCode;

pub async fn publish(
    agent: &Agent,
    component: &Path,
    name: Option<ConnectorName>,
    version: Option<Version>,
) -> Result<ExitCode, Failed> {
    let bytes =
        std::fs::read(component).map_err(|error| format!("{}: {error}", component.display()))?;
    let published = agent.publish(bytes, name, version).await?;
    print(&format!(
        "published {} {}\n{} ({} bytes)",
        published.name, published.version, published.digest, published.size
    ))?;
    Ok(ExitCode::SUCCESS)
}

pub fn list(agent: &Agent) -> Result<ExitCode, Failed> {
    let header = ["CONNECTOR", "VERSION", "BYTES", "PUBLISHED", "DIGEST"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![header];
    for entry in agent.registry().list()? {
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
    print(&format!(
        "{} {}: {how}, verified\n{}\n{}",
        downloaded.entry.name,
        downloaded.entry.version,
        downloaded.pulled.digest,
        downloaded.pulled.path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}
