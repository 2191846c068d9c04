//! Holds any connector against the contract, rule by rule.
//!
//! [`examine`] runs a component in the same sandbox as every run does, and tries
//! what the contract promises: that it stops when nobody listens, goes on from any
//! of its checkpoints, answers each record once, tells no secret, and so on. Each
//! [`Rule`] ends as kept, broken with what was seen, or not tested with the reason.
//! Nothing is written to the remote system unless [`Wishes::changes`] allows it.

mod component;
mod descriptor;
mod discovery;
mod errors;
mod fuzz;
mod report;
mod rule;
mod source;
mod subject;
mod target;
mod test_connection;
mod watch;

pub use report::{Finding, Report, Verdict};
pub use rule::Rule;

use crate::agent::{Agent, AgentError};
use crate::registry::Digest;
use crate::runtime::Connection;
use report::Findings;
use subject::Subject;

/// An activity and an object to test with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The activity's name.
    pub activity: String,
    /// The object's name.
    pub object: String,
    /// The activity's options, by name.
    pub options: Vec<(String, String)>,
}

/// What to test with, where it is not left to the kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// Settings beside those of the connection.
    pub settings: Vec<(String, String)>,
    /// Sources that have records; none: the first objects that do are looked for.
    pub sources: Vec<Chosen>,
    /// Targets; none: the first object of each.
    pub targets: Vec<Chosen>,
    /// Good records for the targets, as JSON.
    pub records: Vec<String>,
    /// Whether the remote system may be changed: by targets that have no dry run,
    /// and by acknowledging. Otherwise targets run dry or not at all.
    pub changes: bool,
    /// What everything that is left to chance is made of.
    pub seed: u64,
    /// How many calls of anything whatever are made.
    pub rounds: u32,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            sources: Vec::new(),
            targets: Vec::new(),
            records: Vec::new(),
            changes: false,
            seed: 1,
            rounds: 200,
        }
    }
}

impl Wishes {
    fn sources_of(&self, activity: &str) -> impl Iterator<Item = &Chosen> {
        self.sources
            .iter()
            .filter(move |chosen| chosen.activity == activity)
    }

    fn targets_of(&self, activity: &str) -> impl Iterator<Item = &Chosen> {
        self.targets
            .iter()
            .filter(move |chosen| chosen.activity == activity)
    }
}

/// Holds a component against the contract: with a connection of its own, or, where
/// there is none, with empty settings and secrets that are made up.
///
/// # Errors
/// Only where the agent cannot be used; what is wrong with the component is in the
/// report.
pub async fn examine(
    agent: &Agent,
    bytes: &[u8],
    connection: Option<Connection>,
    wishes: &Wishes,
) -> Result<Report, AgentError> {
    let digest = Digest::of(bytes);
    let mut findings = Findings::default();
    let first = match agent.load(digest, bytes.to_vec()).await {
        Ok(connector) => Ok(connector),
        Err(AgentError::Runtime(error)) => Err(error),
        Err(error) => return Err(error),
    };
    let Some(connector) = component::loaded(&mut findings, bytes, first) else {
        return Ok(findings.into_report(digest.to_string(), None, wishes.seed));
    };
    let told = connector.descriptor().clone();
    match connector.describe_again().await {
        Ok(again) => descriptor::check(&mut findings, &told, &again),
        Err(error) => findings.broken(Rule::DescribesItself, format!("asked again: {error}")),
    }
    let subject = Subject::new(connector, connection, &wishes.settings);
    test_connection::check(&mut findings, &subject).await;
    let offered = discovery::check(&mut findings, &subject).await;
    if !findings.is_broken(Rule::Activities) {
        errors::check(&mut findings, &subject, &offered).await;
        source::check(&mut findings, &subject, &offered, wishes).await;
        target::check(&mut findings, &subject, &offered, wishes).await;
    }
    let (seed, rounds) = (wishes.seed, wishes.rounds);
    fuzz::check(&mut findings, &subject, &offered, seed, rounds).await;
    if subject.watch.saw_any() {
        findings.ok(
            Rule::NoSecretTold,
            "every event, error, plan, check and line of the log of all these calls",
        );
    } else {
        findings.not_tested(Rule::NoSecretTold, "it asked for no secret");
    }
    let name = format!("{} {}", told.id, told.version);
    Ok(findings.into_report(digest.to_string(), Some(name), seed))
}
