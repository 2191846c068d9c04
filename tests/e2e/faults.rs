//! When things go wrong: each fault of the sandbox through the real component.

// Each test counts what one fault costs.
use crate::support::countable_sandbox as sandbox;
use crate::support::{Outcome, countable_sandbox, oauth, query, sandbox_with_keys, write};
use coupa_sandbox::switches::RefusalBody;
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::runtime::RuntimeError;
use host_harness::runtime::types::{ErrorKind, NoticeKind};
use std::time::Instant;

const fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::Status {
        status,
        retry_after,
        processed: false,
    }
}

/// Faults that a read gets over by trying again.
fn passing() -> Vec<(&'static str, Fault)> {
    vec![
        ("429", status(429, None)),
        ("429 with Retry-After", status(429, Some(1))),
        ("500", status(500, None)),
        ("502", status(502, None)),
        ("503", status(503, Some(1))),
        ("504", status(504, None)),
        ("html 502", Fault::Html { status: 502 }),
        ("html 200", Fault::Html { status: 200 }),
        ("reset before", Fault::ResetBefore),
        ("reset after", Fault::ResetAfter),
        ("truncated", Fault::Truncated),
        ("half a body", Fault::HalfBody),
        ("no body", Fault::EmptyBody),
        ("expired token", Fault::ExpireTokens),
        ("slow", Fault::Slow { milliseconds: 1500 }),
        (
            "slow body",
            Fault::SlowBody {
                bytes: 10,
                milliseconds: 1500,
            },
        ),
    ]
}

#[tokio::test]
async fn a_read_gets_over_every_passing_fault() {
    let sandbox = sandbox(&[("suppliers", 130)]);
    for (name, fault) in passing() {
        // On the second page, so that some records have been delivered.
        sandbox.add_fault(FaultRule::next(1, fault).after(1));
        let outcome = query(oauth(&sandbox).setting("timeout", "1"), "suppliers", &[]).await;
        let keys = outcome.keys();
        assert_eq!(keys.len(), 130, "{name}");
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{name}");
        assert_eq!(outcome.summary().retries, 1, "{name}");
        sandbox.clear_faults();
    }
}

#[tokio::test]
async fn an_answer_with_another_content_type_is_still_json() {
    let sandbox = sandbox(&[("suppliers", 60)]);
    sandbox.fail_next(Fault::WrongContentType {
        content_type: "text/plain".to_owned(),
    });
    assert_eq!(
        query(oauth(&sandbox), "suppliers", &[])
            .await
            .summary()
            .succeeded,
        60
    );
}

#[tokio::test]
async fn a_fault_that_stays_ends_the_read_and_keeps_what_came() {
    let sandbox = sandbox(&[("suppliers", 130)]);
    for (fault, code) in [
        (status(429, Some(3600)), "coupa.rate-limited"),
        (status(403, None), "coupa.forbidden"),
        (
            Fault::Redirect {
                location: "https://evil.example/api".to_owned(),
            },
            "coupa.redirect",
        ),
        (status(418, None), "coupa.unexpected-status"),
    ] {
        sandbox.add_fault(FaultRule {
            times: None,
            ..FaultRule::next(1, fault).after(2)
        });
        let outcome = query(oauth(&sandbox), "suppliers", &[]).await;
        assert_eq!(outcome.code(), code);
        assert_eq!(outcome.items.len(), 100, "{code}");
        assert_eq!(outcome.checkpoints.len(), 2, "{code}");
        sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_read_that_keeps_failing_gives_up_in_bounded_time() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, status(503, None))
    });
    let started = Instant::now();
    let outcome = query(oauth(&sandbox), "suppliers", &[]).await;
    assert_eq!(outcome.code(), "coupa.server-error");
    assert!(started.elapsed().as_secs() < 15);
    assert_eq!(gets(&sandbox), 6);
}

#[tokio::test]
async fn retry_after_is_honoured_and_told() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    sandbox.fail_next(status(429, Some(2)));
    let started = Instant::now();
    let outcome = query(oauth(&sandbox), "suppliers", &[]).await;
    assert!(started.elapsed().as_millis() >= 2000);
    let notice = &outcome.notices[0];
    assert_eq!(notice.kind, NoticeKind::Throttled);
    assert!(notice.wait.unwrap() >= 2000);
}

#[tokio::test]
async fn the_rate_limit_of_coupa_is_lived_with() {
    let sandbox = sandbox(&[("suppliers", 2000)]);
    {
        let mut switches = sandbox.switches_mut();
        switches.rate_limit = true;
        switches.rate_per_second = 25.0;
        // Two more than documented, for requests that travel closer together
        // than they were sent.
        switches.rate_burst = 22.0;
    }
    // As the descriptor declares it, the host keeps the pace and nothing is refused.
    let mut connection = oauth(&sandbox);
    connection.limits.requests_per_second = None;
    let outcome = query(connection, "suppliers", &[]).await;
    assert_eq!(outcome.summary().succeeded, 2000);
    assert!(sandbox.log().iter().all(|request| request.status != 429));
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    let connection = oauth(&sandbox);
    query(connection.clone(), "suppliers", &[]).await;
    sandbox.fail_next(Fault::ExpireTokens);
    assert_eq!(
        query(connection.clone(), "suppliers", &[])
            .await
            .summary()
            .succeeded,
        10
    );
    assert_eq!(sandbox.counters().token_requests, 2);

    // One that is refused however new it is ends the call.
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, status(401, None))
    });
    let outcome = query(connection.clone(), "suppliers", &[]).await;
    assert_eq!(outcome.code(), "coupa.token-refused");
}

#[tokio::test]
async fn bodies_of_refusals_make_no_difference() {
    let sandbox = sandbox_with_keys(&[]);
    for body in [RefusalBody::Envelope, RefusalBody::Empty, RefusalBody::Html] {
        {
            let mut switches = sandbox.switches_mut();
            switches.unauthorized_body = body;
            switches.forbidden_body = body;
            switches.not_found_body = body;
        }
        let reader = oauth(&sandbox).setting("scope", "core.invoice.read");
        assert_eq!(
            query(reader, "suppliers", &[]).await.code(),
            "coupa.forbidden"
        );
        let missing = write(
            oauth(&sandbox),
            "update",
            "suppliers",
            &[],
            &[r#"{"id":987654321}"#],
        )
        .await;
        assert_eq!(missing.rejected[0].error.code, "record.not-found");
        let nobody =
            crate::support::with_secret(crate::support::api_key(&sandbox), "api-key", "nobody");
        assert_eq!(
            query(nobody, "suppliers", &[]).await.code(),
            "coupa.api-key-refused"
        );
    }
}

/// What came of creating one record under a fault: its kind where it was
/// rejected, how often it was sent, and how often it is there now.
async fn create_under(
    sandbox: &Sandbox,
    object: &str,
    fault: Fault,
) -> (Option<ErrorKind>, usize, u64) {
    let before = sandbox.count(object);
    sandbox.reset_log();
    sandbox.add_fault(FaultRule::next(1, fault).on_method("POST"));
    let name = format!(
        r#"{{"name":"Record {before} {}"}}"#,
        sandbox.counters().connections
    );
    let connection = oauth(sandbox).setting("timeout", "1");
    let outcome: Outcome = write(connection, "create", object, &[], &[&name]).await;
    sandbox.clear_faults();
    assert_eq!(outcome.answers.len() + outcome.rejected.len(), 1);
    let posts = sandbox
        .log()
        .iter()
        .filter(|request| request.method == "POST" && request.path.starts_with("/api"))
        .count();
    let kind = outcome
        .rejected
        .first()
        .map(|rejection| rejection.error.kind);
    (kind, posts, sandbox.count(object) - before)
}

/// Faults after which a create may have arrived, and whether it has.
fn faults_of_unknown_fate() -> [(&'static str, Fault, u64); 10] {
    [
        ("reset after", Fault::ResetAfter, 1),
        ("reset before", Fault::ResetBefore, 0),
        ("truncated", Fault::Truncated, 1),
        ("half a body", Fault::HalfBody, 1),
        ("no body", Fault::EmptyBody, 1),
        ("html 200", Fault::Html { status: 200 }, 0),
        ("html 502", Fault::Html { status: 502 }, 0),
        ("500", status(500, None), 0),
        (
            "504, processed",
            Fault::Status {
                status: 504,
                retry_after: None,
                processed: true,
            },
            1,
        ),
        ("slow", Fault::Slow { milliseconds: 1500 }, 1),
    ]
}

/// No two commodities are kept apart by a key, so that nobody can look.
#[tokio::test]
async fn a_create_is_never_sent_twice_when_it_may_have_arrived() {
    let sandbox = sandbox(&[]);
    for (name, fault, there) in faults_of_unknown_fate() {
        let (kind, posts, count) = create_under(&sandbox, "commodities", fault).await;
        assert_eq!(kind, Some(ErrorKind::Uncertain), "{name}");
        assert!(posts <= 1, "{name}: sent {posts} times");
        if name != "slow" {
            assert_eq!(count, there, "{name}");
        }
    }
}

/// No two departments have the same name, so that it can be looked up.
#[tokio::test]
async fn a_create_that_may_have_arrived_is_looked_up_by_its_key() {
    let sandbox = sandbox(&[]);
    for (name, fault, there) in faults_of_unknown_fate() {
        let (kind, posts, count) = create_under(&sandbox, "departments", fault).await;
        assert_eq!((kind, count), (None, 1), "{name}");
        if there == 1 {
            assert_eq!(posts, 1, "{name}: it had arrived");
        }
    }
}

#[tokio::test]
async fn a_record_that_was_there_before_is_not_taken_for_the_one_sent() {
    let sandbox = sandbox(&[]);
    let before = r#"{"name":"Twin","number":"T-1","website":"https://old.example"}"#;
    write(oauth(&sandbox), "create", "suppliers", &[], &[before]).await;
    sandbox.add_fault(FaultRule::next(1, Fault::ResetBefore).on_method("POST"));
    let sent = r#"{"name":"Twin","number":"T-1","website":"https://new.example"}"#;
    let outcome = write(oauth(&sandbox), "create", "suppliers", &[], &[sent]).await;
    let error = &outcome.rejected[0].error;
    assert_eq!(
        (error.kind, error.code.as_str()),
        (ErrorKind::Uncertain, "write.uncertain-differs")
    );
    assert!(error.message.contains("website"), "{}", error.message);
}

#[tokio::test]
async fn a_create_is_sent_again_when_it_was_certainly_not_processed() {
    let sandbox = sandbox(&[]);
    for (name, fault) in [
        ("429", status(429, None)),
        ("429 with Retry-After", status(429, Some(1))),
    ] {
        let (kind, posts, count) = create_under(&sandbox, "commodities", fault).await;
        assert_eq!((kind, posts, count), (None, 2, 1), "{name}");
    }
}

#[tokio::test]
async fn a_create_is_sent_again_at_once_where_its_token_was_good_and_is_no_more() {
    let sandbox = countable_sandbox(&[]);
    let before = sandbox.count("commodities");
    let expired = FaultRule::next(1, Fault::ExpireTokens).on_method("POST");
    sandbox.add_fault(expired.after(1));
    let records = [r#"{"name":"Before"}"#, r#"{"name":"After"}"#];
    let one_by_one = [("concurrency", "1")];
    let outcome = write(
        oauth(&sandbox),
        "create",
        "commodities",
        &one_by_one,
        &records,
    )
    .await;
    assert_eq!(outcome.summary().succeeded, 2, "{:?}", outcome.rejected);
    assert_eq!(outcome.summary().retries, 1);
    assert_eq!(sandbox.count("commodities") - before, 2);
}

#[tokio::test]
async fn an_update_is_repeated_only_where_that_changes_nothing() {
    let sandbox = sandbox(&[("suppliers", 3), ("purchase_orders", 3)]);
    let supplier = query(oauth(&sandbox), "suppliers", &[]).await.keys()[0];
    let puts = |sandbox: &Sandbox| {
        sandbox
            .log()
            .iter()
            .filter(|request| request.method == "PUT")
            .count()
    };

    sandbox.add_fault(FaultRule::next(1, Fault::ResetAfter).on_method("PUT"));
    let plain = format!(r#"{{"id":{supplier},"website":"https://again.example"}}"#);
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &[&plain]).await;
    assert_eq!(outcome.summary().succeeded, 1);
    assert_eq!(outcome.summary().retries, 1);

    let order = query(oauth(&sandbox), "purchase_orders", &[]).await.keys()[0];
    sandbox.reset_log();
    sandbox.add_fault(FaultRule::next(1, Fault::ResetAfter).on_method("PUT"));
    let adds = format!(
        r#"{{"id":{order},"order-lines":[{{"description":"One more","price":"1.00","quantity":"1"}}]}}"#
    );
    let outcome = write(oauth(&sandbox), "update", "purchase_orders", &[], &[&adds]).await;
    assert_eq!(outcome.rejected[0].error.kind, ErrorKind::Uncertain);
    assert!(puts(&sandbox) <= 1);
}

#[tokio::test]
async fn other_records_go_on_when_one_is_uncertain() {
    let sandbox = sandbox(&[]);
    sandbox.add_fault(
        FaultRule::next(1, Fault::ResetAfter)
            .on_method("POST")
            .after(2),
    );
    let records: Vec<String> = (0..10)
        .map(|n| format!(r#"{{"name":"Steady {n}"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let outcome = write(
        oauth(&sandbox),
        "create",
        "commodities",
        &[("concurrency", "1")],
        &records,
    )
    .await;
    assert_eq!((outcome.answers.len(), outcome.rejected.len()), (9, 1));
    assert_eq!(outcome.rejected[0].key, "3");
}

#[tokio::test]
async fn a_sandbox_that_goes_away_midway_is_told() {
    let sandbox = sandbox(&[("suppliers", 3000)]);
    let session = crate::support::connector()
        .session(oauth(&sandbox))
        .await
        .unwrap();
    let call = crate::support::call("query", "suppliers", &[]);
    let mut execution = session.execute(call, Box::pin(futures::stream::empty()));
    assert!(execution.next().await.is_some());
    sandbox.shutdown();
    let mut taken = 0;
    while let Some(events) = execution.next().await {
        taken += events.len();
    }
    match execution.finish().await.unwrap_err() {
        RuntimeError::Connector(error) => {
            assert!(
                matches!(
                    error.0.kind,
                    ErrorKind::Unreachable | ErrorKind::RemoteFailure
                ),
                "{error}"
            );
        }
        other => panic!("{other}"),
    }
    assert!(taken < 3000);
}

fn gets(sandbox: &Sandbox) -> usize {
    sandbox
        .log()
        .iter()
        .filter(|request| request.method == "GET")
        .count()
}

#[tokio::test]
async fn a_token_endpoint_that_is_missing_is_never_read_as_no_records() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    let missing = FaultRule::next(1, status(404, None)).on_path("/oauth2");
    sandbox.add_fault(missing.clone());
    assert_eq!(
        query(oauth(&sandbox), "suppliers", &[]).await.code(),
        "token.refused"
    );
    sandbox.add_fault(missing);
    let outcome = write(
        oauth(&sandbox),
        "create",
        "suppliers",
        &[],
        &[r#"{"name":"A"}"#],
    )
    .await;
    assert_eq!(outcome.code(), "token.refused");
}

#[tokio::test]
async fn an_update_that_may_have_been_taken_stays_in_doubt_whatever_comes_after() {
    let sandbox = sandbox(&[("suppliers", 3)]);
    let id = query(oauth(&sandbox), "suppliers", &[]).await.keys()[0];
    let record = format!(r#"{{"id":{id},"website":"https://doubt.example"}}"#);
    // Taken, and then refused when it is repeated.
    sandbox.add_fault(FaultRule::next(1, Fault::ResetAfter).on_method("PUT"));
    sandbox.add_fault(FaultRule::next(1, status(400, None)).on_method("PUT"));
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &[&record]).await;
    assert_eq!(outcome.rejected[0].error.kind, ErrorKind::Uncertain);

    // One that Coupa says it took is not repeated for its answer's sake.
    sandbox.clear_faults();
    sandbox.reset_log();
    sandbox.add_fault(FaultRule::next(1, Fault::HalfBody).on_method("PUT"));
    let outcome = write(oauth(&sandbox), "update", "suppliers", &[], &[&record]).await;
    assert_eq!(outcome.rejected[0].error.kind, ErrorKind::Uncertain);
    assert_eq!(
        sandbox
            .log()
            .iter()
            .filter(|request| request.method == "PUT")
            .count(),
        1
    );
}

#[tokio::test]
async fn one_record_is_found_by_its_id() {
    let sandbox = sandbox(&[("suppliers", 20)]);
    let id = query(oauth(&sandbox), "suppliers", &[]).await.keys()[7];
    let one = query(
        oauth(&sandbox),
        "suppliers",
        &[("filter", &format!("id={id}"))],
    )
    .await;
    assert_eq!(one.keys(), [id]);
}
