//! What the people see who keep the host running: numbers, health, traces, and
//! what is left of a run that went wrong.

mod bundle;
mod joined;
mod monitoring;
mod queued;
mod traces;

use crate::program::program;
use crate::support::{CLIENT_ID, CLIENT_SECRET, component, ready_home};
use coupa_sandbox::Sandbox;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A workspace with a connection to each of some sandboxes: `Coupa 1`, `Coupa 2`, ….
struct Place {
    home: tempfile::TempDir,
}

impl Place {
    fn new(sandboxes: &[&Sandbox]) -> Self {
        let place = Self { home: ready_home() };
        place.must(&["publish", component().to_str().unwrap()]);
        for (n, sandbox) in sandboxes.iter().enumerate() {
            place.must(&[
                "connection",
                "create",
                &format!("Coupa {}", n + 1),
                "--connector",
                "coupa",
                "--set",
                &format!("host={}", sandbox.base_url()),
                "--set",
                &format!("client-id={CLIENT_ID}"),
                "--secret",
                "client-secret=env:THE_SECRET",
            ]);
        }
        place
    }

    /// The operation `Export`: a Query of suppliers, with options, into a file.
    fn export(&self, options: &[&str]) {
        let query = ["activity", "create", "Coupa 1", "query", "All", "suppliers"];
        self.must(&[&query[..], options].concat());
        let (source, target) = ("Coupa 1/All", "out.ndjson");
        self.must(&[
            "operation",
            "set",
            "Export",
            "--source",
            source,
            "--target",
            target,
        ]);
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command
            .args(arguments)
            .env("HARNESS_HOME", self.path())
            .env("THE_SECRET", CLIENT_SECRET)
            .env_remove("HARNESS_PROJECT")
            .env_remove("HARNESS_ENVIRONMENT")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        for stream in [&output.stdout, &output.stderr] {
            assert!(
                !text(stream).contains(CLIENT_SECRET),
                "{arguments:?} shows a secret"
            );
        }
        output
    }

    fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `harness serve`, ended when it is dropped.
struct Served {
    child: Child,
    monitoring: String,
    screen: String,
    token: String,
}

impl Served {
    fn start(place: &Place, more: &[&str]) -> Self {
        let serve = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--monitoring",
            "127.0.0.1:0",
        ];
        let mut child = place
            .command(&[&serve[..], more].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut after = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap().to_owned()
        };
        let monitoring = after("Monitoring at ");
        let open = after("Open ");
        let (screen, token) = open.split_once("/login?token=").unwrap();
        Self {
            child,
            monitoring,
            screen: screen.to_owned(),
            token: token.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("{}{path}", self.monitoring))
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let answer = reqwest::Client::new()
            .post(format!("{}/api/v1{path}", self.screen))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// Starts the first operation.
    async fn run(&self) {
        let (status, begun) = self.post("/operations/1/run", r#"{"environment":1}"#).await;
        assert_eq!(status, 200, "{begun}");
    }

    /// Asks it to end, as a service manager does.
    fn terminate(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
        assert!(killed.success());
    }

    fn ended(&mut self, within: Duration) -> Option<i32> {
        let until = Instant::now() + within;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end within {within:?}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with_tls() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}

/// All requests that a sandbox has had, those for tokens too.
fn requests(sandbox: &Sandbox) -> usize {
    let counters = sandbox.counters();
    let all = counters.requests.values().sum::<u64>() + counters.token_requests;
    usize::try_from(all).unwrap()
}
