//! Each attack is contained within bounded time and memory, and named by its own
//! code; what was delivered before stands, and the host is healthy after it.

use super::{BOUND, code, connection, connector, describing, is_healthy, load, run, told};
use futures::StreamExt;
use host_harness::run::{Destination, Reading};
use host_harness::runtime::{RunFiles, RuntimeError};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_on_a_run_is_contained_and_named() {
    let large = (100 << 20).to_string();
    /// Activity, options, records, codes, events delivered before.
    type Case<'a> = (
        &'a str,
        &'a [(&'a str, &'a str)],
        usize,
        &'a [&'a str],
        usize,
    );
    let cases: &[Case<'_>] = &[
        ("spin-at-once", &[], 0, &["runtime.processor-time"], 0),
        ("spin", &[], 0, &["runtime.processor-time"], 1),
        (
            "spin-in-turns",
            &[],
            0,
            &["runtime.processor-time", "runtime.wall-time"],
            0,
        ),
        ("grow", &[], 0, &["runtime.memory"], 0),
        ("recurse", &[], 0, &["runtime.stack", "runtime.trap"], 0),
        ("log-flood", &[], 0, &["runtime.processor-time"], 0),
        (
            "huge-event",
            &[("bytes", &large)],
            0,
            &["runtime.memory"],
            0,
        ),
        (
            "huge-checkpoint",
            &[("bytes", "4097")],
            0,
            &["runtime.contract"],
            0,
        ),
        ("panic-midway", &[], 0, &["runtime.trap"], 3),
        ("handles", &[], 0, &["runtime.handles"], 0),
        ("streams", &[], 0, &["runtime.handles"], 0),
        ("not-utf8", &[], 0, &["runtime.trap"], 0),
        ("never-answers", &[], 5, &["runtime.wall-time"], 0),
        ("never-ends", &[], 0, &["runtime.wall-time"], 0),
        ("stranger", &[], 5, &["runtime.contract"], 0),
        ("answers-twice", &[], 5, &["runtime.contract"], 1),
    ];
    for (activity, options, records, codes, delivered) in cases {
        let started = Instant::now();
        let mut attacked = connection();
        if codes.contains(&"runtime.wall-time") {
            attacked.limits.wall = Duration::from_secs(2);
        }
        let outcome = run(attacked, activity, options, *records).await;
        let elapsed = started.elapsed();
        let ended = outcome.ended.as_ref().unwrap();
        println!("{activity}: {ended:?} in {elapsed:?}");
        assert!(codes.contains(&code(&outcome)), "{activity}: {ended:?}");
        assert!(
            ended.as_ref().unwrap_err().to_string().contains(codes[0]) || codes.len() > 1,
            "the text for people has the code: {ended:?}"
        );
        let events = outcome.items.len() + outcome.answers.len();
        assert_eq!(events, *delivered, "{activity}: what was delivered stands");
        assert!(outcome.usage.peak_memory() <= 64 << 20, "{activity}");
        is_healthy().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_at_once_is_limited_however_much_memory_there_is() {
    let mut roomy = connection();
    roomy.limits.memory = 1 << 30;
    roomy.limits.cpu = Duration::from_secs(20);
    let large = (100 << 20).to_string();
    let outcome = run(roomy.clone(), "huge-event", &[("bytes", &large)], 0).await;
    assert_eq!(code(&outcome), "runtime.handed-over");
    let mut session = connector()
        .await
        .session(roomy.clone().setting("attack", "huge list"))
        .await
        .unwrap();
    let error = session.activities().await.unwrap_err();
    assert_eq!(error.code(), "runtime.handed-over", "{error}");
    // Within the limit it passes.
    let outcome = run(roomy, "huge-event", &[("bytes", "8000000")], 0).await;
    assert_eq!(outcome.items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_events_is_as_fast_as_its_reader() {
    // A fast reader takes all there is, until the processor time is used up.
    let outcome = run(connection(), "flood", &[], 0).await;
    assert_eq!(code(&outcome), "runtime.processor-time");
    let memory = outcome.usage.peak_memory();
    assert!(memory < 8 << 20, "{memory}");
    // A slow one makes the flood a trickle, which costs next to nothing.
    let mut short = connection();
    short.limits.wall = Duration::from_secs(3);
    let session = connector().await.session(short).await.unwrap();
    let call = crate::support::call("flood", "things", &[]);
    let mut execution = session.execute(call, futures::stream::empty().boxed());
    let usage = execution.usage().clone();
    let mut batches = 0;
    while execution.next().await.is_some() {
        batches += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = execution.finish().await.unwrap_err();
    assert_eq!(error.code(), "runtime.wall-time");
    assert!(batches <= 160, "{batches} in 3 s, one each 20 ms");
    assert!(
        usage.cpu() < Duration::from_millis(250),
        "{:?}",
        usage.cpu()
    );
    assert!(usage.peak_memory() < 8 << 20);
    is_healthy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_never_ends_is_given_up_at_once() {
    for activity in ["never-ends", "spin", "flood", "unread-file"] {
        let session = connector().await.session(connection()).await.unwrap();
        let call = crate::support::call(activity, "things", &[]);
        let execution = session.execute(call, futures::stream::empty().boxed());
        let usage = execution.usage().clone();
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(execution);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let computed = usage.cpu();
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(
            usage.cpu(),
            computed,
            "{activity} goes on after it was dropped"
        );
    }
    is_healthy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_holds_what_it_may_and_says_what_it_left_out() {
    let session = connector().await.session(connection()).await.unwrap();
    let call = crate::support::call("log-flood", "things", &[]);
    let execution = session.execute(call, futures::stream::empty().boxed());
    let log = execution.log().clone();
    let error = execution.finish().await.unwrap_err();
    assert_eq!(error.code(), "runtime.processor-time");
    let (lines, dropped) = log.lines();
    assert!(
        lines.len() <= 2000 && dropped > 1000,
        "{} {dropped}",
        lines.len()
    );
    assert!(lines.iter().all(|line| line.fields.len() <= 16));
    // The host's own lines are not washed away.
    assert!(lines.iter().any(|line| line.source == "host"));

    let mut roomy = connection();
    roomy.limits.cpu = Duration::from_secs(10);
    let session = connector().await.session(roomy).await.unwrap();
    let call = crate::support::call("log-huge", "things", &[]);
    let execution = session.execute(call, futures::stream::empty().boxed());
    let (log, usage) = (execution.log().clone(), execution.usage().clone());
    execution.finish().await.unwrap();
    assert!(log.lines().0.iter().all(|line| line.message.len() <= 4096));
    println!("20 lines of 30 MiB: {:?}", usage.cpu());
}

#[tokio::test(flavor = "multi_thread")]
async fn controls_in_texts_harm_nothing() {
    let outcome = run(connection(), "controls", &[], 0).await;
    assert_eq!(outcome.items[0].key, "k\0\r\n\u{1b}[2J");
    assert_eq!(code(&outcome), "a\0b");
}

#[tokio::test(flavor = "multi_thread")]
async fn attacks_outside_of_runs_are_contained_too() {
    for attack in ["spin in test", "spin in list"] {
        let attacked = connection().setting("attack", attack);
        let mut session = connector().await.session(attacked).await.unwrap();
        let error = match attack {
            "spin in test" => session.test().await.map(drop),
            _ => session.activities().await.map(drop),
        };
        let error = error.unwrap_err();
        assert_eq!(error.code(), "runtime.processor-time", "{attack}");
        // The instance is of no more use, and says so.
        let again = session.activities().await.unwrap_err();
        assert!(matches!(again, RuntimeError::Trap(_)), "{again}");
    }
    for (choice, codes) in [
        // Beside others it may be given too little to use it up in time.
        (
            "spinning",
            ["runtime.processor-time", "runtime.wall-time"].as_slice(),
        ),
        ("growing", &["runtime.memory"]),
        ("panicking", &["runtime.trap"]),
        ("huge", &["runtime.handed-over", "runtime.memory"]),
    ] {
        let loading = tokio::time::timeout(BOUND, load(describing(choice)));
        let error = loading.await.unwrap().unwrap_err();
        assert!(codes.contains(&error.code()), "{choice}: {error}");
    }
    is_healthy().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_stay_in_their_folder_and_within_their_size() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("run");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(folder.path().join("outside"), "not yours").unwrap();
    std::fs::write(inside.join(".hidden"), "not yours").unwrap();
    std::fs::write(inside.join("yours"), "yours").unwrap();
    std::fs::write(inside.join("large"), vec![0; 4 << 20]).unwrap();
    let mut with_files = connection();
    with_files.files = Some(RunFiles::in_folder(&inside));
    with_files.limits.file = 8 << 20;
    let names = "yours|../outside|/etc/passwd|.hidden|a\0b|..|.|yours/|large/../yours";
    let outcome = run(with_files.clone(), "files", &[("names", names)], 0).await;
    let told_of = told(&outcome);
    assert_eq!(told_of[0], "opened 5 bytes");
    assert!(
        told_of[1..].iter().all(|told| told.contains("Refused")),
        "{told_of:?}"
    );
    let outcome = run(with_files.clone(), "file-flood", &[], 0).await;
    assert!(
        told(&outcome)[0].contains("TooLarge"),
        "{:?}",
        told(&outcome)
    );
    with_files.limits.wall = Duration::from_secs(1);
    let outcome = run(with_files, "unread-file", &[], 0).await;
    assert_eq!(code(&outcome), "runtime.wall-time");
    let left: Vec<_> = std::fs::read_dir(&inside).unwrap().collect();
    assert_eq!(left.len(), 3, "nothing half kept is left: {left:?}");
    // Without a place there is none.
    let outcome = run(connection(), "files", &[("names", "yours")], 0).await;
    assert!(told(&outcome)[0].contains("Refused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_of_a_run_has_the_code() {
    let session = connector().await.session(connection()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let reading = Reading {
        session,
        call: crate::support::call("spin", "things", &[]),
        acknowledging: None,
        rejected: None,
    };
    let destination = Destination::File {
        path: folder.path().join("out.ndjson"),
        format: host_harness::records::Format::Ndjson,
        resume: false,
    };
    let never = std::future::pending();
    let report = host_harness::run::read(reading, destination, never, |_| {}).await;
    let report = report.unwrap();
    let error = report.error.unwrap();
    assert!(error.contains("[runtime.processor-time]"), "{error}");
    assert_eq!(report.counts.written, 1);
}
