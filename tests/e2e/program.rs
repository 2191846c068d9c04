//! The program `harness`, as a person uses it.

use crate::servers::front::Front;
use crate::support::{
    API_KEY, CLIENT_ID, CLIENT_SECRET, component, countable_sandbox, ready_home, sandbox,
};
use coupa_sandbox::{Fault, FaultRule, Sandbox};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A folder with a connection file, in which the program is run.
pub struct Folder {
    folder: tempfile::TempDir,
}

/// The program, which `cargo xtask test` builds together with these tests.
pub fn program() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.push("harness");
    assert!(
        path.exists(),
        "{} is missing: run `cargo xtask test`",
        path.display()
    );
    path
}

impl Folder {
    pub fn new(sandbox: &Sandbox) -> Self {
        let folder = ready_home();
        let this = Self { folder };
        this.write("connection.toml", &connection(&sandbox.base_url()));
        let published = this.run(&["publish", &component().to_string_lossy()]);
        assert!(published.status.success(), "{}", text(&published.stderr));
        this
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("HARNESS_HOME", self.path("agent"))
            .env("TEST_CLIENT_SECRET", CLIENT_SECRET)
            .env("TEST_API_KEY", API_KEY)
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            for secret in [CLIENT_SECRET, API_KEY] {
                assert!(
                    !text(stream).contains(secret),
                    "{arguments:?} shows a secret"
                );
            }
        }
        output
    }

    pub fn code(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        (output.status.code(), text(&output.stderr))
    }
}

pub fn connection(url: &str) -> String {
    format!(
        "name = \"Test\"\nconnector = \"coupa\"\nenvironment = \"development\"\n\n\
         [settings]\nhost = \"{url}\"\nclient-id = \"{CLIENT_ID}\"\n\n\
         [secrets]\nclient-secret = {{ env = \"TEST_CLIENT_SECRET\" }}\n\n\
         [limits]\nrequests-per-second = 10000\n"
    )
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn one_file_and_one_command_are_enough() {
    let sandbox = sandbox(&[("suppliers", 120)]);
    let folder = Folder::new(&sandbox);
    let test = folder.run(&["test"]);
    assert!(test.status.success(), "{}", text(&test.stdout));
    assert_eq!(
        text(&test.stdout)
            .lines()
            .filter(|line| line.starts_with("ok"))
            .count(),
        4
    );

    let activities = folder.run(&["activities", "--json"]);
    let activities: Value = serde_json::from_slice(&activities.stdout).unwrap();
    assert_eq!(activities[0]["name"], "query");
    assert!(text(&folder.run(&["objects", "payment"]).stdout).contains("payment_terms"));
    let shape: Value = serde_json::from_slice(
        &folder
            .run(&["describe", "suppliers", "--activity", "create"])
            .stdout,
    )
    .unwrap();
    assert_eq!(shape["request"]["required"][0], "name");
    // Unless told otherwise, for the object's first activity: here to query it.
    let shape: Value =
        serde_json::from_slice(&folder.run(&["describe", "suppliers"]).stdout).unwrap();
    assert!(shape["request"].is_null() && shape["response"].is_object());
    let form = text(&folder.run(&["describe"]).stdout);
    assert!(form.contains("client-secret") && form.contains("secret, required"));
    let help = text(&folder.run(&["--help"]).stdout);
    assert!(help.contains("connection.toml") && help.contains("harness test"));

    let output = folder.run(&["run", "query", "suppliers", "-o", "fields=name"]);
    assert!(output.status.success());
    assert_eq!(lines(&text(&output.stdout)).len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_trusted_where_the_file_names_it() {
    let sandbox = sandbox(&[]);
    let front = Front::start(&sandbox).await;
    let folder = Folder::new(&sandbox);
    let file = connection(&format!("https://{}", front.address));
    folder.write("connection.toml", &file);
    let refused = folder.run(&["test"]);
    assert!(!refused.status.success());
    assert!(text(&refused.stdout).contains("[tls.unknown-authority]"));
    folder.write(
        "connection.toml",
        &format!("certificates = \"company.pem\"\n{file}"),
    );
    let missing = folder.run(&["test"]);
    assert!(text(&missing.stderr).contains("company.pem cannot be read"));
    folder.write("company.pem", &front.authority);
    let test = folder.run(&["test"]);
    assert!(test.status.success(), "{}", text(&test.stdout));
}

#[test]
fn records_are_written_in_every_format() {
    let sandbox = sandbox(&[("suppliers", 75)]);
    let folder = Folder::new(&sandbox);
    for name in ["out.ndjson", "out.json", "out.csv"] {
        let (code, said) = folder.code(&[
            "run",
            "query",
            "suppliers",
            "-o",
            "fields=name,payment-term[code]",
            "--output",
            name,
        ]);
        assert_eq!(code, Some(0), "{said}");
    }
    let ndjson = lines(&folder.read("out.ndjson"));
    assert_eq!(ndjson.len(), 75);
    let json: Vec<Value> = serde_json::from_str(&folder.read("out.json")).unwrap();
    assert_eq!(json, ndjson);
    let csv = folder.read("out.csv");
    assert_eq!(
        csv.lines().next().unwrap(),
        "id,name,payment-term.code,*:json"
    );
    assert_eq!(csv.lines().count(), 76);
    assert!(!folder.path("out.csv.part").exists() && !folder.path("out.csv.checkpoint").exists());
}

#[test]
fn records_are_created_from_every_format_and_bad_ones_set_aside() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    folder.write(
        "a.ndjson",
        "{\"name\":\"A1\"}\n{\"name\":\n[1]\n{\"name\":\"A2\"}\n{\"status\":\"active\"}\n",
    );
    folder.write(
        "b.csv",
        "name,number,payment-term.code\nB1,1,Net 45\nB2,2\nB3,3,Net 45\n",
    );
    folder.write("c.json", "[{\"name\":\"C1\"}, 7, {\"name\":\"C2\"}]");
    for (input, rejected, good) in [
        ("a.ndjson", vec!["line 2", "line 3", "line 5"], ["A1", "A2"]),
        ("b.csv", vec!["row 2"], ["B1", "B3"]),
        ("c.json", vec!["item 2"], ["C1", "C2"]),
    ] {
        let before = sandbox.count("suppliers");
        let (code, said) = folder.code(&[
            "run",
            "create",
            "suppliers",
            "--input",
            input,
            "--output",
            "created.ndjson",
        ]);
        assert_eq!(code, Some(3), "{said}");
        let mut keys: Vec<String> = lines(&folder.read(&format!("{input}.rejected.ndjson")))
            .iter()
            .map(|line| line["key"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        assert_eq!(keys, rejected, "{input}");
        assert_eq!(sandbox.count("suppliers"), before + 2);
        let mut names: Vec<String> = lines(&folder.read("created.ndjson"))
            .iter()
            .map(|record| record["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, good);
    }
    let rejected = lines(&folder.read("b.csv.rejected.ndjson"));
    assert!(rejected[0]["message"].as_str().unwrap().contains("columns"));
    let refused = lines(&folder.read("a.ndjson.rejected.ndjson"));
    let blank = refused.iter().find(|line| line["key"] == "line 5").unwrap();
    assert_eq!(blank["fields"][0]["field"], "name");
    assert_eq!(blank["record"]["status"], "active");
}

#[test]
fn exit_codes_and_messages_tell_what_happened() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    let folder = Folder::new(&sandbox);
    for (arguments, says) in [
        (vec!["run", "querry", "suppliers"], "query, get, changes"),
        (vec!["run", "query", "supliers"], "suppliers"),
        (
            vec!["run", "query", "suppliers", "-o", "filter=stauts=x"],
            "status",
        ),
        (
            vec!["run", "query", "suppliers", "--output", "out.xlsx"],
            "ndjson",
        ),
        (
            vec![
                "run",
                "query",
                "suppliers",
                "--resume",
                "--output",
                "new.ndjson",
            ],
            "nothing to resume",
        ),
        (vec!["run", "create", "suppliers"], "--input"),
        (
            vec!["run", "create", "suppliers", "--input", "missing.csv"],
            "missing.csv",
        ),
        (vec!["test", "-c", "missing.toml"], "missing.toml"),
        (vec!["pull", "nothing"], "nothing"),
    ] {
        let (code, said) = folder.code(&arguments);
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    folder.write(
        "wrong.toml",
        &connection(&sandbox.base_url()).replace("TEST_CLIENT_SECRET", "NOT_SET_ANYWHERE"),
    );
    let output = folder.run(&["test", "-c", "wrong.toml"]);
    assert_eq!(output.status.code(), Some(1));
    folder.write(
        "plain.toml",
        &connection(&sandbox.base_url())
            .replace("{ env = \"TEST_CLIENT_SECRET\" }", "\"hunter2hunter2\""),
    );
    let (code, said) = folder.code(&["test", "-c", "plain.toml"]);
    assert_eq!(code, Some(1));
    assert!(!said.contains("hunter2"), "{said}");

    let secret = folder.path("secret");
    std::fs::write(&secret, CLIENT_SECRET).unwrap();
    set_mode(&secret, 0o644);
    let by_file = connection(&sandbox.base_url())
        .replace("env = \"TEST_CLIENT_SECRET\"", "file = \"secret\"");
    folder.write("by-file.toml", &by_file);
    let open_to_all = folder.run(&["test", "-c", "by-file.toml"]);
    assert_eq!(open_to_all.status.code(), Some(1));
    set_mode(&secret, 0o600);
    let (code, said) = folder.code(&["test", "-c", "by-file.toml"]);
    assert_eq!(code, Some(0), "{said}");
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_failed_read_is_resumed_without_losing_or_repeating_a_record() {
    let sandbox = countable_sandbox(&[("suppliers", 400)]);
    let folder = Folder::new(&sandbox);
    for name in ["out.ndjson", "out.csv"] {
        sandbox.add_fault(FaultRule {
            times: None,
            ..FaultRule::next(1, Fault::status(403)).after(3)
        });
        let run = [
            "run",
            "query",
            "suppliers",
            "-o",
            "fields=name",
            "--output",
            name,
        ];
        let (code, said) = folder.code(&run);
        assert_eq!(code, Some(1));
        assert!(said.contains("--resume"), "{said}");
        assert!(!folder.path(name).exists());
        sandbox.clear_faults();
        let mut resumed = run.to_vec();
        resumed.push("--resume");
        let (code, said) = folder.code(&resumed);
        assert_eq!(code, Some(0), "{said}");
        let header = usize::from(name.ends_with("csv"));
        let text = folder.read(name);
        let distinct: std::collections::BTreeSet<&str> = text.lines().collect();
        assert_eq!(
            (text.lines().count(), distinct.len()),
            (400 + header, 400 + header)
        );
        assert!(!folder.path(&format!("{name}.checkpoint")).exists());
    }
}

/// A run under way; ended when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn start_and_signal(
    folder: &Folder,
    arguments: &[&str],
    ready: impl Fn() -> bool,
    signal: &str,
) -> (Option<i32>, String) {
    let mut running = Running(
        folder
            .command(arguments)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let started = Instant::now();
    while !ready() {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the run did not get going"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill")
        .args([signal, &running.0.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let code = running.0.wait().unwrap().code();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut running.0.stderr.take().unwrap(), &mut said).unwrap();
    (code, said)
}

#[test]
fn ctrl_c_keeps_what_was_delivered_and_says_where_to_resume() {
    let sandbox = countable_sandbox(&[("suppliers", 1000)]);
    let folder = Folder::new(&sandbox);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, Fault::Slow { milliseconds: 60 })
    });
    let run = [
        "run",
        "query",
        "suppliers",
        "-o",
        "fields=name",
        "--output",
        "out.ndjson",
    ];
    let pages = |sandbox: &Sandbox| {
        sandbox
            .log()
            .iter()
            .filter(|request| request.path == "/api/suppliers")
            .count()
    };
    let (code, said) = start_and_signal(&folder, &run, || pages(&sandbox) > 4, "-INT");
    assert_eq!(code, Some(130), "{said}");
    assert!(
        said.contains("interrupted") && said.contains("--resume"),
        "{said}"
    );
    let kept = lines(&folder.read("out.ndjson.part")).len();
    assert!(kept > 0 && kept < 1000, "{kept}");

    sandbox.clear_faults();
    let mut resumed = run.to_vec();
    resumed.push("--resume");
    let (code, said) = folder.code(&resumed);
    assert_eq!(code, Some(0), "{said}");
    let all = lines(&folder.read("out.ndjson"));
    let ids: Vec<i64> = all
        .iter()
        .map(|record| record["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), 1000);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_killed_read_is_resumed_at_its_last_saved_checkpoint() {
    let sandbox = countable_sandbox(&[("suppliers", 3000)]);
    let folder = Folder::new(&sandbox);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, Fault::Slow { milliseconds: 60 })
    });
    let run = [
        "run",
        "query",
        "suppliers",
        "-o",
        "fields=name",
        "--output",
        "out.ndjson",
    ];
    let saved = || folder.path("out.ndjson.checkpoint").exists();
    start_and_signal(&folder, &run, saved, "-KILL");
    sandbox.clear_faults();
    let mut resumed = run.to_vec();
    resumed.push("--resume");
    let (code, said) = folder.code(&resumed);
    assert_eq!(code, Some(0), "{said}");
    let ids: Vec<i64> = lines(&folder.read("out.ndjson"))
        .iter()
        .map(|record| record["id"].as_i64().unwrap())
        .collect();
    assert_eq!(ids.len(), 3000);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn ctrl_c_lets_records_under_way_finish_and_tries_no_more() {
    let sandbox = sandbox(&[]);
    let folder = Folder::new(&sandbox);
    let rows: String = (0..300)
        .map(|n| format!("{{\"name\":\"Interrupted {n}\"}}\n"))
        .collect();
    folder.write("in.ndjson", &rows);
    sandbox.add_fault(FaultRule {
        times: None,
        ..FaultRule::next(1, Fault::Slow { milliseconds: 40 }).on_method("POST")
    });
    let before = sandbox.count("suppliers");
    let posts = || {
        sandbox
            .log()
            .iter()
            .filter(|request| request.method == "POST" && request.path.starts_with("/api"))
            .count()
    };
    let run = [
        "run",
        "create",
        "suppliers",
        "--input",
        "in.ndjson",
        "--output",
        "out.ndjson",
        "--report",
        "report.json",
    ];
    let (code, said) = start_and_signal(&folder, &run, || posts() > 8, "-TERM");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("not tried: everything from line"), "{said}");
    let created = sandbox.count("suppliers") - before;
    assert!(created < 300);
    assert_eq!(
        lines(&folder.read("out.ndjson.part")).len() as u64,
        created,
        "every record written was answered"
    );
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["counts"]["written"], created);
    assert_eq!(report["counts"]["uncertain"], 0);
    assert_eq!(report["not_tried_from"], format!("line {}", created + 1));
    assert!(!folder.read("report.json").contains(CLIENT_SECRET));

    sandbox.clear_faults();
    let mut resumed = run.to_vec();
    resumed.push("--resume");
    let (code, said) = folder.code(&resumed);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("{created} had been dealt with")),
        "{said}"
    );
    assert_eq!(sandbox.count("suppliers") - before, 300);
    assert_eq!(lines(&folder.read("out.ndjson")).len(), 300);
}

#[test]
fn changes_are_kept_in_a_state_file_and_plans_and_dry_runs_write_nothing() {
    let sandbox = sandbox(&[("suppliers", 60)]);
    let folder = Folder::new(&sandbox);
    let all = sandbox.count("suppliers") as usize;
    for (turn, expected) in [all, 0].into_iter().enumerate() {
        let output = format!("changes-{turn}.ndjson");
        let ran = folder.run(&[
            "run",
            "changes",
            "suppliers",
            "--state",
            "suppliers.state",
            "--output",
            &output,
        ]);
        assert!(ran.status.success(), "{}", text(&ran.stderr));
        assert_eq!(lines(&folder.read(&output)).len(), expected, "turn {turn}");
    }
    let (code, said) = folder.code(&["run", "query", "suppliers", "--state", "x"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("starts anew"), "{said}");

    let plan = folder.run(&["plan", "query", "suppliers", "--look", "--json"]);
    let plan: Value = serde_json::from_slice(&plan.stdout).unwrap();
    assert_eq!(plan["extent"]["records"].as_u64(), Some(all as u64));
    assert_eq!(plan["permissions"]["needed"][0], "core.supplier.read");

    folder.write(
        "new.ndjson",
        "{\"number\":\"D-1\",\"name\":\"Dry\"}\n{\"number\":\"S-00001\",\"website\":\"https://dry.example\"}\n",
    );
    let upsert = [
        "run",
        "upsert",
        "suppliers",
        "-o",
        "key=number",
        "--input",
        "new.ndjson",
    ];
    let mut dry = upsert.to_vec();
    dry.push("--dry-run");
    let (code, said) = folder.code(&dry);
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("nothing was written; would be: 1 created, 1 updated"),
        "{said}"
    );
    let would = lines(&folder.read("new.ndjson.would.ndjson"));
    assert_eq!(would.len(), 2);
    assert_eq!(sandbox.count("suppliers"), all as u64);
    let (code, said) = folder.code(&upsert);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 created, 1 updated"), "{said}");
    assert_eq!(sandbox.count("suppliers"), all as u64 + 1);
}

#[test]
fn an_export_never_writes_over_what_it_has_marked() {
    let sandbox = sandbox(&[("purchase_orders", 60)]);
    let folder = Folder::new(&sandbox);
    let export = [
        "run",
        "export",
        "purchase_orders",
        "--output",
        "orders.ndjson",
    ];
    let (code, said) = folder.code(&export);
    assert_eq!(code, Some(0), "{said}");
    let first = lines(&folder.read("orders.ndjson"));
    assert!(!first.is_empty());
    for order in &first {
        let id = order["id"].as_i64().unwrap();
        assert_eq!(
            sandbox.record("purchase_orders", id).unwrap()["exported"],
            true
        );
    }
    let (code, said) = folder.code(&export);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("move it away"), "{said}");
    let (code, said) = folder.code(&["run", "export", "purchase_orders", "--output", "o.json"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("ndjson or csv"), "{said}");
    let (code, said) = folder.code(&[
        "run",
        "export",
        "purchase_orders",
        "--output",
        "more.ndjson",
    ]);
    assert_eq!(code, Some(0), "{said}");
    assert!(folder.read("more.ndjson").is_empty(), "all were marked");
}

#[test]
fn files_are_uploaded_and_downloaded_by_the_program() {
    let sandbox = sandbox(&[("invoices", 1)]);
    let folder = Folder::new(&sandbox);
    std::fs::create_dir(folder.path("scans")).unwrap();
    folder.write("scans/a.pdf", "%PDF-1.7 a scan");
    folder.write(
        "up.ndjson",
        "{\"invoice-id\":1,\"file\":\"a.pdf\",\"intent\":\"Internal\"}\n",
    );
    let (code, said) = folder.code(&[
        "run",
        "upload",
        "invoices/{invoice_id}/attachments",
        "--input",
        "up.ndjson",
        "--files",
        "scans",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = folder.code(&[
        "run",
        "download",
        "invoices/1/attachments",
        "--output",
        "down.ndjson",
        "--files",
        "got",
    ]);
    assert_eq!(code, Some(0), "{said}");
    let record = &lines(&folder.read("down.ndjson"))[0];
    let name = record["downloaded"]["file"].as_str().unwrap();
    assert_eq!(folder.read(&format!("got/{name}")), "%PDF-1.7 a scan");
    let (code, said) = folder.code(&["run", "download", "invoices/1/attachments"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("no place for files"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn where_addresses_are_limited_it_runs_and_says_so_in_one_line() {
    let sandbox = sandbox(&[("suppliers", 120)]);
    let folder = Folder::new(&sandbox);
    let run = |kib: &str| {
        let mut limited = Command::new("sh");
        let (script, query) = (
            "ulimit -v \"$0\" && exec \"$@\"",
            ["run", "query", "suppliers", "-o", "fields=id"],
        );
        limited.args(["-c", script, kib]).arg(program()).args(query);
        let usual = folder.command(&[]);
        limited.current_dir(folder.folder.path());
        for (name, value) in usual.get_envs() {
            limited.env(name, value.unwrap());
        }
        let output = limited.stdin(Stdio::null()).output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "{kib} KiB: {said}");
        assert_eq!(lines(&text(&output.stdout)).len(), 120, "{kib} KiB");
        said
    };
    // A quarter of a tebibyte, as a batch scheduler has it, and very little.
    for kib in ["256000000", "4000000"] {
        let said = run(kib);
        let told = said.lines().filter(|line| line.contains("address space"));
        assert_eq!(told.count(), 1, "{kib} KiB: {said}");
        assert!(said.contains("[limits]"), "{said}");
    }
    assert!(!run("unlimited").contains("address space"));
}
