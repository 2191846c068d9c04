//! What is revised between being read and being acted upon: marked as exported, deleted,
//! or emptied to be filled anew. Nothing of it is lost, and each door tells it.

use crate::platform::{DEVELOPMENT, PROJECT, Place};
use crate::program::{Folder, text};
use crate::support::{
    call, connector, countable_sandbox, make_countable, oauth, query, run, sandbox_with, write,
};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, OperationDraft, RunState};
use serde_json::Value;
use std::time::{Duration, Instant};

const ORDERS: &str = "purchase_orders";

/// Two orders that are to be exported, and are marked together.
async fn two_orders(sandbox: &Sandbox) -> (i64, i64) {
    let options = [("filter", "exported=false"), ("filter", "status=issued")];
    let ids = query(oauth(sandbox), ORDERS, &options).await.keys();
    let with_lines = |id: &&i64| {
        let order = sandbox.record(ORDERS, **id).unwrap();
        order["order-lines"]
            .as_array()
            .is_some_and(|lines| !lines.is_empty())
    };
    let mut ids = ids[..4].iter().filter(with_lines);
    (*ids.next().unwrap(), *ids.next().unwrap())
}

/// Makes a new version of an order, as a buyer does.
async fn revise(sandbox: &Sandbox, id: i64) {
    let order = sandbox.record(ORDERS, id).unwrap();
    let line = &order["order-lines"][0]["id"];
    let record = format!(r#"{{"id":{id},"order-lines":[{{"id":{line},"price":"77.5"}}]}}"#);
    let outcome = write(oauth(sandbox), "update", ORDERS, &[], &[&record]).await;
    assert_eq!(outcome.answers.len(), 1, "{outcome:?}");
    let revised = sandbox.record(ORDERS, id).unwrap();
    assert_eq!(version(&revised), version(&order) + 1);
}

fn version(order: &Value) -> u64 {
    order["version"].as_u64().unwrap()
}

fn is_exported(sandbox: &Sandbox, id: i64) -> bool {
    sandbox.record(ORDERS, id).unwrap()["exported"] == true
}

/// Has the mark of an order be long on its way.
fn slow_mark(sandbox: &Sandbox, id: i64) {
    let slow = Fault::Slow { milliseconds: 3000 };
    let path = format!("/api/{ORDERS}/{id}");
    sandbox.add_fault(FaultRule::next(1, slow).on_method("PUT").on_path(&path));
}

/// Revises an order while its mark is on its way, which another's of the same page shows.
async fn revise_meanwhile(sandbox: &Sandbox, id: i64, other: i64) {
    let until = Instant::now() + Duration::from_secs(60);
    while !is_exported(sandbox, other) {
        assert!(Instant::now() < until, "nothing is marked");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    revise(sandbox, id).await;
    assert!(!is_exported(sandbox, id), "its mark was not slow");
}

#[tokio::test]
async fn a_version_that_came_after_reading_is_not_marked() {
    let sandbox = countable_sandbox(&[(ORDERS, 60)]);
    let (id, other) = two_orders(&sandbox).await;
    let export = call("export", ORDERS, &[("filter", "status=issued")]);
    let read = run(oauth(&sandbox), export.clone(), Vec::new()).await;
    revise(&sandbox, id).await;
    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    for _ in 0..2 {
        for checkpoint in &read.checkpoints {
            let told = session.acknowledge(export.clone(), checkpoint.clone());
            told.await.unwrap();
        }
        assert!(!is_exported(&sandbox, id) && is_exported(&sandbox, other));
    }
    let again = run(oauth(&sandbox), export, Vec::new()).await;
    assert_eq!(again.keys(), [id]);
    let now = sandbox.record(ORDERS, id).unwrap();
    assert_eq!(version(&again.records()[0]), version(&now));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_tells_a_mark_that_was_taken_back() {
    let sandbox = countable_sandbox(&[(ORDERS, 60)]);
    let (id, other) = two_orders(&sandbox).await;
    let folder = Folder::new(&sandbox);
    let export = |output: &str, report: &str| {
        folder.run(&[
            "run",
            "export",
            ORDERS,
            "-o",
            "filter=status=issued",
            "--output",
            output,
            "--report",
            report,
        ])
    };
    slow_mark(&sandbox, id);
    let first = std::thread::scope(|scope| {
        let running = scope.spawn(|| export("one.ndjson", "one.json"));
        tokio::task::block_in_place(|| {
            let revising = revise_meanwhile(&sandbox, id, other);
            tokio::runtime::Handle::current().block_on(revising);
        });
        running.join().unwrap()
    });
    let said = text(&first.stderr);
    assert!(first.status.success(), "{said}");
    let told: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("warning:"))
        .collect();
    assert!(
        matches!(told.as_slice(), [told] if told.contains(&format!("record {id} "))
            && told.contains("taken back")),
        "{said}"
    );
    let report: Value = serde_json::from_str(&folder.read("one.json")).unwrap();
    let log = report["log"].as_array().unwrap();
    let in_log = |line: &&Value| line["message"].as_str().unwrap().contains("taken back");
    assert_eq!(log.iter().filter(in_log).count(), 1, "{report}");
    assert!(!is_exported(&sandbox, id));

    let second = export("two.ndjson", "two.json");
    let said = text(&second.stderr);
    assert!(
        second.status.success() && !said.contains("warning:"),
        "{said}"
    );
    let records = folder.read("two.ndjson");
    let record: Value = serde_json::from_str(&records).unwrap();
    let now = sandbox.record(ORDERS, id).unwrap();
    assert_eq!(
        (record["id"].as_i64(), version(&record)),
        (Some(id), version(&now))
    );
    assert!(is_exported(&sandbox, id));
}

/// Nobody revises anything, and a mark counts as a change of the record.
#[test]
fn a_mark_that_moves_the_time_is_no_revision() {
    let sandbox = sandbox_with(&[(ORDERS, 60), ("invoices", 20)], |configuration| {
        make_countable(configuration);
        configuration.switches.mark_moves_updated_at = true;
    });
    let folder = Folder::new(&sandbox);
    for object in [ORDERS, "invoices"] {
        let output = format!("{object}.ndjson");
        let exported = folder.run(&["run", "export", object, "--output", &output]);
        let said = text(&exported.stderr);
        assert!(
            exported.status.success() && !said.contains("warning:"),
            "{said}"
        );
        let records = folder.read(&output);
        assert!(!records.is_empty());
        for record in records.lines() {
            let before: Value = serde_json::from_str(record).unwrap();
            let now = sandbox
                .record(object, before["id"].as_i64().unwrap())
                .unwrap();
            assert_eq!(now["exported"], true);
            assert_ne!(now["updated-at"], before["updated-at"], "it did not move");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_run_tells_a_mark_that_was_taken_back() {
    let sandbox = countable_sandbox(&[(ORDERS, 60)]);
    let (id, other) = two_orders(&sandbox).await;
    let place = Place::new().await;
    let connection = place.connect(&sandbox).await.id;
    let issued = [("filter", "status=issued")];
    let export = place
        .activity_of(connection, "export", ORDERS, "New orders", &issued)
        .await;
    let draft = OperationDraft {
        name: "Orders".to_owned(),
        source: Some(Endpoint::Activity {
            activity: export.id,
        }),
        target: Some(Endpoint::File {
            path: "orders.ndjson".to_owned(),
            format: Format::Ndjson,
        }),
        ..OperationDraft::default()
    };
    let operation = place.workspace.create_operation(PROJECT, &draft).unwrap();
    let start = async || {
        let run = place.workspace.start_run(operation.id, DEVELOPMENT).await;
        run.unwrap()
    };
    let ended = async |run| {
        let ending = place.workspace.wait_for_run(run);
        let ended = tokio::time::timeout(Duration::from_secs(60), ending).await;
        ended.unwrap().unwrap()
    };
    slow_mark(&sandbox, id);
    let run = start().await;
    revise_meanwhile(&sandbox, id, other).await;
    let first = ended(run).await;
    assert_eq!(first.state, RunState::Success, "{first:?}");
    assert!(
        matches!(first.warnings.as_slice(), [told] if told.contains("taken back")),
        "{:?}",
        first.warnings
    );
    let second = ended(start().await).await;
    assert_eq!((second.counts.written, second.warnings.len()), (1, 0));
    assert!(is_exported(&sandbox, id));
}

#[tokio::test]
async fn what_was_changed_since_it_was_read_is_not_deleted() {
    let sandbox = countable_sandbox(&[("suppliers", 3)]);
    let object = "suppliers/1/addresses";
    let address = r#"{"street1":"A 1","city":"Bern","postal-code":"3000",
        "country":{"code":"CH"},"remit-to-code":"R1"}"#;
    let created = write(oauth(&sandbox), "create", object, &[], &[address]).await;
    let record = created.answers[0].data.clone();
    let read: Value = serde_json::from_str(&record).unwrap();
    let (id, at) = (&read["id"], read["updated-at"].as_str().unwrap());
    let old = format!(r#"{{"id":{id},"updated-at":"2020-01-01T00:00:00Z"}}"#);
    let outcome = write(oauth(&sandbox), "delete", object, &[], &[&old]).await;
    let error = &outcome.rejected[0].error;
    assert_eq!(error.code, "record.changed");
    assert!(error.message.contains("updated-at"), "{}", error.message);
    assert_eq!(sandbox.count("suppliers/{supplier_id}/addresses"), 1);
    let now = format!(r#"{{"id":{id},"updated-at":"{at}"}}"#);
    let outcome = write(oauth(&sandbox), "delete", object, &[], &[&now]).await;
    assert_eq!(outcome.answers.len(), 1, "{outcome:?}");
}

#[tokio::test]
async fn a_list_that_was_emptied_for_a_refused_record_is_filled_again() {
    let sandbox = countable_sandbox(&[]);
    let user = r#"{"login":"exact","email":"exact@example.com","firstname":"E","lastname":"X",
        "roles":[{"name":"Buyer"}]}"#;
    let created = write(oauth(&sandbox), "create", "users", &[], &[user]).await;
    let id = created.answers[0].id.clone().unwrap();
    let roles = || {
        let user = sandbox.record("users", id.parse().unwrap()).unwrap();
        let roles = user["roles"].as_array().unwrap().clone();
        roles
            .into_iter()
            .map(|role| role["name"].clone())
            .collect::<Vec<_>>()
    };
    let before = roles();
    assert!(!before.is_empty());
    let record = format!(r#"{{"id":{id},"roles":[{{"name":"No Such Role"}}]}}"#);
    let options = [("set-exactly", "roles")];
    let outcome = write(oauth(&sandbox), "update", "users", &options, &[&record]).await;
    let error = &outcome.rejected[0].error;
    assert_eq!(error.code, "coupa.refused", "{error:?}");
    assert!(error.message.contains("hold again"), "{}", error.message);
    assert_eq!(roles(), before);
}

#[test]
fn a_run_that_failed_counts_what_it_sent_again() {
    let sandbox = countable_sandbox(&[("suppliers", 3)]);
    let folder = Folder::new(&sandbox);
    let busy = Fault::status(503);
    let elsewhere = Fault::Redirect {
        location: "/elsewhere".to_owned(),
    };
    for rule in [FaultRule::next(2, busy), FaultRule::next(1, elsewhere)] {
        sandbox.add_fault(rule.on_path("/api/suppliers"));
    }
    let (code, said) = folder.code(&["run", "query", "suppliers", "--report", "report.json"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2 retries"), "{said}");
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["retries"], 2);
}
