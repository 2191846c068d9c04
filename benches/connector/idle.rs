//! What a connection costs that is kept and not used.
//!
//! A workspace keeps connections in its file, and none of them in memory; what a test
//! or a run needs is opened for it and closed with it. This measures whether that is
//! so: the memory of a process before and after many connections were made and tested.

use super::agents::sandbox;
use super::child::{self, end_with_parent};
use super::place::{DEVELOPMENT, PROJECT, Place, draft};
use super::processes::resident;
use super::{Extent, Result};
use futures::{StreamExt, TryStreamExt};
use host_harness::observability::metrics;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The tenants that the connections are spread over.
const TENANTS: usize = 8;
/// Tests at the same time.
const TESTED_TOGETHER: usize = 4;
/// What was closed is given back by then.
const SETTLED: Duration = Duration::from_secs(1);

/// What the connections of a process cost.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    /// With one connection that was tested, in bytes.
    before: u64,
    /// With all.
    after: u64,
    /// Instances of connectors that are open then.
    instances: u64,
}

/// Measures tens, hundreds and thousands of them.
pub fn measure(extent: Extent) -> Result<()> {
    let counts: &[usize] = match extent {
        Extent::Full => &[10, 100, 1000],
        Extent::Quick => &[10, 50],
    };
    println!(
        "Each connection was made and tested once; the process has tested one before:\n\n\
         | connections | process before, MiB | after, MiB | for each, KiB | instances open |\n\
         |---:|---:|---:|---:|---:|"
    );
    let sandboxes = (0..TENANTS)
        .map(|_| sandbox(0))
        .collect::<Result<Vec<_>>>()?;
    let urls: Vec<String> = sandboxes.iter().map(|sandbox| sandbox.base_url()).collect();
    for count in counts {
        eprintln!("{count} connections");
        let number = count.to_string();
        let mut words = vec!["connections", &number];
        words.extend(urls.iter().map(String::as_str));
        let kept: Kept = child::measure(&words)?;
        let mib = |bytes: u64| bytes as f64 / (1024.0 * 1024.0);
        println!(
            "| {count} | {:.1} | {:.1} | {:.1} | {} |",
            mib(kept.before),
            mib(kept.after),
            (kept.after as f64 - kept.before as f64) / 1024.0 / *count as f64,
            kept.instances
        );
    }
    Ok(())
}

/// Makes so many connections and tests each once.
pub fn keep_connections(count: usize, urls: &[&str]) -> Result<Kept> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let home = tempfile::tempdir()?;
        let place = Place::new(home.path()).await?;
        let test = |number: usize| {
            let place = &place;
            async move {
                let url = urls[number % urls.len()];
                let name = format!("Connection {number}");
                let made = place.connect(&name, url).await?;
                let report = place
                    .workspace
                    .test_connection(PROJECT, DEVELOPMENT, Some(made.id), &draft(&name, url))
                    .await?;
                match report.passed {
                    true => Ok(()),
                    false => Err(format!("{name}: {report:?}").into()),
                }
            }
        };
        let result: Result<()> = test(0).await;
        result?;
        tokio::time::sleep(SETTLED).await;
        let before = resident(std::process::id())?;
        futures::stream::iter((1..=count).map(test))
            .buffer_unordered(TESTED_TOGETHER)
            .try_for_each(|()| async { Ok(()) })
            .await?;
        tokio::time::sleep(SETTLED).await;
        Ok(Kept {
            before,
            after: resident(std::process::id())?,
            instances: instances()?,
        })
    })
}

/// As the process tells Prometheus.
fn instances() -> Result<u64> {
    let text = metrics().text()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("harness_instances "))
        .ok_or("the metrics tell no instances")?;
    Ok(line.trim().parse()?)
}
