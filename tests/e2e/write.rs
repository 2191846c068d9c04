//! Create and Update: each record answered by exactly one event.

use crate::support::{
    Outcome, api_key, countable_sandbox, oauth, query, sandbox, sandbox_with, sandbox_with_keys,
    with_secret, write,
};
use coupa_sandbox::Sandbox;
use host_harness::runtime::types::ErrorKind;
use std::collections::BTreeSet;

/// The codes of the rejected records by key.
fn rejected(outcome: &Outcome) -> Vec<(&str, &str)> {
    let mut all: Vec<_> = outcome
        .rejected
        .iter()
        .map(|rejection| (rejection.key.as_str(), rejection.error.code.as_str()))
        .collect();
    all.sort_unstable();
    all
}

fn answered_once(outcome: &Outcome, inputs: usize) {
    let keys: BTreeSet<&str> = outcome
        .answers
        .iter()
        .map(|answer| answer.key.as_str())
        .chain(
            outcome
                .rejected
                .iter()
                .map(|rejection| rejection.key.as_str()),
        )
        .collect();
    assert_eq!(keys.len(), inputs);
    assert_eq!(outcome.answers.len() + outcome.rejected.len(), inputs);
}

fn id(outcome: &Outcome, key: &str) -> i64 {
    let answer = outcome
        .answers
        .iter()
        .find(|answer| answer.key == key)
        .unwrap();
    let record: serde_json::Value = serde_json::from_str(&answer.data).unwrap();
    record["id"].as_i64().unwrap()
}

#[tokio::test]
async fn good_records_are_created_and_bad_ones_rejected() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    let before = sandbox.count("suppliers");
    let outcome = write(
        oauth(&sandbox),
        "create",
        "suppliers",
        &[],
        &[
            r#"{"name":"Alpha Metals","number":"N-1","payment-term":{"code":"Net 45"}}"#,
            r#"{"number":"N-2"}"#,
            r#"{"name":"Beta Paper","status":"sleeping"}"#,
            r#"{"name":"Gamma Glass","payment-term":{"code":"No Such Term"}}"#,
            r#"["not","an","object"]"#,
            r#"{"name":"Delta Dyes","#,
            r#"{"name":"Epsilon Electric"}"#,
        ],
    )
    .await;
    answered_once(&outcome, 7);
    assert_eq!(
        rejected(&outcome),
        [
            ("2", "coupa.refused"),
            ("3", "coupa.refused"),
            ("4", "coupa.refused"),
            ("5", "record.not-an-object"),
            ("6", "record.malformed"),
        ]
    );
    assert_eq!(
        (outcome.summary().succeeded, outcome.summary().rejected),
        (2, 5)
    );
    assert_eq!(sandbox.count("suppliers"), before + 2);
    assert_eq!(
        sandbox.record("suppliers", id(&outcome, "1")).unwrap()["name"],
        "Alpha Metals"
    );

    let by_key = |key: &str| {
        outcome
            .rejected
            .iter()
            .find(|rejection| rejection.key == key)
            .unwrap()
    };
    let fields = |key: &str| -> Vec<Option<&str>> {
        by_key(key)
            .error
            .fields
            .iter()
            .map(|field| field.field.as_deref())
            .collect()
    };
    assert_eq!(fields("2"), [Some("name")]);
    assert_eq!(fields("3"), [Some("status")]);
    assert_eq!(fields("4"), [Some("payment-term")]);
    assert!(
        by_key("4")
            .error
            .message
            .contains("Unable to find valid PaymentTerm record")
    );
    assert_eq!(
        by_key("3").data,
        r#"{"name":"Beta Paper","status":"sleeping"}"#
    );
}

#[tokio::test]
async fn a_taken_name_is_told_as_coupa_tells_it() {
    let sandbox = sandbox_with_keys(&[]);
    let record = r#"{"login":"jdoe","email":"jdoe@example.com","firstname":"J","lastname":"Doe"}"#;
    let outcome = write(
        api_key(&sandbox),
        "create",
        "users",
        &[("concurrency", "1")],
        &[record, record],
    )
    .await;
    answered_once(&outcome, 2);
    let error = &outcome.rejected[0].error;
    assert_eq!(error.status, Some(400));
    let told: Vec<_> = error
        .fields
        .iter()
        .map(|f| (f.field.as_deref(), f.message.as_str()))
        .collect();
    assert!(
        told.contains(&(Some("login"), "Login has already been taken")),
        "{told:?}"
    );
    assert!(
        told.contains(&(Some("email"), "Email has already been taken")),
        "{told:?}"
    );
}

#[tokio::test]
async fn records_are_updated_by_id_or_natural_key() {
    let sandbox = sandbox(&[("suppliers", 20)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await.records();
    let (first, second) = (&all[0], &all[1]);
    let by_id = format!(
        r#"{{"id":{},"website":"https://one.example"}}"#,
        first["id"]
    );
    let by_text_id = format!(
        r#"{{"id":"{}","website":"https://two.example"}}"#,
        second["id"]
    );
    let outcome = write(
        oauth(&sandbox),
        "update",
        "suppliers",
        &[],
        &[
            &by_id,
            &by_text_id,
            r#"{"id":999999999,"website":"x"}"#,
            r#"{"website":"x"}"#,
            r#"{"id":"x1"}"#,
        ],
    )
    .await;
    answered_once(&outcome, 5);
    assert_eq!(
        rejected(&outcome),
        [
            ("3", "record.not-found"),
            ("4", "record.key-missing"),
            ("5", "record.id-malformed")
        ]
    );
    let stored = sandbox
        .record("suppliers", first["id"].as_i64().unwrap())
        .unwrap();
    assert_eq!(stored["website"], "https://one.example");
    assert_eq!(stored["name"], first["name"], "what was not sent stays");

    let by_number = format!(
        r#"{{"number":{},"website":"https://three.example"}}"#,
        second["number"]
    );
    let outcome = write(
        oauth(&sandbox),
        "update",
        "suppliers",
        &[("key", "number")],
        &[&by_number, r#"{"number":"NO-SUCH","website":"x"}"#],
    )
    .await;
    assert_eq!(rejected(&outcome), [("2", "record.not-found")]);
    let stored = sandbox
        .record("suppliers", second["id"].as_i64().unwrap())
        .unwrap();
    assert_eq!(stored["website"], "https://three.example");

    let outcome = write(
        oauth(&sandbox),
        "update",
        "suppliers",
        &[("key", "status")],
        &[r#"{"status":"active","website":"x"}"#],
    )
    .await;
    assert_eq!(rejected(&outcome), [("1", "record.key-ambiguous")]);
}

#[tokio::test]
async fn what_coupa_answers_can_be_chosen() {
    let sandbox = sandbox(&[]);
    for (value, expected) in [("limited", 1_usize), ("none", 0)] {
        let record = format!(r#"{{"name":"Return {value}"}}"#);
        let outcome = write(
            oauth(&sandbox),
            "create",
            "suppliers",
            &[("return-object", value)],
            &[&record],
        )
        .await;
        assert_eq!(outcome.summary().succeeded, 1, "{outcome:?}");
        let data = &outcome.answers[0].data;
        let fields = serde_json::from_str::<serde_json::Value>(data)
            .map_or(0, |record| record.as_object().unwrap().len());
        assert_eq!(fields, expected, "{data}");
    }
}

#[tokio::test]
async fn writing_stops_after_as_many_rejections_as_asked() {
    let sandbox = sandbox(&[]);
    let records: Vec<String> = (0..50)
        .map(|n| format!(r#"{{"name":"S{n}","status":"sleeping"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = write(
        oauth(&sandbox),
        "create",
        "suppliers",
        &[("stop-after", "3"), ("concurrency", "1")],
        &records,
    )
    .await;
    assert_eq!(outcome.rejected.len(), 3);
    assert!(outcome.summary().stopped_early);
}

#[tokio::test]
async fn concurrency_is_bounded_and_used() {
    let sandbox = countable_sandbox(&[]);
    sandbox.add_fault(coupa_sandbox::FaultRule {
        times: None,
        ..coupa_sandbox::FaultRule::next(1, coupa_sandbox::Fault::Slow { milliseconds: 30 })
    });
    let records: Vec<String> = (0..40)
        .map(|n| format!(r#"{{"name":"Concurrent {n}"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = write(
        oauth(&sandbox),
        "create",
        "suppliers",
        &[("concurrency", "8")],
        &records,
    )
    .await;
    answered_once(&outcome, 40);
    let most = sandbox.counters().max_concurrent;
    assert!((2..=8).contains(&most), "{most} at a time");
    assert_eq!(
        sandbox.counters().token_requests,
        1,
        "calls that need a token together ask for one"
    );
}

#[tokio::test]
async fn a_connection_that_fails_ends_the_call_with_its_reason() {
    // Without a description nobody can tell which of the two is wrong.
    let sandbox = sandbox_with(&[], |configuration| {
        configuration.switches.token_error_description = true;
    });
    let wrong = with_secret(oauth(&sandbox), "client-secret", "wrong");
    let records: Vec<&str> = vec![r#"{"name":"A"}"#; 30];
    let outcome = write(
        wrong,
        "create",
        "suppliers",
        &[("concurrency", "2")],
        &records,
    )
    .await;
    assert_eq!(outcome.code(), "token.wrong-secret");
    assert!(outcome.rejected.len() < 30, "the rest was not tried");
    assert_eq!(count_posts(&sandbox), 0);
}

#[tokio::test]
async fn a_missing_scope_rejects_each_record_with_what_to_do() {
    let sandbox = sandbox(&[]);
    let reader = oauth(&sandbox).setting("scope", "core.supplier.read");
    let outcome = write(
        reader,
        "create",
        "suppliers",
        &[],
        &[r#"{"name":"A"}"#, r#"{"name":"B"}"#],
    )
    .await;
    answered_once(&outcome, 2);
    for rejection in &outcome.rejected {
        assert_eq!(rejection.error.kind, ErrorKind::Permission);
        assert!(
            rejection
                .error
                .remedy
                .as_ref()
                .unwrap()
                .contains("write scope")
        );
    }
}

#[tokio::test]
async fn unknowns_about_writing_make_no_difference() {
    for status in [200, 201] {
        let sandbox = sandbox_with(&[], |configuration| {
            configuration.switches.created_status = status
        });
        let outcome = write(
            oauth(&sandbox),
            "create",
            "suppliers",
            &[],
            &[r#"{"name":"Either way"}"#],
        )
        .await;
        assert_eq!(outcome.summary().succeeded, 1);
    }
}

fn count_posts(sandbox: &Sandbox) -> usize {
    sandbox
        .log()
        .iter()
        .filter(|request| request.method == "POST" && request.path.starts_with("/api"))
        .count()
}

#[tokio::test]
async fn updates_of_one_record_keep_their_order() {
    let sandbox = sandbox(&[("suppliers", 5)]);
    let id = query(oauth(&sandbox), "suppliers", &[]).await.keys()[0];
    // The first is held up; the others would overtake it.
    sandbox.add_fault(
        coupa_sandbox::FaultRule::next(1, coupa_sandbox::Fault::Slow { milliseconds: 300 })
            .on_method("PUT"),
    );
    let records: Vec<String> = (0..12)
        .map(|n| format!(r#"{{"id":{id},"website":"https://{n}.example"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &records).await;
    answered_once(&outcome, 12);
    assert_eq!(
        sandbox.record("suppliers", id).unwrap()["website"],
        "https://11.example"
    );
}

#[tokio::test]
async fn a_key_that_coupa_does_not_filter_by_changes_nothing() {
    let sandbox = sandbox_with(&[], |configuration| {
        configuration.switches.unknown_filter = coupa_sandbox::switches::Unknown::Ignore;
    });
    let only = r#"{"name":"The only integration","code":"ONLY","end-system":"ERP"}"#;
    let created = write(oauth(&sandbox), "create", "integrations", &[], &[only]).await;
    let wrong = r#"{"code":"ANOTHER","name":"Changed by mistake"}"#;
    let outcome = write(
        oauth(&sandbox),
        "update",
        "integrations",
        &[("key", "code")],
        &[wrong],
    )
    .await;
    assert_eq!(outcome.rejected.len(), 1, "{created:?} {outcome:?}");
}

#[tokio::test]
async fn a_target_that_is_stopped_does_not_wait_for_more_input() {
    let sandbox = sandbox(&[]);
    let session = crate::support::connector()
        .session(oauth(&sandbox))
        .await
        .unwrap();
    let item = host_harness::runtime::types::Item {
        key: "1".to_owned(),
        data: r#"{"name":"S","status":"sleeping"}"#.to_owned(),
    };
    // One record, and then nothing, without an end.
    let input =
        futures::StreamExt::chain(futures::stream::iter([item]), futures::stream::pending());
    let call = crate::support::call("create", "suppliers", &[("stop-after", "1")]);
    let mut execution = session.execute(call, Box::pin(input));
    let ended = tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while execution.next().await.is_some() {}
        execution.finish().await
    });
    assert!(ended.await.unwrap().unwrap().stopped_early);
}
