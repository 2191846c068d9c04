//! `cargo xtask catalog`: makes the catalog's text from the facts of a release
//! and prints what changed since the text that is there, object by object.
//!
//! The facts are one JSON document: `paths` (path → verbs), `collections`
//! (path → record type and XML list element) and `types` (record type →
//! field → kind and marks).

mod difference;

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

#[derive(Deserialize)]
struct Facts {
    paths: BTreeMap<String, BTreeSet<String>>,
    collections: BTreeMap<String, CollectionFacts>,
    types: BTreeMap<String, BTreeMap<String, FieldFacts>>,
}

#[derive(Deserialize)]
struct CollectionFacts {
    #[serde(rename = "type")]
    record_type: String,
    xml_list_element: String,
}

#[derive(Deserialize)]
struct FieldFacts {
    t: Option<String>,
    #[serde(rename = "ref")]
    one: Option<String>,
    list_of: Option<String>,
    #[serde(default)]
    req: u8,
    #[serde(default)]
    ro: u8,
    #[serde(default, rename = "enum")]
    choices: Vec<String>,
}

/// Writes `target` from the facts at `source` and prints the difference.
pub fn run(release: &str, source: &Path, target: &Path) -> Result<()> {
    let json = std::fs::read_to_string(source)
        .with_context(|| format!("reading the facts at {}", source.display()))?;
    let facts: Facts = serde_json::from_str(&json)
        .with_context(|| format!("{} is not in the form of release facts", source.display()))?;
    let new = text(release, &facts);
    let old = std::fs::read_to_string(target).unwrap_or_default();
    print!("{}", difference::report(&old, &new));
    std::fs::write(target, new).with_context(|| format!("writing {}", target.display()))
}

fn text(release: &str, facts: &Facts) -> String {
    let mut out = format!("release {release}\n");
    for (path, verbs) in &facts.paths {
        let below_api = path.strip_prefix("/api").unwrap_or(path);
        let letters: String = ["GET", "POST", "PUT", "PATCH", "DELETE"]
            .iter()
            .zip("GPUAD".chars())
            .filter(|(verb, _)| verbs.contains(**verb))
            .map(|(_, letter)| letter)
            .collect();
        let _ = write!(out, "{below_api} {letters}");
        if let Some(collection) = facts.collections.get(path) {
            let _ = write!(out, " {}", collection.record_type);
            let last = path.rsplit('/').next().unwrap_or(path).replace('_', "-");
            if last != collection.xml_list_element {
                let _ = write!(out, " {}", collection.xml_list_element);
            }
        }
        out.push('\n');
    }
    for (name, fields) in &facts.types {
        let _ = writeln!(out, ":{name}");
        for (field, facts) in fields {
            let _ = writeln!(out, "{field} {}", facts.text());
        }
    }
    out
}

impl FieldFacts {
    fn text(&self) -> String {
        let mut out = match (&self.one, &self.list_of, self.t.as_deref()) {
            (Some(one), _, _) => format!(">{one}"),
            (_, Some(list), _) => format!("+{list}"),
            (_, _, Some(kind)) => kind_word(kind),
            _ => "?".to_owned(),
        };
        let marks = match (self.req, self.ro) {
            (0, 0) => "",
            (_, 0) => " *",
            (0, _) => " -",
            _ => " *-",
        };
        out.push_str(marks);
        let choices: Vec<_> = self
            .choices
            .iter()
            .map(String::as_str)
            .filter(|choice| !choice.is_empty())
            .collect();
        if !choices.is_empty() {
            let _ = write!(out, " ={}", choices.join("|"));
        }
        out
    }
}

/// The catalog's word for a kind as the release spells it. The release has a
/// few slips, such as a default value in place of a kind; those that do not
/// tell a kind become text or unknown.
fn kind_word(kind: &str) -> String {
    let (name, size) = match kind.split_once('(') {
        Some((name, size)) => (name, size.trim_end_matches(')')),
        None => (kind, ""),
    };
    match name {
        "integer" | "int" => "i".to_owned(),
        "boolean" | "tinyint" | "true" => "b".to_owned(),
        "datetime" | "time" => "t".to_owned(),
        "date" => "d".to_owned(),
        "float" => "f".to_owned(),
        "decimal" | "0.0" => format!("n{}", size.replace(',', ".")),
        "string" => format!("s{size}"),
        "[]" | "array" => "l".to_owned(),
        "text" => "x".to_owned(),
        "USD" => "s".to_owned(),
        name if name.starts_with('{') => "s".to_owned(),
        _ => "?".to_owned(),
    }
}
