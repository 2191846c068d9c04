//! Upsert, Delete, Action, dry runs, and what Coupa ignored.

use crate::support::{Outcome, call, oauth, query, run, sandbox, sandbox_with, write};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::runtime::types::{Effect, ErrorKind, Item};

fn effects(outcome: &Outcome) -> Vec<(&str, Effect)> {
    let mut all: Vec<_> = outcome
        .answers
        .iter()
        .map(|answer| (answer.key.as_str(), answer.effect))
        .collect();
    all.sort_by_key(|(key, _)| key.parse::<u64>().unwrap());
    all
}

fn differing(outcome: &Outcome) -> Vec<&str> {
    outcome
        .answers
        .iter()
        .flat_map(|answer| &answer.differences)
        .map(|difference| difference.field.as_str())
        .collect()
}

async fn dry(sandbox: &Sandbox, activity: &str, object: &str, records: &[&str]) -> Outcome {
    let mut call = call(activity, object, &[]);
    call.dry_run = true;
    let input = records.iter().enumerate().map(|(n, data)| Item {
        key: (n + 1).to_string(),
        data: (*data).to_owned(),
    });
    run(oauth(sandbox), call, input.collect()).await
}

fn writes(sandbox: &Sandbox) -> usize {
    sandbox
        .log()
        .iter()
        .filter(|request| request.method != "GET" && request.path.starts_with("/api"))
        .count()
}

#[tokio::test]
async fn two_runs_of_an_upsert_make_no_duplicates() {
    let sandbox = sandbox(&[]);
    let records: Vec<String> = (0..20)
        .map(|n| {
            format!(r#"{{"number":"U-{n}","name":"Upsert {n}","website":"https://{n}.example"}}"#)
        })
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let options = [("key", "number")];
    let before = sandbox.count("suppliers");
    for (turn, expected) in [Effect::Created, Effect::Updated].into_iter().enumerate() {
        let outcome = write(oauth(&sandbox), "upsert", "suppliers", &options, &records).await;
        assert_eq!(outcome.summary().succeeded, 20, "{outcome:?}");
        assert!(
            effects(&outcome)
                .iter()
                .all(|(_, effect)| *effect == expected),
            "turn {turn}"
        );
        assert!(outcome.answers.iter().all(|answer| answer.id.is_some()));
        assert_eq!(sandbox.count("suppliers"), before + 20);
    }
    // What is there as it should be is not written again where that is asked for. Where
    // Coupa hides a field it may differ, so that it is.
    let options = [("key", "number"), ("skip-unchanged", "true")];
    for (hidden, expected) in [(false, Effect::Unchanged), (true, Effect::Updated)] {
        {
            let mut switches = sandbox.switches_mut();
            switches.default_response_filter = hidden;
            // Each write is counted.
            switches.rate_limit = false;
        }
        sandbox.reset_log();
        let outcome = write(oauth(&sandbox), "upsert", "suppliers", &options, &records).await;
        let effects = effects(&outcome);
        assert!(
            effects.iter().all(|(_, effect)| *effect == expected),
            "{effects:?}"
        );
        assert_eq!(writes(&sandbox), if hidden { 20 } else { 0 });
    }
}

#[tokio::test]
async fn records_of_the_same_key_in_one_run_are_upserted_in_their_order() {
    let sandbox = sandbox(&[]);
    let records: Vec<String> = (0..6)
        .map(|n| format!(r#"{{"number":"SAME","name":"One","website":"https://{n}.example"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = write(
        oauth(&sandbox),
        "upsert",
        "suppliers",
        &[("key", "number")],
        &records,
    )
    .await;
    let found = effects(&outcome);
    assert_eq!(found[0].1, Effect::Created);
    assert!(
        found[1..]
            .iter()
            .all(|(_, effect)| *effect == Effect::Updated)
    );
    let id: i64 = outcome.answers[0].id.as_ref().unwrap().parse().unwrap();
    assert_eq!(
        sandbox.record("suppliers", id).unwrap()["website"],
        "https://5.example"
    );
}

#[tokio::test]
async fn an_invoice_is_found_by_its_number_and_supplier() {
    let sandbox = sandbox(&[("suppliers", 2)]);
    let numbers: Vec<String> = query(oauth(&sandbox), "suppliers", &[("limit", "2")])
        .await
        .records()
        .iter()
        .map(|record| record["number"].as_str().unwrap().to_owned())
        .collect();
    let record = |supplier: &str, note: &str| {
        format!(
            r#"{{"invoice-number":"INV-7","invoice-date":"2026-01-31","supplier":{{"number":"{supplier}"}},
                "currency":{{"code":"USD"}},"internal-note":"{note}"}}"#
        )
    };
    let (one, other) = (record(&numbers[0], "a"), record(&numbers[1], "b"));
    let before = sandbox.count("invoices");
    let outcome = write(oauth(&sandbox), "upsert", "invoices", &[], &[&one, &other]).await;
    assert_eq!(outcome.summary().succeeded, 2, "{outcome:?}");
    assert_eq!(
        sandbox.count("invoices"),
        before + 2,
        "one of each supplier"
    );
    let changed = record(&numbers[1], "changed");
    let outcome = write(oauth(&sandbox), "upsert", "invoices", &[], &[&changed]).await;
    assert_eq!(effects(&outcome), [("1", Effect::Updated)], "{outcome:?}");
    assert_eq!(sandbox.count("invoices"), before + 2);
}

#[tokio::test]
async fn what_coupa_ignores_or_alters_is_told() {
    let sandbox = sandbox(&[("suppliers", 1)]);
    let id = query(oauth(&sandbox), "suppliers", &[]).await.keys()[0];
    let record = format!(
        r#"{{"id":{id},"website":"https://w.example","created-at":"2001-01-01T00:00:00Z","no-such-field":"x"}}"#
    );
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &[&record]).await;
    let mut fields = differing(&outcome);
    fields.sort_unstable();
    assert_eq!(fields, ["created-at", "no-such-field"], "{outcome:?}");
    let good = format!(r#"{{"id":{id},"website":"https://x.example","on-hold":"true"}}"#);
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &[&good]).await;
    assert!(differing(&outcome).is_empty(), "{outcome:?}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_writes_nothing() {
    let sandbox = sandbox(&[("suppliers", 3)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await.records();
    let (first, second) = (&all[0], &all[1]);
    sandbox.reset_log();
    let changed = format!(
        r#"{{"id":{},"website":"https://dry.example"}}"#,
        first["id"]
    );
    let same = format!(r#"{{"id":{},"name":{}}}"#, second["id"], second["name"]);
    let outcome = dry(
        &sandbox,
        "update",
        "suppliers",
        &[&changed, &same, r#"{"id":99999999}"#],
    )
    .await;
    assert_eq!(
        effects(&outcome),
        [("1", Effect::Updated), ("2", Effect::Unchanged)]
    );
    assert_eq!(differing(&outcome), ["website"]);
    assert_eq!(outcome.rejected[0].error.code, "record.not-found");

    let taken = format!(r#"{{"name":{}}}"#, first["name"]);
    let outcome = dry(
        &sandbox,
        "create",
        "suppliers",
        &[&taken, r#"{"name":"Brand new"}"#],
    )
    .await;
    assert_eq!(outcome.rejected[0].error.code, "record.exists");
    assert_eq!(effects(&outcome), [("2", Effect::Created)]);
    assert_eq!(writes(&sandbox), 0);

    let mut reading = call("query", "suppliers", &[]);
    reading.dry_run = true;
    assert_eq!(
        run(oauth(&sandbox), reading, Vec::new()).await.code(),
        "call.no-dry-run"
    );
}

#[tokio::test]
async fn records_are_deleted_and_a_second_time_is_no_harm() {
    let sandbox = sandbox(&[("suppliers", 1)]);
    let supplier = query(oauth(&sandbox), "suppliers", &[]).await.keys()[0];
    let address = format!(
        r#"{{"supplier-id":{supplier},"remit-to-code":"R1","street1":"1 Main St","city":"Bern",
            "postal-code":"3000","country":{{"code":"US"}}}}"#
    );
    let object = "suppliers/{supplier_id}/addresses";
    let created = write(oauth(&sandbox), "create", object, &[], &[&address]).await;
    assert_eq!(created.summary().succeeded, 1, "{created:?}");
    let id = created.answers[0].id.clone().unwrap();
    let record = format!(r#"{{"supplier-id":{supplier},"id":{id}}}"#);
    // The first answer is lost, so that Delete has to find out.
    sandbox.add_fault(FaultRule::next(1, Fault::ResetAfter).on_method("DELETE"));
    let outcome = write(oauth(&sandbox), "delete", object, &[], &[&record]).await;
    assert_eq!(effects(&outcome), [("1", Effect::Deleted)], "{outcome:?}");
    let outcome = write(oauth(&sandbox), "delete", object, &[], &[&record]).await;
    assert_eq!(outcome.rejected[0].error.code, "record.not-found");
    let outcome = write(
        oauth(&sandbox),
        "create",
        object,
        &[],
        &[r#"{"city":"Bern"}"#],
    )
    .await;
    assert_eq!(outcome.rejected[0].error.code, "record.parent-missing");
}

#[tokio::test]
async fn actions_move_records_on_and_are_refused_by_state() {
    let sandbox = sandbox(&[("purchase_orders", 3)]);
    let orders = query(
        oauth(&sandbox),
        "purchase_orders",
        &[("filter", "status=issued")],
    )
    .await;
    let order = &orders.records()[0];
    let record = format!(r#"{{"po-number":{}}}"#, order["po-number"]);
    let id = order["id"].as_i64().unwrap();
    let options = [("action", "close"), ("key", "po-number")];
    let outcome = write(
        oauth(&sandbox),
        "action",
        "purchase_orders",
        &options,
        &[&record],
    )
    .await;
    assert_eq!(effects(&outcome), [("1", Effect::Done)], "{outcome:?}");
    assert_eq!(
        sandbox.record("purchase_orders", id).unwrap()["status"],
        "closed"
    );
    let outcome = write(
        oauth(&sandbox),
        "action",
        "purchase_orders",
        &options,
        &[&record],
    )
    .await;
    assert_eq!(outcome.rejected[0].error.code, "coupa.refused");

    // An action whose fate is unknown is never sent again.
    sandbox.reset_log();
    sandbox.add_fault(FaultRule::next(1, Fault::ResetAfter).on_method("PUT"));
    let record = format!(r#"{{"id":{id}}}"#);
    let options = [("action", "cancel")];
    let outcome = write(
        oauth(&sandbox),
        "action",
        "purchase_orders",
        &options,
        &[&record],
    )
    .await;
    if let Some(rejection) = outcome.rejected.first() {
        assert_eq!(rejection.error.kind, ErrorKind::Uncertain);
        assert!(
            rejection.error.message.contains("status is now"),
            "{rejection:?}"
        );
    }
    assert!(writes(&sandbox) <= 1);
    for (name, code) in [("isue", "action.unknown"), ("", "action.missing")] {
        let outcome = write(
            oauth(&sandbox),
            "action",
            "purchase_orders",
            &[("action", name)],
            &[&record],
        )
        .await;
        assert_eq!(outcome.code(), code);
    }
}

/// The names of a user's roles, asked for by name: an answer may hide them.
async fn roles(sandbox: &Sandbox, id: &str) -> Vec<String> {
    let filter = format!("id={id}");
    let options = [("filter", filter.as_str()), ("fields", "roles[name]")];
    let user = query(oauth(sandbox), "users", &options).await.records();
    let mut names: Vec<String> = user[0]["roles"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn lists_that_coupa_only_adds_to_can_be_set_exactly() {
    let sandbox = sandbox(&[]);
    let user = r#"{"login":"exact","email":"exact@example.com","firstname":"E","lastname":"X"}"#;
    let created = write(oauth(&sandbox), "create", "users", &[], &[user]).await;
    let id = created.answers[0].id.clone().unwrap();
    let before = roles(&sandbox, &id).await;
    let other = ["Buyer", "Admin", "Accounting"]
        .into_iter()
        .find(|name| !before.iter().any(|role| role == name))
        .unwrap();
    let record = format!(r#"{{"id":{id},"roles":[{{"name":"{other}"}}]}}"#);
    let added = write(oauth(&sandbox), "update", "users", &[], &[&record]).await;
    if added.rejected.is_empty() {
        let after = roles(&sandbox, &id).await;
        assert_eq!(after.len(), before.len() + 1, "Coupa only adds");
        let options = [("set-exactly", "roles")];
        write(oauth(&sandbox), "update", "users", &options, &[&record]).await;
        assert_eq!(roles(&sandbox, &id).await, [other]);
    } else {
        panic!("{added:?}");
    }
}

#[tokio::test]
async fn actions_reach_their_own_paths() {
    let sandbox = sandbox(&[("asn/headers", 3), ("expense_lines", 2), ("contracts", 2)]);
    let sent = |method: &str, path: &str| {
        let log = sandbox.log();
        let found = log
            .iter()
            .find(|sent| sent.method == method && sent.path == path);
        found.map(|sent| sent.status)
    };
    for (object, action, record, method, path) in [
        // The name of an action on the collection that one on a record has, too.
        (
            "asn/headers",
            "collection/void",
            r#"{"ids":[1]}"#,
            "PUT",
            "/api/asn/headers/void",
        ),
        (
            "asn/lines",
            "collection/void",
            r#"{"ids":[1]}"#,
            "PUT",
            "/api/asn/lines/void",
        ),
        (
            "asn/lines",
            "void",
            r#"{"id":2}"#,
            "PUT",
            "/api/asn/lines/2/void",
        ),
        // With the id of something else in the path.
        (
            "expense_lines",
            "assign_attendee",
            r#"{"id":1,"expense-attendee-id":4}"#,
            "POST",
            "/api/expense_lines/1/assign_attendee/4",
        ),
        (
            "suppliers/{supplier_id}/supplier_user_integration_contacts",
            "add",
            r#"{"supplier-id":1,"id":5}"#,
            "PUT",
            "/api/suppliers/1/supplier_user_integration_contacts/add",
        ),
    ] {
        let options = [("action", action)];
        let outcome = write(oauth(&sandbox), "action", object, &options, &[record]).await;
        let status = sent(method, path);
        assert!(
            status.is_some_and(|status| !matches!(status, 404 | 405)),
            "{object} {action}: {status:?} {outcome:?}"
        );
    }
    let options = [("action", "assign_attendee")];
    let record = [r#"{"id":1}"#];
    let missing = write(
        oauth(&sandbox),
        "action",
        "expense_lines",
        &options,
        &record,
    )
    .await;
    assert_eq!(missing.rejected[0].error.code, "record.parent-missing");
}

#[tokio::test]
async fn what_has_no_list_is_created_read_and_deleted_by_id() {
    let sandbox = sandbox_with(&[("supplier_information", 1)], |configuration| {
        let scopes = ["read", "write", "delete"]
            .map(|right| format!("core.supplier_information_tax_registrations.{right}"));
        configuration.clients[0].scopes.extend(scopes);
    });
    let invite = r#"{"email":"new@supplier.example","name":"New Supplier"}"#;
    let invited = write(
        oauth(&sandbox),
        "create",
        "supplier_invites",
        &[],
        &[invite],
    )
    .await;
    assert_eq!(effects(&invited), [("1", Effect::Created)], "{invited:?}");
    let id = invited.answers[0].id.clone().unwrap();
    let got = call("get", "supplier_invites", &[("value", &id)]);
    let got = run(oauth(&sandbox), got, Vec::new()).await;
    assert_eq!(got.summary().succeeded, 1);

    let object = "supplier_information_tax_registrations";
    let record = r#"{"number":"CHE-1","country":{"code":"US"}}"#;
    let created = write(oauth(&sandbox), "create", object, &[], &[record]).await;
    assert_eq!(effects(&created), [("1", Effect::Created)], "{created:?}");
    let id = created.answers[0].id.clone().unwrap();
    let record = format!(r#"{{"id":{id},"number":"CHE-2"}}"#);
    let updated = write(oauth(&sandbox), "update", object, &[], &[&record]).await;
    assert_eq!(effects(&updated), [("1", Effect::Updated)], "{updated:?}");
    let deleted = write(oauth(&sandbox), "delete", object, &[], &[&record]).await;
    assert_eq!(effects(&deleted), [("1", Effect::Deleted)], "{deleted:?}");
    let again = write(oauth(&sandbox), "delete", object, &[], &[&record]).await;
    assert_eq!(again.rejected[0].error.code, "record.not-found");
}
