//! Children of [`super::loading`]: from nothing, or from what an earlier process has
//! left, to the first record; and the same steps by others' code alone.

use super::child::end_with_parent;
use super::component::{call, connection};
use super::{Result, built, bytes_of};
use futures::StreamExt;
use host_harness::agent::{Agent, AgentSettings, Stages};
use host_harness::registry::{Digest, Requirement};
use host_harness::runtime::Connector;
use host_harness::runtime::types::Event;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};

/// A start, step by step.
#[derive(Serialize, Deserialize)]
pub struct Start {
    /// Opening the agent: settings, folders, keys, the runtime.
    pub opened: Duration,
    pub stages: Stages,
    /// From the connector that is ready to its first record.
    pub first_record: Duration,
    /// All of that.
    pub whole: Duration,
    /// Another download and first record of the same process.
    pub again: Duration,
}

/// The steps that others' code can do as well.
#[derive(Serialize, Deserialize)]
pub struct Peers {
    /// Getting the bytes from the registry, and their SHA-256.
    pub pulled: Duration,
    /// Compiling them by wasmtime with all processors.
    pub compiled: Duration,
}

/// Starts as an agent does whose home this is.
pub fn start(home: &Path, registry: &str, url: &str) -> Result<Start> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let began = Instant::now();
        let settings = AgentSettings::read(home, Some(registry.parse()?))?;
        let agent = Agent::with_settings(home, settings)?;
        let opened = began.elapsed();
        let name = "coupa".parse()?;
        let downloaded = agent.download(&name, &Requirement::Newest).await?;
        let ready = Instant::now();
        read_one(&downloaded.connector, url).await?;
        let (first_record, whole) = (ready.elapsed(), began.elapsed());
        let began = Instant::now();
        let once_more = agent.download(&name, &Requirement::Newest).await?;
        read_one(&once_more.connector, url).await?;
        Ok(Start {
            opened,
            stages: downloaded.stages,
            first_record,
            whole,
            again: began.elapsed(),
        })
    })
}

/// Reads until the first record.
async fn read_one(connector: &Connector, url: &str) -> Result<()> {
    let session = connector.session(connection(url)).await?;
    let input = futures::stream::empty().boxed();
    let mut execution = session.execute(call("query", "suppliers"), input);
    while let Some(events) = execution.next().await {
        if events.iter().any(|event| matches!(event, Event::Item(_))) {
            return Ok(());
        }
    }
    Err("no record came".into())
}

/// Gets what lies at a URL, and compiles it.
pub fn peers(blob: &str) -> Result<Peers> {
    end_with_parent();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let pulled = tokio::runtime::Runtime::new()?.block_on(async {
        let started = Instant::now();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(blob).send().await?.error_for_status()?;
        let bytes = answer.bytes().await?;
        let digest = Digest::of(&bytes);
        let took = started.elapsed();
        if digest != Digest::of(&bytes_of(&built())?) {
            return Err("the registry gave other bytes".into());
        }
        Result::Ok(took)
    })?;
    let bytes = bytes_of(&built())?;
    let mut config = wasmtime::Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true);
    let engine = wasmtime::Engine::new(&config)?;
    let started = Instant::now();
    wasmtime::component::Component::new(&engine, &bytes)?;
    Ok(Peers {
        pulled,
        compiled: started.elapsed(),
    })
}
