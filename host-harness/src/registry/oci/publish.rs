//! Publishing into an OCI registry.

use super::transport::Writing;
use super::{OciError, OciRegistry, layout};
use crate::registry::trust::{MAX_SIGNATURE_BYTES, key_id_of};
use crate::registry::{Digest, Entry, Published, RegistryError, Release};
use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Method, Url};

/// What a blob is sent as.
const BYTES: &str = "application/octet-stream";

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
        if let Some(there) = self.entry(&release.name, &release.version).await? {
            if there.digest != digest {
                return Err(RegistryError::VersionTaken {
                    published: Box::new(there),
                    offered: digest,
                });
            }
            let subject = self.manifest_of(&repository, &release.version).await?;
            let (Some(manifest), Some(subject)) = (there.manifest, subject) else {
                return Ok(published(digest));
            };
            self.push_companions(release, &there, &subject.bytes)
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
        self.push_blob(&repository, &release.component).await?;
        self.push_blob(&repository, &artifact.config).await?;
        self.push_companions(release, &entry, &artifact.manifest)
            .await?;
        self.push_manifest(&repository, &tag, artifact.manifest)
            .await?;
        Ok(published(manifest))
    }

    async fn push_companions(
        &self,
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
            self.push_companion(&repository, &tag, layout::SIGNATURE, &signatures, subject)
                .await?;
        }
        if let Some(bill) = &release.bill_of_materials {
            let tag = layout::companion_tag(&manifest, "cdx");
            let parts = [bill.clone()];
            self.push_companion(
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
        repository: &str,
        tag: &str,
        media_type: &str,
        parts: &[Vec<u8>],
        subject: &[u8],
    ) -> Result<(), OciError> {
        let manifest =
            layout::companion(media_type, parts, subject).map_err(|e| self.not_written(&e))?;
        self.push_blob(repository, layout::EMPTY_CONFIG).await?;
        for part in parts {
            self.push_blob(repository, part).await?;
        }
        self.push_manifest(repository, tag, manifest).await
    }

    async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Result<(), OciError> {
        let digest = Digest::of(bytes);
        if self.has_blob(repository, &digest).await? {
            return Ok(());
        }
        let what = format!("{repository}@{digest}");
        let path = format!("{repository}/blobs/uploads/");
        let begun = self
            .transport
            .write(Writing {
                what: &what,
                repository,
                method: Method::POST,
                url: self.transport.url(&path)?,
                media_type: BYTES,
                body: Bytes::new(),
            })
            .await?;
        let place = begun.headers().get(LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        let place = place.and_then(|place| begun.url().join(place).ok());
        let mut url = place.ok_or_else(|| {
            self.not_understood(&what, "it does not say where to put it".to_owned())
        })?;
        // Something before it may have taken TLS off.
        if let Some(own) = self.transport.at_home(&url) {
            url = own;
        } else if !self.transport.is_plain() && url.scheme() != "https" {
            let why = "it is to be put where there is no TLS".to_owned();
            return Err(self.not_understood(&what, why));
        }
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        self.put(repository, &what, url, BYTES, bytes.to_vec())
            .await
    }

    /// Whether a blob is there. Where that is not said, it is put there again.
    async fn has_blob(&self, repository: &str, digest: &Digest) -> Result<bool, OciError> {
        let writing = Writing {
            what: "a blob",
            repository,
            method: Method::HEAD,
            url: self
                .transport
                .url(&format!("{repository}/blobs/{digest}"))?,
            media_type: BYTES,
            body: Bytes::new(),
        };
        match self.transport.write(writing).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_out_of_reach() => Err(error),
            Err(_) => Ok(false),
        }
    }

    async fn push_manifest(
        &self,
        repository: &str,
        tag: &str,
        manifest: Vec<u8>,
    ) -> Result<(), OciError> {
        let what = format!("{repository}:{tag}");
        let url = self
            .transport
            .url(&format!("{repository}/manifests/{tag}"))?;
        self.put(repository, &what, url, layout::MANIFEST, manifest)
            .await
    }

    async fn put(
        &self,
        repository: &str,
        what: &str,
        url: Url,
        media_type: &'static str,
        bytes: Vec<u8>,
    ) -> Result<(), OciError> {
        let writing = Writing {
            what,
            repository,
            method: Method::PUT,
            url,
            media_type,
            body: bytes.into(),
        };
        self.transport.write(writing).await.map(drop)
    }

    fn not_written(&self, error: &serde_json::Error) -> OciError {
        OciError::Unexpected {
            registry: self.address().to_string(),
            what: "a manifest".to_owned(),
            why: error.to_string(),
        }
    }
}
