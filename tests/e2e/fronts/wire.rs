//! What is on the wire for each kind of call: what RFC 9113 and RFC 9112 allow, and
//! nothing else.

use super::connect;
use crate::files::{files_of, upload};
use crate::servers::front::{Front, Protocol, Received, Script};
use crate::support::{Outcome, call, countable_sandbox, query, run, write};

const SMALL: usize = 100;
const LARGE: usize = 3 << 19;

fn succeeded(outcome: &Outcome) {
    assert_eq!(outcome.rejected.len(), 0, "{outcome:?}");
    assert!(outcome.summary().succeeded > 0, "{outcome:?}");
}

/// One call of each kind, and all that was received.
async fn all_kinds(script: Script) -> Vec<Received> {
    let sandbox = countable_sandbox(&[("suppliers", 60), ("purchase_orders", 6)]);
    let front = Front::with(script, &sandbox).await;
    let connect = || connect(&front);

    let all = query(connect(), "suppliers", &[]).await;
    assert_eq!(all.items.len(), 60);
    let supplier = all.keys()[0];
    let new = [r#"{"name":"On the wire – wohlgeformt"}"#];
    succeeded(&write(connect(), "create", "suppliers", &[], &new).await);
    let changed = format!(r#"{{"id":{supplier},"website":"https://wire.example"}}"#);
    succeeded(&write(connect(), "update", "suppliers", &[], &[&changed]).await);

    let object = "suppliers/{supplier_id}/addresses";
    let address = format!(
        r#"{{"supplier-id":{supplier},"remit-to-code":"R1","street1":"1 Main St","city":"Bern",
            "postal-code":"3000","country":{{"code":"US"}}}}"#
    );
    let created = write(connect(), "create", object, &[], &[&address]).await;
    let id = created.answers[0].id.clone().unwrap();
    let gone = format!(r#"{{"supplier-id":{supplier},"id":{id}}}"#);
    succeeded(&write(connect(), "delete", object, &[], &[&gone]).await);

    let issued = [("filter", "status=issued"), ("limit", "1")];
    let order = query(connect(), "purchase_orders", &issued).await.keys()[0];
    let close = [("action", "close")];
    let record = format!(r#"{{"id":{order}}}"#);
    succeeded(&write(connect(), "action", "purchase_orders", &close, &[&record]).await);
    let sync = [("action", "sync_supplier_user_locale")];
    succeeded(&write(connect(), "action", "suppliers", &sync, &["{}"]).await);

    let folder = tempfile::tempdir().unwrap();
    let mut records = Vec::new();
    for size in [SMALL, LARGE] {
        let name = format!("{size}.bin");
        std::fs::write(folder.path().join(&name), vec![7; size]).unwrap();
        records.push(format!(
            r#"{{"purchase-order-id":{order},"file":"{name}","intent":"Internal"}}"#
        ));
    }
    let object = "purchase_orders/{purchase_order_id}/attachments";
    succeeded(&upload(files_of(connect(), folder.path()), object, &records).await);
    let down = tempfile::tempdir().unwrap();
    let object = format!("purchase_orders/{order}/attachments");
    let files = files_of(connect(), down.path());
    let downloaded = run(files, call("download", &object, &[]), Vec::new()).await;
    assert_eq!(downloaded.items.len(), 2, "{downloaded:?}");

    front.assert_well_formed();
    front.received()
}

/// The one request of this method to this path.
fn one<'a>(all: &'a [Received], method: &str, path: &str) -> &'a Received {
    let is_meant = |request: &&Received| {
        let (own, _) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        request.method == method && own.ends_with(path)
    };
    let mut found = all.iter().filter(is_meant);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {method} {path} in {all:#?}"));
    assert_eq!(found.count(), 0, "{method} {path}");
    one
}

/// What holds over both protocols.
fn has_every_kind(all: &[Received]) {
    let create = one(all, "POST", "/api/suppliers");
    let length = create.length.to_string();
    assert_eq!(create.values("content-length"), [length.as_str()]);
    assert_eq!(create.values("content-type"), ["application/json"]);
    for (method, path) in [
        ("PUT", "/close"),
        ("POST", "/sync_supplier_user_locale"),
        ("DELETE", ""),
    ] {
        let bare = one(all, method, path);
        assert_eq!(bare.length, 0, "{bare:?}");
        assert!(bare.values("content-type").is_empty(), "{bare:?}");
    }
    let mut files: Vec<&Received> = all
        .iter()
        .filter(|request| request.method == "POST" && request.target.ends_with("/attachments"))
        .collect();
    files.sort_by_key(|file| file.length);
    let [small, large] = files[..] else {
        panic!("{files:?}");
    };
    for (file, size) in [(small, SMALL), (large, LARGE)] {
        // A file's length is known before it is sent.
        let length = file.length.to_string();
        assert_eq!(file.values("content-length"), [length.as_str()]);
        assert!((1..1000).contains(&(file.length - size as u64)), "{file:?}");
    }
    for read in all.iter().filter(|request| request.method == "GET") {
        assert_eq!(read.length, 0, "{read:?}");
        assert!(read.values("content-length").is_empty(), "{read:?}");
    }
}

#[tokio::test]
async fn over_http2_nothing_is_sent_that_fronts_refuse() {
    let all = all_kinds(Script::default()).await;
    let http2 = |request: &Received| request.protocol == Protocol::Http2;
    assert!(all.iter().all(http2), "{all:?}");
    has_every_kind(&all);
}

#[tokio::test]
async fn over_http1_nothing_is_sent_that_fronts_refuse() {
    let all = all_kinds(Script::http1()).await;
    let plain = |request: &Received| request.protocol == Protocol::Http1 && !request.chunked;
    assert!(all.iter().all(plain), "{all:?}");
    has_every_kind(&all);
    for (method, path) in [("PUT", "/close"), ("POST", "/sync_supplier_user_locale")] {
        assert_eq!(one(&all, method, path).values("content-length"), ["0"]);
    }
}
