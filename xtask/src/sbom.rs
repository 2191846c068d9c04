//! What a component is made of, as CycloneDX JSON: the packages whose code is
//! compiled into it. What only runs while it is built, such as macros, is not.

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// The bill of materials of a package of the workspace, the same from time to
/// time: it has no number and no date of its own.
///
/// # Errors
/// If cargo cannot say what the package depends on.
pub fn of(workspace: &Path, package: &str) -> Result<Vec<u8>> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace)
        .other_options(vec![
            "--locked".to_owned(),
            "--filter-platform".to_owned(),
            component::TARGET.to_owned(),
        ])
        .exec()
        .context("asking cargo for the dependencies")?;
    let root = metadata
        .workspace_packages()
        .into_iter()
        .find(|found| found.name.as_str() == package)
        .with_context(|| format!("the workspace has no package {package}"))?;
    let (packages, edges) = reached(&metadata, &root.id)?;
    let components: Vec<Value> = packages
        .values()
        .filter(|package| package.id != root.id)
        .map(|package| entry(package, "library"))
        .collect();
    let dependencies: Vec<Value> = edges
        .iter()
        .map(|(from, to)| json!({ "ref": from, "dependsOn": to }))
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": entry(root, "application") },
        "components": components,
        "dependencies": dependencies,
    });
    let mut bytes = serde_json::to_vec_pretty(&document)?;
    bytes.push(b'\n');
    Ok(bytes)
}

type Reached<'a> = (
    BTreeMap<String, &'a Package>,
    BTreeMap<String, BTreeSet<String>>,
);

/// The packages that are compiled in, and which needs which.
fn reached<'a>(metadata: &'a Metadata, root: &PackageId) -> Result<Reached<'a>> {
    let by_id: HashMap<&PackageId, &Package> =
        metadata.packages.iter().map(|p| (&p.id, p)).collect();
    let resolve = metadata
        .resolve
        .as_ref()
        .context("cargo resolved nothing")?;
    let nodes: HashMap<&PackageId, _> = resolve.nodes.iter().map(|n| (&n.id, n)).collect();
    let (mut packages, mut edges) = (BTreeMap::new(), BTreeMap::new());
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let package = by_id[id];
        if packages.insert(reference(package), package).is_some() {
            continue;
        }
        let needs: BTreeSet<String> = nodes[id]
            .deps
            .iter()
            .filter(|dependency| {
                let kinds = &dependency.dep_kinds;
                kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
                    && !is_macro(by_id[&dependency.pkg])
            })
            .map(|dependency| {
                open.push(&dependency.pkg);
                reference(by_id[&dependency.pkg])
            })
            .collect();
        edges.insert(reference(package), needs);
    }
    Ok((packages, edges))
}

fn is_macro(package: &Package) -> bool {
    let mut kinds = package.targets.iter().flat_map(|target| &target.kind);
    kinds.any(|kind| *kind == TargetKind::ProcMacro)
}

/// The package's URL, which tells it from all others.
fn reference(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn entry(package: &Package, kind: &str) -> Value {
    let reference = reference(package);
    let mut entry = json!({
        "type": kind,
        "bom-ref": reference,
        "name": package.name.as_str(),
        "version": package.version.to_string(),
        "purl": reference,
    });
    if let Some(license) = &package.license {
        // An old way to write OR.
        let expression = license.replace('/', " OR ");
        entry["licenses"] = json!([{ "expression": expression }]);
    }
    entry
}
