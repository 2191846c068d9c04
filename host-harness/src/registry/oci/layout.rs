//! How a connector lies in an OCI registry: the CNCF's layout, and this host's
//! annotations beside it.

use crate::registry::{Digest, Facts, Release};
use jiff::Timestamp;
use oci_client::annotations as known;
use oci_client::manifest::{ImageIndexEntry, OciDescriptor, OciImageIndex, OciImageManifest};
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// What may lie under a tag: ours, and what a registry that is shared has beside. One
/// that is not asked for is answered as if it were not there, or turned into another.
pub(super) const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";
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

/// What begins the exports of a connector.
const CONNECTOR: &str = "integration:connector/";
/// The layout knows `wasip1`, for modules, and `wasip2`, for components.
const COMPONENTS: &str = "wasip2";

const CONTRACT: &str = "integration.connector.contract";
const REACHES: &str = "integration.connector.reaches";

/// The configuration of the layout.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WasmConfig {
    created: String,
    architecture: String,
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
        os: COMPONENTS.to_owned(),
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

/// That what exports are known of are a connector's, or none are known.
pub(super) fn exports_a_connector(facts: &Facts) -> Result<(), String> {
    let exports = &facts.exports;
    if facts.contract.is_some()
        || exports.is_empty()
        || exports.iter().any(|export| export.starts_with(CONNECTOR))
    {
        return Ok(());
    }
    Err(format!(
        "it exports {}, and a connector exports {CONNECTOR}connector",
        exports.join(", ")
    ))
}

/// The manifests of an index that may be of WebAssembly: those that say so; where
/// none does, those that do not say that they are of something else.
pub(super) fn may_be_wasm(index: &OciImageIndex) -> Vec<&ImageIndexEntry> {
    let (wasm, others): (Vec<_>, Vec<_>) = index.manifests.iter().partition(|entry| {
        is_of_components(entry)
            || entry.artifact_type.as_deref() == Some(CONFIG)
            || entry.platform.as_ref().is_some_and(|platform| {
                platform.architecture.to_string().starts_with("wasm")
                    || platform.os.to_string().starts_with("wasi")
            })
    });
    if !wasm.is_empty() {
        return wasm;
    }
    let says_nothing = |entry: &&ImageIndexEntry| entry.platform.is_none();
    others.into_iter().filter(says_nothing).collect()
}

/// Whether a manifest of an index is said to be of a component.
pub(super) fn is_of_components(entry: &ImageIndexEntry) -> bool {
    let platform = entry.platform.as_ref();
    platform.is_some_and(|platform| platform.os.to_string() == COMPONENTS)
}

/// The tag under which a version is published. A tag has no `+`, and a version no `_`.
pub(super) fn tag(version: &Version) -> String {
    version.to_string().replace('+', "_")
}

/// The tags that a version may have, the preferred one first: other tools put a `v`
/// before it.
pub(super) fn tags(version: &Version) -> [String; 2] {
    let tag = tag(version);
    let with_v = format!("v{tag}");
    [tag, with_v]
}

/// The version of a tag; absent where it is something else, such as `latest` or
/// a signature's.
pub(super) fn version(tag: &str) -> Option<Version> {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    version.replace('_', "+").parse().ok()
}

/// The tag of what goes with the version that a manifest leads to.
pub(super) fn companion_tag(manifest: &Digest, what: &str) -> String {
    format!("sha256-{}.{what}", manifest.hex())
}
