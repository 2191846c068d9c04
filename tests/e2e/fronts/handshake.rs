//! What goes wrong in a TLS handshake: told as TLS with its cause, once; and certificates
//! that clients show.

use super::connect;
use super::told::{assert_told, failure};
use crate::servers::authority::Authority;
use crate::servers::front::{Front, HTTP1, HTTP2, Script};
use crate::support::{sandbox, test, through};
use host_harness::connection::SecretReference;
use host_harness::egress::ClientCertificate;
use host_harness::runtime::types::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What a test says of a server that answers the first message of each handshake with these
/// bytes, and closes; and how many connections were made.
async fn against(answer: &'static [u8]) -> (Error, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let _ = client.read(&mut [0; 4096]).await;
            let _ = client.write_all(answer).await;
        }
    });
    let checks = test(through(&url, &Authority::new().pem)).await;
    assert_eq!(checks[1].name, "reachable");
    (
        failure(&checks).clone(),
        connections.load(Ordering::Relaxed),
    )
}

#[tokio::test]
async fn a_handshake_that_fails_is_told_with_its_cause_and_not_tried_again() {
    let too_old = b"\x15\x03\x01\x00\x02\x02\x46";
    for (answer, expected) in [
        (&b""[..], "closed the connection in the TLS handshake"),
        (too_old, "no version or cipher of TLS in common"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "with no TLS"),
        (b"220 mail.example ESMTP\r\n", "with no TLS"),
        // An alert that is about neither: the connector says what it means.
        (
            b"\x15\x03\x03\x00\x02\x02\x70",
            "knows no host of this name",
        ),
    ] {
        let (error, connections) = against(answer).await;
        assert_told(&error, "reach.tls");
        assert!(error.message.contains(expected), "{}", error.message);
        assert_eq!(connections, 1, "{expected}");
    }
}

/// A certificate by this authority with its key, in files of a folder.
fn shown(authority: &Authority, folder: &Path) -> ClientCertificate {
    let (certificate, key) = authority.certify(&["north"]).write(folder);
    only_for_its_owner(&key);
    ClientCertificate {
        certificate,
        key: SecretReference::File(key),
    }
}

fn only_for_its_owner(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_certificate_is_shown_to_a_server_that_asks_for_one() {
    let sandbox = sandbox(&[]);
    let clients = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let strangers = tempfile::tempdir().unwrap();
    for (alpn, tls12) in [
        (&[HTTP2][..], false),
        (&[HTTP1], false),
        (&[HTTP2], true),
        (&[HTTP1], true),
    ] {
        let script = Script {
            alpn,
            tls12,
            clients: Some(clients.pem.clone()),
            ..Script::default()
        };
        let front = Front::with(script, &sandbox).await;
        let mut connection = connect(&front);
        for (certificate, expected) in [
            (None, "wants a client certificate"),
            (
                Some(shown(&Authority::new(), strangers.path())),
                "does not accept the client certificate",
            ),
        ] {
            connection.client_certificate = certificate;
            let checks = test(connection.clone()).await;
            let error = failure(&checks);
            println!("{alpn:?} {tls12}: {}", error.message);
            assert_told(error, "reach.tls");
            // A server that speaks TLS 1.2 may just say that the handshake failed.
            assert!(
                error.message.contains(expected) || tls12,
                "{}",
                error.message
            );
            assert!(error.message.contains("certificate"), "{}", error.message);
        }
        assert!(front.received().iter().all(|request| !request.processed));
        connection.client_certificate = Some(shown(&clients, folder.path()));
        let checks = test(connection).await;
        assert!(
            checks.iter().all(|check| check.error.is_none()),
            "{alpn:?} {tls12}: {checks:?}"
        );
    }
}

/// A private key in PKCS#8 of the algorithm with this object identifier (DER).
fn key_of(algorithm: &[u8]) -> String {
    let der = |tag: u8, content: &[u8]| {
        let mut der = vec![tag, u8::try_from(content.len()).unwrap()];
        der.extend_from_slice(content);
        der
    };
    let identifier = der(0x30, &der(0x06, algorithm));
    let private = der(0x04, &[7; 60]);
    let key = der(
        0x30,
        &[&[0x02, 0x01, 0x00][..], &identifier, &private].concat(),
    );
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

#[tokio::test]
async fn a_client_certificate_that_cannot_be_shown_is_told_before_anything_is_sent() {
    let sandbox = sandbox(&[]);
    let front = Front::start(&sandbox).await;
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let good = shown(&authority, folder.path());
    let other = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = other.path().join(name);
        fs::write(&path, content).unwrap();
        only_for_its_owner(&path);
        path
    };
    let with_key = |name: &str, content: &str| ClientCertificate {
        key: SecretReference::File(file(name, content)),
        ..good.clone()
    };
    let stranger = shown(&authority, other.path());
    let certificate = |certificate| ClientCertificate {
        certificate,
        ..good.clone()
    };
    for (set, expected) in [
        (
            certificate("/none/client.pem".into()),
            "/none/client.pem cannot be read",
        ),
        (
            certificate(file("empty.pem", "")),
            "holds no certificate in PEM",
        ),
        (with_key("text", "hunter2"), "is no PEM of a private key"),
        (
            with_key(
                "encrypted",
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
            ),
            "passphrase",
        ),
        (
            with_key("p521", &key_of(&[0x2b, 0x81, 0x04, 0x00, 0x23])),
            "is of the kind ECDSA on P-521",
        ),
        (
            with_key("ed448", &key_of(&[0x2b, 0x65, 0x71])),
            "is of the kind Ed448",
        ),
        (
            ClientCertificate {
                key: stranger.key.clone(),
                ..good.clone()
            },
            "is the key of another certificate",
        ),
        (
            ClientCertificate {
                key: SecretReference::Env("NOT_SET_ANYWHERE".to_owned()),
                ..good.clone()
            },
            "NOT_SET_ANYWHERE is not set",
        ),
    ] {
        let mut connection = connect(&front);
        connection.client_certificate = Some(set);
        let checks = test(connection).await;
        let error = failure(&checks);
        assert_told(error, "tls.client-certificate");
        assert!(error.message.contains(expected), "{}", error.message);
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert_eq!(front.counts().connections, 0);
}
