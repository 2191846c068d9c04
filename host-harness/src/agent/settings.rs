//! An agent's settings: `agent.toml` in its home, and `trust.toml` beside it.
//!
//! ```toml
//! [registry]
//! location = "oci://registry.example/connectors"   # or a folder; --registry goes first
//! user = "robot"
//! password = { env = "REGISTRY_PASSWORD" }         # or { file = "…" }; or token = …
//! certificate-authority = "company.pem"
//! connect-timeout-seconds = 10
//! read-timeout-seconds = 30
//! attempts = 5
//! max-mib = 64                                     # the largest component
//! connectors = ["acme"]                            # where the registry does not list them
//!
//! [quarantine]
//! after = 3                                        # breakdowns within a day
//!
//! [limits]                                         # of the process
//! connectors = 64                                  # running at the same time
//! wait-seconds = 30                                # how long one more waits for a place
//! stack-kib = 512                                  # for the calls of one
//! describe-memory-mib = 64                         # and to describe itself
//! describe-cpu-seconds = 2
//! describe-wall-seconds = 10
//! describe-handed-over-mib = 8
//!
//! [client-certificates."acme.coupahost.com"]       # for servers that ask for one
//! certificate = "acme.pem"
//! key = { file = "acme.key" }                      # or { env = "…" }
//!
//! [most]                                           # what connections may have at most
//! memory-mib = 1024
//! ```

use crate::connection::{LimitError, Limits, SecretReference};
use crate::egress::{Certificates, ClientCertificate, ClientCertificates};
use crate::registry::{
    ConnectorName, Credentials, InvalidLocation, Location, OciSettings, Quarantine, TrustPolicy,
    Unsigned,
};
use crate::runtime::ProcessLimits;
use limits::{DEFAULT_MAX_MIB, Located, MAX_MIB};
use secrecy::SecretString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

mod limits;

/// What an agent is opened with.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// Its registry; none: a folder of its home.
    pub registry: Option<Location>,
    /// How an OCI registry is used.
    pub oci: OciSettings,
    /// The largest component that is taken, in bytes.
    pub max_bytes: u64,
    /// Whose versions it runs.
    pub trust: TrustPolicy,
    /// How often a version may break down within a day.
    pub quarantine_after: u32,
    /// What the process gives connectors.
    pub limits: ProcessLimits,
    /// What connections may have at most, whatever is set for them.
    pub most: Limits,
    /// What is shown to servers that ask for a certificate, by host.
    pub client_certificates: ClientCertificates,
}

/// What is wrong with an agent's settings.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file says something that it cannot say.
    #[error("{}, line {line}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A setting that cannot be.
    #[error("{}: {setting}: {problem}", path.display())]
    Setting {
        /// The file.
        path: PathBuf,
        /// Which setting.
        setting: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// A limit that cannot be, or that there is none of.
    #[error("{}, line {line}: `{setting}`: {source}", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Which setting, with `.` between table and key.
        setting: String,
        /// What is wrong, and what it can be set to.
        source: LimitError,
    },
    /// The registry's address.
    #[error(transparent)]
    Location(#[from] InvalidLocation),
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Document {
    registry: RegistryTable,
    quarantine: QuarantineTable,
    limits: BTreeMap<String, Spanned<i64>>,
    most: BTreeMap<String, Spanned<i64>>,
    client_certificates: BTreeMap<String, ClientCertificateTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct ClientCertificateTable {
    certificate: PathBuf,
    key: Place,
}

impl ClientCertificateTable {
    /// Paths stand from the agent's home.
    fn at(self, home: &Path) -> ClientCertificate {
        ClientCertificate {
            certificate: home.join(self.certificate),
            key: match self.key.0 {
                SecretReference::File(path) => SecretReference::File(home.join(path)),
                variable @ SecretReference::Env(_) => variable,
            },
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct RegistryTable {
    location: Option<String>,
    user: Option<String>,
    password: Option<Place>,
    token: Option<Place>,
    certificate_authority: Option<PathBuf>,
    connect_timeout_seconds: Option<u64>,
    read_timeout_seconds: Option<u64>,
    attempts: Option<u32>,
    max_mib: Option<Spanned<i64>>,
    connectors: Vec<ConnectorName>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct QuarantineTable {
    after: Option<u32>,
}

/// Where a secret is kept. Read so that no message quotes what stands there: it
/// may be the secret itself, in the wrong place.
#[derive(Deserialize)]
#[serde(try_from = "toml::Value")]
struct Place(SecretReference);

impl TryFrom<toml::Value> for Place {
    type Error = &'static str;

    fn try_from(value: toml::Value) -> Result<Self, Self::Error> {
        let wrong = "write { env = \"VARIABLE\" } or { file = \"PATH\" }: a secret itself does not \
                     belong here";
        let table = value.as_table().filter(|table| table.len() == 1);
        let mut entries = table.ok_or(wrong)?.iter();
        match entries.next() {
            Some((kind, toml::Value::String(place))) if kind == "env" => {
                Ok(Self(SecretReference::Env(place.clone())))
            }
            Some((kind, toml::Value::String(place))) if kind == "file" => {
                Ok(Self(SecretReference::File(place.into())))
            }
            _ => Err(wrong),
        }
    }
}

impl AgentSettings {
    /// The settings of the agent at `home`. `registry` goes before what the file
    /// says.
    ///
    /// # Errors
    /// Where a file cannot be read or understood, or a secret cannot be read.
    pub fn read(home: &Path, registry: Option<Location>) -> Result<Self, super::AgentError> {
        let path = home.join("agent.toml");
        let text = text(&path)?;
        let document = document(&path, &text)?;
        let at = Located {
            path: &path,
            text: &text,
        };
        let max_mib = match &document.registry.max_mib {
            Some(given) => at.checked("registry", &MAX_MIB, given)?,
            None => DEFAULT_MAX_MIB,
        };
        let wrong = |setting, problem: String| SettingsError::Setting {
            path: path.clone(),
            setting,
            problem,
        };
        let table = document.registry;
        let registry = match (registry, &table.location) {
            (Some(registry), _) => Some(registry),
            (None, Some(location)) => Some(
                location
                    .parse::<Location>()
                    .map_err(SettingsError::Location)?,
            ),
            (None, None) => None,
        };
        let is_oci = matches!(registry, Some(Location::Oci(_)));
        let secret =
            |setting, place: &Option<Place>| -> Result<Option<SecretString>, SettingsError> {
                // A folder needs none, so that what is missing there stops nobody.
                match place {
                    Some(place) if is_oci => place
                        .0
                        .resolve()
                        .map(Some)
                        .map_err(|error| wrong(setting, error.to_string())),
                    _ => Ok(None),
                }
            };
        let password = secret("password", &table.password)?;
        let token = secret("token", &table.token)?;
        let credentials = match (table.user, password, token) {
            (None, None, None) => Credentials::Anonymous,
            (None, None, Some(token)) => Credentials::Bearer(token),
            (Some(user), Some(password), None) => Credentials::Basic(user, password),
            (Some(_), None, None) if !is_oci => Credentials::Anonymous,
            _ => {
                return Err(wrong(
                    "registry",
                    "give user and password, or token, or nothing of these".to_owned(),
                )
                .into());
            }
        };
        let certificates = match &table.certificate_authority {
            None => Certificates::default(),
            Some(file) => {
                let file = home.join(file);
                let pem = std::fs::read_to_string(&file).map_err(|source| SettingsError::Io {
                    path: file.clone(),
                    source,
                })?;
                Certificates::from_pem(&pem)
                    .map_err(|error| wrong("certificate-authority", error.to_string()))?
            }
        };
        let defaults = OciSettings::default();
        let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
        let unsigned = if is_oci {
            Unsigned::Refuse
        } else {
            // Whoever can write to the folder can write to the agent's home as well.
            Unsigned::Accept
        };
        Ok(Self {
            registry,
            oci: OciSettings {
                credentials,
                certificates,
                connect_timeout: seconds(table.connect_timeout_seconds, defaults.connect_timeout),
                read_timeout: seconds(table.read_timeout_seconds, defaults.read_timeout),
                attempts: table.attempts.unwrap_or(defaults.attempts),
                connectors: table.connectors,
            },
            max_bytes: u64::from(max_mib) << 20,
            trust: TrustPolicy::read(&home.join("trust.toml"), unsigned)?,
            quarantine_after: document
                .quarantine
                .after
                .unwrap_or(Quarantine::DEFAULT_AFTER),
            limits: at.process_limits(&document.limits)?,
            most: at.most(&document.most)?,
            client_certificates: document
                .client_certificates
                .into_iter()
                .map(|(host, table)| (host, table.at(home)))
                .collect(),
        })
    }
}

/// The file's text: none where there is no file.
fn text(path: &Path) -> Result<String, SettingsError> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        read => read.map_err(|source| SettingsError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}

fn document(path: &Path, text: &str) -> Result<Document, SettingsError> {
    toml::from_str(text).map_err(|error| {
        let at = error.span().unwrap_or_default().start;
        SettingsError::Wrong {
            path: path.to_owned(),
            line: line(text, at),
            problem: error.message().to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Limit;
    use crate::egress::Origin;

    fn read(text: &str) -> Result<AgentSettings, String> {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("agent.toml"), text).unwrap();
        AgentSettings::read(home.path(), None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_refused_and_not_quoted() {
        for text in [
            "[registry]\nlocation = \"oci://r.example\"\nuser = \"a\"\npassword = \"hunter2\"\n",
            "[registry]\nlocation = \"oci://r.example\"\ntoken = { text = \"hunter2\" }\n",
            "[registry]\nlocation = \"oci://a:hunter2@r.example\"\n",
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn limits_are_read_and_what_cannot_be_is_told_with_its_bounds() {
        let settings = read(
            "[limits]\nconnectors = 2\nwait-seconds = 1\nstack-kib = 1024\n\
             describe-memory-mib = 9\ndescribe-cpu-seconds = 1\ndescribe-wall-seconds = 3\n\
             describe-handed-over-mib = 4\n[most]\nmemory-mib = 100\n",
        )
        .unwrap();
        let limits = settings.limits;
        assert_eq!((limits.connectors, limits.stack), (2, 1 << 20));
        assert_eq!(limits.wait, Duration::from_secs(1));
        let describing = limits.describing;
        assert_eq!(describing.memory, 9 << 20);
        assert_eq!(describing.cpu, Duration::from_secs(1));
        assert_eq!(describing.wall, Duration::from_secs(3));
        assert_eq!(describing.handed_over, 4 << 20);
        assert_eq!(settings.most.get(Limit::MemoryMib), Some(100));
        assert_eq!(read("").unwrap().limits, ProcessLimits::default());
        for (text, expected) in [
            (
                "[limits]\n\nconnectors = 0\n",
                "agent.toml, line 3: `limits.connectors`: connectors has to be a whole number from 1 to 1000",
            ),
            (
                "[limits]\nstack-kib = 63\n",
                "line 2: `limits.stack-kib`: stack-kib has to be a whole number from 64 to 8192",
            ),
            (
                "[limits]\nmemory-mib = 1\n",
                "line 2: `limits.memory-mib`: there is no limit of this name",
            ),
            (
                "[most]\nmemory-mib = 4097\n",
                "line 2: `most.memory-mib`: memory-mib has to be a whole number from 1 to 4096",
            ),
            (
                "[most]\nrequests-per-second = 5\n",
                "line 2: `most.requests-per-second`: there is no limit of this name",
            ),
            (
                "[registry]\nmax-mib = 0\n",
                "line 2: `registry.max-mib`: max-mib has to be a whole number from 1 to 1024",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn settings_are_read_and_what_is_wrong_is_told_by_line() {
        let settings = read(
            "[registry]\nlocation = \"oci://r.example/c\"\nuser = \"a\"\n\
             password = { env = \"PATH\" }\nmax-mib = 2\nattempts = 7\n[quarantine]\nafter = 5\n",
        )
        .unwrap();
        assert!(matches!(&settings.oci.credentials, Credentials::Basic(user, _) if user == "a"));
        assert_eq!(settings.max_bytes, 2 << 20);
        assert_eq!((settings.oci.attempts, settings.quarantine_after), (7, 5));
        assert_eq!(settings.trust.unsigned, Unsigned::Refuse);
        assert_eq!(read("").unwrap().trust.unsigned, Unsigned::Accept);
        assert!(
            read("[registry]\npasword = 1\n")
                .unwrap_err()
                .contains("line 2")
        );
        let shown = read(
            "[client-certificates.\"acme.example\"]\ncertificate = \"acme.pem\"\n\
             key = { file = \"/keys/acme.key\" }\n",
        )
        .unwrap()
        .client_certificates;
        let origin = |uri: &str| Origin::of(&uri.parse().unwrap()).unwrap();
        let found = shown.for_any_of(&[origin("https://ACME.example:8443/x")]);
        let found = found.unwrap();
        assert!(found.certificate.ends_with("acme.pem") && found.certificate.is_absolute());
        assert_eq!(found.key, SecretReference::File("/keys/acme.key".into()));
        assert_eq!(shown.for_any_of(&[origin("https://other.example")]), None);
        let in_text =
            "[client-certificates.\"a.example\"]\ncertificate = \"a.pem\"\nkey = \"hunter2\"\n";
        let error = read(in_text).unwrap_err();
        assert!(
            error.contains("{ file = ") && !error.contains("hunter2"),
            "{error}"
        );
        let user_alone = "[registry]\nlocation = \"oci://r.example\"\nuser = \"a\"\n";
        assert!(read(user_alone).unwrap_err().contains("user and password"));
    }
}
