//! The program: it says where it is, serves, and ends with its parent.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{KEY, client, read};

/// The program, running. It ends when it is dropped.
pub struct Program {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Program {
    /// Starts it and waits until it says where it listens.
    pub fn start(arguments: &[&str]) -> Self {
        let (child, mut output) = run(arguments);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        Self {
            child,
            url: ready["url"].as_str().unwrap().to_owned(),
        }
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coupa-sandbox"))
        .args(arguments)
        .env("SANDBOX_TEST_KEY", KEY)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

#[tokio::test]
async fn it_serves_until_its_input_closes_and_keeps_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coupa.db");
    let mut names = Vec::new();
    for page_size in ["7", "9"] {
        let (mut child, mut output) = run(&[
            "--seed-records",
            "suppliers=30",
            "--database",
            file.to_str().unwrap(),
            "--api-key-env",
            "SANDBOX_TEST_KEY",
            "--switch",
            &format!("page_size={page_size}"),
            "--until-stdin-closes",
        ]);
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let url = format!("{}/api/suppliers", ready["url"].as_str().unwrap());
        let request = client().get(url).header("X-COUPA-API-KEY", KEY);
        let page = read(request.header("Accept", "application/json"))
            .await
            .json();
        assert_eq!(page.as_array().unwrap().len().to_string(), page_size);
        names.push(page[6]["name"].clone());

        drop(child.stdin.take());
        let patience = Instant::now() + Duration::from_secs(5);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > patience => {
                    child.kill().unwrap();
                    panic!("it did not end");
                }
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        assert!(status.success());
    }
    assert_eq!(names[0], names[1], "the file was kept");
}

#[test]
fn it_refuses_what_it_does_not_know() {
    for arguments in [
        ["--switch", "no_such_switch=1"],
        ["--seed-records", "no_such_collection=1"],
        ["--api-key-env", "NO_SUCH_VARIABLE_HERE"],
    ] {
        let (mut child, _output) = run(&arguments);
        assert!(!child.wait().unwrap().success(), "{arguments:?}");
    }
}
