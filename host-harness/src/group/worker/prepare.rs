//! A job made ready to run on this agent.

use super::Worker;
use super::reporter::Ending;
use crate::agent::{AgentError, Downloaded};
use crate::egress::Gate;
use crate::group::input::InputReader;
use crate::group::job::{Job, JobConnection, JobEnd, JobSource};
use crate::group::presence::HasVersion;
use crate::mapping::{Mapping, MappingError};
use crate::records::Format;
use crate::registry::{InvalidName, InvalidRequirement};
use crate::run::{Pipeline, Place, Source, Target};
use crate::runtime::{self, RunFiles, RuntimeError, SecretError, SecretSource, Session};
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

/// Why a job cannot be run on this agent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unprepared {
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Version(#[from] InvalidRequirement),
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(
        "the registry of the agent “{agent}” has {connector} {version} as {has}, and the run was \
         made for {wanted}: let the agent use the registry of the workspace (--registry)"
    )]
    OtherDigest {
        agent: String,
        connector: String,
        version: String,
        has: String,
        wanted: String,
    },
    #[error(
        "“{connection}” uses proxy settings, and the agent “{agent}” is configured with no proxy: \
         start it with --proxy, or switch Use Proxy Settings off"
    )]
    NoProxy { connection: String, agent: String },
    #[error("the folder {path} cannot be used: {source}")]
    Folder {
        path: String,
        source: std::io::Error,
    },
}

/// Secrets in memory for as long as a session lasts.
struct Held(BTreeMap<String, SecretString>);

impl SecretSource for Held {
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        let found = self.0.get(name).cloned().ok_or(SecretError::NotSet);
        Box::pin(async move { found })
    }
}

impl Worker {
    /// Makes a job ready. Its requests pass `gate`, and `ending` ends its waiting for an
    /// input.
    pub(super) async fn prepare(
        &self,
        job: Job,
        resume: Option<Place>,
        gate: &Gate,
        ending: Ending,
    ) -> Result<Pipeline, Unprepared> {
        let source = match job.source {
            JobSource::Stored { input, format } => Source::Records {
                reader: Box::new(InputReader::new(
                    self.0.group.clone(),
                    job.id,
                    input,
                    ending.lost,
                    ending.stop,
                )),
                format,
            },
            JobSource::Records(text) => Source::Records {
                reader: Box::new(Cursor::new(text)),
                format: Format::Ndjson,
            },
            JobSource::Activity(end) => {
                let connected = self.connect(&end, gate).await?;
                Source::Activity {
                    acknowledging: match end.acknowledged {
                        true => Some(Box::new(connected.session().await?)),
                        false => None,
                    },
                    session: Box::new(connected.session().await?),
                    call: end.call,
                }
            }
        };
        let target = match job.target {
            Some(end) => {
                let connected = self.connect(&end, gate).await?;
                Target::Activity {
                    session: Box::new(connected.session().await?),
                    call: end.call,
                }
            }
            None => Target::Received,
        };
        let mapping = job.mapping.as_deref().map(Mapping::parse).transpose()?;
        Ok(Pipeline {
            source,
            mapping,
            target,
            resume: resume.or(job.resume),
        })
    }

    async fn connect(&self, end: &JobEnd, gate: &Gate) -> Result<Connected, Unprepared> {
        let downloaded = self
            .0
            .agent
            .download(&end.connector.parse()?, &end.version.parse()?)
            .await?;
        let has = downloaded.pulled.digest.to_string();
        if has != end.digest {
            return Err(Unprepared::OtherDigest {
                agent: self.0.settings.name.to_string(),
                connector: end.connector.clone(),
                version: end.version.clone(),
                has,
                wanted: end.digest.clone(),
            });
        }
        self.0.versions.set(HasVersion {
            connector: end.connector.clone(),
            version: end.version.clone(),
            digest: end.digest.clone(),
        });
        let mut connection = self.connection(&end.connection)?;
        connection.gate = Some(gate.clone());
        let files = self.0.settings.home.join("files");
        std::fs::create_dir_all(&files).map_err(|source| Unprepared::Folder {
            path: files.display().to_string(),
            source,
        })?;
        connection.files = Some(RunFiles::in_folder(files));
        Ok(Connected {
            downloaded,
            connection,
        })
    }

    /// A connection as this agent uses it: by its own proxy, with the authorities
    /// that it trusts, and with its own cache.
    pub(super) fn connection(
        &self,
        given: &JobConnection,
    ) -> Result<runtime::Connection, Unprepared> {
        let mut connection = runtime::Connection::new(&given.name);
        connection.settings = given.settings.clone();
        connection.secrets = Arc::new(Held(given.secrets.clone()));
        connection.environment = given.environment;
        connection.limits = self.0.agent.limits(&given.limits);
        connection.certificates = self.0.settings.certificates.clone();
        connection.protocol = given.protocol;
        if let Some(cache) = &given.cache {
            connection.cache = self.0.agent.cache(cache);
        }
        if given.use_proxy {
            let proxy = self.0.settings.proxy.clone();
            connection.proxy = Some(proxy.ok_or_else(|| Unprepared::NoProxy {
                connection: given.name.clone(),
                agent: self.0.settings.name.to_string(),
            })?);
        }
        Ok(connection)
    }
}

struct Connected {
    downloaded: Downloaded,
    connection: runtime::Connection,
}

impl Connected {
    async fn session(&self) -> Result<Session, RuntimeError> {
        self.downloaded
            .connector
            .session(self.connection.clone())
            .await
    }
}
