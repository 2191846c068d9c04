//! `harness agent --join`: an agent of a group, in a program of its own.

use super::super::run::interrupted;
use super::super::{Failed, print};
use super::{AgentCommand, NatsArguments, SecretPlace, Where, secret_place};
use clap::Args;
use host_harness::agent::Agent;
use host_harness::egress::{Certificates, Proxy};
use host_harness::group::worker::{DEFAULT_AHEAD, Settings, Worker};
use host_harness::group::{Group, GroupName};
use host_harness::observability::Monitoring;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const MIB: u64 = 1024 * 1024;

/// Something about agents, or an agent itself.
#[derive(Args)]
pub struct Agents {
    #[command(subcommand)]
    pub command: Option<AgentCommand>,
    #[command(flatten)]
    pub join: JoinArguments,
    #[command(flatten)]
    pub at: Where,
}

#[derive(Args)]
pub struct JoinArguments {
    /// Be an agent of a group, which takes its runs from this NATS server.
    #[arg(long = "join", value_name = "URL", requires = "group")]
    url: Option<String>,
    /// The group, by the name under which its agents join.
    #[arg(long = "group", value_name = "NAME")]
    group: Option<GroupName>,
    /// The agent's name, unique in its group; the machine's name unless given.
    #[arg(long, value_name = "NAME")]
    name: Option<GroupName>,
    /// How many runs it does at the same time.
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    slots: usize,
    /// How long runs may go on when it is told to end (SIGTERM or Ctrl-C), in seconds.
    /// Then they stop at a place, and other agents go on with them.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    grace: u64,
    /// Where to answer /metrics, /healthz and /readyz. There is no login: let
    /// nothing but monitoring reach it.
    #[arg(long, env = "HARNESS_MONITORING", value_name = "ADDRESS")]
    monitoring: Option<SocketAddr>,
    /// How many MiB of records a run whose target is a file may be ahead of the
    /// workspace that writes it.
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT_AHEAD / MIB)]
    ahead: u64,
    /// The proxy for connections that ask for the agent's: http://HOST:PORT.
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Who it is to the proxy.
    #[arg(long, value_name = "USER", requires = "proxy_password")]
    proxy_user: Option<String>,
    /// Where the proxy's password is: env:VARIABLE or file:PATH.
    #[arg(long, value_name = "PLACE", value_parser = secret_place)]
    proxy_password: Option<SecretPlace>,
    /// A host, .domain, address or block that is reached without the proxy.
    #[arg(long = "except", value_name = "HOST")]
    exceptions: Vec<String>,
    /// Certificate authorities to trust beside the system's, as a PEM file.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
}

impl JoinArguments {
    /// Whether it is to be an agent.
    pub fn is_asked(&self) -> bool {
        self.url.is_some()
    }

    /// Works for the group until it is told to end.
    pub async fn run(
        self,
        agent: Agent,
        home: &Path,
        nats: &NatsArguments,
    ) -> Result<ExitCode, Failed> {
        let (Some(url), Some(group)) = (&self.url, &self.group) else {
            return Err("write --join URL --group NAME".into());
        };
        let name = match &self.name {
            Some(name) => name.clone(),
            None => host_name().parse()?,
        };
        let settings = Settings {
            name: name.clone(),
            slots: self.slots,
            home: home.to_owned(),
            proxy: self.proxy()?,
            certificates: self.certificates()?,
            grace: Duration::from_secs(self.grace),
            ahead: self.ahead.max(1).saturating_mul(MIB),
        };
        let who = format!("harness agent {name}");
        let joined = Group::join(
            &nats.server(url)?,
            group.clone(),
            nats.key()?,
            &who,
            nats.lease()?,
        )
        .await?;
        print(&format!(
            "agent {name} of the group {group}, {} slots",
            self.slots
        ))?;
        let worker = Worker::new(joined, agent, settings)?;
        if let Some(address) = self.monitoring {
            let monitoring = Monitoring::bind(address, Arc::new(worker.clone())).await?;
            print(&format!("Monitoring at http://{}", monitoring.address()))?;
            tokio::spawn(monitoring.run(std::future::pending()));
        }
        worker.work(interrupted()).await?;
        Ok(ExitCode::SUCCESS)
    }

    fn proxy(&self) -> Result<Option<Proxy>, Failed> {
        let Some(url) = &self.proxy else {
            return Ok(None);
        };
        let password = self.proxy_password.as_ref().map(SecretPlace::read);
        let credentials = match (&self.proxy_user, password.transpose()?) {
            (Some(user), Some(password)) => Some((user.clone(), password)),
            _ => None,
        };
        Ok(Some(Proxy::new(url, credentials, &self.exceptions)?))
    }

    fn certificates(&self) -> Result<Certificates, Failed> {
        let Some(path) = &self.trust else {
            return Ok(Certificates::default());
        };
        let pem = std::fs::read_to_string(path)
            .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
        Ok(Certificates::from_pem(&pem)?)
    }
}

/// The machine's name, as far as it can be an agent's.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    match name.is_empty() {
        true => "agent".to_owned(),
        false => name,
    }
}
