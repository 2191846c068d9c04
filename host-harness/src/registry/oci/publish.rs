//! Publishing into an OCI registry.

use super::{OciError, OciRegistry, layout};
use crate::registry::trust::{MAX_SIGNATURE_BYTES, key_id_of};
use crate::registry::{Digest, Entry, Published, RegistryError, Release};
use oci_client::Client;
use oci_client::errors::OciDistributionError;
use reqwest::StatusCode;
use reqwest::header::HeaderValue;

impl OciRegistry {
    /// Publishes a version. The same bytes again change nothing, but add
    /// signatures.
    ///
    /// # Errors
    /// [`RegistryError::VersionTaken`] where the version has other bytes.
    pub async fn release(&self, release: &Release) -> Result<Published, RegistryError> {
        let repository = self.repository(&release.name);
        let tag = layout::tag(&release.version);
        let digest = Digest::of(&release.component);
        let published = |manifest: Digest| Published {
            name: release.name.clone(),
            version: release.version.clone(),
            digest,
            size: release.component.len() as u64,
            manifest: Some(manifest),
        };
        let client = self.transport.pusher(&repository).await?;
        if let Some(there) = self.entry(&release.name, &release.version).await? {
            if there.digest != digest {
                return Err(RegistryError::VersionTaken {
                    published: Box::new(there),
                    offered: digest,
                });
            }
            let subject = self.manifest(&repository, &tag).await?;
            let (Some(manifest), Some(subject)) = (there.manifest, subject) else {
                return Ok(published(digest));
            };
            self.push_companions(&client, release, &there, &subject.bytes)
                .await?;
            return Ok(published(manifest));
        }
        let created = release.created.unwrap_or_else(jiff::Timestamp::now);
        let artifact = layout::connector(release, created).map_err(|e| self.not_written(&e))?;
        let manifest = Digest::of(&artifact.manifest);
        let entry = Entry {
            name: release.name.clone(),
            version: release.version.clone(),
            digest,
            size: release.component.len() as u64,
            published_at: created,
            facts: release.facts.clone(),
            manifest: Some(manifest),
        };
        // The tag comes last: what it leads to is signed from its first moment on.
        self.push_blob(&client, &repository, &release.component)
            .await?;
        self.push_blob(&client, &repository, &artifact.config)
            .await?;
        self.push_companions(&client, release, &entry, &artifact.manifest)
            .await?;
        self.push_manifest(&client, &repository, &tag, artifact.manifest)
            .await?;
        Ok(published(manifest))
    }

    async fn push_companions(
        &self,
        client: &Client,
        release: &Release,
        entry: &Entry,
        subject: &[u8],
    ) -> Result<(), OciError> {
        let repository = self.repository(&release.name);
        let manifest = Digest::of(subject);
        if !release.signatures.is_empty() {
            // A new signature of the same key takes the place of the old one.
            let mut signatures = self
                .companions(
                    entry,
                    "minisig",
                    layout::SIGNATURE,
                    MAX_SIGNATURE_BYTES as u64,
                )
                .await?;
            let new: Vec<_> = release.signatures.iter().map(|s| key_id_of(s)).collect();
            signatures.retain(|there| !new.contains(&key_id_of(&String::from_utf8_lossy(there))));
            signatures.extend(release.signatures.iter().map(|s| s.as_bytes().to_vec()));
            let tag = layout::companion_tag(&manifest, "minisig");
            self.push_companion(
                client,
                &repository,
                &tag,
                layout::SIGNATURE,
                &signatures,
                subject,
            )
            .await?;
        }
        if let Some(bill) = &release.bill_of_materials {
            let tag = layout::companion_tag(&manifest, "cdx");
            let parts = [bill.clone()];
            self.push_companion(
                client,
                &repository,
                &tag,
                layout::BILL_OF_MATERIALS,
                &parts,
                subject,
            )
            .await?;
        }
        Ok(())
    }

    async fn push_companion(
        &self,
        client: &Client,
        repository: &str,
        tag: &str,
        media_type: &str,
        parts: &[Vec<u8>],
        subject: &[u8],
    ) -> Result<(), OciError> {
        let manifest =
            layout::companion(media_type, parts, subject).map_err(|e| self.not_written(&e))?;
        self.push_blob(client, repository, layout::EMPTY_CONFIG)
            .await?;
        for part in parts {
            self.push_blob(client, repository, part).await?;
        }
        self.push_manifest(client, repository, tag, manifest).await
    }

    async fn push_blob(
        &self,
        client: &Client,
        repository: &str,
        bytes: &[u8],
    ) -> Result<(), OciError> {
        let digest = Digest::of(bytes).to_string();
        let reference = self.transport.reference(repository, "latest");
        if matches!(client.blob_exists(&reference, &digest).await, Ok(true)) {
            return Ok(());
        }
        client
            .push_blob(&reference, bytes.to_vec(), &digest)
            .await
            .map(drop)
            .map_err(|error| self.not_pushed(error, repository))
    }

    async fn push_manifest(
        &self,
        client: &Client,
        repository: &str,
        tag: &str,
        manifest: Vec<u8>,
    ) -> Result<(), OciError> {
        let reference = self.transport.reference(repository, tag);
        client
            .push_manifest_raw(
                &reference,
                manifest,
                HeaderValue::from_static(layout::MANIFEST),
            )
            .await
            .map(drop)
            .map_err(|error| self.not_pushed(error, repository))
    }

    fn not_written(&self, error: &serde_json::Error) -> OciError {
        OciError::Unexpected {
            registry: self.address().to_string(),
            what: "a manifest".to_owned(),
            why: error.to_string(),
        }
    }

    fn not_pushed(&self, error: OciDistributionError, repository: &str) -> OciError {
        let status = match &error {
            OciDistributionError::RequestError(error) => return self.transport.failed(error),
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => Some(401),
            OciDistributionError::ServerError { code, .. } => Some(*code),
            _ => None,
        };
        match status.and_then(|code| StatusCode::from_u16(code).ok()) {
            Some(StatusCode::FORBIDDEN) => OciError::Forbidden {
                registry: self.address().to_string(),
                who: "this publisher".to_owned(),
                what: format!("publish into {repository}"),
            },
            Some(status) => self.transport.status(status, repository),
            None => OciError::Unexpected {
                registry: self.address().to_string(),
                what: format!("publishing into {repository}"),
                why: error.to_string(),
            },
        }
    }
}
