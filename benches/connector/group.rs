//! A group of agents that join over NATS, each in a process of its own.

use super::Result;
use super::child::{Child, end_with_parent};
use super::place::Place;
use super::programs::{self, Program};
use host_harness::agent::Agent;
use host_harness::egress::Certificates;
use host_harness::group::{DEFAULT_INPUT, DEFAULT_LEASE, Group, Server, worker};
use host_harness::sealing::SealingKey;
use host_harness::workspace::{GroupId, Nats};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

const NAME: &str = "plant";

/// A workspace whose environment is a group's, and the server between them.
pub struct Plant {
    pub place: Place,
    pub nats: Program,
    home: PathBuf,
}

impl Plant {
    pub async fn new(home: &Path) -> Result<Self> {
        let nats = programs::nats(home)?;
        let place = Place::new(home).await?;
        let group = place.workspace.group(GroupId(1))?;
        place
            .workspace
            .join_group(group.id, group.revision, Some(NAME))?;
        let key = SealingKey::load_or_create(home.join("group.key"))?;
        place
            .workspace
            .use_nats(Nats {
                server: Server::new(format!("nats://{}", nats.address)),
                key: Arc::new(key),
                lease: DEFAULT_LEASE,
                most_input: DEFAULT_INPUT,
            })
            .await?;
        Ok(Self {
            place,
            nats,
            home: home.to_owned(),
        })
    }

    /// An agent that does so many runs at the same time, once it has joined.
    pub fn agent(&self, name: &str, slots: usize) -> Result<Child> {
        let path = |name: &str| self.home.join(name).to_string_lossy().into_owned();
        let mut agent = Child::start(&[
            "agent",
            &format!("nats://{}", self.nats.address),
            name,
            &slots.to_string(),
            &path(&format!("agent-{name}")),
            &path("registry"),
            &path("group.key"),
        ])?;
        agent.line()?;
        Ok(agent)
    }
}

/// Is such an agent.
pub fn work(words: &[&str]) -> Result<()> {
    let [url, name, slots, home, registry, key] = words else {
        return Err("an agent is told where to join, and how".into());
    };
    end_with_parent();
    let home = Path::new(home);
    tokio::runtime::Runtime::new()?.block_on(async {
        let agent = Agent::open(home, Some(Path::new(registry)))?;
        let settings = worker::Settings {
            name: name.parse()?,
            slots: slots.parse()?,
            home: home.to_owned(),
            proxy: None,
            certificates: Certificates::default(),
            grace: Duration::ZERO,
            ahead: worker::DEFAULT_AHEAD,
        };
        let key = Arc::new(SealingKey::load_or_create(key)?);
        let server = Server::new(*url);
        let group = Group::join(&server, NAME.parse()?, key, name, DEFAULT_LEASE).await?;
        println!("joined");
        worker::Worker::new(group, agent, settings)?
            .work(std::future::pending())
            .await?;
        Ok(())
    })
}
