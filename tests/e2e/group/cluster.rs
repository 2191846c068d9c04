//! A cluster of NATS servers with three replicas of everything: one of them may be
//! lost at any moment.

use super::place::{Plant, assert_each_once, slowly};
use super::server::{NatsServer, reconfigure};
use async_nats::jetstream::Context;
use async_nats::jetstream::context::GetStreamErrorKind;
use host_harness::group::Server;
use host_harness::workspace::RunState;
use std::time::{Duration, Instant};

const STREAMS: [&str; 3] = [
    "HARNESS_plant_JOBS",
    "HARNESS_plant_RUNS",
    "KV_HARNESS_plant",
];

/// Waits until every stream has a leader and two followers that have all it has.
async fn replicated(context: &Context) {
    let until = Instant::now() + Duration::from_secs(60);
    for stream in STREAMS {
        loop {
            let cluster = match context.get_stream(stream).await {
                Ok(stream) => stream.cached_info().cluster.clone(),
                Err(_) => None,
            };
            if let Some(cluster) = &cluster
                && cluster.leader.is_some()
                && cluster.replicas.len() == 2
                && cluster
                    .replicas
                    .iter()
                    .all(|peer| peer.current && !peer.offline)
            {
                break;
            }
            assert!(Instant::now() < until, "{stream}: {cluster:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Waits until the servers have agreed who leads.
async fn agreed(servers: &[NatsServer]) -> Context {
    let context = servers[0].jetstream().await;
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        // Only with a leader can they tell that there is no such stream.
        match context
            .get_stream("none")
            .await
            .map_err(|error| error.kind())
        {
            Err(GetStreamErrorKind::JetStream(error)) if error.code() == 404 => return context,
            found => assert!(
                Instant::now() < until,
                "{:?} {}",
                found.err(),
                servers[0].log()
            ),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_when_the_agents_server_is_lost_and_when_the_leader_is() {
    let mut servers = NatsServer::cluster(3);
    let context = agreed(&servers).await;
    let urls: Vec<String> = servers.iter().map(NatsServer::url).collect();
    let plant = Plant::reached_by(Server::new(urls.join(","))).await;
    for stream in STREAMS {
        reconfigure(&context, stream, |info| info.config.num_replicas = 3).await;
    }
    replicated(&context).await;
    let ((_from, source), (to, target)) = plant.ends(300).await;
    let copy = plant.copy_to("Copy", &source, &target, "addresses").await;
    // It is told of one server, and learns of the others there.
    let agent = plant.agent(&urls[0], "one", &[]);
    plant.agents(1).await;
    to.add_fault(slowly(40));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 30).await;

    servers[0].kill();
    let lost = Instant::now();
    let written = plant.place.workspace.run(run).unwrap().counts.written;
    plant
        .until(run, |run| run.counts.written >= written + 30)
        .await;
    println!(
        "goes on {:?} after the agent's server was lost",
        lost.elapsed()
    );
    // It must not end while the servers come to agree again.
    to.clear_faults();
    to.add_fault(slowly(2000));
    servers[0].start_again();
    let context = agreed(&servers).await;
    replicated(&context).await;

    let reports = context.get_stream(STREAMS[1]).await.unwrap();
    let leader = reports
        .cached_info()
        .cluster
        .clone()
        .unwrap()
        .leader
        .unwrap();
    let leader = (0..3).find(|n| NatsServer::name(*n) == leader).unwrap();
    to.clear_faults();
    to.add_fault(slowly(40));
    servers[leader].kill();
    let lost = Instant::now();
    let written = plant.place.workspace.run(run).unwrap().counts.written;
    plant
        .until(run, |run| run.counts.written >= written + 30)
        .await;
    println!("goes on {:?} after the leader was lost", lost.elapsed());
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_eq!(ended.counts.written, 300, "{ended:?}");
    assert_each_once(&to, "addresses", 300, "servers lost").await;
}
