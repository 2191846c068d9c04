//! Agents that die, or that are cut off and do not know it.

use super::place::{LEASE, Plant, assert_each_once, slowly};
use super::server::{NatsServer, Wire};
use host_harness::workspace::RunState;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn another_agent_goes_on_within_seconds_when_one_is_killed() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(200).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let one = plant.agent(&server.url(), "one", &[]);
    to.add_fault(slowly(30));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 40).await;
    let two = plant.agent(&server.url(), "two", &[]);
    plant.agents(2).await;
    let killed = Instant::now();
    one.kill();
    plant.until(run, |run| run.agent == "two").await;
    let taken_over = killed.elapsed();
    println!("taken over after {taken_over:?}, with a lease of {LEASE:?}");
    assert!(taken_over < LEASE * 8, "{taken_over:?}");
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", two.log());
    assert_eq!(ended.counts.written, 200, "{ended:?}");
    assert_each_once(&to, "suppliers", 200, "killed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_cut_off_from_the_group_writes_nothing_more() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(300).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let wire = Wire::to(server.address()).await;
    let cut_off = plant.agent(&wire.url(), "cut-off", &[]);
    to.add_fault(slowly(30));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 40).await;

    // Nobody else is there: whoever writes from now on is the one that is cut off.
    wire.cut();
    tokio::time::sleep(LEASE + Duration::from_millis(500)).await;
    let posts = || to.counters().requests.get("POST").copied().unwrap_or(0);
    let until_fenced = posts();
    tokio::time::sleep(LEASE).await;
    assert_eq!(posts(), until_fenced, "it wrote without a lease");

    // Another takes the run over, and the first one comes back.
    let other = plant.agent(&server.url(), "other", &[]);
    plant.until(run, |run| run.agent == "other").await;
    wire.mend();
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", other.log());
    assert_eq!(ended.agent, "other");
    assert_eq!(ended.counts.written, 300, "{ended:?}");
    assert_each_once(&to, "suppliers", 300, "cut off").await;
    let until = Instant::now() + Duration::from_secs(20);
    while !cut_off.log().contains("another agent's now")
        && !cut_off.log().contains("taken this run over")
        && !cut_off.log().contains("was not taken")
    {
        assert!(
            Instant::now() < until,
            "it does not notice: {}",
            cut_off.log()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_cut_only_pauses_a_run() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let ((_from, source), (to, target)) = plant.ends(150).await;
    let copy = plant.copy_to("Copy", &source, &target, "addresses").await;
    let wire = Wire::to(server.address()).await;
    let one = plant.agent(&wire.url(), "one", &[]);
    to.add_fault(slowly(20));
    let run = plant.start(copy).await;
    plant.until(run, |run| run.counts.written >= 40).await;
    wire.cut();
    tokio::time::sleep(LEASE * 2).await;
    wire.mend();
    to.clear_faults();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", one.log());
    assert_each_once(&to, "addresses", 150, "a pause").await;
}
