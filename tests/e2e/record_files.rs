//! Files of records, as people have them: what CSV says is what the records say, in both
//! directions.

use crate::coverage::whole;
use crate::platform::{DEVELOPMENT, Place};
use crate::program::{Folder, connection, lines};
use crate::special_files::{is_pipe, make_pipe};
use crate::support::{call, connector, countable_sandbox, oauth, sandbox_with};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use host_harness::records::Format;
use host_harness::run::{self, Destination, Origin, Reading, Report, Results};
use host_harness::runtime::Connector;
use host_harness::workspace::{Endpoint, RunState};
use serde_json::Value;
use std::fs::File;
use std::path::Path;

/// The requests that wrote something.
fn writes(sandbox: &Sandbox) -> usize {
    let log = sandbox.log();
    let writes = |path: &str| path.starts_with("/api/") && path != "/api/graphql";
    log.iter()
        .filter(|request| request.method != "GET" && writes(&request.path))
        .count()
}

async fn read(connector: &Connector, sandbox: &Sandbox, object: &str, path: &Path) -> Report {
    let format = Format::of_path(path).unwrap();
    let reading = Reading {
        session: connector.session(oauth(sandbox)).await.unwrap(),
        call: call("query", object, &[]),
        acknowledging: None,
        rejected: None,
    };
    let destination = Destination::File {
        path: path.to_owned(),
        format,
        resume: false,
    };
    let read = run::read(reading, destination, std::future::pending(), |_| {}).await;
    read.unwrap()
}

/// What an update with a file's records would do.
async fn compared(connector: &Connector, sandbox: &Sandbox, object: &str, path: &Path) -> Report {
    let session = connector.session(oauth(sandbox)).await.unwrap();
    let mut call = call("update", object, &[]);
    call.dry_run = true;
    let origin = Origin {
        source: Box::new(File::open(path).unwrap()),
        format: Format::of_path(path).unwrap(),
    };
    let results = Results {
        answers: None,
        rejected: path.with_extension("rejected"),
        differing: path.with_extension("differing"),
        journal: None,
    };
    let stop = futures::stream::pending();
    let written = run::write(session, call, origin, results, stop, |_| {}).await;
    written.unwrap_or_else(|error| panic!("{object}: {error}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_as_csv_is_read_back_as_the_same_records() {
    let sandbox = whole();
    let connector = connector();
    let folder = tempfile::tempdir().unwrap();
    let mut session = connector.session(oauth(&sandbox)).await.unwrap();
    let objects = session.objects(None).await.unwrap();
    drop(session);
    let mut looked_at = 0;
    for object in objects {
        let offers = |name: &str| object.activities.iter().any(|activity| activity == name);
        if !offers("query") || !offers("update") || object.name.contains('{') {
            continue;
        }
        let at = |format: &str| folder.path().join(format!("{looked_at}.{format}"));
        let (csv, ndjson) = (at("csv"), at("ndjson"));
        let found = read(&connector, &sandbox, &object.name, &csv).await;
        assert_eq!(found.counts.rejected, 0, "{}", object.name);
        read(&connector, &sandbox, &object.name, &ndjson).await;
        let from_csv = compared(&connector, &sandbox, &object.name, &csv).await;
        let from_ndjson = compared(&connector, &sandbox, &object.name, &ndjson).await;
        let differing = std::fs::read_to_string(csv.with_extension("differing"));
        assert_eq!(
            from_csv.counts,
            from_ndjson.counts,
            "{}: {}",
            object.name,
            differing.unwrap_or_default()
        );
        looked_at += 1;
        assert_eq!(
            from_csv.counts.unchanged, found.counts.written,
            "{}",
            object.name
        );
    }
    assert!(looked_at > 50, "{looked_at}");
}

#[test]
fn spreadsheets_are_understood_or_refused_before_anything_is_sent() {
    let sandbox = countable_sandbox(&[]);
    let folder = Folder::new(&sandbox);
    let create = |file: &str, more: &[&str]| {
        let mut arguments = vec!["run", "create", "suppliers", "--input", file];
        arguments.extend(more);
        folder.code(&arguments)
    };
    // As they are saved where the comma stands in numbers, with rows that were emptied.
    for (name, rows) in [
        (
            "semicolons.csv",
            "name;payment-term.code\nA1;Net 45\n;\n;\nA2;Net 45\n",
        ),
        (
            "tabs.csv",
            "sep=\t\r\nname\tpayment-term.code\r\nB1\tNet 45\r\n\t\r\n\t\r\nB2\tNet 45\r\n",
        ),
        (
            "tabs.tsv",
            "name\tpayment-term.code\nC1\tNet 45\n\t\nC2\tNet 45\n \t \n",
        ),
    ] {
        folder.write(name, rows);
        let before = sandbox.count("suppliers");
        let (code, said) = create(name, &["--report", "report.json"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("2 rows whose cells are all empty"), "{said}");
        let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
        assert_eq!(report["counts"]["blank"], 2);
        assert_eq!(report["counts"]["read"], 2);
        assert_eq!(sandbox.count("suppliers"), before + 2, "{name}");
    }
    let before = writes(&sandbox);
    for (rows, more, says) in [
        ("nmae;number\nA;1\n", &[][..], "“nmae”: is “name” meant?"),
        (
            "Name,payment-term.cdoe\nA,1\n",
            &[],
            "is “payment-term.code” meant?",
        ),
        (
            "Supplier Name,number\nA,1\n",
            &[],
            "“Supplier Name”: is “name” meant?",
        ),
        (
            "North Star Paper,N-100\nSouth Sea Salt,N-101\n",
            &[],
            "is no field of suppliers",
        ),
        (
            "colour,flavour\nred,sour\n",
            &[],
            "no column is one; there are",
        ),
        (
            "name,number,name\nA,1,B\n",
            &[],
            "`name` stands there twice",
        ),
        (
            "\"name;number\"\n\"A;1\"\n",
            &[],
            "where semicolons separate the columns",
        ),
        (
            "name;number\nA;1\n",
            &["--input-format", "csv-comma"],
            "`csv-semicolon`",
        ),
        (
            "name;number,website\nA;1,b\n",
            &[],
            "both semicolons and commas",
        ),
    ] {
        folder.write("bad.csv", rows);
        let more = [more, &["--output", "answers.ndjson"]].concat();
        let (code, said) = create("bad.csv", &more);
        assert_eq!(code, Some(1), "{rows}: {said}");
        assert!(said.contains(says), "{rows}: {said}");
        assert!(!folder.path("answers.ndjson.part").exists());
    }
    assert_eq!(writes(&sandbox), before, "nothing was sent");
    // Who may only write is not told of custom fields; a slip is one all the same.
    let of_writer = sandbox_with(&[], |configuration| {
        for client in &mut configuration.clients {
            client.scopes.retain(|scope| scope == "core.supplier.write");
        }
    });
    folder.write("writer.toml", &connection(&of_writer.base_url()));
    folder.write("bad.csv", "nmae,number\nA,1\n");
    let (code, said) = create("bad.csv", &["-c", "writer.toml"]);
    assert_eq!((code, writes(&of_writer)), (Some(1), 0), "{said}");
    assert!(said.contains("is “name” meant?"), "{said}");
    // It may be a custom field that nobody lists.
    folder.write("custom.csv", "name,favourite\nD1,blue\n");
    let (code, said) = create("custom.csv", &[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("nobody knows a field of suppliers that is called favourite"),
        "{said}"
    );
    assert_eq!(writes(&sandbox), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_say_of_spreadsheets_what_the_command_line_says() {
    let sandbox = countable_sandbox(&[]);
    let place = Place::new().await;
    let connection = place.connect(&sandbox).await.id;
    let create = place.activity(connection, "create", "New", &[]).await;
    let target = Endpoint::Activity {
        activity: create.id,
    };
    let run = async |name: &str, format: Format, rows: &str| {
        place.workspace.put_file(name, rows.as_bytes()).unwrap();
        let source = Endpoint::File {
            path: name.to_owned(),
            format,
        };
        let operation = place.operation_between(name, source, target.clone());
        let begun = place.workspace.start_run(operation, DEVELOPMENT).await;
        place.workspace.wait_for_run(begun.unwrap()).await.unwrap()
    };
    let good = run("a.csv", Format::Csv, "name;website\nA1;x\n;\nA2;y\n").await;
    assert_eq!(
        (good.state, good.counts.created, good.counts.blank),
        (RunState::Success, 2, 1)
    );
    assert!(
        good.warnings
            .iter()
            .any(|it| it.contains("1 row whose cells")),
        "{good:?}"
    );
    let said = run("b.csv", Format::CsvPipe, "name|website\nB1|a;b,c\n").await;
    assert_eq!((said.state, said.counts.created), (RunState::Success, 1));
    let before = writes(&sandbox);
    for (name, rows, says) in [
        ("c.csv", "nmae\tnumber\nA\t1\n", "is “name” meant?"),
        ("d.csv", "name,name\nA,1\n", "stands there twice"),
    ] {
        let bad = run(name, Format::Csv, rows).await;
        assert_eq!(
            (bad.state, bad.counts.read),
            (RunState::Failure, 0),
            "{bad:?}"
        );
        assert!(bad.error.is_some_and(|error| error.contains(says)));
    }
    assert_eq!(writes(&sandbox), before);

    // Nobody waits for the other end of a pipe in the workspace's folder.
    let query = place.activity(connection, "query", "All", &[]).await;
    let pipe = place.workspace.files_folder().join("pipe.csv");
    make_pipe(&pipe);
    let source = Endpoint::Activity { activity: query.id };
    let into = Endpoint::File {
        path: "pipe.csv".to_owned(),
        format: Format::Csv,
    };
    let operation = place.operation_between("Into a pipe", source, into);
    let asked = sandbox.log().len();
    let begun = place.workspace.start_run(operation, DEVELOPMENT).await;
    let ended = place.workspace.wait_for_run(begun.unwrap()).await.unwrap();
    assert!(
        ended
            .error
            .is_some_and(|error| error.contains("device or a pipe"))
    );
    assert_eq!(sandbox.log().len(), asked);
    assert!(File::open(pipe.parent().unwrap()).is_ok() && is_pipe(&pipe));
}

#[test]
fn a_record_that_no_column_can_take_is_rejected_by_its_key_and_the_others_are_written() {
    let sandbox = countable_sandbox(&[("suppliers", 200)]);
    let folder = Folder::new(&sandbox);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, Fault::status(403)).after(3)
    });
    let query = ["run", "query", "suppliers", "-o", "fields=number"];
    let run = |more: &[&str]| folder.code(&[&query[..], more].concat());
    let (code, said) = run(&["--output", "out.csv"]);
    assert_eq!(code, Some(1), "{said}");
    sandbox.clear_faults();
    // As somebody else began it, who had no place for what no column takes.
    let mut place: Value = serde_json::from_str(&folder.read("out.csv.checkpoint")).unwrap();
    place["bytes"] = "id\n".len().into();
    folder.write("out.csv.checkpoint", &place.to_string());
    folder.write("out.csv.part", "id\n");
    let left = 200 - place["records"].as_u64().unwrap();
    let resumed = ["--output", "out.csv", "--resume", "--report", "report.json"];
    let (code, said) = run(&resumed);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("rejected: out.csv.rejected.ndjson"), "{said}");
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["outcome"], "partial");
    assert_eq!(report["counts"]["rejected"], left);
    let rejected = lines(&folder.read("out.csv.rejected.ndjson"));
    assert_eq!(rejected.len() as u64, left);
    assert!(rejected.iter().all(|line| {
        line["code"] == "output.unwritable"
            && line["message"].as_str().unwrap().contains("number")
            && line["key"].as_str().unwrap().parse() == Ok(line["record"]["id"].as_u64().unwrap())
            && line["record"]["number"].is_string()
    }));
    // And the next run delivers them.
    let (code, said) = run(&["--output", "out.csv"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(folder.read("out.csv").lines().count(), 201);
}
