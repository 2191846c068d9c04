//! `harness serve` in a process of its own, for a workspace whose agents join over
//! NATS: it is killed and started again while they work.

use super::place::Plant;
use crate::support::CLIENT_SECRET;
use host_harness::workspace::{OperationId, RunId};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// It is killed when it is dropped.
pub struct Serving {
    child: Child,
    screen: String,
    token: String,
}

impl Serving {
    pub fn start(plant: &Plant, url: &str) -> Self {
        // For talking to it.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let mut child = Command::new(crate::program::program())
            .args(["serve", "--listen", "127.0.0.1:0", "--nats", url])
            .env("HARNESS_HOME", plant.place.home.path())
            .env("HARNESS_GROUP_KEY_FILE", &plant.key)
            .env("THE_SECRET", CLIENT_SECRET)
            .env_remove("HARNESS_PROJECT")
            .env_remove("HARNESS_ENVIRONMENT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let opens = lines
            .map_while(Result::ok)
            .find_map(|line| Some(line.strip_prefix("Open ")?.to_owned()));
        let opens = opens.unwrap_or_else(|| panic!("it does not serve"));
        let (screen, token) = opens.split_once("/login?token=").unwrap();
        Self {
            screen: screen.to_owned(),
            token: token.to_owned(),
            child,
        }
    }

    /// Starts an operation.
    pub async fn run(&self, operation: OperationId) -> RunId {
        let begun = reqwest::Client::new()
            .post(format!("{}/api/v1/operations/{operation}/run", self.screen))
            .bearer_auth(&self.token)
            .header("content-type", "application/json")
            .body(r#"{"environment":1}"#)
            .send()
            .await
            .unwrap();
        let status = begun.status();
        let text = begun.text().await.unwrap();
        assert!(status.is_success(), "{text}");
        let begun: serde_json::Value = serde_json::from_str(&text).unwrap();
        RunId(begun["run"].as_i64().unwrap())
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
