//! `--nats` and what belongs to it: for the workspace and for agents.

use super::super::Failed;
use super::{SecretPlace, secret_place};
use clap::Args;
use host_harness::group::{Credentials, DEFAULT_INPUT, DEFAULT_LEASE, Server};
use host_harness::sealing::SealingKey;
use host_harness::workspace::{Nats, Workspace};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The environment variable that may hold the group's key.
const KEY_VARIABLE: &str = "HARNESS_GROUP_KEY";
const MIB: u64 = 1024 * 1024;

/// How agents and workspace reach each other.
#[derive(Args, Clone)]
pub struct NatsArguments {
    /// The NATS server by which groups of agents are reached: nats://HOST:PORT or
    /// tls://HOST:PORT.
    #[arg(long, global = true, env = "HARNESS_NATS", value_name = "URL")]
    pub nats: Option<String>,
    /// The user for it.
    #[arg(long, global = true, env = "HARNESS_NATS_USER", value_name = "USER")]
    nats_user: Option<String>,
    /// Where the user's password is: env:VARIABLE or file:PATH.
    #[arg(long, global = true, env = "HARNESS_NATS_PASSWORD_AT", value_name = "PLACE", value_parser = secret_place)]
    nats_password: Option<SecretPlace>,
    /// Where a token is.
    #[arg(long, global = true, env = "HARNESS_NATS_TOKEN_AT", value_name = "PLACE", value_parser = secret_place)]
    nats_token: Option<SecretPlace>,
    /// Where the seed of an nkey is.
    #[arg(long, global = true, env = "HARNESS_NATS_NKEY_AT", value_name = "PLACE", value_parser = secret_place)]
    nats_nkey: Option<SecretPlace>,
    /// Where the content of a credentials file is.
    #[arg(long, global = true, env = "HARNESS_NATS_CREDENTIALS_AT", value_name = "PLACE", value_parser = secret_place)]
    nats_credentials: Option<SecretPlace>,
    /// Certificate authorities to trust for it in place of the system's, as PEM; TLS is
    /// required then.
    #[arg(long, global = true, env = "HARNESS_NATS_CA", value_name = "FILE")]
    nats_ca: Option<PathBuf>,
    /// The key that the workspace and all agents of its groups share: a file of 32
    /// bytes, made where there is none. HARNESS_GROUP_KEY may hold it as 64
    /// hexadecimal digits instead.
    #[arg(
        long,
        global = true,
        env = "HARNESS_GROUP_KEY_FILE",
        value_name = "FILE"
    )]
    group_key: Option<PathBuf>,
    /// How long an agent has a run without renewing that, in seconds; of groups that
    /// are made by this.
    #[arg(long, global = true, env = "HARNESS_GROUP_LEASE", value_name = "SECONDS", default_value_t = DEFAULT_LEASE.as_secs_f64())]
    group_lease: f64,
    /// The most MiB of a file, or of rejected records, that are put on the server for
    /// the agents of a group.
    #[arg(long, global = true, env = "HARNESS_GROUP_INPUT", value_name = "MIB", default_value_t = DEFAULT_INPUT / MIB)]
    group_input: u64,
}

impl NatsArguments {
    /// The server at `url`.
    pub fn server(&self, url: &str) -> Result<Server, Failed> {
        let read = |place: &Option<SecretPlace>| place.as_ref().map(SecretPlace::read).transpose();
        let password = read(&self.nats_password)?;
        let credentials = match (&self.nats_user, password) {
            (Some(user), Some(password)) => Credentials::Password {
                user: user.clone(),
                password,
            },
            (None, None) => {
                if let Some(token) = read(&self.nats_token)? {
                    Credentials::Token(token)
                } else if let Some(seed) = read(&self.nats_nkey)? {
                    Credentials::Nkey(seed)
                } else if let Some(file) = read(&self.nats_credentials)? {
                    Credentials::File(file)
                } else {
                    Credentials::None
                }
            }
            _ => return Err("--nats-user and --nats-password belong together".into()),
        };
        Ok(Server {
            url: url.to_owned(),
            credentials,
            authorities: self.nats_ca.clone(),
        })
    }

    /// The group's key.
    pub fn key(&self) -> Result<Arc<SealingKey>, Failed> {
        if let Some(key) = SealingKey::from_environment(KEY_VARIABLE)? {
            return Ok(Arc::new(key));
        }
        let Some(path) = &self.group_key else {
            return Err(
                "agents over NATS need the key that they share with the workspace: name a file \
                 with --group-key, the same for all, or set HARNESS_GROUP_KEY"
                    .into(),
            );
        };
        Ok(Arc::new(SealingKey::load_or_create(path)?))
    }

    /// The lease of groups that are made.
    pub fn lease(&self) -> Result<Duration, Failed> {
        let lease = Duration::try_from_secs_f64(self.group_lease)?;
        if lease < Duration::from_secs(1) {
            return Err("--group-lease is at least one second".into());
        }
        Ok(lease)
    }

    /// Lets a workspace reach its groups, where a server was named.
    pub async fn reach(&self, workspace: &Workspace) -> Result<(), Failed> {
        let Some(url) = &self.nats else {
            return Ok(());
        };
        let nats = Nats {
            server: self.server(url)?,
            key: self.key()?,
            lease: self.lease()?,
            most_input: self.group_input.saturating_mul(MIB),
        };
        Ok(workspace.use_nats(nats).await?)
    }
}
