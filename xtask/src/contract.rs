//! `cargo xtask contract`: within a version the contract only grows.
//!
//! What was released is frozen in `wit/frozen`, one file for each version, without
//! its documentation. Within 0.x a minor version, from 1.0 on a major one, a
//! component that was built for what is frozen has to run on a host that serves
//! what is in `wit` now.

use crate::workspace;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::PathBuf;
use wit_component::{OutputToString, WitPrinter};
use wit_parser::{PackageId, Resolve, WorldId};

/// The contract's only world.
const WORLD: &str = "connector-component";

/// Freezes the contract as it is, or holds it against what was frozen.
///
/// # Errors
/// What broke, item by item.
pub fn run(freeze: bool) -> Result<()> {
    let mut now = Resolve::default();
    let (package, _) = now.push_dir(workspace().join("wit"))?;
    let version = version(&now, package)?;
    let frozen = frozen(&version);
    let text = print(&now, package)?;
    if freeze {
        if frozen.exists() {
            bail!(
                "{} is frozen: what was released does not change; give the contract another \
                 version",
                frozen.display()
            );
        }
        std::fs::create_dir_all(frozen.parent().unwrap_or(&frozen))?;
        std::fs::write(&frozen, text)?;
        println!("frozen: {}", frozen.display());
        return Ok(());
    }
    let mut held = 0;
    for (older, path) in released(&version)? {
        let text = std::fs::read_to_string(&path)?;
        compare(&text).with_context(|| {
            format!(
                "the contract {version} breaks components of {older} ({}); take that back, or \
                 give it a version that may break",
                path.display()
            )
        })?;
        held += 1;
    }
    if held == 0 {
        bail!("no version that {version} has to be compatible with is frozen in wit/frozen");
    }
    println!("the contract {version} keeps to what was frozen: {held} of its versions");
    Ok(())
}

fn version(resolve: &Resolve, package: PackageId) -> Result<semver::Version> {
    let name = resolve.packages.get(package).map(|package| &package.name);
    let version = name.and_then(|name| name.version.clone());
    version.context("the package in wit/ has no version")
}

fn frozen(version: &semver::Version) -> PathBuf {
    workspace().join(format!("wit/frozen/{version}.wit"))
}

/// Frozen versions that this one must not break.
fn released(version: &semver::Version) -> Result<BTreeMap<semver::Version, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(workspace().join("wit/frozen")).context("reading wit/frozen")? {
        let path = entry?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let older = semver::Version::parse(&stem)
            .with_context(|| format!("{} is named by no version", path.display()))?;
        let same = match version.major {
            0 => older.major == 0 && older.minor == version.minor,
            major => older.major == major,
        };
        if same && older <= *version {
            found.insert(older, path);
        }
    }
    Ok(found)
}

fn print(resolve: &Resolve, package: PackageId) -> Result<String> {
    let mut printer = WitPrinter::<OutputToString>::new(OutputToString::default());
    printer.emit_docs(false);
    printer.print(resolve, package, &[])?;
    Ok(printer.output.to_string())
}

/// Holds the contract in `wit` against a frozen text.
fn compare(frozen: &str) -> Result<()> {
    let mut both = Resolve::default();
    let (now, _) = both.push_dir(workspace().join("wit"))?;
    let now_version = version(&both, now)?;
    // Two packages of one name need two versions; the comparison ignores them.
    let mut other = now_version.clone();
    other.build = semver::BuildMetadata::new("frozen")?;
    let frozen_version = frozen
        .lines()
        .find_map(|line| line.strip_prefix("package ")?.strip_suffix(';'))
        .and_then(|name| name.split_once('@'))
        .map(|(_, version)| version.to_owned())
        .context("the frozen text names no package with a version")?;
    let renamed = frozen.replacen(&format!("@{frozen_version};"), &format!("@{other};"), 1);
    let then = both.push_str("frozen.wit", &renamed)?;
    let world = |package| -> Result<WorldId> { both.select_world(&[package], Some(WORLD)) };
    let (old, new) = (world(then)?, world(now)?);
    let differences = differences(&print(&both, then)?, &print(&both, now)?);
    wit_component::semver_check(both, old, new).map_err(|error| {
        let changed = match differences.is_empty() {
            true => format!("{error:#}"),
            false => differences.join("\n  "),
        };
        anyhow::anyhow!("what is not as it was:\n  {changed}")
    })
}

/// What of the old text is no longer there, by interface and item; for a person:
/// whether it breaks anything is for the check itself to say.
fn differences(old: &str, new: &str) -> Vec<String> {
    let (old, new) = (items(old), items(new));
    let mut told: Vec<String> = old
        .iter()
        .filter_map(|(name, was)| match new.get(name) {
            Some(is) if is == was => None,
            Some(is) => Some(format!("{name}: was “{was}”, is “{is}”")),
            None => Some(format!("{name}: is gone; it was “{was}”")),
        })
        .collect();
    let exported = ["connector/", "design/", "connector-component/export"];
    told.extend(new.iter().filter_map(|(name, is)| {
        let asked = exported.iter().any(|part| name.starts_with(part));
        (asked && !old.contains_key(name))
            .then(|| format!("{name}: is new, and components of then do not have it: “{is}”"))
    }));
    told
}

/// The items of a printed package: their places and texts.
fn items(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut interface = String::new();
    let mut item: Option<(String, String)> = None;
    for line in text.lines() {
        let words = line.trim();
        let depth = line.len() - line.trim_start().len();
        if depth == 0 {
            if let Some(name) = words
                .strip_prefix("interface ")
                .or_else(|| words.strip_prefix("world "))
            {
                interface = name.trim_end_matches(" {").to_owned();
            }
        } else if depth == 2 && !words.is_empty() && !words.starts_with('}') {
            item = Some((format!("{interface}/{}", label(words)), words.to_owned()));
        } else if let Some((_, text)) = &mut item
            && !words.is_empty()
        {
            text.push(' ');
            text.push_str(words);
        }
        if depth == 2
            && (words.ends_with(';') || words.starts_with('}'))
            && let Some((name, text)) = item.take()
        {
            found.insert(name, text);
        }
    }
    found
}

/// What an item is called: `record error`, `execute`, `import secrets`.
fn label(words: &str) -> String {
    let end = words.find(['{', ':', '=', ';']).unwrap_or(words.len());
    words.get(..end).unwrap_or(words).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen_now() -> String {
        let mut now = Resolve::default();
        let (package, _) = now.push_dir(workspace().join("wit")).unwrap();
        print(&now, package).unwrap()
    }

    #[test]
    fn what_is_there_now_serves_itself() {
        compare(&frozen_now()).unwrap();
    }

    #[test]
    fn what_breaks_is_named_and_what_only_grows_is_not() {
        let now = frozen_now();
        // Seen from a past in which these were otherwise.
        for (was, instead, named) in [
            ("stopped-early: bool,", "", "types/record summary"),
            ("    uncertain,\n", "", "types/enum error-kind"),
            ("refresh: bool", "refresh: string", "describe-object"),
            ("  describe: func() -> descriptor;\n", "", "design/describe"),
        ] {
            assert!(now.contains(was), "{was}\n{now}");
            let error = compare(&now.replacen(was, instead, 1))
                .unwrap_err()
                .to_string();
            assert!(error.contains(named), "{was}: {error}");
        }
        // A host may come to offer more.
        let past = now.replacen("  remove: async func(key: string);\n", "", 1);
        assert_ne!(past, now);
        compare(&past).unwrap();
    }
}
