//! Whose versions an agent runs, with signatures in a registry.

use super::server::Server;
use super::{
    agent, altered, code, exactly, json_list, key, name, newest, release, settings, statement,
    version,
};
use host_harness::agent::{Agent, Publication};
use host_harness::registry::{LocalRegistry, Release, SigningKey, Unsigned};
use std::path::Path;

fn signed(number: &str, component: Vec<u8>, keys: &[&SigningKey]) -> Release {
    let signatures = keys
        .iter()
        .map(|key| key.sign(&component, statement(number, &component)).unwrap())
        .collect();
    Release {
        signatures,
        ..release(number, component)
    }
}

/// An agent that runs what one of these keys has signed, and nothing else.
pub fn trusting(home: &Path, registry: &str, keys: &[&SigningKey]) -> Agent {
    let mut settings = settings(home, registry);
    settings.trust.unsigned = Unsigned::Refuse;
    settings.trust.keys = keys
        .iter()
        .map(|key| (key.public().unwrap(), vec!["json-*".to_owned()]))
        .collect();
    Agent::with_settings(home, settings).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_is_not_trusted_for_what_it_holds_and_signatures_are() {
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let registries = [
        server.address(),
        folder.path().join("registry").display().to_string(),
    ];
    for registry in registries {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        let (ours, theirs) = (key(), key());
        let publisher = agent(&at("publisher"), &registry);
        let publish = async |release: Release| {
            publisher.registry().publish(&release).await.unwrap();
        };
        publish(release("1.0.0", altered(b'a'))).await;
        let careful = trusting(&at("careful"), &registry, &[&ours]);
        assert_eq!(code(newest(&careful).await), "trust.unsigned");

        publish(signed("1.1.0", altered(b'b'), &[&theirs])).await;
        assert_eq!(code(newest(&careful).await), "trust.unknown-key");
        // Signed as it should be, by the way that people take.
        publisher
            .publish_with(Publication {
                component: altered(b'c'),
                version: Some(version("1.2.0")),
                key: Some(ours.clone()),
                ..Publication::default()
            })
            .await
            .unwrap();
        let good = newest(&careful).await.unwrap();
        assert_eq!(good.entry.version, version("1.2.0"));

        // A good signature of another version, put beside this one.
        let mut swapped = release("1.3.0", altered(b'c'));
        swapped.signatures = signed("1.2.0", altered(b'c'), &[&ours]).signatures;
        publish(swapped).await;
        assert_eq!(code(newest(&careful).await), "trust.other-version");
        let mut wrong = release("1.4.0", altered(b'd'));
        wrong.signatures = signed("1.4.0", altered(b'e'), &[&ours]).signatures;
        publish(wrong).await;
        assert_eq!(code(newest(&careful).await), "trust.wrong-signature");
        let expired = {
            let component = altered(b'f');
            let mut said = statement("1.5.0", &component);
            said.expires = Some(jiff::Timestamp::UNIX_EPOCH);
            Release {
                signatures: vec![ours.sign(&component, said).unwrap()],
                ..release("1.5.0", component)
            }
        };
        publish(expired).await;
        assert_eq!(code(newest(&careful).await), "trust.expired");
        // Signed again by the same key, which takes the place of the old one.
        publish(signed("1.5.0", altered(b'f'), &[&ours])).await;
        newest(&careful).await.unwrap();

        // The new key is added beside the old one, and the old one taken away.
        publish(signed("1.6.0", altered(b'g'), &[&theirs])).await;
        assert_eq!(code(newest(&careful).await), "trust.unknown-key");
        drop(careful);
        let both = trusting(&at("careful"), &registry, &[&ours, &theirs]);
        newest(&both).await.unwrap();
        both.download(&name(), &exactly("1.5.0")).await.unwrap();
        let new_only = trusting(&at("careful"), &registry, &[&theirs]);
        newest(&new_only).await.unwrap();
        // What is here already does not run either, once its key does not count.
        assert_eq!(
            code(new_only.download(&name(), &exactly("1.5.0")).await),
            "trust.unknown-key"
        );
        publish(signed("1.5.0", altered(b'f'), &[&theirs])).await;
        new_only.download(&name(), &exactly("1.5.0")).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_was_put_back_takes_nobody_back_unless_a_person_says_so() {
    let (new, old) = (Server::start(), Server::start());
    let home = tempfile::tempdir().unwrap();
    for (server, versions) in [(&new, &["1.0.0", "2.0.0"][..]), (&old, &["1.0.0"])] {
        let publisher = agent(&home.path().join("publisher"), &server.address());
        for (number, mark) in versions.iter().zip([b'a', b'b']) {
            let release = release(number, altered(mark));
            publisher.registry().publish(&release).await.unwrap();
        }
    }
    let consumer = home.path().join("consumer");
    let before = newest(&agent(&consumer, &new.address())).await.unwrap();
    assert_eq!(before.entry.version, version("2.0.0"));
    let put_back = agent(&consumer, &old.address());
    assert_eq!(code(newest(&put_back).await), "trust.rolled-back");
    let pinned = put_back.download(&name(), &exactly("1.0.0")).await.unwrap();
    assert_eq!(pinned.entry.version, version("1.0.0"));
    assert_eq!(code(newest(&put_back).await), "trust.rolled-back");

    // A version that is another than it was.
    let publisher = agent(&home.path().join("forger"), &old.address());
    std::fs::remove_dir_all(old.tag("1.0.0")).unwrap();
    let forged = release("1.0.0", altered(b'z'));
    publisher.registry().publish(&forged).await.unwrap();
    std::fs::write(&pinned.pulled.path, b"gone").unwrap();
    assert_eq!(
        code(put_back.download(&name(), &exactly("1.0.0")).await),
        "trust.changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_policy_a_folder_is_taken_as_it_is_and_an_oci_registry_is_not() {
    let server = Server::start();
    let home = tempfile::tempdir().unwrap();
    let publisher = agent(&home.path().join("publisher"), &server.address());
    let unsigned = release("1.0.0", json_list());
    publisher.registry().publish(&unsigned).await.unwrap();
    let folder = home.path().join("registry");
    LocalRegistry::open(&folder)
        .unwrap()
        .release(&unsigned)
        .unwrap();
    let open = |home: &Path, registry: &str| {
        let settings =
            host_harness::agent::AgentSettings::read(home, Some(registry.parse().unwrap()));
        Agent::with_settings(home, settings.unwrap()).unwrap()
    };
    let (a, b) = (home.path().join("a"), home.path().join("b"));
    newest(&open(&a, &folder.display().to_string()))
        .await
        .unwrap();
    assert_eq!(
        code(newest(&open(&b, &server.address())).await),
        "trust.unsigned"
    );
    std::fs::write(b.join("trust.toml"), "unsigned = \"accept\"\n").unwrap();
    newest(&open(&b, &server.address())).await.unwrap();
    std::fs::write(
        b.join("trust.toml"),
        "[minimum]\njson-list = \"1.0.1\"\nunsigned = 1\n",
    )
    .unwrap();
    let error = host_harness::agent::AgentSettings::read(&b, None).unwrap_err();
    assert!(error.to_string().contains("trust.toml"), "{error}");
}
