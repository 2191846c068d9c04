//! An agent's trust policy: a file that says whose signatures count for what.

use super::{KeyId, PublicKey, Statement, TrustError, TrustPolicyError};
use crate::registry::trust::key::key_id_of;
use crate::registry::{ConnectorName, Digest};
use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What to do with a version that nobody signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unsigned {
    /// It does not run.
    Refuse,
    /// It runs.
    Accept,
}

/// What to do when the newest version is below one that was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rollback {
    /// It does not run, unless a person pins it.
    #[default]
    Refuse,
    /// It runs.
    Accept,
}

/// Which keys may sign which connectors, and what else must hold.
#[derive(Debug, Clone)]
pub struct TrustPolicy {
    /// What to do with a version without a signature.
    pub unsigned: Unsigned,
    /// What to do with one that goes back.
    pub rollback: Rollback,
    /// How many days ago a version may have been signed, when it is taken first.
    pub max_age_days: Option<u32>,
    /// The lowest version of a connector that runs.
    pub minimum: BTreeMap<ConnectorName, Version>,
    /// Keys, and the names that each may sign, with `*` for any part of one.
    pub keys: Vec<(PublicKey, Vec<String>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    unsigned: Option<Unsigned>,
    #[serde(default)]
    rollback: Rollback,
    max_age_days: Option<u32>,
    #[serde(default)]
    minimum: BTreeMap<ConnectorName, Version>,
    #[serde(default, rename = "key")]
    keys: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct KeyEntry {
    public: toml::Spanned<String>,
    names: Vec<String>,
}

/// A version that is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate<'a> {
    pub(crate) name: &'a ConnectorName,
    pub(crate) version: &'a Version,
    pub(crate) digest: Digest,
    pub(crate) component: &'a [u8],
    /// Whether this agent takes it for the first time: how old it may be counts
    /// then, and does not stop what has been running since.
    pub(crate) is_new: bool,
}

impl TrustPolicy {
    /// The policy where there is no file: no keys, and `unsigned` as it is given.
    #[must_use]
    pub const fn without_keys(unsigned: Unsigned) -> Self {
        Self {
            unsigned,
            rollback: Rollback::Refuse,
            max_age_days: None,
            minimum: BTreeMap::new(),
            keys: Vec::new(),
        }
    }

    /// Reads the policy in `path`; where there is no such file, that of
    /// [`Self::without_keys`]. `unsigned` is what holds where the file does not
    /// say.
    ///
    /// # Errors
    /// Where the file cannot be read or understood.
    pub fn read(path: &Path, unsigned: Unsigned) -> Result<Self, TrustPolicyError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::without_keys(unsigned));
            }
            Err(source) => {
                return Err(TrustPolicyError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        let wrong = |at: usize, problem: String| TrustPolicyError::Wrong {
            path: path.to_owned(),
            line: text.get(..at).unwrap_or(&text).matches('\n').count() + 1,
            problem,
        };
        let document: Document = toml::from_str(&text).map_err(|error| {
            let at = error.span().unwrap_or_default().start;
            wrong(at, error.message().to_owned())
        })?;
        let mut keys = Vec::new();
        for key in document.keys {
            let public = PublicKey::parse(key.public.get_ref())
                .map_err(|error| wrong(key.public.span().start, error.to_string()))?;
            keys.push((public, key.names));
        }
        // A policy with keys and nothing said means them.
        let unless_said = if keys.is_empty() {
            unsigned
        } else {
            Unsigned::Refuse
        };
        Ok(Self {
            unsigned: document.unsigned.unwrap_or(unless_said),
            rollback: document.rollback,
            max_age_days: document.max_age_days,
            minimum: document.minimum,
            keys,
        })
    }

    fn key(&self, id: KeyId, name: &ConnectorName) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|(key, names)| {
                key.id() == id && names.iter().any(|glob| matches(glob, name.as_str()))
            })
            .map(|(key, _)| key)
    }

    /// Whether a version without any signature would be refused, so that it need
    /// not be downloaded to know.
    pub(crate) fn needs_signature(
        &self,
        name: &ConnectorName,
        version: &Version,
        signatures: &[String],
    ) -> Result<(), TrustError> {
        if signatures.is_empty() && self.unsigned == Unsigned::Refuse {
            return Err(TrustError::Unsigned {
                name: name.clone(),
                version: version.clone(),
            });
        }
        Ok(())
    }

    /// What the signatures of a version say; nothing where it has none and need
    /// not. One good signature is enough; where there is none, the answer is
    /// what is wrong with the one that came closest.
    pub(crate) fn check(
        &self,
        candidate: Candidate<'_>,
        signatures: &[String],
        now: Timestamp,
    ) -> Result<Option<Statement>, TrustError> {
        let (name, version) = (candidate.name, candidate.version);
        if let Some(minimum) = self.minimum.get(name)
            && version < minimum
        {
            return Err(TrustError::BelowMinimum {
                name: name.clone(),
                version: version.clone(),
                minimum: minimum.clone(),
            });
        }
        self.needs_signature(name, version, signatures)?;
        let mut closest: Option<TrustError> = None;
        let mut strangers = Vec::new();
        for signature in signatures {
            let Some(id) = key_id_of(signature) else {
                closest.get_or_insert(wrong(candidate, "unknown".to_owned()));
                continue;
            };
            let Some(key) = self.key(id, name) else {
                strangers.push(id);
                continue;
            };
            match self.check_one(candidate, key, signature, now) {
                Ok(statement) => return Ok(Some(statement)),
                Err(error) => closest = Some(error),
            }
        }
        match closest {
            // Signed by somebody nobody knows is as good as not signed.
            None if self.unsigned == Unsigned::Accept => Ok(None),
            None => Err(TrustError::UnknownKey {
                name: name.clone(),
                version: version.clone(),
                keys: strangers,
            }),
            Some(error) => Err(error),
        }
    }

    fn check_one(
        &self,
        candidate: Candidate<'_>,
        key: &PublicKey,
        signature: &str,
        now: Timestamp,
    ) -> Result<Statement, TrustError> {
        let wrong = || wrong(candidate, key.id().to_string());
        let said = key
            .verify(signature, candidate.component)
            .ok_or_else(wrong)?;
        // Signed by a key that counts, and yet not as this host's publishers do.
        let said = Statement::parse(&said).ok_or_else(wrong)?;
        let (name, version) = (candidate.name.clone(), candidate.version.clone());
        if said.name != name || said.version != version || said.digest != candidate.digest {
            return Err(TrustError::OtherVersion {
                name,
                version,
                digest: candidate.digest,
                signed: Box::new(said),
            });
        }
        if let Some(expired) = said.expires.filter(|expires| *expires <= now) {
            return Err(TrustError::Expired {
                name,
                version,
                expired,
            });
        }
        if let Some(days) = self.max_age_days
            && candidate.is_new
            && now.duration_since(said.signed_at) > SignedDuration::from_hours(i64::from(days) * 24)
        {
            return Err(TrustError::TooOld {
                name,
                version,
                signed_at: said.signed_at,
                days,
            });
        }
        Ok(said)
    }
}

fn wrong(candidate: Candidate<'_>, key: String) -> TrustError {
    TrustError::WrongSignature {
        name: candidate.name.clone(),
        version: candidate.version.clone(),
        key,
    }
}

/// Whether `name` is what `glob` says, where `*` stands for any part of it.
fn matches(glob: &str, name: &str) -> bool {
    let Some((before, after)) = glob.split_once('*') else {
        return glob == name;
    };
    let Some(rest) = name.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len())
        .filter_map(|at| rest.get(at..))
        .any(|rest| matches(after, rest))
}

#[cfg(test)]
mod tests;
