//! Who may join: users, tokens, nkeys, TLS by a company's own authority, and the
//! group's key.

use super::place::Plant;
use super::server::NatsServer;
use crate::servers::authority::Authority;
use host_harness::group::{Credentials, Group, GroupError, Server};
use host_harness::sealing::SealingKey;
use host_harness::workspace::RunState;
use std::sync::Arc;
use std::time::Duration;

async fn join(server: &Server, key: &Arc<SealingKey>) -> Result<Group, GroupError> {
    let name = "plant".parse().unwrap();
    Group::join(
        server,
        name,
        Arc::clone(key),
        "test",
        Duration::from_secs(2),
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_entered_with_what_it_asks_for_and_with_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let key = Arc::new(SealingKey::load_or_create(folder.path().join("key")).unwrap());
    // A seed and its public key, made for this test alone.
    let seed = "SUAJ2KIJEHYNIHMSZZ5FVMY4OODVA2YZPPD7UWUPOQLSU7FWDUXGBK46ZA";
    let public = "UA3UTCPZAQFTA4UGO3GL5WJF2QN7WLFWBFEGV25FS6KFK6DRGZDWMPXG";
    let cases = [
        (
            "authorization { user: agent, password: right }",
            Credentials::Password {
                user: "agent".to_owned(),
                password: "right".into(),
            },
            Credentials::Password {
                user: "agent".to_owned(),
                password: "wrong".into(),
            },
        ),
        (
            "authorization { token: right }",
            Credentials::Token("right".into()),
            Credentials::Token("wrong".into()),
        ),
        (
            &format!("authorization {{ users: [ {{ nkey: {public} }} ] }}"),
            Credentials::Nkey(seed.into()),
            Credentials::None,
        ),
    ];
    for (configuration, right, wrong) in cases {
        let nats = NatsServer::with(configuration);
        let server = |credentials| Server {
            credentials,
            ..Server::new(nats.url())
        };
        join(&server(right), &key)
            .await
            .unwrap_or_else(|error| panic!("{configuration}: {error}"));
        let refused = join(&server(wrong), &key).await.err().unwrap().to_string();
        assert!(
            refused.contains("authorization"),
            "{configuration}: {refused}"
        );
        assert!(!refused.contains("wrong"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_by_a_private_authority_carries_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    let (own, own_key) = authority.certify(&["localhost"]).write(folder.path());
    std::fs::write(path("ca.pem"), authority.pem).unwrap();
    let nats = NatsServer::with(&format!(
        "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\nauthorization {{ token: right }}",
        own.display(),
        own_key.display()
    ));
    let url = format!("tls://localhost:{}", nats.port);
    let server = Server {
        credentials: Credentials::Token("right".into()),
        authorities: Some(path("ca.pem")),
        ..Server::new(&url)
    };
    let plant = Plant::reached_by(server.clone()).await;
    // Not trusted without the authority.
    let stranger = Server {
        authorities: None,
        ..server.clone()
    };
    let key = Arc::new(SealingKey::load_or_create(path("key")).unwrap());
    let refused = join(&stranger, &key).await.err().unwrap();
    assert!(matches!(refused, GroupError::Connect { .. }), "{refused}");

    std::fs::write(path("token"), "right").unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path("token"), private).unwrap();
    let token = format!("file:{}", path("token").display());
    let ca = path("ca.pem").display().to_string();
    let agent = plant.agent(&url, "one", &["--nats-token", &token, "--nats-ca", &ca]);
    plant.agents(1).await;
    let ((_from, source), (_to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let ended = plant.ended(plant.start(copy).await).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_with_another_key_leaves_jobs_to_others_and_says_why() {
    let server = NatsServer::start();
    let mut plant = Plant::new(&server).await;
    let ((_from, source), (_to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    let right = plant.key.clone();
    plant.key = plant.place.home.path().join("another.key");
    let _stranger = plant.agent(&server.url(), "stranger", &[]);
    plant.agents(1).await;
    let run = plant.start(copy).await;
    let until = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let seen = plant.agents(1).await;
        if let Some(trouble) = &seen[0].presence.trouble {
            assert!(trouble.contains("another key"), "{trouble}");
            break;
        }
        assert!(std::time::Instant::now() < until, "it does not say why");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    plant.key = right;
    let _agent = plant.agent(&server.url(), "one", &[]);
    let ended = plant.ended(run).await;
    assert_eq!(
        (ended.state, ended.agent.as_str()),
        (RunState::Success, "one")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_one_agents() {
    let server = NatsServer::start();
    let plant = Plant::new(&server).await;
    let first = plant.agent(&server.url(), "one", &[]);
    plant.agents(1).await;
    let mut second = plant.agent(&server.url(), "one", &[]);
    assert_eq!(second.ended(Duration::from_secs(30)), Some(1));
    assert!(second.log().contains("another --name"), "{}", second.log());
    // One that was killed has no claim to it.
    first.kill();
    let _third = plant.agent(&server.url(), "one", &[]);
    tokio::time::sleep(Duration::from_secs(8)).await;
    plant.agents(1).await;
}
