//! What a front answers itself, or does not speak: told as what it is, and never as a
//! secret that is wrong.

use super::connect;
use crate::servers::authority::Authority;
use crate::servers::front::{Front, HTTP1, HTTP2, Script};
use crate::support::{query, sandbox, test, through};
use host_harness::egress::Protocol;
use host_harness::runtime::types::{Check, Error};

/// What the test of a connection fails with.
pub fn failure(checks: &[Check]) -> &Error {
    let failed = checks.iter().find_map(|check| check.error.as_ref());
    failed.unwrap_or_else(|| panic!("nothing failed: {checks:?}"))
}

/// Says what it is and what to do, and not that it would lie at the credentials.
pub fn assert_told(error: &Error, code: &str) {
    assert_eq!(error.code, code, "{}", error.message);
    let remedy = error.remedy.as_deref().unwrap_or_default();
    assert!(!remedy.is_empty(), "{code}");
    let said = format!("{} {remedy}", error.message);
    assert!(!said.contains("Secret"), "{said}");
}

#[tokio::test]
async fn pages_of_a_front_are_told_as_its_own() {
    let sandbox = sandbox(&[]);
    for (status, code) in [
        (400, "front.bad-request"),
        (421, "front.misdirected"),
        (505, "front.http-version"),
    ] {
        for script in [Script::default(), Script::http1()] {
            let script = Script {
                page: Some(status),
                ..script
            };
            let front = Front::with(script, &sandbox).await;
            assert_told(failure(&test(connect(&front)).await), code);
            // A run says the same.
            let outcome = query(connect(&front), "suppliers", &[]).await;
            assert_eq!(outcome.code(), code);
            front.assert_well_formed();
        }
    }
    assert!(sandbox.log().is_empty());
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told() {
    let sandbox = sandbox(&[]);
    let another = Script {
        names: &["other.coupahost.com"],
        ..Script::default()
    };
    let of_years = |years| Script {
        years,
        ..Script::default()
    };
    for (script, code) in [
        (another, "tls.wrong-name"),
        (of_years(2000..2020), "tls.expired"),
        (of_years(2900..3000), "tls.not-yet-valid"),
    ] {
        let front = Front::with(script, &sandbox).await;
        let checks = test(connect(&front)).await;
        assert_told(failure(&checks), code);
        assert_eq!(checks[1].name, "reachable");
        assert!(checks[1].error.is_some());
    }
    let front = Front::start(&sandbox).await;
    let renewed = through(&front.url(), &front.renewed);
    assert_told(failure(&test(renewed).await), "tls.bad-signature");
    let stranger = through(&front.url(), &Authority::new().pem);
    assert_told(failure(&test(stranger).await), "tls.unknown-authority");
    assert!(sandbox.log().is_empty());
}

#[tokio::test]
async fn a_front_without_a_protocol_in_common_is_told() {
    let sandbox = sandbox(&[]);
    let script = Script {
        alpn: &["smtp"],
        ..Script::default()
    };
    let front = Front::with(script, &sandbox).await;
    assert_told(failure(&test(connect(&front)).await), "reach.alpn");
}

#[tokio::test]
async fn a_front_that_wants_http1_is_told_and_gets_it_where_the_connection_says_so() {
    let sandbox = sandbox(&[]);
    let script = Script {
        wants_http1: true,
        ..Script::default()
    };
    let front = Front::with(script, &sandbox).await;
    let mut connection = connect(&front);
    let checks = test(connection.clone()).await;
    assert_told(failure(&checks), "http.requires-http1");
    connection.protocol = Protocol::Http1;
    let checks = test(connection).await;
    assert!(
        checks.iter().all(|check| check.error.is_none()),
        "{checks:?}"
    );
}

#[tokio::test]
async fn what_is_no_http_is_told() {
    let sandbox = sandbox(&[]);
    for alpn in [&[HTTP1], &[HTTP2]] {
        let script = Script {
            alpn,
            gibberish: true,
            ..Script::default()
        };
        let front = Front::with(script, &sandbox).await;
        assert_told(failure(&test(connect(&front)).await), "coupa.broken-http");
    }
}
