//! `cargo xtask demo`: the whole thread in one run, as a person would do it,
//! against the Coupa sandbox. Everything it writes lies in `demo-output`.

use crate::build::Package;
use crate::process::{cargo, run};
use crate::workspace;
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const SUPPLIERS: u32 = 5000;
const ORDERS: u32 = 400;
const CLIENT_ID: &str = "6d1f0c8a2b7e4f93a5c0d8e1b2f3a4c5";
const SCOPES: &str = "core.common.read core.supplier.read core.supplier.write core.purchase_order.read core.purchase_order.write";
/// The sandbox and its secrets live only as long as this run.
const CLIENT_SECRET: (&str, &str) = (
    "DEMO_CLIENT_SECRET",
    "only-good-for-the-sandbox-of-this-demo-run",
);
const API_KEY: (&str, &str) = ("DEMO_API_KEY", "0nlyG00dF0rTheSandb0xOfThisDem0RunAndGone");

/// Builds everything and shows it.
///
/// # Errors
/// If a step does not end as it should.
pub fn demo() -> Result<()> {
    let started = Instant::now();
    say(&format!("Building: {}", forecast()));
    let from = component::StandardLibrary::Auto;
    println!("1 of 3: the component that mappings run in, which the host carries");
    Package::Jq.build(from)?;
    println!("2 of 3: the host and the sandbox, most of it wasmtime");
    run(cargo().args([
        "build",
        "--release",
        "--workspace",
        "--exclude",
        "xtask",
        "--bins",
    ]))?;
    println!("3 of 3: the connector");
    let component = Package::Coupa.build(from)?;
    let built = started.elapsed();

    let folder = workspace().join("demo-output");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)
            .with_context(|| format!("emptying {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder)?;
    say(&format!(
        "Starting a Coupa sandbox with {SUPPLIERS} suppliers and {ORDERS} purchase orders"
    ));
    let sandbox = Sandbox::start()?;
    println!("{}", sandbox.url);
    write_connections(&folder, &sandbox.url)?;
    write_inputs(&folder)?;

    let mut harness = Harness {
        folder: folder.clone(),
        steps: Vec::new(),
    };
    say("Publishing the component, and downloading it as an agent does");
    let component = component.path.to_string_lossy().into_owned();
    harness.run(&["publish", &component])?;
    harness.run(&["pull", "coupa"])?;
    harness.run(&["list"])?;
    say("Testing both connections");
    harness.run(&["test", "-c", "oauth.toml"])?;
    harness.run(&["test", "-c", "api-key.toml"])?;
    say("What can be done");
    harness.run_briefly(&["activities", "-c", "oauth.toml"], |line| {
        !line.starts_with("  ") || line.starts_with("  Reads")
    })?;
    harness.run(&["objects", "supplier", "-c", "oauth.toml"])?;
    say("Reading every supplier, and the issued orders of one currency");
    harness.operate(
        "all suppliers",
        0,
        &["query", "suppliers", "--output", "suppliers.ndjson"],
    )?;
    let orders = [
        "query",
        "purchase_orders",
        "-o",
        "filter=status=issued",
        "-o",
        "filter=currency[code]=USD",
        "-o",
        "fields=po-number,status,supplier[name],currency[code]",
        "--output",
        "orders.csv",
    ];
    harness.operate("issued orders in USD", 0, &orders)?;
    say("Creating 100 suppliers, of which some are bad");
    harness.operate(
        "create suppliers",
        3,
        &[
            "create",
            "suppliers",
            "--input",
            "new-suppliers.csv",
            "--output",
            "created.ndjson",
        ],
    )?;
    harness.show_rejected("new-suppliers.csv.rejected.ndjson")?;
    say("Updating some by their number");
    harness.operate(
        "update suppliers",
        3,
        &[
            "update",
            "suppliers",
            "-o",
            "key=number",
            "--input",
            "changes.ndjson",
        ],
    )?;
    drop(sandbox);
    harness.summary(&component)?;
    println!(
        "\nOn a screen, with this demo's connector:\n\n  \
         HARNESS_HOME=demo-output/agent target/release/harness serve\n\n\
         and for a Coupa to connect to, in another terminal:\n\n  \
         COUPA_SECRET=only-for-this-tour-0123456789 target/release/coupa-sandbox --port 8400 \
         --client-id tour --client-secret-env COUPA_SECRET --seed-records suppliers=2000\n\n\
         The Host Name is then http://127.0.0.1:8400, the Client ID tour, and the Client Secret \
         that of the second line."
    );
    println!(
        "\nBuilt in {:.0} s, shown in {:.0} s.",
        built.as_secs_f64(),
        (started.elapsed() - built).as_secs_f64()
    );
    Ok(())
}

/// Processor time that the first build took where it was measured, in seconds.
const FIRST_BUILD: u64 = 950;

/// How long building will take.
fn forecast() -> String {
    if binary("harness").exists() {
        return "only what has changed since the last time".to_owned();
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // The last crates wait for each other, however many processors there are.
    let minutes = (FIRST_BUILD / processors.min(8) as u64).div_ceil(60);
    format!(
        "this is the first time, so it takes about {minutes} minutes with {processors} \
         processors; after that, seconds"
    )
}

fn say(what: &str) {
    println!("\n=== {what}");
}

fn binary(name: &str) -> PathBuf {
    workspace().join("target/release").join(name)
}

/// The sandbox as a process of its own. It ends with its standard input, so
/// with this process at the latest.
struct Sandbox {
    process: Child,
    url: String,
}

impl Sandbox {
    fn start() -> Result<Self> {
        #[derive(Deserialize)]
        struct Ready {
            url: String,
        }
        let mut process = Command::new(binary("coupa-sandbox"))
            .args([
                "--until-stdin-closes",
                "--client-id",
                CLIENT_ID,
                "--scopes",
                SCOPES,
            ])
            .args([
                "--client-secret-env",
                CLIENT_SECRET.0,
                "--api-key-env",
                API_KEY.0,
            ])
            .arg("--seed-records")
            .arg(format!("suppliers={SUPPLIERS}"))
            .arg("--seed-records")
            .arg(format!("purchase_orders={ORDERS}"))
            .envs([CLIENT_SECRET, API_KEY])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the sandbox")?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let ready: Ready =
            serde_json::from_str(&line).context("the sandbox did not say where it listens")?;
        Ok(Self {
            process,
            url: ready.url,
        })
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself now; if not, it is made to.
        for _ in 0..50 {
            if matches!(self.process.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_connections(folder: &Path, url: &str) -> Result<()> {
    let head = |name: &str| {
        format!(
            "name = \"{name}\"\nconnector = \"coupa\"\n\
             environment = \"development\"   # the sandbox is on this machine\n\n\
             [settings]\nhost = \"{url}\"\n"
        )
    };
    let oauth = format!(
        "{}authentication = \"oauth\"\nclient-id = \"{CLIENT_ID}\"\n\n\
         [secrets]\nclient-secret = {{ env = \"{}\" }}\n",
        head("Coupa by OAuth"),
        CLIENT_SECRET.0
    );
    let key = format!(
        "{}authentication = \"api-key\"\n\n[secrets]\napi-key = {{ env = \"{}\" }}\n",
        head("Coupa by API key"),
        API_KEY.0
    );
    std::fs::write(folder.join("oauth.toml"), oauth)?;
    std::fs::write(folder.join("api-key.toml"), key)?;
    Ok(())
}

/// New suppliers, some of them bad in the ways that real files are, and changes.
fn write_inputs(folder: &Path) -> Result<()> {
    let mut rows = String::from("name,number,status,payment-term.code,primary-contact.email\n");
    let mut changes = String::new();
    for n in 1..=100 {
        let (name, status, term) = match n {
            13 => (String::new(), "active", "Net 45"),
            29 => (format!("Demo Supplier {n}"), "sleeping", "Net 45"),
            47 => (format!("Demo Supplier {n}"), "active", "Net 4711"),
            // The name of the one before.
            61 => ("Demo Supplier 60".to_owned(), "active", "Net 45"),
            _ => (format!("Demo Supplier {n}"), "active", "Net 45"),
        };
        let ragged = if n == 83 { ",one cell too many" } else { "" };
        writeln!(
            rows,
            "{name},D-{n:03},{status},{term},sales{n}@supplier.example{ragged}"
        )?;
        if n % 5 == 0 {
            writeln!(
                changes,
                "{{\"number\":\"D-{n:03}\",\"website\":\"https://supplier{n}.example\"}}"
            )?;
        }
    }
    writeln!(
        changes,
        "{{\"number\":\"D-999\",\"website\":\"https://nobody.example\"}}"
    )?;
    std::fs::write(folder.join("new-suppliers.csv"), rows)?;
    std::fs::write(folder.join("changes.ndjson"), changes)?;
    Ok(())
}

/// The program, used as a person uses it.
struct Harness {
    folder: PathBuf,
    steps: Vec<Step>,
}

struct Step {
    what: &'static str,
    report: Report,
}

/// What the demo shows of a run's report.
#[derive(Deserialize)]
struct Report {
    counts: Counts,
    requests: u64,
    elapsed_ms: u64,
    output: Option<PathBuf>,
    rejected: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Counts {
    written: u64,
    rejected: u64,
}

impl Harness {
    fn command(&self, arguments: &[&str]) -> Command {
        println!("$ harness {}", arguments.join(" "));
        let mut command = Command::new(binary("harness"));
        command
            .args(arguments)
            .current_dir(&self.folder)
            .env("HARNESS_HOME", self.folder.join("agent"))
            .envs([CLIENT_SECRET, API_KEY]);
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        run(&mut self.command(arguments))
    }

    /// Shows only some lines.
    fn run_briefly(&self, arguments: &[&str], shown: impl Fn(&str) -> bool) -> Result<()> {
        let output = self
            .command(arguments)
            .output()
            .context("starting harness")?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr));
        }
        for line in String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter(|line| shown(line) && !line.is_empty())
        {
            println!("{line}");
        }
        Ok(())
    }

    /// Runs an activity, whose exit code has to be `code`.
    fn operate(&mut self, what: &'static str, code: i32, arguments: &[&str]) -> Result<()> {
        let report = format!("report-{}.json", self.steps.len() + 1);
        let mut all = vec!["run"];
        all.extend(arguments);
        all.extend(["-c", "oauth.toml", "--report", &report]);
        let status = self.command(&all).status().context("starting harness")?;
        if status.code() != Some(code) {
            bail!("“{what}” ended with {status} and not with {code}");
        }
        let report = std::fs::read(self.folder.join(report))?;
        self.steps.push(Step {
            what,
            report: serde_json::from_slice(&report)?,
        });
        Ok(())
    }

    fn show_rejected(&self, file: &str) -> Result<()> {
        #[derive(Deserialize)]
        struct Rejected {
            key: String,
            message: String,
        }
        println!("\n{file}:");
        for line in std::fs::read_to_string(self.folder.join(file))?.lines() {
            let rejected: Rejected = serde_json::from_str(line)?;
            println!("  {}: {}", rejected.key, rejected.message);
        }
        Ok(())
    }

    fn summary(&self, component: &str) -> Result<()> {
        say("What happened");
        println!(
            "{:22} {:>8} {:>8} {:>8} {:>9}  files in demo-output",
            "step", "records", "rejected", "requests", "records/s"
        );
        for step in &self.steps {
            let report = &step.report;
            let rate = report.counts.written * 1000 / report.elapsed_ms.max(1);
            let files: Vec<String> = [&report.output, &report.rejected]
                .into_iter()
                .flatten()
                .filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
                .collect();
            println!(
                "{:22} {:>8} {:>8} {:>8} {:>9}  {}",
                step.what,
                report.counts.written,
                report.counts.rejected,
                report.requests,
                rate,
                files.join(", ")
            );
        }
        println!("\ncomponent: {component}");
        run(&mut self.command(&["list"]))
    }
}
