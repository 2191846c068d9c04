//! What lies under a tag: a manifest, or an index that leads to one.

use super::transport::Question;
use super::{OciError, OciRegistry, layout};
use crate::registry::Digest;
use oci_client::manifest::{ImageIndexEntry, OciImageIndex, OciImageManifest, OciManifest};
use semver::Version;

/// The largest manifest that is taken; the specification asks registries for 4 MiB.
pub(super) const MAX_MANIFEST_BYTES: u64 = 4 * 1024 * 1024;
/// The most manifests of an index that are looked at.
const MAX_LOOKED_AT: usize = 8;

/// A manifest as it came.
pub(super) struct Manifest {
    /// Where it is, for messages.
    pub(super) place: String,
    pub(super) digest: Digest,
    pub(super) bytes: Vec<u8>,
    pub(super) content: OciImageManifest,
}

impl OciRegistry {
    /// The manifest of a version, whose tag may begin with `v`; absent where there
    /// is none.
    pub(super) async fn manifest_of(
        &self,
        repository: &str,
        version: &Version,
    ) -> Result<Option<Manifest>, OciError> {
        for tag in layout::tags(version) {
            if let Some(manifest) = self.manifest(repository, &tag).await? {
                return Ok(Some(manifest));
            }
        }
        Ok(None)
    }

    /// The manifest under a tag; absent where there is none. An index is followed.
    pub(super) async fn manifest(
        &self,
        repository: &str,
        tag: &str,
    ) -> Result<Option<Manifest>, OciError> {
        let place = format!("{repository}:{tag}");
        let Some((bytes, said)) = self.bytes_of(repository, tag, &place).await? else {
            return Ok(None);
        };
        let digest = Digest::of(&bytes);
        // Only this kind can be compared; the digest that is kept is our own.
        let said = said.filter(|said| said.starts_with("sha256:"));
        if let Some(said) = said.filter(|said| *said != digest.to_string()) {
            return Err(self.wrong_digest(place, said, digest));
        }
        match self.understood(&bytes, &place)? {
            OciManifest::Image(content) => Ok(Some(Manifest {
                place,
                digest,
                bytes,
                content,
            })),
            OciManifest::ImageIndex(index) => self.follow(repository, place, &index).await,
        }
    }

    /// The one WebAssembly manifest that an index leads to.
    async fn follow(
        &self,
        repository: &str,
        place: String,
        index: &OciImageIndex,
    ) -> Result<Option<Manifest>, OciError> {
        let mut found = Vec::new();
        for entry in layout::may_be_wasm(index).into_iter().take(MAX_LOOKED_AT) {
            if let Some(manifest) = self.of_index(repository, &place, entry).await?
                && layout::layer(&manifest.content).is_ok()
            {
                found.push((entry, manifest));
            }
        }
        // A component rather than the module that it may have been made from.
        if found.len() > 1 {
            found.retain(|(entry, _)| layout::is_of_components(entry));
        }
        match found.pop() {
            Some((_, manifest)) if found.is_empty() => Ok(Some(manifest)),
            _ => Err(self.no_connector(
                place,
                format!(
                    "it is an index of {} manifests, and not exactly one of them is of \
                     WebAssembly",
                    index.manifests.len()
                ),
            )),
        }
    }

    /// A manifest of an index; absent where it is not there, or is something else.
    async fn of_index(
        &self,
        repository: &str,
        place: &str,
        entry: &ImageIndexEntry,
    ) -> Result<Option<Manifest>, OciError> {
        let Ok(expected) = entry.digest.parse::<Digest>() else {
            return Ok(None);
        };
        let reference = expected.to_string();
        let Some((bytes, _)) = self.bytes_of(repository, &reference, place).await? else {
            return Ok(None);
        };
        let digest = Digest::of(&bytes);
        if digest != expected {
            return Err(self.wrong_digest(place.to_owned(), reference, digest));
        }
        Ok(match self.understood(&bytes, place) {
            Ok(OciManifest::Image(content)) => Some(Manifest {
                place: place.to_owned(),
                digest,
                bytes,
                content,
            }),
            _ => None,
        })
    }

    /// The bytes under a tag or digest, and the digest that the registry says.
    async fn bytes_of(
        &self,
        repository: &str,
        reference: &str,
        place: &str,
    ) -> Result<Option<(Vec<u8>, Option<String>)>, OciError> {
        let path = format!("{repository}/manifests/{reference}");
        let asked = self
            .transport
            .ask(Question {
                what: place,
                repository,
                url: self.transport.url(&path)?,
                accept: layout::MANIFESTS,
                from: 0,
            })
            .await;
        let response = match asked {
            Err(OciError::NotFound { .. }) => return Ok(None),
            asked => asked?,
        };
        let said = response.headers().get("docker-content-digest");
        let said = said.and_then(|digest| digest.to_str().ok());
        let said = said.map(str::to_owned);
        let body = self
            .transport
            .body(response, place, MAX_MANIFEST_BYTES)
            .await;
        match body {
            Ok(bytes) => Ok(Some((bytes, said))),
            Err(OciError::TooLarge { limit, .. }) => {
                let why = format!("its manifest has more than {limit} bytes");
                Err(self.no_connector(place.to_owned(), why))
            }
            Err(error) => Err(error),
        }
    }

    fn understood(&self, bytes: &[u8], place: &str) -> Result<OciManifest, OciError> {
        serde_json::from_slice(bytes).map_err(|_| {
            let why = "its manifest is neither an image's nor an index".to_owned();
            self.no_connector(place.to_owned(), why)
        })
    }

    pub(super) fn no_connector(&self, what: String, why: String) -> OciError {
        OciError::NotAConnector {
            registry: self.address().to_string(),
            what,
            why,
        }
    }

    pub(super) fn wrong_digest(&self, what: String, said: String, found: Digest) -> OciError {
        OciError::WrongDigest {
            registry: self.address().to_string(),
            what,
            said,
            found: found.to_string(),
        }
    }
}
