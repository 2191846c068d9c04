//! What is refused before it runs, and what is stopped as it is compiled or
//! instantiated.

use super::handmade::{Added, FOR_EVER, component};
use super::{BOUND, is_healthy, load};
use crate::program::program;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn what_asks_for_more_than_a_connector_may_have_is_refused_by_name() {
    for import in [
        "wasi:sockets/types@0.3.0",
        "wasi:filesystem/types@0.3.0",
        "wasi:cli/environment@0.3.0",
        "wasi:random/random@0.3.0",
        "wasi:http/handler@0.3.0",
        "wasi:http/types@0.2.0",
        "wasi:clocks/timezone@0.3.0",
        "integration:connector/secrets@0.3.0",
        "integration:connector/secrets",
        "evil:host/everything@1.0.0",
    ] {
        let added = Added {
            import: Some(import),
            ..Added::default()
        };
        let error = load(component(&added)).await.unwrap_err();
        assert_eq!(error.code(), "runtime.not-a-connector");
        assert!(error.to_string().contains(import), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_attacks_as_it_is_instantiated_is_contained() {
    let spins = Added {
        start: Some(FOR_EVER.to_vec()),
        ..Added::default()
    };
    let grows = Added {
        large_table: true,
        ..Added::default()
    };
    let recurses = Added {
        recursion: true,
        ..Added::default()
    };
    // Beside others it may be given too little to use it up in time.
    let spinning = ["runtime.processor-time", "runtime.wall-time"];
    for (added, codes) in [
        (spins, spinning.as_slice()),
        (grows, &["runtime.table"]),
        (recurses, &["runtime.stack"]),
    ] {
        let loading = tokio::time::timeout(BOUND, load(component(&added)));
        let error = loading.await.unwrap().unwrap_err();
        assert!(codes.contains(&error.code()), "{error}");
    }
    is_healthy().await;
}

/// A component whose compiling takes very long: functions of hundreds of
/// thousands of instructions each.
fn bomb() -> Vec<u8> {
    // local.get 0, i32.const 3, i32.mul, i32.const 5, i32.add, local.set 0
    let step = [0x20, 0, 0x41, 3, 0x6c, 0x41, 5, 0x6a, 0x21, 0];
    // One i32; a nest of blocks that all reach out.
    let mut body = vec![0x01, 0x01, 0x7f];
    for _ in 0..40_000 {
        body.extend(step);
        body.extend([0x02, 0x40, 0x20, 0, 0x0d, 0, 0x0b]);
    }
    body.push(0x0b);
    component(&Added {
        bodies: vec![body; 40],
        ..Added::default()
    })
}

#[test]
fn compiling_is_bounded_in_time_and_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.wasm");
    let bytes = bomb();
    std::fs::write(&path, &bytes).unwrap();
    let publish = |arguments: &[&str]| {
        let started = Instant::now();
        let output = std::process::Command::new(program())
            .args(arguments)
            .arg("publish")
            .arg(&path)
            .env("HARNESS_HOME", folder.path().join("home"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        println!("{arguments:?}: {:?}: {said}", started.elapsed());
        assert!(!output.status.success());
        (said, started.elapsed())
    };
    println!("{} bytes", bytes.len());
    let (said, elapsed) = publish(&["--compile-seconds", "1"]);
    assert!(said.contains("[runtime.compile-time]"), "{said}");
    assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
    let (said, _) = publish(&["--compile-mib", "200"]);
    assert!(said.contains("[runtime.compile-memory]"), "{said}");
    // Nothing of it goes on; others may be compiling meanwhile.
    let own = format!("HARNESS_HOME={}", folder.path().join("home").display());
    let is_own = |process: &std::fs::DirEntry| {
        let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == own.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let left: Vec<_> = processes
        .filter_map(Result::ok)
        .filter(is_own)
        .map(|process| std::fs::read_to_string(process.path().join("comm")))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
