//! What hostile runs cost one that is well behaved and runs beside them in one process:
//! the same Query over and over, alone and beside.

use super::child::{self, end_with_parent};
use super::component::{call, connection, connector_from};
use super::reading::Server;
use super::report::milliseconds;
use super::statistics::median;
use super::{Extent, Result, built_beside, bytes_of};
use futures::StreamExt;
use host_harness::connection::Environment;
use host_harness::registry::Digest;
use host_harness::runtime::types::Event;
use host_harness::runtime::{Connection, Connector, Usage};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Records of the well-behaved run.
const RECORDS: u64 = 5000;
/// What a guest may compute at once, once, is used up by then.
const USED_UP: Duration = Duration::from_secs(1);
/// How long it is measured, alone and beside.
const MEASURED: Duration = Duration::from_millis(700);
/// Hostile runs go on until they are dropped.
const LONG: Duration = Duration::from_secs(600);

/// What the neighbours of a run cost it.
#[derive(Serialize, Deserialize)]
pub struct Cost {
    /// The median time of the run by itself.
    alone: Duration,
    beside: Duration,
    /// Of one processor, what the hostile runs were given together.
    given: f64,
}

/// Measures each kind of hostile run.
pub fn measure(extent: Extent) -> Result<()> {
    let rounds = match extent {
        Extent::Full => 7,
        Extent::Quick => 1,
    };
    println!(
        "A Query of {RECORDS} records, the median of {rounds} rounds each:\n\n\
         | beside | alone, ms | beside, ms | throughput that is left | they were given of a processor |\n\
         |---|---:|---:|---:|---:|"
    );
    let home = tempfile::tempdir()?;
    let compiled = home.path().join("compiled").to_string_lossy().into_owned();
    let server = Server::start(RECORDS, 0)?;
    for (activity, count) in [("spin", "1"), ("spin", "4"), ("flood", "1")] {
        let mut costs = Vec::new();
        for round in 1..=rounds {
            eprintln!("{count} × {activity}, round {round} of {rounds}");
            let words = ["beside", server.url(), &compiled, activity, count];
            costs.push(child::measure::<Cost>(&words)?);
        }
        let left = |cost: &Cost| cost.alone.as_secs_f64() / cost.beside.as_secs_f64();
        println!(
            "| {count} × {activity} | {:.1} | {:.1} | {:.2} | {:.2} |",
            milliseconds(median(costs.iter().map(|cost| cost.alone).collect())),
            milliseconds(median(costs.iter().map(|cost| cost.beside).collect())),
            median(costs.iter().map(left).collect()),
            median(costs.iter().map(|cost| cost.given).collect())
        );
    }
    Ok(())
}

/// Reads by itself, and beside so many hostile runs.
pub fn run_beside(url: &str, compiled: &Path, activity: &str, count: usize) -> Result<Cost> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let (coupa, runtime, ..) = connector_from(compiled).await?;
        let bytes = bytes_of(&built_beside("hostile.wasm"))?;
        let hostile = runtime.load(Digest::of(&bytes), bytes).await?;
        read(&coupa, url).await?;
        let alone = median(over_and_over(&coupa, url, MEASURED).await?);
        let mut running = Vec::new();
        for _ in 0..count {
            running.push(go_on(&hostile, activity).await?);
        }
        over_and_over(&coupa, url, USED_UP).await?;
        let computed = || -> Duration { running.iter().map(|(_, usage)| usage.cpu()).sum() };
        let (before, started) = (computed(), Instant::now());
        let beside = median(over_and_over(&coupa, url, MEASURED).await?);
        let given = (computed() - before).as_secs_f64() / started.elapsed().as_secs_f64();
        Ok(Cost {
            alone,
            beside,
            given,
        })
    })
}

/// How long each reading took, of as many as there is time for.
async fn over_and_over(coupa: &Connector, url: &str, time: Duration) -> Result<Vec<Duration>> {
    let started = Instant::now();
    let mut took = Vec::new();
    while took.is_empty() || started.elapsed() < time {
        took.push(read(coupa, url).await?);
    }
    Ok(took)
}

async fn read(coupa: &Connector, url: &str) -> Result<Duration> {
    let started = Instant::now();
    let session = coupa.session(connection(url)).await?;
    let input = futures::stream::empty().boxed();
    let mut execution = session.execute(call("query", "suppliers"), input);
    let mut records = 0;
    while let Some(events) = execution.next().await {
        let items = events
            .iter()
            .filter(|event| matches!(event, Event::Item(_)));
        records += items.count() as u64;
    }
    execution.finish().await?;
    if records != RECORDS {
        return Err(format!("{records} records came of {RECORDS}").into());
    }
    Ok(started.elapsed())
}

/// A hostile run whose events are taken, as long as the process lives.
async fn go_on(hostile: &Connector, activity: &str) -> Result<(JoinHandle<()>, Usage)> {
    let mut connection = Connection::new("Hostile");
    connection.environment = Environment::Development;
    connection.limits.cpu = LONG;
    connection.limits.wall = LONG;
    let session = hostile.session(connection).await?;
    let input = futures::stream::empty().boxed();
    let mut execution = session.execute(call(activity, "things"), input);
    let usage = execution.usage().clone();
    let taking = tokio::spawn(async move { while execution.next().await.is_some() {} });
    Ok((taking, usage))
}
