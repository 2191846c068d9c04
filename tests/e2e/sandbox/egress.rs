//! Every trick to reach another host than the connection's own.

use super::{connection, run, told};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server that keeps the heads of requests.
async fn server() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let came: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = vec![0; 256 << 10];
            let mut length = 0;
            while let Ok(count @ 1..) = client.read(&mut head[length..]).await {
                length += count;
                if head[..length]
                    .windows(4)
                    .any(|window| window == b"\r\n\r\n")
                {
                    break;
                }
            }
            let head = String::from_utf8_lossy(&head[..length]).into_owned();
            kept.lock().unwrap().push(head);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = client.write_all(answer.as_bytes()).await;
        }
    });
    (port, came)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_trick_reaches_another_host() {
    let ((own, came), (other, elsewhere)) = (server().await, server().await);
    let mut connection = connection().setting("url", format!("http://127.0.0.1:{own}"));
    connection.limits.wall = std::time::Duration::from_secs(20);
    let reach = async |options: &[(&str, &str)]| {
        let outcome = run(connection.clone(), "reach", options, 0).await;
        match outcome.ended.as_ref().unwrap() {
            Ok(_) => told(&outcome).remove(0),
            Err(error) => error.to_string(),
        }
    };
    // The way that is open.
    let home = format!("127.0.0.1:{own}");
    assert_eq!(
        reach(&[("scheme", "http"), ("authority", &home), ("path", "/")]).await,
        "sent 200"
    );

    let authorities = [
        format!("127.0.0.1:{other}"),
        format!("localhost:{other}"),
        format!("LOCALHOST:{own}"),
        format!("127.1:{own}"),
        format!("2130706433:{own}"),
        format!("0x7f000001:{own}"),
        format!("0177.0.0.1:{own}"),
        format!("127.0.0.1.:{own}"),
        format!("[::1]:{own}"),
        format!("[::ffff:127.0.0.1]:{own}"),
        format!("[::ffff:7f00:1]:{other}"),
        format!("0.0.0.0:{other}"),
        format!("user@127.0.0.1:{own}"),
        format!("user:pass@127.0.0.1:{other}"),
        format!("127.0.0.1:{own}@127.0.0.1:{other}"),
        format!("127.0.0.1:{own}#@127.0.0.1:{other}"),
        format!("127.0.0.1:{own}\\@127.0.0.1:{other}"),
        format!("127.0.0.1:{own}%00.127.0.0.1:{other}"),
        format!("127。0。0。1:{other}"),
        "127.0.0.1".to_owned(),
        "127.0.0.1:0".to_owned(),
        "127.0.0.1:99999".to_owned(),
        "169.254.169.254".to_owned(),
        "[fd00:ec2::254]".to_owned(),
        "100.100.100.200".to_owned(),
        "metadata.google.internal".to_owned(),
        "localhost".to_owned(),
        "localtest.me".to_owned(),
        String::new(),
    ];
    for authority in &authorities {
        for scheme in ["http", "https"] {
            let outcome =
                reach(&[("scheme", scheme), ("authority", authority), ("path", "/")]).await;
            assert!(
                !outcome.contains("sent"),
                "{scheme}://{authority}: {outcome}"
            );
        }
    }
    for scheme in ["https", "ftp", "file", "gopher", "ws"] {
        let outcome = reach(&[("scheme", scheme), ("authority", &home), ("path", "/")]).await;
        assert!(!outcome.contains("sent"), "{scheme}: {outcome}");
    }
    assert_eq!(elsewhere.lock().unwrap().len(), 0, "nothing came elsewhere");

    // What may be sent, and must lead home all the same.
    came.lock().unwrap().clear();
    let absolute = format!("http://127.0.0.1:{other}/");
    let double = format!("//127.0.0.1:{other}/");
    let at = format!("@127.0.0.1:{other}/");
    let host = format!("127.0.0.1:{other}");
    for options in [
        [("path", absolute.as_str()), ("x", "")],
        [("path", &double), ("x", "")],
        [("path", &at), ("x", "")],
        [("path", "/a b\\r\\nx: y"), ("x", "")],
        [("path", "/"), ("header:host", &host)],
        [("path", "/"), ("header:x", "a\\r\\nx-injected: yes")],
        [("path", "/"), ("header:x", "a\\0b")],
        [("path", "/"), ("header:x\\r\\ny", "a")],
        [("path", "/"), ("header:connection", "upgrade")],
        [("path", "/"), ("header:upgrade", "websocket")],
        [("path", "/"), ("header:transfer-encoding", "chunked")],
        [("path", "/"), ("header:proxy-authorization", "Basic eA==")],
        [("path", "/"), ("header:proxy-connection", "keep-alive")],
        [("path", "/"), ("header:x-forwarded-host", &host)],
        [("path", "/"), ("method", "CONNECT")],
        [
            ("path", "/"),
            ("method", "GET / HTTP/1.1\\r\\nx-injected: yes"),
        ],
    ] {
        let mut all = vec![("scheme", "http"), ("authority", home.as_str())];
        all.extend(options);
        let outcome = reach(&all).await;
        println!("{options:?}: {outcome}");
    }
    for head in came.lock().unwrap().iter() {
        let lower = head.to_lowercase();
        assert!(!lower.contains("x-injected:"), "{head}");
        let hosts: Vec<&str> = lower
            .lines()
            .filter(|line| line.starts_with("host:"))
            .collect();
        assert_eq!(hosts, [format!("host: {home}")], "{head}");
        assert!(!lower.contains("\r\nupgrade:"), "{head}");
        assert!(!lower.contains("\r\nproxy-authorization:"), "{head}");
    }
    assert_eq!(elsewhere.lock().unwrap().len(), 0, "nothing came elsewhere");
    // Headers beyond the limit are not sent.
    let many = [
        ("scheme", "http"),
        ("authority", home.as_str()),
        ("path", "/"),
        ("headers", "2000"),
    ];
    let outcome = reach(&many).await;
    assert!(!outcome.contains("sent"), "{outcome}");
}
