//! What a user of the NATS server has to be allowed, and users by decentralised JWTs.

use super::place::{Plant, assert_each_once};
use super::server::NatsServer;
use crate::platform::{DEVELOPMENT, PROJECT, oauth};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use host_harness::group::{Credentials, Server};
use host_harness::workspace::RunState;
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A secret in a file that is its owner's alone, as an argument names it.
fn place(folder: &Path, name: &str, secret: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, secret).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, private).unwrap();
    format!("file:{}", path.display())
}

/// Everything that a workspace and an agent do with the server.
async fn everything(plant: &Plant, url: &str, arguments: &[&str]) {
    let workspace = &plant.place.workspace;
    let ((from, source), (to, target)) = plant.ends(20).await;
    let copy = plant.copy("Copy", &source, &target).await;
    // Cancelled before anybody has it.
    let run = plant.start(copy).await;
    workspace.cancel_run(run).unwrap();
    let ended = plant.ended(run).await;
    assert_eq!(ended.state, RunState::Interrupted, "{ended:?}");

    let mut agent = plant.agent(url, "one", arguments);
    plant.agents(1).await;
    let report = workspace
        .test_connection(PROJECT, DEVELOPMENT, None, &oauth(&from))
        .await
        .unwrap();
    assert!(report.passed, "{report:#?}");
    assert_eq!(report.agents.len(), 2, "{report:#?}");
    let ended = plant.ended(plant.start(copy).await).await;
    assert_eq!(ended.state, RunState::Success, "{ended:?} {}", agent.log());
    assert_each_once(&to, "suppliers", 20, "allowed").await;
    // It leaves, and nobody is there any more.
    agent.terminate();
    let ended = agent.ended(std::time::Duration::from_secs(30));
    assert_eq!(ended, Some(0), "{}", agent.log());
    plant.agents(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_is_allowed_what_the_documentation_lists_can_do_everything() {
    // As docs/agents.md has it, for a group `plant`.
    let documented =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/agents.md"))
            .unwrap();
    let (_, sentence) = documented.split_once("A user that may publish").unwrap();
    let (sentence, _) = sentence.split_once("can do all of this").unwrap();
    let subjects: Vec<String> = sentence
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|subject| format!("\"{subject}\""))
        .collect();
    assert_eq!(subjects.len(), 5, "{subjects:?}");
    let subjects = subjects.join(", ");
    let nats = NatsServer::with(&format!(
        "authorization {{ users: [ {{ user: plant, password: right, permissions: {{ \
         publish: {{ allow: [{subjects}] }}, subscribe: {{ allow: [{subjects}] }} }} }} ] }}"
    ));
    let server = Server {
        credentials: Credentials::Password {
            user: "plant".to_owned(),
            password: "right".into(),
        },
        ..Server::new(nats.url())
    };
    let plant = Plant::reached_by(server).await;
    let password = place(plant.place.home.path(), "password", "right");
    let who = ["--nats-user", "plant", "--nats-password", &password];
    everything(&plant, &nats.url(), &who).await;
    // What was tried and refused would stand there.
    assert!(
        !nats.log().to_lowercase().contains("violation"),
        "{}",
        nats.log()
    );
}

/// A claim, signed, as NATS has it.
fn jwt(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: Value) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!(
        "{}.{}",
        part(json!({"typ": "JWT", "alg": "ed25519-nkey"})),
        part(json!({
            "jti": name,
            "iat": 1_700_000_000,
            "iss": issuer.public_key(),
            "name": name,
            "sub": subject.public_key(),
            "nats": claims,
        }))
    );
    let signature = BASE64_URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

fn account(operator: &KeyPair, account: &KeyPair, name: &str, stored: i64) -> String {
    let without_limit = [
        "subs", "data", "payload", "imports", "exports", "conn", "leaf", "streams", "consumer",
    ];
    let mut limits: serde_json::Map<String, Value> = without_limit
        .iter()
        .map(|limit| ((*limit).to_owned(), json!(-1)))
        .collect();
    limits.insert("wildcards".to_owned(), json!(true));
    limits.insert("mem_storage".to_owned(), json!(stored));
    limits.insert("disk_storage".to_owned(), json!(stored));
    let claims = json!({"limits": limits, "type": "account", "version": 2});
    jwt(operator, account, name, claims)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credentials_file_carries_a_run_and_a_strangers_does_not() {
    let operator = KeyPair::new_operator();
    let (system, plants) = (KeyPair::new_account(), KeyPair::new_account());
    let user = KeyPair::new_user();
    let may = json!({"type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
                     "pub": {}, "sub": {}});
    // The signature of an account that the operator knows, or of one that it does not.
    let credentials = |account: &KeyPair| {
        format!(
            "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
            jwt(account, &user, "agent", may.clone()),
            user.seed().unwrap()
        )
    };
    let nats = NatsServer::with(&format!(
        "operator: \"{}\"\nsystem_account: {}\nresolver: MEMORY\n\
         resolver_preload: {{ {}: \"{}\", {}: \"{}\" }}",
        jwt(
            &operator,
            &operator,
            "operator",
            json!({"type": "operator", "version": 2, "system_account": system.public_key()})
        ),
        system.public_key(),
        system.public_key(),
        account(&operator, &system, "system", 0),
        plants.public_key(),
        account(&operator, &plants, "plants", -1),
    ));
    let known = credentials(&plants);
    let server = Server {
        credentials: Credentials::File(known.clone().into()),
        ..Server::new(nats.url())
    };
    let plant = Plant::reached_by(server).await;
    let folder = plant.place.home.path();
    let stranger = place(
        folder,
        "stranger.creds",
        &credentials(&KeyPair::new_account()),
    );
    let known = place(folder, "known.creds", &known);

    let mut refused = plant.agent(&nats.url(), "stranger", &["--nats-credentials", &stranger]);
    let ended = refused.ended(std::time::Duration::from_secs(30));
    assert_eq!(ended, Some(1), "{}", refused.log());
    assert!(refused.log().contains("authorization"), "{}", refused.log());
    everything(&plant, &nats.url(), &["--nats-credentials", &known]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_nkey_carries_a_run() {
    let user = KeyPair::new_user();
    let nats = NatsServer::with(&format!(
        "authorization {{ users: [ {{ nkey: {} }} ] }}",
        user.public_key()
    ));
    let seed = user.seed().unwrap();
    let server = Server {
        credentials: Credentials::Nkey(seed.clone().into()),
        ..Server::new(nats.url())
    };
    let plant = Plant::reached_by(server).await;
    let seed = place(plant.place.home.path(), "seed", &seed);
    everything(&plant, &nats.url(), &["--nats-nkey", &seed]).await;
}
