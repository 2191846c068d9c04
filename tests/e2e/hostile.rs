//! A server that means harm, or has lost its mind: each case ends in bounded time
//! and memory, with records that are right or an error that names what is wrong.

// A fault has to meet the request that it is meant for.
use crate::support::countable_sandbox as sandbox;
use crate::support::{call, oauth, query, run};
use coupa_sandbox::{Fault, FaultRule, Filler, RedirectTarget};
use futures::StreamExt;
use host_harness::runtime::RuntimeError;
use std::time::{Duration, Instant};

/// Cases that are tried at a time.
const AT_ONCE: usize = 6;

/// What may come of it: the whole collection, or one of these errors.
enum Ends {
    Whole,
    With(&'static [&'static str]),
    Either(&'static [&'static str]),
}

#[tokio::test]
async fn hostile_answers_end_in_a_clear_error_within_bounds() {
    let huge = |filler| Fault::HugeBody {
        filler,
        bytes: Some(10 << 30),
    };
    let redirect = |target| Fault::RedirectTo {
        status: 302,
        target,
    };
    let too_large: &[&str] = &["coupa.answer-too-large", "coupa.timed-out"];
    let cases: Vec<(&str, Fault, Ends)> = vec![
        (
            "10 GB of records",
            huge(Filler::Records),
            Ends::With(too_large),
        ),
        (
            "10 GB in one text",
            huge(Filler::Text),
            Ends::With(too_large),
        ),
        (
            "10 GB of blanks",
            huge(Filler::Spaces),
            Ends::With(too_large),
        ),
        (
            "a slow drip",
            Fault::SlowBody {
                bytes: 1,
                milliseconds: 3000,
            },
            Ends::With(&["coupa.timed-out", "coupa.interrupted"]),
        ),
        (
            "deep nesting",
            Fault::DeepNesting { levels: 100_000 },
            Ends::Either(&["coupa.not-json", "coupa.no-id", "coupa.out-of-order"]),
        ),
        (
            "a gzip bomb",
            Fault::GzipBomb { bytes: 10 << 30 },
            Ends::With(&["coupa.not-json", "coupa.answer-too-large"]),
        ),
        (
            "gzip unasked for",
            Fault::UnaskedGzip,
            Ends::With(&["coupa.not-json"]),
        ),
        (
            "not a number",
            Fault::NotANumber,
            Ends::With(&["coupa.not-json"]),
        ),
        (
            "invalid UTF-8",
            Fault::InvalidUtf8,
            Ends::With(&["coupa.not-json"]),
        ),
        (
            "a byte order mark",
            Fault::ByteOrderMark,
            Ends::With(&["coupa.not-json"]),
        ),
        (
            "JSON labelled as HTML",
            Fault::WrongContentType {
                content_type: "text/html".to_owned(),
            },
            Ends::Whole,
        ),
        ("no content type", Fault::NoContentType, Ends::Whole),
        (
            "HTML labelled as JSON",
            Fault::HtmlAsJson,
            Ends::With(&["coupa.not-json"]),
        ),
        ("cookies", Fault::SetCookie, Ends::Whole),
        (
            "no content",
            Fault::NoContent,
            Ends::With(&["coupa.not-json"]),
        ),
        (
            "103 before the answer",
            Fault::Informational { status: 103 },
            Ends::Whole,
        ),
        (
            "a flood of headers",
            Fault::HeaderFlood {
                headers: 2000,
                bytes: 1000,
            },
            Ends::Either(&["coupa.broken-http", "coupa.interrupted", "coupa.timed-out"]),
        ),
        (
            "the same page for ever",
            Fault::SamePage,
            Ends::With(&["coupa.out-of-order", "coupa.page-repeated"]),
        ),
        (
            "ids out of order",
            Fault::ReversedPage,
            Ends::With(&["coupa.out-of-order"]),
        ),
        ("small pages", Fault::ShortPage { records: 3 }, Ends::Whole),
        (
            "a redirect to itself",
            redirect(RedirectTarget::Itself),
            Ends::With(&["coupa.redirect"]),
        ),
        (
            "redirects for ever",
            redirect(RedirectTarget::Onward),
            Ends::With(&["coupa.redirect"]),
        ),
        (
            "a redirect elsewhere",
            redirect(RedirectTarget::Url("http://169.254.169.254/".to_owned())),
            Ends::With(&["coupa.redirect"]),
        ),
        (
            "keys that stand twice",
            Fault::DuplicateKeys,
            Ends::Either(&["coupa.not-json", "coupa.out-of-order", "coupa.no-id"]),
        ),
        (
            "half a surrogate",
            Fault::LoneSurrogate,
            Ends::Either(&["coupa.not-json"]),
        ),
    ];
    // Most of each is waiting.
    futures::stream::iter(cases)
        .map(|(name, fault, ends)| answered_by(name, fault, ends))
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

/// Reads a collection that is answered so.
async fn answered_by(name: &str, fault: Fault, ends: Ends) {
    let sandbox = sandbox(&[("suppliers", 130)]);
    let whole = query(oauth(&sandbox), "suppliers", &[]).await.keys();
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, fault)
            .on_method("GET")
            .on_path("/api/suppliers")
    });
    let started = Instant::now();
    let connection = oauth(&sandbox).setting("timeout", "1");
    let called = run(connection, call("query", "suppliers", &[]), Vec::new());
    let outcome = tokio::time::timeout(Duration::from_secs(90), called)
        .await
        .unwrap();
    sandbox.clear_faults();
    let code = match outcome.ended.as_ref().unwrap() {
        Ok(_) => None,
        Err(RuntimeError::Connector(error)) => Some(error.0.code.as_str()),
        Err(other) => panic!("{name}: {other}"),
    };
    let (may_be_whole, codes) = match ends {
        Ends::Whole => (true, [].as_slice()),
        Ends::With(codes) => (false, codes),
        Ends::Either(codes) => (true, codes),
    };
    match code {
        None => assert!(
            may_be_whole && outcome.keys() == whole,
            "{name}: read as if nothing were wrong"
        ),
        Some(code) => assert!(codes.contains(&code), "{name}: {code}"),
    }
    let memory = outcome.usage.peak_memory();
    assert!(memory < 128 << 20, "{name}: {memory} bytes");
    println!(
        "{name}: {code:?} in {:?}, {} MiB",
        started.elapsed(),
        memory >> 20
    );
    assert_eq!(query(oauth(&sandbox), "suppliers", &[]).await.keys(), whole);
    let cookies = sandbox.counters().cookies;
    assert_eq!(cookies, 0, "{name}: no cookie ever goes back");
}

#[tokio::test]
async fn a_write_to_a_hostile_server_is_told_truly() {
    let sandbox = sandbox(&[]);
    for fault in [
        Fault::HugeBody {
            filler: Filler::Text,
            bytes: Some(10 << 30),
        },
        Fault::GzipBomb { bytes: 10 << 30 },
        Fault::DeepNesting { levels: 100_000 },
        Fault::NoContent,
        Fault::HtmlAsJson,
    ] {
        let before = sandbox.count("commodities");
        sandbox.add_fault(FaultRule::next(1, fault.clone()).on_method("POST"));
        let connection = oauth(&sandbox).setting("timeout", "2");
        let record = format!(r#"{{"name":"Hostile {before} {}"}}"#, sandbox.log().len());
        let outcome =
            crate::support::write(connection, "create", "commodities", &[], &[&record]).await;
        sandbox.clear_faults();
        let created = sandbox.count("commodities") - before;
        assert!(created <= 1, "{fault:?}");
        let told = outcome.answers.len() as u64;
        let uncertain = outcome.rejected.iter().any(|rejection| {
            rejection.error.kind == host_harness::runtime::types::ErrorKind::Uncertain
        });
        assert!(uncertain || told == created, "{fault:?}: {outcome:?}");
    }
}
