//! Testing a connection: each step, and each way it can fail.

use crate::servers::process::free_port;
use crate::support::{
    API_KEY, CLIENT_ID, CLIENT_SECRET, SCOPES, api_key, connection, make_countable, oauth, sandbox,
    sandbox_with, sandbox_with_keys, test, with_secret,
};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::runtime::Connection;
use host_harness::runtime::types::{Check, CheckOutcome};

/// The steps as `name outcome`, the failed one with its code.
fn steps(checks: &[Check]) -> Vec<String> {
    checks
        .iter()
        .map(|check| match (check.outcome, &check.error) {
            (CheckOutcome::Passed, None) => format!("{} passed", check.name),
            (CheckOutcome::Skipped, None) => format!("{} skipped", check.name),
            (CheckOutcome::Failed, Some(error)) => {
                assert!(
                    error.remedy.is_some(),
                    "{} says not what to do: {}",
                    error.code,
                    error.message
                );
                format!("{} {}", check.name, error.code)
            }
            other => panic!("{}: {other:?}", check.name),
        })
        .collect()
}

fn message(checks: &[Check]) -> &str {
    &checks
        .iter()
        .find_map(|check| check.error.as_ref())
        .unwrap()
        .message
}

fn scoped(sandbox: &Sandbox, scope: &str) -> Connection {
    oauth(sandbox).setting("scope", scope)
}

#[tokio::test]
async fn good_connections_pass_every_step() {
    let sandbox = sandbox_with_keys(&[]);
    let passed = [
        "settings passed",
        "reachable passed",
        "token passed",
        "read passed",
    ];
    assert_eq!(steps(&test(oauth(&sandbox)).await), passed);
    assert_eq!(
        steps(&test(scoped(&sandbox, "core.invoice.read")).await),
        passed
    );
    assert_eq!(
        steps(&test(api_key(&sandbox)).await),
        [
            "settings passed",
            "reachable passed",
            "token skipped",
            "read passed"
        ]
    );
}

#[tokio::test]
async fn settings_are_checked_first() {
    let sandbox = sandbox(&[]);
    for (connection, expected) in [
        (
            connection("https://acme.coupahost.com/api"),
            "settings settings.host-malformed",
        ),
        (
            connection("https://me:pw@acme.coupahost.com"),
            "settings settings.host-malformed",
        ),
        (
            connection("ftp://acme.coupahost.com"),
            "settings settings.host-malformed",
        ),
        (
            connection("http://acme.coupahost.com"),
            "settings settings.host-malformed",
        ),
        (
            connection(&sandbox.base_url()),
            "settings settings.client-id-missing",
        ),
        (
            with_secret(oauth(&sandbox), "other", "x"),
            "settings settings.secret-missing",
        ),
        (
            with_secret(oauth(&sandbox), "client-secret", "two words"),
            "settings settings.secret-malformed",
        ),
        (
            oauth(&sandbox).setting("timeout", "0"),
            "settings settings.timeout-malformed",
        ),
    ] {
        let steps = steps(&test(connection).await);
        assert_eq!(
            steps,
            [
                expected,
                "reachable skipped",
                "token skipped",
                "read skipped"
            ]
        );
    }
    assert_eq!(
        sandbox.log().len(),
        0,
        "nothing is sent with settings that are wrong"
    );
}

#[tokio::test]
async fn what_cannot_be_reached_is_told_apart() {
    // Nobody listens there: refused.
    let refused =
        connection(&format!("http://127.0.0.1:{}", free_port())).setting("client-id", CLIENT_ID);
    assert_eq!(steps(&test(refused).await)[1], "reachable reach.refused");

    let unknown = connection("https://no-such-instance.invalid").setting("client-id", CLIENT_ID);
    assert_eq!(
        steps(&test(unknown).await)[1],
        "reachable reach.unknown-name"
    );

    // The sandbox speaks no TLS.
    let sandbox = sandbox(&[]);
    let secure = sandbox.base_url().replace("http://", "https://");
    let no_tls = connection(&secure).setting("client-id", CLIENT_ID);
    assert_eq!(steps(&test(no_tls).await)[1], "reachable reach.tls");

    // Production reaches nothing on this machine.
    let mut production = connection(&secure).setting("client-id", CLIENT_ID);
    production.environment = host_harness::connection::Environment::Production;
    assert_eq!(steps(&test(production).await)[1], "reachable reach.denied");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let sandbox = sandbox(&[]);
    sandbox.fail_next(Fault::Redirect {
        location: "https://evil.example/".to_owned(),
    });
    let checks = test(oauth(&sandbox)).await;
    assert_eq!(steps(&checks)[1], "reachable coupa.redirect");
    assert!(message(&checks).contains("evil.example"));
}

#[tokio::test]
async fn refused_tokens_are_told_apart() {
    let sandbox = sandbox_with(&[], |configuration| {
        configuration.switches.token_error_description = true
    });
    let wrong_secret = with_secret(oauth(&sandbox), "client-secret", "wrong");
    let unknown_client = connection(&sandbox.base_url()).setting("client-id", "nobody");
    let unknown_client = with_secret(unknown_client, "client-secret", CLIENT_SECRET);
    assert_eq!(
        steps(&test(wrong_secret.clone()).await)[2],
        "token token.wrong-secret"
    );
    assert_eq!(
        steps(&test(unknown_client.clone()).await)[2],
        "token token.unknown-client"
    );

    let checks = test(scoped(
        &sandbox,
        "core.supplier.read core.sourcing.read core.invoice.read",
    ))
    .await;
    assert_eq!(
        steps(&checks)[2..],
        ["token token.scope-not-granted", "read skipped"]
    );
    assert_eq!(
        message(&checks),
        "the client was not granted: core.sourcing.read"
    );

    // Where Coupa says no more than that the client is invalid, neither does
    // the check.
    sandbox.switches_mut().token_error_description = false;
    assert_eq!(
        steps(&test(wrong_secret).await)[2],
        "token token.client-refused"
    );
    assert_eq!(
        steps(&test(unknown_client).await)[2],
        "token token.client-refused"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_is_none_is_recognised() {
    let sandbox = sandbox(&[]);
    let html = FaultRule::next(1, Fault::Html { status: 200 }).on_path("/oauth2");
    sandbox.add_fault(html);
    assert_eq!(
        steps(&test(oauth(&sandbox)).await)[2],
        "token token.unexpected-answer"
    );
    let down = FaultRule::next(1, Fault::status(503));
    sandbox.add_fault(down.on_path("/oauth2"));
    assert_eq!(
        steps(&test(oauth(&sandbox)).await)[2],
        "token coupa.server-error"
    );
}

#[tokio::test]
async fn a_read_that_is_not_allowed_is_told() {
    let sandbox = sandbox_with_keys(&[]);
    let checks = test(scoped(&sandbox, "core.supplier.write")).await;
    assert_eq!(steps(&checks)[3], "read read.no-scope");
    let wrong_key = with_secret(api_key(&sandbox), "api-key", "wrong");
    assert_eq!(
        steps(&test(wrong_key).await)[3],
        "read coupa.api-key-refused"
    );
    sandbox.switches_mut().api_key = false;
    assert_eq!(
        steps(&test(api_key(&sandbox)).await)[3],
        "read coupa.api-key-refused"
    );
}

#[tokio::test]
async fn a_token_that_has_not_settled_is_waited_for() {
    let sandbox = sandbox_with(&[], |configuration| {
        make_countable(configuration);
        configuration.switches.token_delay_ms = 1500;
    });
    assert_eq!(steps(&test(oauth(&sandbox)).await)[3], "read passed");
}

#[tokio::test]
async fn no_secret_shows_in_checks_or_logs() {
    let sandbox = sandbox_with_keys(&[]);
    for wrong in [
        with_secret(oauth(&sandbox), "client-secret", "Tops3cret!"),
        oauth(&sandbox),
        api_key(&sandbox),
    ] {
        let mut session = crate::support::connector().session(wrong).await.unwrap();
        let checks = session.test().await.unwrap();
        let all = format!("{checks:?} {:?}", session.log().lines());
        for secret in ["Tops3cret!", CLIENT_SECRET, API_KEY] {
            assert!(!all.contains(secret), "{all}");
        }
        assert!(all.contains("revealed a secret"));
    }
    assert!(SCOPES.contains("core.common.read"));
}
