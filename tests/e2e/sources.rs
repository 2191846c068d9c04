//! Get, Changes, Export, and plans.

use crate::support::{
    Outcome, call, connector, countable_sandbox, make_countable, oauth, query, run, sandbox,
    sandbox_with, write,
};
use coupa_sandbox::{Fault, FaultRule, Sandbox, Switches};
use std::collections::{BTreeMap, BTreeSet};

#[tokio::test]
async fn records_are_got_by_id_or_key() {
    let sandbox = sandbox(&[("suppliers", 3)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await.records();
    let id = all[1]["id"].to_string();
    let number = all[2]["number"].as_str().unwrap();
    let got = run(
        oauth(&sandbox),
        call("get", "suppliers", &[("value", &id)]),
        Vec::new(),
    )
    .await;
    assert_eq!(got.records()[0]["name"], all[1]["name"]);
    let options = [("key", "number"), ("value", number), ("fields", "name")];
    let got = run(
        oauth(&sandbox),
        call("get", "suppliers", &options),
        Vec::new(),
    )
    .await;
    assert_eq!(got.records()[0]["name"], all[2]["name"]);
    assert!(got.records()[0].get("website").is_none());
    let options = [("value", id.as_str()), ("value", "99999999")];
    let got = run(
        oauth(&sandbox),
        call("get", "suppliers", &options),
        Vec::new(),
    )
    .await;
    assert_eq!((got.items.len(), got.code()), (1, "record.not-found"));
}

async fn changes(sandbox: &Sandbox, resume: Option<String>, options: &[(&str, &str)]) -> Outcome {
    let mut call = call("changes", "suppliers", options);
    call.resume = resume;
    run(oauth(sandbox), call, Vec::new()).await
}

#[tokio::test]
async fn changes_go_on_from_where_the_last_run_ended() {
    let sandbox = sandbox(&[("suppliers", 120)]);
    let all = sandbox.count("suppliers");
    let first = changes(&sandbox, None, &[]).await;
    assert_eq!(first.items.len() as u64, all);
    let mut place = first.checkpoints.last().cloned();
    assert!(place.as_ref().unwrap().len() <= 4096);

    // Nothing changed: what lies in the overlap is not told again.
    let again = changes(&sandbox, place.clone(), &[]).await;
    assert_eq!(again.summary().succeeded, 0, "{:?}", again.keys());
    place = again.checkpoints.last().cloned();

    let ids: Vec<i64> = first.keys().into_iter().step_by(17).collect();
    for id in &ids {
        let record = format!(r#"{{"id":{id},"website":"https://changed.example"}}"#);
        write(oauth(&sandbox), "update", "suppliers", &[], &[&record]).await;
    }
    write(
        oauth(&sandbox),
        "create",
        "suppliers",
        &[],
        &[r#"{"name":"Brand new"}"#],
    )
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let changed = changes(&sandbox, place, &[]).await;
    let keys: BTreeSet<i64> = changed.keys().into_iter().collect();
    assert!(ids.iter().all(|id| keys.contains(id)));
    assert_eq!(keys.len(), ids.len() + 1, "and the new one, and no other");
    assert_eq!(changed.items.len(), keys.len(), "none twice");
    let warned = changed
        .notices
        .iter()
        .any(|notice| notice.message.contains("updated-at"));
    assert!(warned, "updated-at of suppliers is known to be unreliable");

    let other = changes(
        &sandbox,
        changed.checkpoints.last().cloned(),
        &[("filter", "status=active")],
    )
    .await;
    assert_eq!(other.code(), "resume.of-another-call");
    let filtered = changes(
        &sandbox,
        None,
        &[("filter", "updated-at[gt]=2020-01-01T00:00:00Z")],
    )
    .await;
    assert_eq!(filtered.code(), "filter.taken");
}

/// Rows come, go and change while pages are read, seeded and repeatable: whatever
/// changed is told in this run or the next, and the last word told of each record
/// is the one that stands.
#[tokio::test]
async fn nothing_that_changes_while_it_is_read_is_lost() {
    for seed in [1_u64, 2, 3] {
        let sandbox = countable_sandbox(&[("suppliers", 400)]);
        let mut told: BTreeMap<i64, String> = BTreeMap::new();
        let mut place = None;
        for round in 0..4 {
            let mut call = call("changes", "suppliers", &[]);
            call.resume = place.clone();
            let session = connector().session(oauth(&sandbox)).await.unwrap();
            let mut execution = session.execute(call, Box::pin(futures::stream::empty()));
            let mut page = 0;
            while let Some(events) = execution.next().await {
                for event in events {
                    match event {
                        host_harness::runtime::types::Event::Item(item) => {
                            told.insert(item.key.parse().unwrap(), item.data);
                        }
                        host_harness::runtime::types::Event::Checkpoint(checkpoint) => {
                            place = Some(checkpoint);
                        }
                        _ => {}
                    }
                }
                page += 1;
                // Before and behind where the reader stands.
                let id = 1 + (seed * 7919 + round * 104_729 + page * 613) % 400;
                let record =
                    format!(r#"{{"id":{id},"website":"https://{seed}-{round}-{page}.example"}}"#);
                write(oauth(&sandbox), "update", "suppliers", &[], &[&record]).await;
            }
            execution.finish().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        }
        // A last look, with nobody writing.
        let last = changes(&sandbox, place, &[]).await;
        for item in last.items {
            told.insert(item.key.parse().unwrap(), item.data);
        }
        let now = query(oauth(&sandbox), "suppliers", &[]).await;
        for item in now.items {
            let id: i64 = item.key.parse().unwrap();
            assert_eq!(told.get(&id), Some(&item.data), "seed {seed}, record {id}");
        }
    }
}

fn exported(sandbox: &Sandbox, ids: &[i64]) -> usize {
    ids.iter()
        .filter(|id| sandbox.record("purchase_orders", **id).unwrap()["exported"] == true)
        .count()
}

#[tokio::test]
async fn records_are_marked_as_exported_only_when_they_are_acknowledged() {
    let sandbox = countable_sandbox(&[("purchase_orders", 300)]);
    let call = call("export", "purchase_orders", &[]);
    let first = run(oauth(&sandbox), call.clone(), Vec::new()).await;
    let ids = first.keys();
    assert!(ids.len() > 60, "{}", ids.len());
    assert_eq!(
        exported(&sandbox, &ids),
        0,
        "nobody has acknowledged anything"
    );

    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    session
        .acknowledge(call.clone(), first.checkpoints[0].clone())
        .await
        .unwrap();
    assert_eq!(exported(&sandbox, &ids), 50);
    // A second time has no effect, and what was not acknowledged comes again.
    session
        .acknowledge(call.clone(), first.checkpoints[0].clone())
        .await
        .unwrap();
    let second = run(oauth(&sandbox), call.clone(), Vec::new()).await;
    assert_eq!(second.keys(), ids[50..]);

    // A mark whose answer is lost is made again.
    sandbox.add_fault(FaultRule::next(2, Fault::ResetAfter).on_method("PUT"));
    for checkpoint in &second.checkpoints {
        session
            .acknowledge(call.clone(), checkpoint.clone())
            .await
            .unwrap();
    }
    assert_eq!(exported(&sandbox, &ids), ids.len());
    let none = run(oauth(&sandbox), call.clone(), Vec::new()).await;
    assert_eq!(none.summary().succeeded, 0);
    let error = session
        .acknowledge(call, "{}".to_owned())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("resume.malformed"), "{error}");
}

#[tokio::test]
async fn a_plan_tells_requests_scopes_and_extent_without_writing() {
    let sandbox = sandbox(&[("suppliers", 333)]);
    let count = sandbox.count("suppliers");
    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    let plan = session
        .plan(
            call(
                "query",
                "suppliers",
                &[("filter", "status[in]=active,draft")],
            ),
            false,
        )
        .await
        .unwrap();
    assert_eq!(
        sandbox.log().len(),
        0,
        "a plan without a look sends nothing"
    );
    assert_eq!(
        plan.requests[0].path,
        "/api/suppliers?status%5Bin%5D=active%2Cdraft&order_by=id&dir=asc&limit=50"
    );
    let permissions = plan.permissions.unwrap();
    assert_eq!(permissions.needed, ["core.supplier.read"]);

    let plan = session
        .plan(call("query", "suppliers", &[]), true)
        .await
        .unwrap();
    let extent = plan.extent.unwrap();
    assert_eq!(extent.records, count);
    assert_eq!(extent.requests, count.div_ceil(50) + 1);
    let permissions = plan.permissions.unwrap();
    assert!(permissions.missing.is_empty());
    assert!(
        permissions
            .unneeded
            .contains(&"core.supplier.write".to_owned())
    );
    let empty = session
        .plan(
            call("query", "suppliers", &[("filter", "name=nobody")]),
            true,
        )
        .await
        .unwrap();
    assert_eq!(empty.extent.unwrap().records, 0);

    let plan = session
        .plan(call("upsert", "suppliers", &[("key", "number")]), true)
        .await
        .unwrap();
    let methods: Vec<_> = plan
        .requests
        .iter()
        .map(|request| request.method.as_str())
        .collect();
    assert_eq!(methods, ["GET", "POST", "PUT"]);
    let posted = sandbox
        .log()
        .iter()
        .any(|r| r.method != "GET" && r.path.starts_with("/api"));
    assert!(!posted);
}

#[tokio::test]
async fn custom_fields_are_learned_when_they_are_asked_for() {
    for graphql in [true, false] {
        let sandbox = sandbox_with(&[("suppliers", 5)], |configuration| {
            // What every answer hides cannot be learned from samples.
            configuration.switches.default_response_filter = false;
        });
        if !graphql {
            sandbox.add_fault(FaultRule {
                times: None,
                ..FaultRule::next(1, Fault::status(403)).on_path("/api/graphql")
            });
        }
        let connection = oauth(&sandbox);
        let mut session = connector().session(connection.clone()).await.unwrap();
        let custom = |shape: host_harness::runtime::design::Shape| -> serde_json::Value {
            let response: serde_json::Value =
                serde_json::from_str(&shape.response.unwrap()).unwrap();
            response["properties"]["custom-fields"]["properties"]["erp-vendor-id"].clone()
        };
        let before = session
            .describe_object("query", "suppliers", false)
            .await
            .unwrap();
        assert!(custom(before).is_null(), "nobody has asked");
        let asked = custom(
            session
                .describe_object("query", "suppliers", true)
                .await
                .unwrap(),
        );
        let from = asked["x-learned-from"].as_str().unwrap().to_owned();
        assert_eq!(from.contains("GraphQL"), graphql, "{asked}");
        // And it is known from then on, to other sessions as well.
        let mut other = connector().session(connection).await.unwrap();
        let sent = sandbox.log().len();
        let known = custom(
            other
                .describe_object("query", "suppliers", false)
                .await
                .unwrap(),
        );
        assert_eq!(known, asked);
        assert_eq!(sandbox.log().len(), sent);
    }
}

/// A sandbox in which some suppliers have addresses, some many.
async fn with_addresses() -> (Sandbox, BTreeSet<String>) {
    let sandbox = countable_sandbox(&[("suppliers", 40)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await.keys();
    let mut records = Vec::new();
    for (n, supplier) in all.iter().enumerate() {
        let count = match n {
            7 => 63,
            n if n % 3 == 0 => 2,
            _ => 0,
        };
        records.extend((0..count).map(|at| {
            format!(
                r#"{{"supplier-id":{supplier},"remit-to-code":"R{supplier}-{at}","street1":"1 Main St",
                    "city":"Bern","postal-code":"3000","country":{{"code":"US"}}}}"#
            )
        }));
    }
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    write(oauth(&sandbox), "create", ADDRESSES, &[], &records).await;
    let mut keys = BTreeSet::new();
    for supplier in all {
        let object = format!("suppliers/{supplier}/addresses");
        let own = query(oauth(&sandbox), &object, &[]).await;
        keys.extend(
            own.items
                .iter()
                .map(|item| format!("{supplier}/{}", item.key)),
        );
    }
    assert!(keys.len() >= 80, "{}", keys.len());
    sandbox.reset_log();
    (sandbox, keys)
}

const ADDRESSES: &str = "suppliers/{supplier_id}/addresses";

fn told(outcome: &Outcome) -> Vec<String> {
    outcome.items.iter().map(|item| item.key.clone()).collect()
}

#[tokio::test]
async fn what_is_nested_is_read_under_all_parents() {
    let (sandbox, keys) = with_addresses().await;
    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    let plan = session
        .plan(call("query", ADDRESSES, &[]), true)
        .await
        .unwrap();
    let paths: Vec<_> = plan
        .requests
        .iter()
        .map(|sent| sent.path.as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "/api/suppliers?order_by=id&dir=asc&limit=50&fields=%5B%22id%22%5D",
            "/api/suppliers/<supplier_id>/addresses?order_by=id&dir=asc&limit=50",
        ]
    );
    let suppliers = sandbox.count("suppliers");
    let least = suppliers + suppliers.div_ceil(50) + 1;
    let said = plan.notes.join(" ");
    assert!(
        said.contains(&format!("at least {least} requests")),
        "{said}"
    );

    sandbox.reset_log();
    let all = query(oauth(&sandbox), ADDRESSES, &[]).await;
    assert_eq!(BTreeSet::from_iter(told(&all)), keys);
    assert_eq!(all.items.len(), keys.len(), "none twice");
    for (item, record) in all.items.iter().zip(all.records()) {
        let id = format!("{}/{}", record["supplier-id"], record["id"]);
        assert_eq!(item.key, id);
    }
    let sent = all.summary().requests;
    assert!(
        sent >= least && sent <= least + keys.len() as u64,
        "{sent} requests"
    );

    // Given up inside a parent, and between two: each goes on where it was.
    for checkpoint in &all.checkpoints {
        let before = all.items.len();
        let mut again = call("query", ADDRESSES, &[]);
        again.resume = Some(checkpoint.clone());
        let rest = run(oauth(&sandbox), again, Vec::new()).await;
        assert!(rest.items.len() < before);
        assert_eq!(told(&rest)[..], told(&all)[before - rest.items.len()..]);
    }
    let some = query(
        oauth(&sandbox),
        ADDRESSES,
        &[("limit", "9"), ("filter", "city=Bern")],
    )
    .await;
    assert_eq!(some.items.len(), 9);

    // What cannot be gone through is refused before anything is sent. Another sandbox: what
    // was given up may still arrive here.
    let sandbox = crate::support::sandbox(&[]);
    for (activity, object, options) in [
        ("query", "charges/{charge_id}/attachments", &[][..]),
        ("get", ADDRESSES, &[("value", "1")]),
        ("download", "charges/{charge_id}/attachments", &[]),
    ] {
        let refused = run(oauth(&sandbox), call(activity, object, options), Vec::new()).await;
        assert_eq!(refused.code(), "call.parent-missing", "{activity} {object}");
    }
    assert_eq!(sandbox.log().len(), 0);
}

#[tokio::test]
async fn changes_under_all_parents_go_on_where_they_ended() {
    let (sandbox, keys) = with_addresses().await;
    let changes = async |resume: Option<String>| {
        let mut call = call("changes", ADDRESSES, &[]);
        call.resume = resume;
        run(oauth(&sandbox), call, Vec::new()).await
    };
    // The window ends before this second, in which some were made.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let first = changes(None).await;
    assert_eq!(BTreeSet::from_iter(told(&first)), keys);
    // Broken off within: the rest comes, and nothing twice.
    let middle = first.checkpoints.len() / 2;
    let rest = changes(Some(first.checkpoints[middle].clone())).await;
    let at = first.items.len() - rest.items.len();
    assert_eq!(told(&rest)[..], told(&first)[at..]);
    let place = rest.checkpoints.last().cloned();
    let again = changes(place.clone()).await;
    assert_eq!(told(&again), [""; 0], "nothing changed");

    let key = keys.iter().next_back().unwrap();
    let (supplier, id) = key.split_once('/').unwrap();
    let record = format!(r#"{{"supplier-id":{supplier},"id":{id},"city":"Basel"}}"#);
    let changed = write(oauth(&sandbox), "update", ADDRESSES, &[], &[&record]).await;
    assert_eq!(changed.answers.len(), 1, "{changed:?}");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let news = changes(again.checkpoints.last().cloned()).await;
    assert_eq!(told(&news), [key.as_str()]);
    let largest = first.checkpoints.iter().map(String::len).max().unwrap();
    println!(
        "the largest checkpoint of {} records: {largest} bytes",
        keys.len()
    );
    assert!(largest <= 4096);
}

#[tokio::test]
async fn files_come_down_under_all_parents_by_their_names() {
    for form in ["both", "extended", "latin", "escaped"] {
        let sandbox = sandbox_with(&[("invoices", 5)], |configuration| {
            configuration.switches.set("file_names", form).unwrap();
        });
        let invoices = query(oauth(&sandbox), "invoices", &[("limit", "3")])
            .await
            .keys();
        let name = "Größe; x=1.pdf";
        for invoice in &invoices {
            let file = serde_json::json!({
                "path": format!("invoices/{invoice}/attachments"), "size": 1000, "name": name,
            });
            assert!(
                sandbox
                    .add_file(&serde_json::from_value(file).unwrap())
                    .is_some()
            );
        }
        let folder = tempfile::tempdir().unwrap();
        let mut connection = oauth(&sandbox);
        connection.files = Some(host_harness::runtime::RunFiles::in_folder(folder.path()));
        let object = "invoices/{invoice_id}/attachments";
        let all = run(
            connection.clone(),
            call("download", object, &[]),
            Vec::new(),
        )
        .await;
        let mut kept: Vec<String> = all
            .records()
            .iter()
            .filter_map(|record| Some(record["downloaded"]["file"].as_str()?.to_owned()))
            .collect();
        kept.sort();
        kept.retain(|kept| kept == name);
        assert_eq!(
            kept,
            [name],
            "the host gives no name twice; {form}: {:?}",
            all.records()
        );

        // By their ids, without a list.
        let record = all
            .records()
            .into_iter()
            .find(|record| record["downloaded"]["file"] == name)
            .unwrap();
        let object = format!("invoices/{}/attachments", record["invoice-id"]);
        let id = record["id"].to_string();
        sandbox.reset_log();
        let one = call("download", &object, &[("value", &id)]);
        let one = run(connection, one, Vec::new()).await;
        assert_eq!(
            one.records()[0]["downloaded"]["sha256"],
            record["downloaded"]["sha256"]
        );
        let read: Vec<_> = sandbox.log().into_iter().map(|sent| sent.path).collect();
        assert_eq!(read.last(), Some(&format!("/api/{object}/{id}")));
        assert!(!read.contains(&format!("/api/{object}")), "{read:?}");
    }
}

#[tokio::test]
async fn what_is_no_collection_is_read_all_the_same() {
    // What such lists make of a page is a switch: lists that ignore it have tests of their
    // own beside the code.
    let sandbox = sandbox_with(&[("requisitions", 140)], |configuration| {
        make_countable(configuration);
        configuration.switches.other_lists = Switches::default().other_lists;
    });
    let cart = r#"{"requisition-lines":[{"description":"Wrench","unit-price":"1"}]}"#;
    let options = [("action", "create_as_cart")];
    let made = write(oauth(&sandbox), "action", "requisitions", &options, &[cart]).await;
    assert_eq!(made.answers.len(), 1, "{made:?}");
    let got = run(
        oauth(&sandbox),
        call("get", "requisitions/current_cart", &[("fields", "status")]),
        Vec::new(),
    )
    .await;
    assert_eq!(got.records()[0]["status"], "cart");

    let mine = query(oauth(&sandbox), "requisitions/mine", &[]).await;
    let of_me = query(oauth(&sandbox), "requisitions", &[]).await;
    assert_eq!(mine.notices.len(), 0, "{:?}", mine.notices);
    let options = [("filter", "status=draft")];
    let filtered = query(oauth(&sandbox), "requisitions/mine", &options).await;
    assert!(filtered.notices[0].message.contains("not documented"));
    let user = &mine.records()[0]["requested-by"]["id"];
    let mut expected: Vec<i64> = of_me
        .records()
        .iter()
        .filter(|record| &record["requested-by"]["id"] == user)
        .map(|record| record["id"].as_i64().unwrap())
        .collect();
    let mut found = mine.keys();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);

    for (activity, object, options, code) in [
        ("changes", "requisitions/mine", &[][..], "call.not-allowed"),
        (
            "get",
            "requisitions/current_cart",
            &[("value", "1")],
            "option.unknown",
        ),
        (
            "get",
            "requisitions",
            &[("value", "1"), ("filter", "status=draft")],
            "option.unknown",
        ),
        (
            "get",
            "easy_form_responses",
            &[("key", "status"), ("value", "x")],
            "key.no-list",
        ),
        (
            "download",
            "invoices/1/payment_receipts",
            &[],
            "option.missing",
        ),
    ] {
        let refused = run(oauth(&sandbox), call(activity, object, options), Vec::new()).await;
        assert_eq!(refused.code(), code, "{activity} {object}");
    }
}
