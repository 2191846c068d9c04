//! What nobody outside Coupa knows is a switch of the sandbox. What people do with
//! a connector every day has to come out the same in every position of each.

use crate::chance::{Chance, rounds};
use crate::row;
use crate::support::{Outcome, call, connector, oauth, query, run, sandbox_with, test, write};
use coupa_sandbox::Sandbox;
use coupa_sandbox::switches::Switches;
use host_harness::runtime::Connection;
use host_harness::runtime::types::{CheckOutcome, Effect};

async fn changes(connection: Connection, resume: Option<String>) -> Outcome {
    let mut call = call("changes", "departments", &[]);
    call.resume = resume;
    run(connection, call, Vec::new()).await
}

/// One of each, with what has to come of it; every call has a connection of its own.
pub async fn every_day(sandbox: &Sandbox, connect: impl Fn() -> Connection) {
    let checks = test(connect()).await;
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check.outcome == CheckOutcome::Failed)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");

    let all = query(connect(), "suppliers", &[]).await;
    assert_eq!(all.summary().succeeded, sandbox.count("suppliers"));
    let by_name = query(connect(), "suppliers", &[("order-by", "name")]).await;
    assert_eq!(by_name.items.len(), all.items.len());
    let none = query(connect(), "suppliers", &[("filter", "name=nobody")]).await;
    assert_eq!(none.summary().succeeded, 0);
    let some = query(
        connect(),
        "suppliers",
        &[
            ("filter", "status=active"),
            ("limit", "60"),
            ("fields", "name"),
        ],
    )
    .await;
    assert_eq!(some.items.len(), 60);
    let refused = query(connect(), "suppliers", &[("filter", "stauts=active")]).await;
    assert_eq!(refused.code(), "filter.unknown-field");

    let good = r#"{"name":"Switch","number":"SW-1","payment-term":{"code":"Net 45"}}"#;
    let bad = r#"{"name":"Bad","payment-term":{"code":"No Such Term"}}"#;
    let created = write(connect(), "create", "suppliers", &[], &[good, bad]).await;
    assert_eq!(
        (created.answers.len(), created.rejected.len()),
        (1, 1),
        "{created:?}"
    );
    assert_eq!(created.rejected[0].error.code, "coupa.refused");
    let differences = &created.answers[0].differences;
    assert!(differences.is_empty(), "{differences:?}");
    let record = r#"{"number":"SW-1","website":"https://switch.example"}"#;
    for _ in 0..2 {
        let outcome = write(
            connect(),
            "upsert",
            "suppliers",
            &[("key", "number")],
            &[record],
        )
        .await;
        assert_eq!(outcome.answers[0].effect, Effect::Updated, "{outcome:?}");
    }
    let missing = write(
        connect(),
        "update",
        "suppliers",
        &[],
        &[r#"{"id":99999999,"website":"x"}"#],
    )
    .await;
    assert_eq!(missing.rejected[0].error.code, "record.not-found");
    let got = run(
        connect(),
        call(
            "get",
            "suppliers",
            &[("key", "number"), ("value", "SW-1"), ("fields", "website")],
        ),
        Vec::new(),
    )
    .await;
    assert_eq!(got.records()[0]["website"], "https://switch.example");

    let first = changes(connect(), None).await;
    assert_eq!(first.summary().succeeded, sandbox.count("departments"));
    let again = changes(connect(), first.checkpoints.last().cloned()).await;
    assert_eq!(again.summary().succeeded, 0, "{:?}", again.keys());

    let export = call("export", "purchase_orders", &[("limit", "3")]);
    let exported = run(connect(), export.clone(), Vec::new()).await;
    let mut session = connector().session(connect()).await.unwrap();
    for checkpoint in &exported.checkpoints {
        session
            .acknowledge(export.clone(), checkpoint.clone())
            .await
            .unwrap();
    }
    for id in exported.keys() {
        assert_eq!(
            sandbox.record("purchase_orders", id).unwrap()["exported"],
            true
        );
    }
    let id = exported.keys()[0];
    let payments = query(
        connect(),
        "coupa_pay/payments",
        &[("filter", "id=99999999")],
    )
    .await;
    assert_eq!(payments.summary().succeeded, 0);
    let addresses = query(connect(), "addresses", &[]).await;
    assert_eq!(addresses.summary().succeeded, sandbox.count("addresses"));
    let recent = query(connect(), "accounts/recent", &[]).await;
    let accounts = query(connect(), "accounts", &[("filter", "active=true")]).await;
    assert_eq!(recent.summary().succeeded, accounts.summary().succeeded);
    let order = format!(r#"{{"id":{id}}}"#);
    let acted = write(
        connect(),
        "action",
        "purchase_orders",
        &[("action", "close")],
        &[&order],
    )
    .await;
    assert_eq!(acted.answers.len() + acted.rejected.len(), 1);
}

#[tokio::test]
async fn every_day_comes_out_the_same_in_each_position_of_a_switch() {
    let positions = Switches::positions();
    let positions = positions.into_iter().flat_map(|(name, values)| {
        let name = name.to_owned();
        values.into_iter().map(move |value| (name.clone(), value))
    });
    let all: Vec<_> = positions.collect();
    assert!(all.len() > 45, "{all:?}");
    // Beside these, the rows that the suite is run in visit all of them every day.
    let count = rounds(12, u64::MAX).min(all.len() as u64);
    let chosen = Chance::new().some(all, count as usize);
    assert_eq!(chosen.len() as u64, count);
    for (name, value) in chosen {
        println!("{name} = {value}");
        let change = [(name, value)].into_iter().collect();
        let sandbox = sandbox_with(
            &[("suppliers", 90), ("purchase_orders", 9)],
            |configuration| {
                // Every client of the tests signs in by OAuth.
                configuration.switches.merge(change).unwrap();
            },
        );
        every_day(&sandbox, || oauth(&sandbox)).await;
    }
}

#[test]
fn the_rows_that_the_suite_is_run_in_visit_every_position() {
    let (_, rows) = row::chosen();
    let rows = rows.unwrap_or_else(Switches::rows);
    for (name, values) in Switches::positions() {
        for value in values {
            let visited = (0..rows).any(|row| Switches::row(row)[name] == value);
            assert!(visited, "no row of {rows} has {name} = {value}");
        }
    }
}
