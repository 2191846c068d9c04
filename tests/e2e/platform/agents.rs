//! Agents: which of them runs what, and that none is deleted under its runs.

use super::{DEVELOPMENT, PROJECT, Place, code};
use crate::support::sandbox;
use coupa_sandbox::{Fault, FaultRule};
use host_harness::records::Format;
use host_harness::workspace::{
    AgentDraft, Endpoint, GroupId, OperationDraft, RunId, RunState, WorkspaceError,
};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_to_the_least_busy_agent_which_is_not_deleted_meanwhile() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let first = workspace.agents().unwrap().remove(0);
    let second = workspace
        .create_agent(AgentDraft::new("Agent 2", GroupId(1)))
        .unwrap();
    let sandbox = sandbox(&[("suppliers", 60)]);
    let connection = place.connect(&sandbox).await;
    let query = place.activity(connection.id, "query", "All", &[]).await;
    let operation = |n: usize| {
        let draft = OperationDraft {
            name: format!("Read {n}"),
            source: Some(Endpoint::Activity { activity: query.id }),
            target: Some(Endpoint::File {
                path: format!("{n}.ndjson"),
                format: Format::Ndjson,
            }),
            ..OperationDraft::default()
        };
        workspace.create_operation(PROJECT, &draft).unwrap().id
    };
    // Each of them lasts until it is let go.
    let slow = Fault::Slow {
        milliseconds: 60_000,
    };
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(0, slow)
    });
    let start = async |n| {
        workspace
            .start_run(operation(n), DEVELOPMENT)
            .await
            .unwrap()
    };
    let agent = |run: RunId| workspace.run(run).unwrap().agent;
    let stop = async |run: RunId| {
        workspace.cancel_run(run).unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let _ = workspace.cancel_run(run);
        let ended = workspace.wait_for_run(run).await.unwrap();
        assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");
    };

    let one = start(1).await;
    let two = start(2).await;
    assert_eq!(
        (agent(one), agent(two)),
        ("Agent 1".into(), "Agent 2".into())
    );
    stop(two).await;
    // In turn it would be the first one's.
    let three = start(3).await;
    assert_eq!(agent(three), "Agent 2");
    // As busy as each other: whose last run began longer ago.
    let four = start(4).await;
    assert_eq!(agent(four), "Agent 1");
    let five = start(5).await;
    assert_eq!(agent(five), "Agent 2");

    let Err(WorkspaceError::Busy { runs, .. }) = workspace.delete_agent(first.id) else {
        panic!("it was deleted under its runs");
    };
    let names: Vec<_> = runs.iter().map(|run| (run.id, run.name.as_str())).collect();
    assert_eq!(names, [(one.0, "Read 1"), (four.0, "Read 4")]);
    stop(one).await;
    assert_eq!(code(workspace.delete_agent(first.id)), "busy");
    stop(four).await;
    workspace.delete_agent(first.id).unwrap();
    assert_eq!(agent(one), "Agent 1", "its runs keep its name");
    assert_eq!(code(workspace.delete_agent(second.id)), "busy");
    stop(three).await;
    stop(five).await;
}
