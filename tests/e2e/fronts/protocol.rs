//! Which protocol is spoken: the newest that a front offers, unless the connection says
//! HTTP/1.1; and where one sees it.

use super::connect;
use crate::program::{Folder, connection, text};
use crate::servers::front::{Front, Protocol, Received, Script};
use crate::support::{countable_sandbox, query, sandbox, write};
use host_harness::egress;

fn spoken(front: &Front) -> Vec<Protocol> {
    let received: Vec<Received> = front.received();
    let mut all: Vec<_> = received.iter().map(|request| request.protocol).collect();
    all.dedup();
    all
}

#[tokio::test]
async fn a_connection_can_keep_to_http1() {
    let sandbox = countable_sandbox(&[("suppliers", 60)]);
    for (chosen, expected) in [
        (egress::Protocol::Auto, Protocol::Http2),
        (egress::Protocol::Http1, Protocol::Http1),
    ] {
        let front = Front::start(&sandbox).await;
        let mut connection = connect(&front);
        assert_eq!(connection.protocol, egress::Protocol::Auto);
        connection.protocol = chosen;
        let read = query(connection.clone(), "suppliers", &[]).await;
        assert_eq!(read.items.len(), 60);
        let record = format!(r#"{{"name":"By {chosen:?}"}}"#);
        let made = write(connection, "create", "commodities", &[], &[&record]).await;
        assert_eq!(made.summary().succeeded, 1, "{made:?}");
        assert_eq!(spoken(&front), [expected]);
        front.assert_well_formed();
    }
}

#[tokio::test]
async fn a_front_that_has_no_http2_is_spoken_to_by_http1() {
    let sandbox = sandbox(&[]);
    let front = Front::with(Script::http1(), &sandbox).await;
    query(connect(&front), "suppliers", &[]).await.summary();
    assert_eq!(spoken(&front), [Protocol::Http1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_says_which_is_spoken() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    for (setting, expected, name, other) in [
        ("", Protocol::Http2, "HTTP/2", "HTTP/1.1"),
        (
            "protocol = \"auto\"\n",
            Protocol::Http2,
            "HTTP/2",
            "HTTP/1.1",
        ),
        (
            "protocol = \"http1\"\n",
            Protocol::Http1,
            "HTTP/1.1",
            "HTTP/2",
        ),
    ] {
        let front = Front::start(&sandbox).await;
        let file = connection(&front.url());
        let file = format!("{setting}certificates = \"company.pem\"\n{file}");
        folder.write("connection.toml", &file);
        folder.write("company.pem", &front.authority);
        let test = folder.run(&["-vv", "test"]);
        let (said, log) = (text(&test.stdout), text(&test.stderr));
        assert!(test.status.success(), "{said}");
        assert!(said.contains(name) && !said.contains(other), "{said}");
        assert_eq!(spoken(&front), [expected]);
        let requests = log.lines().filter(|line| line.contains("\"ms\""));
        let requests: Vec<&str> = requests.collect();
        assert!(requests.len() >= 3, "{log}");
        for request in requests {
            assert!(request.contains(name), "{request}");
        }
    }
    let file = connection(&sandbox.base_url());
    folder.write("connection.toml", &format!("protocol = \"spdy\"\n{file}"));
    let (code, said) = folder.code(&["test"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("auto") && said.contains("http1"), "{said}");
}
