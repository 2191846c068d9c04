//! Short runs: how many an agent does in a minute, and how long one takes from being
//! started to its recorded end, where a thousand start in a minute.
//!
//! A run reads one page of suppliers and creates one. Each tenant allows 25 requests a
//! second, so the runs are spread over several.

use super::group::Plant;
use super::place::{DEVELOPMENT, Place};
use super::processes::processor;
use super::reading::Server;
use super::report::milliseconds;
use super::statistics::percentile;
use super::{Extent, Result};
use futures::{StreamExt, TryStreamExt};
use host_harness::workspace::{OperationId, Run};
use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The tenants that the runs are spread over.
const TENANTS: usize = 8;
/// Runs at the same time, of the agent that joins.
const SLOTS: usize = 8;
/// Starts that are under way at the same time, where all are started at once.
const STARTED_TOGETHER: usize = 8;
/// Between two starts, where a thousand start in a minute.
const APART: Duration = Duration::from_millis(60);
/// The longest that the runs may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// The page that is read, and what is made of it: the first record again.
const OPTIONS: [(&str, &str); 1] = [("limit", "20")];
const MAPPING: &str = "select(.id == 1000001) | {name, number}";

/// Measures an agent over NATS, and one of the workspace's own.
pub fn measure(extent: Extent) -> Result<()> {
    let runs = match extent {
        Extent::Full => 1000,
        Extent::Quick => 100,
    };
    println!(
        "{runs} runs of two requests each, over {TENANTS} tenants of 25 requests/s; an agent \
         with {SLOTS} slots over NATS, and the workspace's own:\n\n\
         | agent | started | runs/min | p50, ms | p99, ms | agent, ms/run | workspace, ms/run | NATS, ms/run |\n\
         |---|---|---:|---:|---:|---:|---:|---:|"
    );
    let servers: Vec<Server> = (0..TENANTS)
        .map(|_| Server::start(50, 0))
        .collect::<Result<_>>()?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let home = tempfile::tempdir()?;
        let plant = Plant::new(home.path()).await?;
        let agent = plant.agent("one", SLOTS)?;
        let processes = [
            Some(agent.process()),
            Some(std::process::id()),
            Some(plant.nats.process),
        ];
        measure_on(&plant.place, &servers, "over NATS", runs, processes).await?;
        drop(agent);
        let home = tempfile::tempdir()?;
        let place = Place::new(home.path()).await?;
        let processes = [None, Some(std::process::id()), None];
        measure_on(&place, &servers, "own", runs, processes).await
    })
}

/// Measures the agent of a workspace: `processes` are the agent's, the workspace's and
/// the server's between them, as far as they are processes of their own.
async fn measure_on(
    place: &Place,
    servers: &[Server],
    agent: &str,
    runs: usize,
    processes: [Option<u32>; 3],
) -> Result<()> {
    let mut operations = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        let connection = place
            .connect(&format!("Tenant {number}"), server.url())
            .await?;
        operations.push(place.operation(&connection, &OPTIONS, MAPPING).await?);
    }
    // What is done once, downloads and tokens, is done before.
    for operation in &operations {
        place.workspace.start_run(*operation, DEVELOPMENT).await?;
    }
    place.all_ended(operations.len(), PATIENCE).await?;
    for apart in [None, Some(APART)] {
        eprintln!("{runs} short runs, agent {agent}, {}", started(apart));
        let before = spent(processes)?;
        start(place, &operations, runs, apart).await?;
        let ended = place.all_ended(runs, PATIENCE).await?;
        let minutes = whole(&ended)?.as_secs_f64() / 60.0;
        let after = spent(processes)?;
        let took: Vec<f64> = ended.iter().map(took).collect::<Result<_>>()?;
        print!(
            "| {agent} | {} | {:.0} | {:.0} | {:.0} ",
            started(apart),
            runs as f64 / minutes,
            percentile(took.clone(), 50),
            percentile(took, 99)
        );
        for (before, after) in before.into_iter().zip(after) {
            match before.zip(after) {
                Some((before, after)) => {
                    print!("| {:.1} ", milliseconds(after - before) / runs as f64);
                }
                None => print!("| "),
            }
        }
        println!("|");
    }
    Ok(())
}

fn started(apart: Option<Duration>) -> &'static str {
    match apart {
        None => "all at once",
        Some(_) => "1,000 a minute",
    }
}

/// Starts so many runs, all at once or one after the other.
async fn start(
    place: &Place,
    operations: &[OperationId],
    runs: usize,
    apart: Option<Duration>,
) -> Result<()> {
    let began = Instant::now();
    let starts = (0..runs)
        .zip(operations.iter().cycle())
        .map(|(n, operation)| {
            let at = apart.map(|apart| began + apart * u32::try_from(n).unwrap_or(u32::MAX));
            async move {
                if let Some(at) = at {
                    tokio::time::sleep_until(at.into()).await;
                }
                place.workspace.start_run(*operation, DEVELOPMENT).await
            }
        });
    // Those that wait for their time are under way as well.
    let together = match apart {
        None => STARTED_TOGETHER,
        Some(_) => runs,
    };
    futures::stream::iter(starts)
        .buffer_unordered(together)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(())
}

/// From the first start to the last end.
fn whole(runs: &[Run]) -> Result<Duration> {
    let mut first = Timestamp::MAX;
    let mut last = Timestamp::MIN;
    for run in runs {
        let (started, ended) = moments(run)?;
        first = first.min(started);
        last = last.max(ended);
    }
    Ok(last.duration_since(first).try_into()?)
}

/// From a run's start to its recorded end, in milliseconds.
fn took(run: &Run) -> Result<f64> {
    let (started, ended) = moments(run)?;
    Ok(ended.duration_since(started).as_secs_f64() * 1e3)
}

fn moments(run: &Run) -> Result<(Timestamp, Timestamp)> {
    let ended = run.ended_at.as_deref().ok_or("a run without an end")?;
    Ok((run.started_at.parse()?, ended.parse()?))
}

/// What processes have computed until now.
fn spent(processes: [Option<u32>; 3]) -> Result<Vec<Option<Duration>>> {
    processes
        .into_iter()
        .map(|process| process.map(processor).transpose())
        .collect()
}
