//! What is published against the packages in Cargo.lock, as a table in the repository:
//! `packaging/advisories.toml`.
//!
//! It holds facts only, taken from RustSec's advisory database: ids, dates, kinds and
//! versions. Packages against which nothing is published are named as well, so that one
//! that nobody looked up yet is noticed.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Advisories {
    /// The commit of the database.
    commit: String,
    /// The day of that commit.
    pub date: String,
    /// Packages against which nothing is published.
    nothing: BTreeSet<String>,
    /// By package and id.
    published: BTreeMap<String, BTreeMap<String, Advisory>>,
}

/// What is published against a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    pub date: String,
    /// `unmaintained`, `unsound` or `notice`, where it is no vulnerability.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub informational: Option<String>,
    /// Versions without the fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patched: Vec<String>,
    /// Versions that never had it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unaffected: Vec<String>,
}

const HEAD: &str = "\
# What is published against the packages in Cargo.lock: facts from RustSec's advisory
# database. Written by `cargo xtask advisories`; docs/dependencies.md says when.
";

/// `cargo xtask advisories`: takes the table anew from a clone of the database.
///
/// # Errors
/// If the clone cannot be read, or the table not be written.
pub fn refresh(clone: &Path) -> Result<()> {
    let advisories = Advisories::take(clone, &locked(workspace())?)?;
    let path = path();
    std::fs::write(&path, advisories.text()?)
        .with_context(|| format!("writing {}", path.display()))?;
    println!(
        "{}: {} advisories for {} packages, {} more without any, as of {}",
        path.display(),
        advisories
            .published
            .values()
            .map(BTreeMap::len)
            .sum::<usize>(),
        advisories.published.len(),
        advisories.nothing.len(),
        advisories.date,
    );
    Ok(())
}

/// The names of the packages in Cargo.lock that are not our own.
///
/// # Errors
/// If it cannot be read.
pub fn locked(workspace: &Path) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        source: Option<String>,
    }
    let path = workspace.join("Cargo.lock");
    let lock: Lock = read(&path)?;
    let others = lock
        .package
        .into_iter()
        .filter(|found| found.source.is_some());
    Ok(others.map(|package| package.name).collect())
}

impl Advisories {
    /// The table in the repository.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read() -> Result<Self> {
        read(&path())
    }

    /// A table of one advisory.
    pub fn of(package: &str, id: &str, advisory: Advisory) -> Self {
        let advisories = BTreeMap::from([(id.to_owned(), advisory)]);
        Self {
            commit: String::new(),
            date: String::new(),
            nothing: BTreeSet::new(),
            published: BTreeMap::from([(package.to_owned(), advisories)]),
        }
    }

    /// Takes what is published against these packages from a clone of the database.
    fn take(clone: &Path, packages: &BTreeSet<String>) -> Result<Self> {
        let files = git(clone, &["ls-tree", "-r", "--name-only", "HEAD", "crates"])?;
        let mut published: BTreeMap<String, BTreeMap<String, Advisory>> = BTreeMap::new();
        for file in files.lines() {
            let Some((package, id)) = file
                .strip_prefix("crates/")
                .and_then(|file| file.strip_suffix(".md")?.split_once('/'))
                .filter(|(package, _)| packages.contains(*package))
            else {
                continue;
            };
            let text = git(clone, &["show", &format!("HEAD:{file}")])?;
            if let Some(advisory) = facts(&text).with_context(|| format!("reading {file}"))? {
                let advisories = published.entry(package.to_owned()).or_default();
                advisories.insert(id.to_owned(), advisory);
            }
        }
        ensure!(
            !published.is_empty(),
            "{} holds no advisory for any of our packages: is it a clone of RustSec's \
             advisory-db?",
            clone.display()
        );
        let nothing = packages
            .iter()
            .filter(|name| !published.contains_key(*name));
        Ok(Self {
            commit: git(clone, &["rev-parse", "HEAD"])?.trim().to_owned(),
            date: git(clone, &["show", "--no-patch", "--format=%cs", "HEAD"])?
                .trim()
                .to_owned(),
            nothing: nothing.cloned().collect(),
            published,
        })
    }

    /// Those of these packages that were not looked up.
    pub fn not_looked_up(&self, packages: &BTreeSet<String>) -> Vec<String> {
        let unknown = packages
            .iter()
            .filter(|name| !self.nothing.contains(*name) && !self.published.contains_key(*name));
        unknown.cloned().collect()
    }

    /// The table as text, one advisory a line.
    fn text(&self) -> Result<String> {
        let mut text = HEAD.to_owned();
        writeln!(
            text,
            "commit = \"{}\"\ndate = \"{}\"",
            self.commit, self.date
        )?;
        text.push_str("nothing = [");
        let mut width = usize::MAX;
        for name in &self.nothing {
            let entry = format!("\"{name}\",");
            if width.saturating_add(1 + entry.len()) > 96 {
                text.push_str("\n    ");
                width = 4;
            } else {
                text.push(' ');
                width += 1;
            }
            width += entry.len();
            text.push_str(&entry);
        }
        text.push_str("\n]\n");
        for (package, advisories) in &self.published {
            writeln!(text, "\n[published.{package}]")?;
            for (id, advisory) in advisories {
                writeln!(text, "{id} = {}", toml::Value::try_from(advisory)?)?;
            }
        }
        Ok(text)
    }

    /// Each advisory as a file in RustSec's form: the package, the id, and the text.
    ///
    /// # Errors
    /// If it cannot be put into words.
    pub fn files(&self) -> Result<Vec<(&str, &str, String)>> {
        let mut files = Vec::new();
        for (package, advisories) in &self.published {
            for (id, advisory) in advisories {
                let text = format!(
                    "```toml\n{}```\n\n# {package}\n",
                    toml::to_string(&File::of(package, id, advisory))?
                );
                files.push((package.as_str(), id.as_str(), text));
            }
        }
        Ok(files)
    }
}

/// An advisory as RustSec writes it: this, fenced as TOML, before the text.
#[derive(Serialize, Deserialize)]
struct File {
    advisory: Head,
    #[serde(default)]
    versions: Versions,
}

#[derive(Serialize, Deserialize)]
struct Head {
    id: String,
    package: String,
    date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    informational: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<String>,
}

#[derive(Default, Serialize, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

impl File {
    fn of(package: &str, id: &str, advisory: &Advisory) -> Self {
        Self {
            advisory: Head {
                id: id.to_owned(),
                package: package.to_owned(),
                date: advisory.date.clone(),
                informational: advisory.informational.clone(),
                withdrawn: None,
            },
            versions: Versions {
                patched: advisory.patched.clone(),
                unaffected: advisory.unaffected.clone(),
            },
        }
    }
}

/// What the file of an advisory says; nothing where it was withdrawn.
fn facts(text: &str) -> Result<Option<Advisory>> {
    let front = text
        .strip_prefix("```toml")
        .and_then(|text| text.split_once("\n```"))
        .map(|(front, _)| front)
        .context("it does not begin with a block of TOML")?;
    let File { advisory, versions } = toml::from_str(front)?;
    Ok(advisory.withdrawn.is_none().then_some(Advisory {
        date: advisory.date,
        informational: advisory.informational,
        patched: versions.patched,
        unaffected: versions.unaffected,
    }))
}

fn path() -> PathBuf {
    workspace().join("packaging/advisories.toml")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path);
    text.map_err(anyhow::Error::from)
        .and_then(|text| Ok(toml::from_str(&text)?))
        .with_context(|| format!("reading {}", path.display()))
}

fn git(repository: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(repository)
        .args(arguments)
        .output()
        .context("starting git")?;
    ensure!(
        output.status.success(),
        "git cannot read {}: {}",
        repository.display(),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLISHED: &str = "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"one\"\n\
        date = \"2026-01-02\"\ninformational = \"unsound\"\nkeywords = [\"memory\"]\n\n\
        [versions]\npatched = [\n  \">= 1.2.3, < 2\",\n  \">= 2.0.1\",\n]\n```\n\n# Title\n\nText.\n";

    #[test]
    fn facts_are_taken_and_written_again_in_the_same_form() {
        let taken = facts(PUBLISHED).unwrap().unwrap();
        assert_eq!(taken.date, "2026-01-02");
        assert_eq!(taken.informational.as_deref(), Some("unsound"));
        assert_eq!(taken.patched, [">= 1.2.3, < 2", ">= 2.0.1"]);
        assert!(taken.unaffected.is_empty());
        let advisories = Advisories::of("one", "RUSTSEC-2026-0001", taken.clone());
        let files = advisories.files().unwrap();
        let [("one", "RUSTSEC-2026-0001", text)] = files.as_slice() else {
            unreachable!("{files:?}");
        };
        assert_eq!(facts(text).unwrap(), Some(taken));
    }

    #[test]
    fn what_was_withdrawn_is_left_out() {
        let withdrawn = PUBLISHED.replace("[versions]", "withdrawn = \"2026-02-03\"\n[versions]");
        assert_eq!(facts(&withdrawn).unwrap(), None);
    }

    #[test]
    fn the_table_is_read_as_it_was_written() {
        let mut advisories = Advisories::of(
            "one",
            "RUSTSEC-2026-0001",
            facts(PUBLISHED).unwrap().unwrap(),
        );
        advisories.date = "2026-03-04".to_owned();
        advisories.nothing = (0..40).map(|number| format!("package-{number}")).collect();
        let text = advisories.text().unwrap();
        assert_eq!(toml::from_str::<Advisories>(&text).unwrap(), advisories);
        let names = text.lines().filter(|line| line.starts_with("    "));
        assert!(names.clone().count() > 1 && names.clone().all(|line| line.len() <= 96));
    }

    #[test]
    fn a_package_that_came_later_is_not_passed_over() {
        let mut advisories = Advisories::of(
            "one",
            "RUSTSEC-2026-0001",
            facts(PUBLISHED).unwrap().unwrap(),
        );
        advisories.nothing.insert("two".to_owned());
        let packages = ["one", "two", "three"].map(str::to_owned);
        assert_eq!(advisories.not_looked_up(&packages.into()), ["three"]);
    }
}
