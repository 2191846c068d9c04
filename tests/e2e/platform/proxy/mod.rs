//! A private agent's proxy: https goes through it by `CONNECT`.

mod connect_proxy;

use super::{DEVELOPMENT, PRODUCTION, PROJECT, Place, code, draft};
use crate::servers::front::{Front, NAME, Protocol, Received};
use crate::support::{CLIENT_ID, CLIENT_SECRET, sandbox};
use connect_proxy::{Asked, ConnectProxy};
use host_harness::records::Format;
use host_harness::workspace::{
    AgentDraft, CheckResult, ConnectionDraft, Endpoint, EnvironmentId, GroupId, GroupKind,
    ProxySettings, Run, RunState,
};
use secrecy::SecretString;

const USER: &str = "agent-of-acme";
const PASSWORD: &str = "pass-0f-the-pr0xy:with-a-colon";
const CREDENTIALS: &str = "agent-of-acme:pass-0f-the-pr0xy:with-a-colon";
const WRONG: &str = "an0ther-passw0rd";

/// A connection by way of the proxy.
fn proxied(host: &str) -> ConnectionDraft {
    let mut form = draft(
        "Coupa",
        &[
            ("host", host),
            ("authentication", "oauth"),
            ("client-id", CLIENT_ID),
        ],
        &[("client-secret", CLIENT_SECRET)],
    );
    form.use_proxy = true;
    form
}

fn settings(url: &str, exceptions: &[&str]) -> ProxySettings {
    ProxySettings {
        url: url.to_owned(),
        user: Some(USER.to_owned()),
        exceptions: exceptions.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// Configures the one agent.
fn configure(place: &Place, proxy: Option<ProxySettings>, password: &str, authority: &str) {
    let agent = place.workspace.agents().unwrap().remove(0);
    let (id, revision) = (agent.id, agent.revision);
    let draft = AgentDraft {
        proxy,
        proxy_password: Some(SecretString::from(password)),
        certificates: authority.to_owned(),
        ..agent.into()
    };
    let saved = place.workspace.update_agent(id, revision, draft).unwrap();
    kept_quiet(&saved);
}

fn kept_quiet(said: &impl serde::Serialize) {
    let said = serde_json::to_string(said).unwrap();
    for secret in [PASSWORD, WRONG, CLIENT_SECRET] {
        assert!(!said.contains(secret), "{said}");
    }
}

/// The steps of a test on the one agent.
async fn test(
    place: &Place,
    environment: EnvironmentId,
    form: &ConnectionDraft,
) -> Vec<CheckResult> {
    let report = place
        .workspace
        .test_connection(PROJECT, environment, None, form)
        .await
        .unwrap();
    kept_quiet(&report);
    assert_eq!(report.agents[0].error, None);
    report.agents[0].checks.clone()
}

fn failure(checks: Vec<CheckResult>) -> CheckResult {
    let failed = checks.into_iter().find(|check| check.outcome == "failed");
    failed.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn https_goes_through_the_agents_proxy_and_its_troubles_are_told() {
    let place = Place::new().await;
    let sandbox = sandbox(&[("suppliers", 120)]);
    let front = Front::start(&sandbox).await;
    let authority = format!("{NAME}:443");
    let proxy = ConnectProxy::start(CREDENTIALS, &[(authority.clone(), front.address)]).await;
    let form = proxied(&format!("https://{NAME}"));

    // For real: the name is resolved by the proxy, and the server's certificate
    // is vouched for by the company's own authority.
    configure(
        &place,
        Some(settings(&proxy.url, &[])),
        PASSWORD,
        &front.authority,
    );
    let checks = test(&place, PRODUCTION, &form).await;
    assert_eq!(checks.len(), 4);
    assert!(
        checks.iter().all(|check| check.outcome == "passed"),
        "{checks:?}"
    );
    let connect = Asked {
        line: format!("CONNECT {authority} HTTP/1.1"),
        credentials: Some(CREDENTIALS.to_owned()),
    };
    let seen = proxy.seen();
    assert!(
        !seen.is_empty() && seen.iter().all(|asked| *asked == connect),
        "{seen:?}"
    );
    let received = front.received();
    assert!(!received.is_empty());
    let http2 = |request: &Received| request.protocol == Protocol::Http2;
    assert!(received.iter().all(http2), "{received:?}");
    front.assert_well_formed_for(NAME);

    // A run, both ways.
    let saved = place
        .workspace
        .create_connection(PROJECT, form.clone())
        .await
        .unwrap();
    let query = place.activity(saved.id, "query", "All", &[]).await;
    let create = place.activity(saved.id, "create", "New", &[]).await;
    let file = |path: &str| Endpoint::File {
        path: path.to_owned(),
        format: Format::Ndjson,
    };
    place
        .workspace
        .put_file("new.ndjson", &b"{\"name\":\"North Star\"}\n"[..])
        .unwrap();
    let activity = |id| Endpoint::Activity { activity: id };
    let read = place.operation_between("Read", activity(query.id), file("all.ndjson"));
    let write = place.operation_between("Write", file("new.ndjson"), activity(create.id));
    let run = async |operation| {
        let run = place
            .workspace
            .start_run(operation, PRODUCTION)
            .await
            .unwrap();
        let run: Run = place.workspace.wait_for_run(run).await.unwrap();
        kept_quiet(&run);
        run
    };
    let done = run(read).await;
    assert_eq!(
        (done.state, done.counts.written),
        (RunState::Success, 120),
        "{done:?}"
    );
    let done = run(write).await;
    assert_eq!(
        (done.state, done.counts.written),
        (RunState::Success, 1),
        "{done:?}"
    );
    assert_eq!(sandbox.count("suppliers"), 121);

    // Without the authority the server is not trusted: that is no trouble of the proxy.
    configure(&place, Some(settings(&proxy.url, &[])), PASSWORD, "");
    let failed = failure(test(&place, PRODUCTION, &form).await);
    assert_eq!(failed.code.as_deref(), Some("tls.unknown-authority"));

    // Each trouble of the proxy is the host's to tell, and nothing gets past it.
    sandbox.reset_log();
    configure(
        &place,
        Some(settings(&proxy.url, &[])),
        WRONG,
        &front.authority,
    );
    let failed = failure(test(&place, PRODUCTION, &form).await);
    assert_eq!(
        failed.code.as_deref(),
        Some("proxy.authentication"),
        "{failed:?}"
    );
    assert!(
        failed
            .message
            .unwrap()
            .contains("does not accept the agent's user and password")
    );
    assert!(
        failed
            .remedy
            .unwrap()
            .contains("the agent's proxy settings")
    );
    proxy.seen();
    let broken = run(read).await;
    assert_eq!(broken.state, RunState::Failure);
    assert!(broken.error.unwrap().contains("user and password"));
    assert_eq!(proxy.seen().len(), 1, "a wrong password was tried again");
    let broken = run(write).await;
    assert_eq!(broken.counts.uncertain, 0, "nothing was sent: {broken:?}");
    for rejected in place.workspace.rejected(broken.id, 0, 10).unwrap() {
        kept_quiet(&rejected);
        assert_eq!(rejected.code, "proxy.authentication");
    }

    configure(
        &place,
        Some(settings(&proxy.url, &[])),
        PASSWORD,
        &front.authority,
    );
    let elsewhere = proxied("https://other.coupahost.com");
    let failed = failure(test(&place, PRODUCTION, &elsewhere).await);
    assert_eq!(failed.code.as_deref(), Some("proxy.refused"), "{failed:?}");
    assert!(failed.message.unwrap().contains("other.coupahost.com"));

    let gone = proxy.stop().await;
    let failed = failure(test(&place, PRODUCTION, &form).await);
    assert_eq!(
        failed.code.as_deref(),
        Some("proxy.unreachable"),
        "{failed:?}"
    );
    assert!(
        failed
            .message
            .unwrap()
            .contains(&gone.replace("http://", ""))
    );
    assert!(sandbox.log().is_empty());

    // Not even the disk has the passwords in the clear.
    for entry in std::fs::read_dir(place.home.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            for secret in [PASSWORD, WRONG] {
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                assert!(!found, "{}", path.display());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exception_is_reached_without_the_proxy() {
    let place = Place::new().await;
    let sandbox = sandbox(&[]);
    let front = Front::start(&sandbox).await;
    let authority = front.address.to_string();
    let proxy = ConnectProxy::start(CREDENTIALS, &[(authority.clone(), front.address)]).await;
    let form = proxied(&format!("https://{authority}"));
    for (exceptions, through) in [
        (&[][..], true),
        (&["elsewhere.example.com", "10.0.0.0/8"], true),
        (&["127.0.0.1"], false),
        (&["127.0.0.0/8"], false),
    ] {
        configure(
            &place,
            Some(settings(&proxy.url, exceptions)),
            PASSWORD,
            &front.authority,
        );
        let checks = test(&place, DEVELOPMENT, &form).await;
        assert!(
            checks.iter().all(|check| check.outcome == "passed"),
            "{checks:?}"
        );
        let seen = proxy.seen();
        assert_eq!(!seen.is_empty(), through, "{exceptions:?}: {seen:?}");
        for asked in seen {
            assert_eq!(asked.line, format!("CONNECT {authority} HTTP/1.1"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_is_for_private_agents_that_are_configured_with_one() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let form = proxied(&format!("https://{NAME}"));
    let says = async || {
        workspace
            .test_connection(PROJECT, PRODUCTION, None, &form)
            .await
            .unwrap_err()
            .to_string()
    };
    assert!(says().await.contains("configured with no proxy"));

    // The cloud's agents have neither a proxy nor authorities of their own.
    let cloud = workspace.create_group("Cloud", GroupKind::Cloud).unwrap();
    let agent = workspace.agents().unwrap().remove(0);
    assert_eq!(agent.group, GroupId(1));
    let (id, revision) = (agent.id, agent.revision);
    let moved = AgentDraft {
        group: cloud.id,
        ..agent.into()
    };
    let with_proxy = AgentDraft {
        proxy: Some(settings("http://127.0.0.1:3128", &[])),
        ..moved.clone()
    };
    assert_eq!(
        code(workspace.update_agent(id, revision, with_proxy)),
        "invalid"
    );
    let with_authority = AgentDraft {
        certificates: Front::start(&sandbox(&[])).await.authority,
        ..moved.clone()
    };
    assert_eq!(
        code(workspace.update_agent(id, revision, with_authority)),
        "invalid"
    );
    workspace.update_agent(id, revision, moved).unwrap();
    let environment = workspace.environment(PRODUCTION).unwrap();
    workspace
        .update_environment(
            environment.id,
            environment.revision,
            &environment.name,
            environment.kind,
            cloud.id,
        )
        .unwrap();
    assert!(
        says()
            .await
            .contains("proxy settings are for private agents")
    );

    // What is no certificate is not kept.
    let nonsense = AgentDraft {
        certificates: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned(),
        ..AgentDraft::new("Another", GroupId(1))
    };
    assert_eq!(code(workspace.create_agent(nonsense)), "invalid");
}
