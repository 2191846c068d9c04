//! Reading from an OCI registry: names, versions, and bytes.

use super::manifest::MAX_MANIFEST_BYTES;
use super::transport::Question;
use super::{OciError, OciRegistry, layout};
use crate::registry::trust::MAX_SIGNATURE_BYTES;
use crate::registry::{ConnectorName, Digest, Entry, PassedOver, Pulled, RegistryError, Store};
use reqwest::StatusCode;
use reqwest::header::CONTENT_RANGE;
use semver::Version;
use serde::Deserialize;

/// The largest bill of materials.
const MAX_BILL_BYTES: u64 = 16 * 1024 * 1024;
/// The most signatures that are looked at.
const MAX_SIGNATURES: usize = 16;

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Catalog {
    #[serde(default)]
    repositories: Vec<String>,
}

impl OciRegistry {
    /// The names of its connectors, in order: those of its settings, or what it
    /// lists.
    ///
    /// # Errors
    /// Where it cannot be asked, or lists no repositories.
    pub async fn names(&self) -> Result<Vec<ConnectorName>, OciError> {
        Ok(self.repositories().await?.0)
    }

    /// The same, and what lies under the prefix whose name no connector can have.
    pub(super) async fn repositories(
        &self,
    ) -> Result<(Vec<ConnectorName>, Vec<PassedOver>), OciError> {
        if !self.known.is_empty() {
            let mut names = self.known.clone();
            names.sort_unstable();
            return Ok((names, Vec::new()));
        }
        let pages = self.pages::<Catalog>("", "_catalog?n=500", "its repositories");
        let pages = match pages.await {
            Err(
                error @ (OciError::Credentials { .. }
                | OciError::Forbidden { .. }
                | OciError::NotFound { .. }
                | OciError::Unexpected { .. }),
            ) => {
                return Err(OciError::Settings {
                    registry: self.address().to_string(),
                    why: format!(
                        "it does not list its connectors ({error}): name them in agent.toml as \
                         connectors"
                    ),
                });
            }
            pages => pages?,
        };
        let prefix = match self.address().prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let (mut names, mut passed_over) = (Vec::new(), Vec::new());
        for repository in pages.iter().flat_map(|page| &page.repositories) {
            let Some(name) = repository.strip_prefix(&prefix) else {
                continue;
            };
            match name.parse::<ConnectorName>() {
                Ok(name) => names.push(name),
                Err(_) => passed_over.push(PassedOver {
                    what: repository.clone(),
                    why: "no connector has such a name".to_owned(),
                }),
            }
        }
        names.sort_unstable();
        names.dedup();
        passed_over.sort_unstable_by(|a, b| a.what.cmp(&b.what));
        passed_over.dedup();
        Ok((names, passed_over))
    }

    /// The versions of a connector, oldest first; none where it is unknown. Tags
    /// that are no versions are passed over.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn versions(&self, name: &ConnectorName) -> Result<Vec<Version>, OciError> {
        let repository = self.repository(name);
        let path = format!("{repository}/tags/list");
        let what = format!("the versions of `{name}`");
        let pages = match self.pages::<Tags>(&repository, &path, &what).await {
            Err(OciError::NotFound { .. }) => return Ok(Vec::new()),
            pages => pages?,
        };
        let mut versions: Vec<Version> = pages
            .iter()
            .filter_map(|page| page.tags.as_ref())
            .flatten()
            .filter_map(|tag| layout::version(tag))
            .collect();
        versions.sort_unstable();
        versions.dedup();
        Ok(versions)
    }

    /// What it says of one version; absent where it has none.
    ///
    /// # Errors
    /// Where it cannot be asked, or has something else there.
    pub async fn entry(
        &self,
        name: &ConnectorName,
        version: &Version,
    ) -> Result<Option<Entry>, OciError> {
        let repository = self.repository(name);
        let Some(manifest) = self.manifest_of(&repository, version).await? else {
            return Ok(None);
        };
        let no_connector = |why| self.no_connector(manifest.place.clone(), why);
        let (digest, size) = layout::layer(&manifest.content).map_err(no_connector)?;
        let mut facts = layout::facts(&manifest.content);
        let mut created = layout::created(&manifest.content);
        // Another tool's annotations say less, but its configuration says enough.
        if facts.contract.is_none() && layout::has_wasm_config(&manifest.content) {
            let config = &manifest.content.config;
            let config = self
                .blob(&repository, &config.digest, MAX_MANIFEST_BYTES)
                .await
                .map_err(|error| match error {
                    OciError::NotFound { .. }
                    | OciError::TooLarge { .. }
                    | OciError::Unexpected { .. } => {
                        no_connector(format!("its configuration cannot be had: {error}"))
                    }
                    error => error,
                })?;
            created = layout::with_config(&mut facts, &config).or(created);
            layout::exports_a_connector(&facts).map_err(no_connector)?;
        }
        Ok(Some(Entry {
            name: name.clone(),
            version: version.clone(),
            digest,
            size,
            published_at: created.unwrap_or(jiff::Timestamp::UNIX_EPOCH),
            facts,
            manifest: Some(manifest.digest),
        }))
    }

    /// A small blob, its digest compared.
    async fn blob(&self, repository: &str, digest: &str, limit: u64) -> Result<Vec<u8>, OciError> {
        let what = format!("{repository}@{digest}");
        let expected: Digest = digest
            .parse()
            .map_err(|_| self.not_understood(&what, "only sha256 is taken".to_owned()))?;
        let response = self
            .transport
            .ask(Question {
                what: &what,
                repository,
                url: self
                    .transport
                    .url(&format!("{repository}/blobs/{expected}"))?,
                accept: "*/*",
                from: 0,
            })
            .await?;
        let bytes = self.transport.body(response, &what, limit).await?;
        let found = Digest::of(&bytes);
        if found != expected {
            return Err(self.wrong_digest(what, expected.to_string(), found));
        }
        Ok(bytes)
    }

    /// What goes with a version under a tag of its own.
    pub(super) async fn companions(
        &self,
        entry: &Entry,
        what: &str,
        media_type: &str,
        limit: u64,
    ) -> Result<Vec<Vec<u8>>, OciError> {
        let Some(manifest) = entry.manifest else {
            return Ok(Vec::new());
        };
        let repository = self.repository(&entry.name);
        let tag = layout::companion_tag(&manifest, what);
        // That there is none and that it cannot be said look alike to whoever
        // asks; the policy refuses what has no signature either way.
        let Some(found) = self.manifest(&repository, &tag).await? else {
            return Ok(Vec::new());
        };
        let mut parts = Vec::new();
        let layers = found.content.layers.iter();
        for layer in layers
            .filter(|layer| layer.media_type == media_type)
            .take(MAX_SIGNATURES)
        {
            parts.push(self.blob(&repository, &layer.digest, limit).await?);
        }
        Ok(parts)
    }

    /// The signatures of a version.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn signatures(&self, entry: &Entry) -> Result<Vec<String>, OciError> {
        let parts = self
            .companions(
                entry,
                "minisig",
                layout::SIGNATURE,
                MAX_SIGNATURE_BYTES as u64,
            )
            .await?;
        Ok(parts
            .into_iter()
            .map(|part| String::from_utf8_lossy(&part).into_owned())
            .collect())
    }

    /// What a version is made of, where its publisher said so.
    ///
    /// # Errors
    /// Where it cannot be asked.
    pub async fn bill_of_materials(&self, entry: &Entry) -> Result<Option<Vec<u8>>, OciError> {
        let parts = self
            .companions(entry, "cdx", layout::BILL_OF_MATERIALS, MAX_BILL_BYTES)
            .await?;
        Ok(parts.into_iter().next())
    }

    /// Brings a version into the store. What breaks off goes on where it was,
    /// also in another process; in the end the whole is verified.
    ///
    /// # Errors
    /// Where the bytes cannot be had, or are not those of the digest.
    pub async fn pull(&self, entry: &Entry, store: &Store) -> Result<Pulled, RegistryError> {
        if store.has(&entry.digest)? {
            return Ok(store.had(entry.digest, entry.size));
        }
        let mut download = store.download(entry.digest, entry.size)?;
        let repository = self.repository(&entry.name);
        let what = format!("`{}` {}", entry.name, entry.version);
        let url = self
            .transport
            .url(&format!("{repository}/blobs/{}", entry.digest))?;
        let mut fruitless = 0;
        while !download.is_complete() {
            let before = download.have();
            let mut response = self
                .transport
                .ask(Question {
                    what: &what,
                    repository: &repository,
                    url: url.clone(),
                    accept: "*/*",
                    from: before,
                })
                .await?;
            let goes_on = response.status() == StatusCode::PARTIAL_CONTENT
                && response
                    .headers()
                    .get(CONTENT_RANGE)
                    .and_then(|range| range.to_str().ok())
                    .is_some_and(|range| range.starts_with(&format!("bytes {before}-")));
            if before > 0 && !goes_on {
                download.start_over()?;
            }
            let broke = loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => download.write(&chunk)?,
                    Ok(None) => break "it ended before its end".to_owned(),
                    Err(error) => break self.transport.failed(&error).to_string(),
                }
                if download.is_complete() {
                    break String::new();
                }
            };
            if download.is_complete() {
                break;
            }
            // As long as there is more from time to time, it is worth going on.
            fruitless = if download.have() > before {
                1
            } else {
                fruitless + 1
            };
            if fruitless >= self.transport.attempts() {
                return Err(OciError::BrokenOff {
                    registry: self.address().to_string(),
                    what,
                    attempts: fruitless,
                    have: download.have(),
                    size: entry.size,
                    why: broke,
                }
                .into());
            }
            tracing::info!(have = download.have(), size = entry.size, why = %broke, "a transfer broke off and goes on");
            self.transport.pause(fruitless).await;
        }
        Ok(download.finish()?)
    }
}
