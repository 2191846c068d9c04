//! How a connector lies in an OCI registry: the CNCF's layout, and this host's
//! annotations beside it.

use crate::registry::{Digest, Facts, Release};
use jiff::Timestamp;
use oci_client::annotations as known;
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.wasm.config.v0+json";
const LAYER: &str = "application/wasm";
/// What older tools call the layer: Spin's, and wasmCloud's.
const LEGACY_LAYERS: [&str; 3] = [
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
];
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(super) const EMPTY_CONFIG: &[u8] = b"{}";
pub(super) const SIGNATURE: &str = "application/vnd.minisign.signature";
pub(super) const BILL_OF_MATERIALS: &str = "application/vnd.cyclonedx+json";

const CONTRACT: &str = "integration.connector.contract";
const REACHES: &str = "integration.connector.reaches";

/// The configuration of the layout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: String,
    architecture: String,
    /// The layout knows `wasip1`, for modules, and `wasip2`, for components.
    os: String,
    layer_digests: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<ComponentConfig>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ComponentConfig {
    #[serde(default)]
    exports: Vec<String>,
    #[serde(default)]
    imports: Vec<String>,
    target: Option<String>,
}

/// A manifest and its configuration, as bytes.
pub(super) struct Artifact {
    pub(super) manifest: Vec<u8>,
    pub(super) config: Vec<u8>,
}

fn descriptor(media_type: &str, bytes: &[u8], title: Option<&str>) -> OciDescriptor {
    OciDescriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes).to_string(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        urls: None,
        annotations: title.map(|title| {
            BTreeMap::from([(
                known::ORG_OPENCONTAINERS_IMAGE_TITLE.to_owned(),
                title.to_owned(),
            )])
        }),
        artifact_type: None,
    }
}

/// The artifact of a version. The same release gives the same bytes.
pub(super) fn connector(release: &Release, created: Timestamp) -> serde_json::Result<Artifact> {
    let facts = &release.facts;
    let config = serde_json::to_vec(&WasmConfig {
        created: created.to_string(),
        architecture: "wasm".to_owned(),
        os: "wasip2".to_owned(),
        layer_digests: vec![Digest::of(&release.component).to_string()],
        component: Some(ComponentConfig {
            exports: facts.exports.clone(),
            imports: facts.imports.clone(),
            target: None,
        }),
    })?;
    let title = format!("{}.wasm", release.name);
    let mut annotations: BTreeMap<&str, String> = BTreeMap::from([
        (
            known::ORG_OPENCONTAINERS_IMAGE_TITLE,
            release.name.to_string(),
        ),
        (
            known::ORG_OPENCONTAINERS_IMAGE_VERSION,
            release.version.to_string(),
        ),
        (known::ORG_OPENCONTAINERS_IMAGE_CREATED, created.to_string()),
    ]);
    let optional = [
        (
            known::ORG_OPENCONTAINERS_IMAGE_DESCRIPTION,
            Some(facts.description.clone()),
        ),
        (known::ORG_OPENCONTAINERS_IMAGE_SOURCE, facts.source.clone()),
        (
            known::ORG_OPENCONTAINERS_IMAGE_REVISION,
            facts.revision.clone(),
        ),
        (
            known::ORG_OPENCONTAINERS_IMAGE_LICENSES,
            facts.licenses.clone(),
        ),
        (CONTRACT, facts.contract.as_ref().map(ToString::to_string)),
        (REACHES, Some(facts.reaches.join(","))),
    ];
    for (name, value) in optional {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            annotations.insert(name, value);
        }
    }
    let manifest = OciImageManifest {
        media_type: Some(MANIFEST.to_owned()),
        config: descriptor(CONFIG, &config, None),
        layers: vec![descriptor(LAYER, &release.component, Some(&title))],
        annotations: Some(
            annotations
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        ),
        ..OciImageManifest::default()
    };
    Ok(Artifact {
        manifest: serde_json::to_vec(&manifest)?,
        config,
    })
}

/// The artifact of what goes with a version.
pub(super) fn companion(
    media_type: &str,
    parts: &[Vec<u8>],
    subject: &[u8],
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&OciImageManifest {
        media_type: Some(MANIFEST.to_owned()),
        artifact_type: Some(media_type.to_owned()),
        config: descriptor(EMPTY, EMPTY_CONFIG, None),
        layers: parts
            .iter()
            .map(|part| descriptor(media_type, part, None))
            .collect(),
        subject: Some(descriptor(MANIFEST, subject, None)),
        ..OciImageManifest::default()
    })
}

/// The one layer of a connector's manifest, with its digest and size.
pub(super) fn layer(manifest: &OciImageManifest) -> Result<(Digest, u64), String> {
    let [layer] = manifest.layers.as_slice() else {
        return Err(format!(
            "it has {} layers, and a connector has one",
            manifest.layers.len()
        ));
    };
    if layer.media_type != LAYER && !LEGACY_LAYERS.contains(&layer.media_type.as_str()) {
        return Err(format!(
            "its layer is {}, and a connector's is {LAYER}",
            layer.media_type
        ));
    }
    let digest = layer.digest.parse().map_err(|_| {
        format!(
            "its layer's digest is “{}”, and only sha256 is taken",
            layer.digest
        )
    })?;
    let size = u64::try_from(layer.size).map_err(|_| "its layer has no size".to_owned())?;
    Ok((digest, size))
}

/// What a manifest says of a version by itself.
pub(super) fn facts(manifest: &OciImageManifest) -> Facts {
    let said = |name: &str| {
        let found = manifest.annotations.as_ref()?.get(name)?;
        (!found.is_empty()).then(|| found.clone())
    };
    Facts {
        title: said(known::ORG_OPENCONTAINERS_IMAGE_TITLE).unwrap_or_default(),
        description: said(known::ORG_OPENCONTAINERS_IMAGE_DESCRIPTION).unwrap_or_default(),
        contract: said(CONTRACT).and_then(|version| version.parse().ok()),
        reaches: said(REACHES)
            .map(|names| names.split(',').map(str::to_owned).collect())
            .unwrap_or_default(),
        source: said(known::ORG_OPENCONTAINERS_IMAGE_SOURCE),
        revision: said(known::ORG_OPENCONTAINERS_IMAGE_REVISION),
        licenses: said(known::ORG_OPENCONTAINERS_IMAGE_LICENSES),
        ..Facts::default()
    }
}

/// When a version was made, as its manifest says.
pub(super) fn created(manifest: &OciImageManifest) -> Option<Timestamp> {
    let annotations = manifest.annotations.as_ref()?;
    let created = annotations.get(known::ORG_OPENCONTAINERS_IMAGE_CREATED)?;
    created.parse().ok()
}

/// Whether the configuration is the layout's, and so can be asked for the rest.
pub(super) fn has_wasm_config(manifest: &OciImageManifest) -> bool {
    manifest.config.media_type == CONFIG
}

/// What a configuration adds: when it was made, imports and exports.
pub(super) fn with_config(facts: &mut Facts, config: &[u8]) -> Option<Timestamp> {
    let config: WasmConfig = serde_json::from_slice(config).ok()?;
    let component = config.component.unwrap_or_default();
    facts.imports = component.imports;
    facts.exports = component.exports;
    config.created.parse().ok()
}

/// The tag of a version. A tag has no `+`, and a version no `_`.
pub(super) fn tag(version: &Version) -> String {
    version.to_string().replace('+', "_")
}

/// The version of a tag; absent where it is something else, such as `latest` or
/// a signature's.
pub(super) fn version(tag: &str) -> Option<Version> {
    tag.replace('_', "+").parse().ok()
}

/// The tag of what goes with the version that a manifest leads to.
pub(super) fn companion_tag(manifest: &Digest, what: &str) -> String {
    format!("sha256-{}.{what}", manifest.hex())
}
