//! Testing a connection on every agent of a group.

use super::error::GroupError;
use super::job::JobConnection;
use super::presence::{HasVersion, Seen};
use super::streams::Group;
use crate::runtime::types::Check;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long one agent may take: it may have to download and compile a version, and
/// the steps have time-outs of their own.
const PATIENCE: Duration = Duration::from_secs(60);

/// What an agent is to test.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestRequest {
    /// The connector's name in the registry.
    pub connector: String,
    /// The version that is wanted: `newest` or one version.
    pub version: String,
    /// Whether the agent keeps the version that it has, where it has one.
    pub update_suspended: bool,
    /// The connection.
    pub connection: JobConnection,
}

/// How a test went on one agent.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tested {
    /// The version that it had.
    pub before: Option<HasVersion>,
    /// The version that the test was made with.
    pub after: Option<HasVersion>,
    /// Whether bytes were transferred for it.
    pub downloaded: bool,
    /// The steps.
    #[serde(with = "crate::runtime::serialized::checks")]
    pub checks: Vec<Check>,
    /// What is not as one would expect.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Why there are none, or not all.
    pub error: Option<String>,
}

impl Group {
    /// Has one agent make a test.
    ///
    /// # Errors
    /// If it does not answer within a minute, or cannot be asked.
    pub async fn test(&self, agent: &Seen, request: &TestRequest) -> Result<Tested, GroupError> {
        let subject = self.test_subject(&agent.presence.instance);
        let sealed = self.seal(&subject, request)?;
        let what = "have the agent make the test";
        let asked = async_nats::Request::new()
            .payload(sealed)
            .timeout(Some(PATIENCE));
        let answer = self
            .client()
            .send_request(subject.clone(), asked)
            .await
            .map_err(|error| match error.kind() {
                async_nats::RequestErrorKind::TimedOut => GroupError::Server {
                    what,
                    why: format!("it did not answer within {} s", PATIENCE.as_secs()),
                },
                async_nats::RequestErrorKind::NoResponders => GroupError::Server {
                    what,
                    why: "it is not there any more".to_owned(),
                },
                _ => GroupError::server(what)(error),
            })?;
        self.open(&subject, &answer.payload, "the answer of an agent")
    }
}
