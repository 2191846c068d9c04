//! What a hostile run costs one that runs beside it.

use super::{agent, connection, connector, list_server};
use crate::support::{Outcome, Secrets, call, component};
use futures::StreamExt;
use host_harness::connection::Environment;
use host_harness::registry::Digest;
use host_harness::runtime::{Connection, Connector, Execution, Usage};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records of the well-behaved run.
const RECORDS: usize = 2000;
/// Each is measured so often, alone and beside, in turn.
const ROUNDS: usize = 3;

/// How long the well-behaved run takes.
async fn well_behaved(connector: &Connector, url: &str) -> Duration {
    let mut connection = Connection::new("Lists").setting("url", url);
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(Secrets(BTreeMap::from([(
        "token",
        "t0ken-1234".to_owned(),
    )])));
    let session = connector.session(connection).await.unwrap();
    let started = Instant::now();
    let input = futures::stream::empty().boxed();
    let outcome = Outcome::of(session.execute(call("list", "people", &[]), input)).await;
    assert_eq!(outcome.summary().succeeded, RECORDS as u64);
    started.elapsed()
}

/// A hostile run that goes on until it is dropped; its events are taken.
async fn hostile(activity: &str) -> (tokio::task::JoinHandle<()>, Usage) {
    let mut connection = connection();
    connection.limits.cpu = Duration::from_secs(600);
    connection.limits.wall = Duration::from_secs(600);
    let session = connector().await.session(connection).await.unwrap();
    let input = futures::stream::empty().boxed();
    let mut execution: Execution = session.execute(call(activity, "things", &[]), input);
    let usage = execution.usage().clone();
    let taking = tokio::spawn(async move { while execution.next().await.is_some() {} });
    // What it may compute at once, once, is used up first.
    let started = Instant::now();
    while usage.cpu() < Duration::from_millis(300) && started.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (taking, usage)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_computes_on_and_on_steps_back_for_others() {
    let (url, _) = list_server::start(RECORDS).await;
    let bytes = std::fs::read(component().with_file_name("json-list.wasm")).unwrap();
    let lists = agent().load(Digest::of(&bytes), bytes).await.unwrap();
    well_behaved(&lists, &url).await;
    // What computes on and on is held to a bound; a flood to a fast reader is as busy
    // as any run may be.
    let cases: &[(&str, usize, f64)] = &[
        ("spin", 1, 0.5),
        ("spin", 4, 0.6),
        ("flood", 1, f64::INFINITY),
    ];
    for (activity, count, most) in cases {
        let (mut alone, mut beside, mut given) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            alone.push(well_behaved(&lists, &url).await);
            let mut running = Vec::new();
            for _ in 0..*count {
                running.push(hostile(activity).await);
            }
            // Until what a guest may compute at once is used up.
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(1) {
                well_behaved(&lists, &url).await;
            }
            let before: Duration = running.iter().map(|(_, usage)| usage.cpu()).sum();
            let started = Instant::now();
            while started.elapsed() < Duration::from_millis(500) {
                beside.push(well_behaved(&lists, &url).await);
            }
            let took = started.elapsed();
            let after: Duration = running.iter().map(|(_, usage)| usage.cpu()).sum();
            given.push((after - before).as_secs_f64() / took.as_secs_f64());
            for (task, _) in running {
                task.abort();
                let _ = task.await;
            }
        }
        let (alone, beside) = (median(alone), median(beside));
        let share = alone.as_secs_f64() / beside.as_secs_f64();
        given.sort_by(f64::total_cmp);
        let given = given[ROUNDS / 2];
        println!(
            "{count} × {activity}: {alone:?} alone, {beside:?} beside: {share:.2}; it was given \
             {given:.2} of a processor"
        );
        // A tenth is what they are to be given; the rest is for machines that have
        // much else to do. Throughput is told, and not held to a bound, for that reason.
        assert!(given < *most, "{count} × {activity}: {given:.2}");
    }
}
