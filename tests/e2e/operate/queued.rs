//! Runs that were accepted and wait for their turn when the host ends, however it ends.

use super::{Place, Served, with_tls};
use crate::support::sandbox;
use coupa_sandbox::{Fault, FaultRule};
use host_harness::workspace::{Run, RunFilter, RunId, RunState, Trigger, Workspace};
use std::time::{Duration, Instant};

const COUNT: usize = 50;
const PATIENCE: Duration = Duration::from_secs(120);

fn runs(workspace: &Workspace) -> Vec<Run> {
    let filter = RunFilter {
        count: Some(1000),
        ..RunFilter::default()
    };
    workspace.runs(filter).unwrap()
}

fn succeeded(runs: &[Run]) -> usize {
    let ended = runs.iter().filter(|run| run.state == RunState::Success);
    ended.count()
}

async fn until(workspace: &Workspace, what: &str, holds: impl Fn(&[Run]) -> bool) {
    let until = Instant::now() + PATIENCE;
    loop {
        let now = runs(workspace);
        if holds(&now) {
            return;
        }
        assert!(Instant::now() < until, "never {what}: {now:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The run that goes on with this one in the end.
fn last_of(runs: &[Run], id: RunId) -> &Run {
    let goes_on = |run: &&Run| run.trigger == Trigger::Resumed && run.of_run == Some(id);
    match runs.iter().find(goes_on) {
        Some(next) => last_of(runs, next.id),
        None => runs.iter().find(|run| run.id == id).unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_turn_is_begun_when_the_host_is_back() {
    with_tls();
    let sandbox = sandbox(&[("suppliers", 60)]);
    sandbox.add_fault(FaultRule {
        method: None,
        path_prefix: Some("/api/suppliers".to_owned()),
        skip: 0,
        times: None,
        fault: Fault::Slow { milliseconds: 40 },
    });
    let place = Place::new(&[&sandbox]);
    place.export(&[]);
    // One at a time.
    std::fs::write(
        place.path().join("agent.toml"),
        "[limits]\nconnectors = 3\n",
    )
    .unwrap();
    let mut served = Served::start(&place, &["--grace", "0"]);
    for _ in 0..COUNT {
        served.run().await;
    }
    let workspace = Workspace::open(place.path(), None).unwrap();
    until(&workspace, "some done", |runs| succeeded(runs) >= 3).await;
    // One that somebody does not want any more is not begun.
    let unwanted = RunId(COUNT as i64);
    workspace.cancel_run(unwanted).unwrap();
    served.terminate();
    assert_eq!(served.ended(Duration::from_secs(60)), Some(0));
    for run in runs(&workspace) {
        let can_go_on = run.state == RunState::Interrupted && run.resumable;
        assert!(run.state == RunState::Success || can_go_on, "{run:?}");
    }

    // Back, and killed in the middle.
    let served = Served::start(&place, &[]);
    until(&workspace, "some more done", |runs| succeeded(runs) >= 10).await;
    drop(served);
    let before = runs(&workspace);
    assert!(succeeded(&before) < COUNT - 5, "all was done already");
    let _served = Served::start(&place, &[]);
    // What was under way waits for somebody who goes on with it: one at each end.
    let was_under_way = |run: &Run| {
        let why = run.error.as_deref().unwrap_or_default();
        run.state == RunState::Interrupted && !why.contains("turn")
    };
    until(&workspace, "all done", |runs| {
        let last = |id| last_of(runs, RunId(id));
        let (mut done, mut broken_off) = (0, 0);
        for run in (1..unwanted.0).map(last) {
            done += usize::from(run.state == RunState::Success);
            broken_off += usize::from(was_under_way(run));
        }
        done + broken_off == COUNT - 1 && broken_off <= 2
    })
    .await;
    let all = runs(&workspace);
    let unwanted = last_of(&all, unwanted);
    assert_eq!(unwanted.state, RunState::Interrupted, "{unwanted:?}");
}
