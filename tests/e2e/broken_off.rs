//! `harness run` killed in the middle: what it has written is neither written once more
//! nor forgotten, whichever command comes next.

use crate::chance::{Chance, rounds};
use crate::program::{Folder, connection, lines, start_and_signal, text};
use crate::support::sandbox;
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use serde_json::Value;
use std::collections::BTreeMap;

/// Records of an input.
const COUNT: u64 = 120;

/// Kills the program when it has sent so many requests that write.
fn killed(folder: &Folder, arguments: &[&str], sandbox: &Sandbox, writes: u64) {
    let sent = || {
        let counted = sandbox.counters().requests;
        let of = |method: &str| counted.get(method).copied().unwrap_or(0);
        // A token is asked for by POST.
        of("POST") + of("PUT") + of("DELETE")
    };
    let before = sent();
    let slow = Fault::Slow { milliseconds: 15 };
    for method in ["POST", "PUT", "DELETE"] {
        sandbox.add_fault(FaultRule {
            times: None,
            ..FaultRule::next(1, slow.clone()).on_method(method)
        });
    }
    start_and_signal(folder, arguments, || sent() > before + writes, "-KILL");
    sandbox.clear_faults();
}

/// The names of all suppliers that begin so, and how often each is there.
fn names(folder: &Folder, prefix: &str) -> BTreeMap<String, u64> {
    let all = folder.run(&["run", "query", "suppliers", "-o", "fields=name"]);
    let mut counted = BTreeMap::new();
    for record in lines(&text(&all.stdout)) {
        let name = record["name"].as_str().unwrap_or_default();
        if name.starts_with(prefix) {
            *counted.entry(name.to_owned()).or_default() += 1;
        }
    }
    counted
}

fn input(folder: &Folder, made: impl Fn(u64) -> String) {
    let rows: String = (0..COUNT).map(|n| made(n) + "\n").collect();
    folder.write("in.ndjson", &rows);
}

#[test]
fn a_killed_create_is_refused_once_more_and_gone_on_with_to_each_record_once() {
    let mut chance = Chance::new();
    for (round, output) in (0..rounds(3, 20)).zip([true, false].into_iter().cycle()) {
        let sandbox = sandbox(&[]);
        let folder = Folder::new(&sandbox);
        // One line is no record: it is told once.
        input(&folder, |n| match n {
            7 => "[]".to_owned(),
            n => format!("{{\"name\":\"Broken off {n}\",\"number\":\"B-{n}\"}}"),
        });
        let mut run = vec!["run", "create", "suppliers", "--input", "in.ndjson"];
        if output {
            run.extend(["--output", "out.ndjson"]);
        }
        killed(&folder, &run, &sandbox, 5 + chance.below(40));
        let created = names(&folder, "Broken off").len();
        assert!(created > 0 && created < 119, "round {round}: {created}");

        let (code, said) = folder.code(&run);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.contains("in.ndjson.create-suppliers.journal"),
            "{said}"
        );
        assert!(said.contains("--resume"), "{said}");
        assert_eq!(names(&folder, "Broken off").len(), created, "{said}");

        let mut resumed = run.clone();
        resumed.push("--resume");
        // Killed once more, it is still known.
        killed(&folder, &resumed, &sandbox, 1 + chance.below(20));
        let other = ["-o", "on-error=stop"];
        let (code, said) = folder.code(&[&resumed[..], &other].concat());
        assert_eq!(code, Some(1), "{said}");
        let (code, said) = folder.code(&resumed);
        assert_eq!(code, Some(3), "round {round}: {said}");
        assert!(said.contains("had been dealt with"), "{said}");
        let written = names(&folder, "Broken off");
        assert_eq!(written.len(), 119, "round {round}");
        assert!(written.values().all(|count| *count == 1), "{written:?}");
        let rejected = lines(&folder.read("in.ndjson.rejected.ndjson"));
        assert_eq!(rejected.len(), 1, "{rejected:?}");
        if output {
            let told = lines(&folder.read("out.ndjson"));
            let mut told: Vec<_> = told.iter().map(|one| one["number"].clone()).collect();
            told.sort_by_key(Value::to_string);
            told.dedup();
            assert_eq!(told.len(), 119, "each is answered");
            assert_eq!(lines(&folder.read("out.ndjson")).len(), 119, "and once");
        }
        let (code, said) = folder.code(&resumed);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("nothing to resume"), "{said}");
    }
}

#[test]
fn whatever_a_killed_run_writes_it_is_not_begun_again() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    let (suppliers, addresses) = ("suppliers", "suppliers/{supplier_id}/addresses");
    let create = |object: &str, output: &str| {
        let run = [
            "run",
            "create",
            object,
            "--input",
            "in.ndjson",
            "--output",
            output,
        ];
        let (code, said) = folder.code(&run);
        assert_eq!(code, Some(0), "{said}");
        let created = lines(&folder.read(output));
        created
            .iter()
            .map(|one| one["id"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    input(&folder, |n| {
        format!("{{\"name\":\"Kept {n}\",\"number\":\"K-{n}\"}}")
    });
    let supplier = create(suppliers, "created.ndjson")[0];
    input(&folder, |n| {
        format!(
            "{{\"supplier-id\":{supplier},\"remit-to-code\":\"R-{n}\",\"street1\":\"1 Main\",\
             \"city\":\"Bern\",\"postal-code\":\"3000\",\"country\":{{\"code\":\"US\"}}}}"
        )
    });
    let made = create(addresses, "addresses.ndjson");
    for (activity, object) in [
        ("update", suppliers),
        ("upsert", suppliers),
        ("delete", addresses),
    ] {
        input(&folder, |n| match activity {
            "delete" => format!("{{\"supplier-id\":{supplier},\"id\":{}}}", made[n as usize]),
            _ => format!("{{\"number\":\"K-{n}\",\"website\":\"https://{activity}.example\"}}"),
        });
        let mut run = vec!["run", activity, object, "--input", "in.ndjson"];
        run.extend(["--output", "out.ndjson"]);
        if object == suppliers {
            run.extend(["-o", "key=number"]);
        }
        killed(&folder, &run, &sandbox, 20);
        let part = folder.path("out.ndjson.part");
        let kept = std::fs::read(&part).unwrap();
        let (code, said) = folder.code(&run);
        assert_eq!(code, Some(1), "{activity}: {said}");
        assert!(said.contains("--resume"), "{activity}: {said}");
        assert_eq!(std::fs::read(&part).unwrap(), kept, "{activity}");
        // Nor into the same file by another input.
        folder.write("other.ndjson", "{\"name\":\"Other\"}\n");
        let mut other = vec!["run", "create", suppliers, "--input", "other.ndjson"];
        other.extend(["--output", "out.ndjson"]);
        if !kept.is_empty() {
            let (code, said) = folder.code(&other);
            assert_eq!(code, Some(1), "{activity}: {said}");
            assert!(said.contains("out.ndjson.part"), "{activity}: {said}");
            assert_eq!(std::fs::read(&part).unwrap(), kept, "{activity}");
        }
        run.push("--resume");
        let (code, said) = folder.code(&run);
        assert_eq!(code, Some(0), "{activity}: {said}");
        assert!(!part.exists());
    }
}

#[test]
fn over_another_connection_a_killed_run_is_not_gone_on_with() {
    let (one, other) = (sandbox(&[]), sandbox(&[]));
    let folder = Folder::new(&one);
    folder.write("other.toml", &connection(&other.base_url()));
    input(&folder, |n| {
        format!("{{\"name\":\"Elsewhere {n}\",\"number\":\"E-{n}\"}}")
    });
    let run = ["run", "create", "suppliers", "--input", "in.ndjson"];
    killed(&folder, &run, &one, 20);
    let elsewhere = ["-c", "other.toml", "--resume"];
    let (code, said) = folder.code(&[&run[..], &elsewhere].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the same connection"), "{said}");
    // Where it is moved away, another one begins.
    std::fs::remove_file(folder.path("in.ndjson.create-suppliers.journal")).unwrap();
    let (code, said) = folder.code(&[&run[..], &elsewhere[..2]].concat());
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_never_handed_anything_over_is_simply_begun_again() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    input(&folder, |n| {
        format!("{{\"name\":\"Begun {n}\",\"number\":\"F-{n}\"}}")
    });
    let run = [
        "run",
        "create",
        "suppliers",
        "--input",
        "in.ndjson",
        "--output",
        "out.ndjson",
    ];
    let right = folder.read("connection.toml");
    folder.write(
        "connection.toml",
        &right.replace("TEST_CLIENT_SECRET", "TEST_API_KEY"),
    );
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(1), "{said}");
    folder.write("connection.toml", &right);
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(names(&folder, "Begun").len() as u64, COUNT);
}

#[test]
fn a_run_that_failed_midway_goes_on_when_the_reason_is_gone() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    input(&folder, |n| {
        format!("{{\"name\":\"Midway {n}\",\"number\":\"M-{n}\"}}")
    });
    let run = ["run", "create", "suppliers", "--input", "in.ndjson"];
    // The token is not accepted any more, and no other is granted.
    sandbox.add_fault(
        FaultRule {
            times: None,
            ..FaultRule::next(1, Fault::status(401))
        }
        .on_method("POST")
        .after(30),
    );
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(1), "{said}");
    sandbox.clear_faults();
    let created = names(&folder, "Midway").len() as u64;
    assert!(created > 0 && created < COUNT, "{created}");
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(1), "{said}");
    let (code, said) = folder.code(&[&run[..], &["--resume"]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert!(!folder.path("in.ndjson.rejected.ndjson").exists());
    let written = names(&folder, "Midway");
    assert_eq!(written.len() as u64, COUNT);
    assert!(written.values().all(|count| *count == 1), "{written:?}");
}

#[test]
fn a_killed_query_is_refused_once_more_and_gone_on_with() {
    let sandbox = sandbox(&[("suppliers", 2000)]);
    let folder = Folder::new(&sandbox);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, Fault::Slow { milliseconds: 60 })
    });
    let run = ["run", "query", "suppliers", "--output", "out.csv"];
    let saved = || folder.path("out.csv.checkpoint").exists();
    start_and_signal(&folder, &run, saved, "-KILL");
    sandbox.clear_faults();
    let kept = folder.read("out.csv.part");
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("out.csv.part") && said.contains("--resume"),
        "{said}"
    );
    assert_eq!(folder.read("out.csv.part"), kept);
    let (code, said) = folder.code(&[&run[..], &["--resume"]].concat());
    assert_eq!(code, Some(0), "{said}");
    let rows = folder.read("out.csv").lines().count();
    assert_eq!(rows as u64, sandbox.count("suppliers") + 1);
    // Whole, it is simply made once more.
    let (code, said) = folder.code(&run);
    assert_eq!(code, Some(0), "{said}");
}
