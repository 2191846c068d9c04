//! Operations: validated, run, watched, stopped, resumed, tried again, chained.

use super::{DEVELOPMENT, PROJECT, Place, code};
use crate::support::{countable_sandbox, sandbox, sandbox_with};
use host_harness::records::Format;
use host_harness::workspace::{
    ActivityId, Endpoint, OperationDraft, Run, RunState, Severity, Trigger,
};
use std::time::Duration;

fn activity(activity: ActivityId) -> Option<Endpoint> {
    Some(Endpoint::Activity { activity })
}

fn file(path: &str, format: Format) -> Option<Endpoint> {
    Some(Endpoint::File {
        path: path.to_owned(),
        format,
    })
}

fn operation(
    name: &str,
    source: Option<Endpoint>,
    mapping: Option<&str>,
    target: Option<Endpoint>,
) -> OperationDraft {
    OperationDraft {
        name: name.to_owned(),
        source,
        mapping: mapping.map(str::to_owned),
        target,
        ..OperationDraft::default()
    }
}

impl Place {
    async fn run(&self, draft: &OperationDraft) -> Run {
        let operation = self.workspace.create_operation(PROJECT, draft).unwrap();
        let run = self
            .workspace
            .start_run(operation.id, DEVELOPMENT)
            .await
            .unwrap();
        tokio::time::timeout(Duration::from_secs(60), self.workspace.wait_for_run(run))
            .await
            .unwrap()
            .unwrap()
    }

    pub fn lines(&self, name: &str) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.workspace.files_folder().join(name)).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_mapped_into_a_file_and_into_another_system() {
    let place = Place::new().await;
    // Where nothing may be sent at once, this many records take longer than is waited.
    let here = countable_sandbox(&[("suppliers", 230)]);
    let there = countable_sandbox(&[]);
    let from = place.connect(&here).await;
    let mut other = super::oauth(&there);
    other.name = "Other Coupa".to_owned();
    let to = place
        .workspace
        .create_connection(PROJECT, other)
        .await
        .unwrap();
    let all = place.activity(from.id, "query", "All suppliers", &[]).await;
    let new = place.activity(to.id, "create", "New suppliers", &[]).await;

    let mapping = "select(.id % 2 == 0) | {number, name: (\"Copy of \" + .name)}";
    let run = place
        .run(&operation(
            "To a file",
            activity(all.id),
            Some(mapping),
            file("out.ndjson", Format::Ndjson),
        ))
        .await;
    assert_eq!(run.state, RunState::Success, "{run:?}");
    assert_eq!(
        (run.counts.read, run.counts.written, run.counts.skipped),
        (230, 115, 115)
    );
    assert_eq!(place.lines("out.ndjson").len(), 115);
    assert_eq!(run.connectors[0].version, "0.1.0");
    assert_eq!(run.agent, "Agent 1");
    assert!(run.requests > 5, "{run:?}");

    let run = place
        .run(&operation(
            "To another",
            activity(all.id),
            Some("{name: (\"Copy of \" + .name), number: (\"C-\" + .number)}"),
            activity(new.id),
        ))
        .await;
    assert_eq!(run.state, RunState::Success, "{run:?}");
    assert_eq!(run.counts.written, 230);
    let written = run.counts.written;
    let back = place
        .activity(
            to.id,
            "query",
            "All there",
            &[("filter", "name\\[starts_with]=Copy of")],
        )
        .await;
    let run = place
        .run(&operation(
            "Back",
            activity(back.id),
            Some("{name}"),
            file("back.csv", Format::Csv),
        ))
        .await;
    assert_eq!(run.counts.written, written);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_records_are_kept_and_tried_again_after_a_fix() {
    let place = Place::new().await;
    let sandbox = sandbox(&[]);
    let connection = place.connect(&sandbox).await;
    let new = place.activity(connection.id, "create", "New", &[]).await;
    let rows = "name,term\nNorth,Net 30\nSouth,Net 4711\nEast,Net 45\nWest,Net 4711\n";
    place
        .workspace
        .put_file("new.csv", rows.as_bytes())
        .unwrap();
    let mapping = "{name, \"payment-term\": {code: .term}}";
    let run = place
        .run(&operation(
            "Load",
            file("new.csv", Format::Csv),
            Some(mapping),
            activity(new.id),
        ))
        .await;
    assert_eq!(run.state, RunState::Partial, "{run:?}");
    assert_eq!((run.counts.written, run.counts.rejected), (2, 2));
    let rejected = place.workspace.rejected(run.id, 0, 10).unwrap();
    assert_eq!(rejected.len(), 2);
    assert!(rejected[0].source_record.contains("\"term\":\"Net 4711\""));
    assert!(rejected[0].record.contains("payment-term"));
    assert!(!rejected[0].message.is_empty());

    // The fix is in the mapping; only what was rejected goes again, and once.
    let saved = place.workspace.operation(run.operation.unwrap()).unwrap();
    let fixed = OperationDraft {
        mapping: Some("{name, \"payment-term\": {code: \"Net 30\"}}".to_owned()),
        ..saved.clone().into()
    };
    place
        .workspace
        .update_operation(saved.id, saved.revision, &fixed)
        .unwrap();
    let again = place.workspace.rerun_rejected(run.id, false).await.unwrap();
    let again = place.workspace.wait_for_run(again).await.unwrap();
    assert_eq!(
        (again.state, again.counts.written),
        (RunState::Success, 2),
        "{again:?}"
    );
    assert_eq!(
        (again.trigger, again.of_run),
        (Trigger::RejectedAgain, Some(run.id))
    );
    assert_eq!(
        code(place.workspace.rerun_rejected(run.id, false).await),
        "refused"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cancelled_goes_on_without_loss_or_repetition() {
    let place = Place::new().await;
    // Slow enough to be stopped on the way.
    let sandbox = sandbox_with(&[("suppliers", 1500)], |configuration| {
        configuration.switches.page_size = 20;
    });
    let connection = place.connect(&sandbox).await;
    let all = place.activity(connection.id, "query", "All", &[]).await;
    let operation = place
        .workspace
        .create_operation(
            PROJECT,
            &operation(
                "Slow",
                activity(all.id),
                Some("{id}"),
                file("slow.ndjson", Format::Ndjson),
            ),
        )
        .unwrap();
    let started = place
        .workspace
        .start_run(operation.id, DEVELOPMENT)
        .await
        .unwrap();
    loop {
        let run = place.workspace.run(started).unwrap();
        assert_eq!(
            run.state,
            RunState::Running,
            "it ended before it was stopped"
        );
        if run.counts.written > 40 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    place.workspace.cancel_run(started).unwrap();
    let mut run = place.workspace.wait_for_run(started).await.unwrap();
    assert_eq!(run.state, RunState::Interrupted, "{run:?}");
    assert!(run.resumable);
    assert!(
        place.workspace.files().unwrap().is_empty(),
        "it is not whole yet"
    );
    let first = run.id;
    while run.state == RunState::Interrupted {
        let next = place.workspace.resume_run(run.id).await.unwrap();
        run = tokio::time::timeout(Duration::from_secs(120), place.workspace.wait_for_run(next))
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(run.state, RunState::Success, "{run:?}");
    let ids: Vec<i64> = place
        .lines("slow.ndjson")
        .iter()
        .map(|line| line["id"].as_i64().unwrap())
        .collect();
    let mut unique = ids.clone();
    unique.dedup();
    assert_eq!((ids.len(), unique.len()), (1500, 1500));
    assert_eq!(code(place.workspace.resume_run(first).await), "refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_looked_at_before_it_runs() {
    let place = Place::new().await;
    let sandbox = sandbox(&[("suppliers", 10)]);
    let connection = place.connect(&sandbox).await;
    let all = place.activity(connection.id, "query", "All", &[]).await;
    let new = place.activity(connection.id, "create", "New", &[]).await;
    let workspace = &place.workspace;
    // In the wrong place, or no jq.
    for bad in [
        operation("x", activity(new.id), None, None),
        operation("x", None, None, activity(all.id)),
        operation("x", activity(all.id), Some("{name: "), None),
        operation("a/b", activity(all.id), None, None),
        operation("x", file("../x.csv", Format::Csv), None, None),
    ] {
        assert_ne!(
            code(workspace.create_operation(PROJECT, &bad)),
            "done",
            "{bad:?}"
        );
    }
    let look = async |draft: &OperationDraft| {
        workspace
            .validate_operation(PROJECT, None, draft, DEVELOPMENT)
            .await
            .unwrap()
    };
    let good = look(&operation(
        "x",
        activity(all.id),
        Some("{name, number}"),
        activity(new.id),
    ))
    .await;
    assert!(good.ok && good.findings.is_empty(), "{good:?}");
    let near = look(&operation(
        "x",
        activity(all.id),
        Some("{name, nubmer: .number}"),
        activity(new.id),
    ))
    .await;
    assert!(near.ok, "{near:?}");
    assert!(
        near.findings
            .iter()
            .any(|f| f.message.contains("is “number” meant")),
        "{near:?}"
    );
    let unnamed = look(&operation(
        "x",
        activity(all.id),
        Some("{number}"),
        activity(new.id),
    ))
    .await;
    assert!(
        !unnamed.ok && unnamed.findings[0].message.contains("name"),
        "{unnamed:?}"
    );
    let missing = look(&operation("x", file("none.csv", Format::Csv), None, None)).await;
    assert_eq!(
        missing
            .findings
            .iter()
            .filter(|f| f.severity == Severity::Error)
            .count(),
        2
    );

    let preview = workspace
        .preview_operation(
            &operation("x", activity(all.id), Some("{name: .id}"), activity(new.id)),
            DEVELOPMENT,
            3,
        )
        .await
        .unwrap();
    assert_eq!(preview.rows.len(), 3);
    assert_eq!(preview.rows[0].outputs, ["{\"name\":1}"]);
    assert!(
        preview
            .findings
            .iter()
            .any(|f| f.severity == Severity::Error),
        "{preview:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_chain_on_success_and_on_failure() {
    let place = Place::new().await;
    let sandbox = sandbox(&[("suppliers", 3)]);
    let connection = place.connect(&sandbox).await;
    let all = place.activity(connection.id, "query", "All", &[]).await;
    let bad = place
        .activity(
            connection.id,
            "query",
            "Bad",
            &[("filter", "stauts=active")],
        )
        .await;
    let workspace = &place.workspace;
    let after = |name: &str| {
        operation(
            name,
            activity(all.id),
            None,
            file(&format!("{name}.ndjson"), Format::Ndjson),
        )
    };
    let well = workspace.create_operation(PROJECT, &after("well")).unwrap();
    let ill = workspace.create_operation(PROJECT, &after("ill")).unwrap();
    for (name, source, expected, trigger) in [
        ("good", all.id, "well", Trigger::OnSuccess),
        ("bad", bad.id, "ill", Trigger::OnFailure),
    ] {
        let mut draft = operation(
            name,
            activity(source),
            None,
            file("x.ndjson", Format::Ndjson),
        );
        draft.on_success = Some(well.id);
        draft.on_failure = Some(ill.id);
        let run = place.run(&draft).await;
        let next = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let runs = workspace.runs(Default::default()).unwrap();
                if let Some(next) = runs.into_iter().find(|next| next.of_run == Some(run.id)) {
                    return workspace.wait_for_run(next.id).await.unwrap();
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!(
            (next.operation_name.as_str(), next.trigger),
            (expected, trigger)
        );
        assert_eq!(next.state, RunState::Success, "{next:?}");
    }
    // A chain that would never end.
    let draft = OperationDraft {
        on_success: Some(well.id),
        ..workspace.operation(well.id).unwrap().into()
    };
    assert_eq!(
        code(workspace.update_operation(well.id, well.revision, &draft)),
        "invalid"
    );
    assert_eq!(code(workspace.delete_operation(well.id)), "in-use");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_goes_through_files_and_back() {
    let place = Place::new().await;
    let sandbox = sandbox(&[("suppliers", 3)]);
    let connection = place.connect(&sandbox).await;
    let all = place.activity(connection.id, "query", "All", &[]).await;
    let first = place
        .workspace
        .create_operation(
            PROJECT,
            &operation(
                "First",
                activity(all.id),
                Some("{name}"),
                file("a.csv", Format::Csv),
            ),
        )
        .unwrap();
    let mut second = operation("Second", activity(all.id), None, file("b.csv", Format::Csv));
    second.on_success = Some(first.id);
    place.workspace.create_operation(PROJECT, &second).unwrap();
    let folder = tempfile::tempdir().unwrap();
    place.workspace.export(folder.path(), None).unwrap();

    let other = Place::new().await;
    let imported = other.workspace.import(folder.path()).await.unwrap();
    assert!(
        imported.secrets_missing[0].contains("Client Secret"),
        "{imported:?}"
    );
    let again = tempfile::tempdir().unwrap();
    other.workspace.export(again.path(), None).unwrap();
    let read =
        |folder: &std::path::Path, name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    for name in [
        "projects/My project/connections/Coupa.coupa.toml",
        "projects/My project/operations/First.toml",
        "projects/My project/operations/Second.toml",
    ] {
        assert_eq!(
            read(folder.path(), name),
            read(again.path(), name),
            "{name}"
        );
    }
    // A second time nothing is made twice.
    let imported = other.workspace.import(folder.path()).await.unwrap();
    assert!(imported.created.is_empty(), "{imported:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn activities_and_operations_are_renamed_copied_taken_out_and_deleted() {
    let place = Place::new().await;
    let sandbox = sandbox(&[]);
    let connection = place.connect(&sandbox).await;
    let all = place.activity(connection.id, "query", "All", &[]).await;
    let workspace = &place.workspace;
    let draft = operation("Export", activity(all.id), None, file("a.csv", Format::Csv));
    let export = workspace.create_operation(PROJECT, &draft).unwrap();
    assert_eq!(
        code(workspace.create_operation(PROJECT, &draft)),
        "name.taken"
    );

    let renamed = workspace
        .rename_activity(all.id, all.revision, "Everything")
        .unwrap();
    assert_eq!(
        code(workspace.rename_activity(all.id, all.revision, "Late")),
        "stale"
    );
    let copy = workspace.duplicate_activity(all.id).unwrap();
    assert_eq!(
        (copy.name.as_str(), copy.object),
        ("Everything copy", renamed.object)
    );
    assert_eq!(
        code(workspace.rename_activity(copy.id, copy.revision, "Everything")),
        "name.taken"
    );
    let dependents = workspace.activity_dependents(all.id).unwrap();
    assert_eq!(
        (dependents.len(), dependents[0].name.as_str()),
        (1, "Export")
    );
    assert_eq!(code(workspace.delete_activity(all.id)), "in-use");

    let export = workspace
        .rename_operation(export.id, export.revision, "Export all")
        .unwrap();
    let twin = workspace.duplicate_operation(export.id).unwrap();
    assert_eq!(
        (twin.name.as_str(), &twin.source),
        ("Export all copy", &export.source)
    );
    for operation in [export, twin] {
        // Taken out of the operation, it is still in the palette.
        let without = OperationDraft {
            source: None,
            ..operation.clone().into()
        };
        let saved = workspace
            .update_operation(operation.id, operation.revision, &without)
            .unwrap();
        assert_eq!(
            code(workspace.update_operation(operation.id, operation.revision, &without)),
            "stale"
        );
        assert_eq!(
            code(workspace.start_run(saved.id, DEVELOPMENT).await),
            "refused"
        );
    }
    assert_eq!(workspace.activities(connection.id).unwrap().len(), 2);
    workspace.delete_activity(all.id).unwrap();
}
