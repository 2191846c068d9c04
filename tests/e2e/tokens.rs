//! Tokens that live briefly and are refused at first: what gets through one at a time gets
//! through together, and no more of them are minted.

use crate::support::{countable_sandbox, oauth, query, test, write};
use coupa_sandbox::Sandbox;
use host_harness::runtime::types::CheckOutcome;
use std::time::Instant;

/// Of each token, only its last second is of use.
fn slow_sandbox(records: &[(&str, u64)]) -> Sandbox {
    let sandbox = countable_sandbox(records);
    let mut switches = sandbox.switches_mut();
    switches.token_lifetime_s = 3;
    switches.token_delay_ms = 2000;
    drop(switches);
    sandbox
}

/// So many as time uses up, where each is renewed when a sixth of its life is left.
fn used_up(since: Instant, instances: u64) -> u64 {
    instances * (1 + since.elapsed().as_millis() as u64 / 2500)
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_one_connection_wait_for_its_token_together() {
    let sandbox = slow_sandbox(&[("suppliers", 60)]);
    let connection = oauth(&sandbox);
    let started = Instant::now();
    let runs = (0..12).map(|_| query(connection.clone(), "suppliers", &[]));
    for outcome in futures::future::join_all(runs).await {
        assert_eq!(outcome.summary().succeeded, 60);
    }
    let minted = sandbox.counters().token_requests;
    assert!(minted <= used_up(started, 12), "{minted} tokens");
    // One that comes later, and one after the other.
    for _ in 0..2 {
        assert_eq!(
            query(connection.clone(), "suppliers", &[])
                .await
                .summary()
                .succeeded,
            60
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_waits_for_its_token_once_for_all_that_is_under_way() {
    let sandbox = slow_sandbox(&[]);
    let records: Vec<String> = (0..40)
        .map(|n| format!(r#"{{"name":"Slow {n}"}}"#))
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let before = sandbox.count("commodities");
    let started = Instant::now();
    let options = [("concurrency", "8")];
    let outcome = write(oauth(&sandbox), "create", "commodities", &options, &records).await;
    assert_eq!(outcome.summary().succeeded, 40, "{:?}", outcome.rejected);
    assert_eq!(sandbox.count("commodities") - before, 40);
    let minted = sandbox.counters().token_requests;
    assert!(minted <= used_up(started, 1), "{minted} tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_waits_for_a_token_as_a_run_does() {
    let sandbox = slow_sandbox(&[]);
    let checks = test(oauth(&sandbox)).await;
    assert!(
        checks
            .iter()
            .all(|check| check.outcome == CheckOutcome::Passed),
        "{checks:?}"
    );
    assert_eq!(sandbox.counters().token_requests, 1);
}
