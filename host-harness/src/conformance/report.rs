//! What came of holding a connector against the contract.

use super::rule::Rule;
use serde::Serialize;
use std::collections::BTreeMap;
use strum::IntoEnumIterator;

/// What was found of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// It was tested, and keeps to it.
    Ok {
        /// What was tested.
        tested: String,
    },
    /// It breaks it.
    Broken {
        /// What was seen, the first few of each kind.
        seen: Vec<String>,
    },
    /// It was not tested.
    NotTested {
        /// Why, and what would have it tested.
        why: String,
    },
}

/// One rule, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// What the contract says.
    pub says: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// What was found of all rules, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The component.
    pub digest: String,
    /// What it calls itself: id and version.
    pub connector: Option<String>,
    /// What everything that was left to chance was made of: given again, the same
    /// is tried.
    pub seed: u64,
    /// Each rule.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Whether it keeps to every rule that was tested.
    pub fn conforms(&self) -> bool {
        self.broken().is_empty()
    }

    /// The names of the rules that it breaks.
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = |finding: &&Finding| matches!(finding.verdict, Verdict::Broken { .. });
        self.findings
            .iter()
            .filter(broken)
            .map(|finding| finding.rule)
            .collect()
    }

    /// The names of the rules that were not tested.
    pub fn not_tested(&self) -> Vec<&'static str> {
        let untested = |finding: &&Finding| matches!(finding.verdict, Verdict::NotTested { .. });
        self.findings
            .iter()
            .filter(untested)
            .map(|finding| finding.rule)
            .collect()
    }
}

/// What is told of one rule where a connector breaks it often.
const MOST_SEEN: usize = 5;
/// Characters of what was seen.
const MOST_CHARACTERS: usize = 400;

/// Findings as they are gathered: once broken, a rule stays so.
#[derive(Debug, Default)]
pub(super) struct Findings(BTreeMap<Rule, Verdict>);

impl Findings {
    pub(super) fn broken(&mut self, rule: Rule, what: impl Into<String>) {
        let what: String = what.into().chars().take(MOST_CHARACTERS).collect();
        match self.0.get_mut(&rule) {
            Some(Verdict::Broken { seen }) => {
                if seen.len() < MOST_SEEN && !seen.contains(&what) {
                    seen.push(what);
                }
            }
            _ => {
                self.0.insert(rule, Verdict::Broken { seen: vec![what] });
            }
        }
    }

    pub(super) fn ok(&mut self, rule: Rule, tested: impl Into<String>) {
        if !matches!(self.0.get(&rule), Some(Verdict::Broken { .. })) {
            let tested = tested.into();
            self.0.insert(rule, Verdict::Ok { tested });
        }
    }

    pub(super) fn not_tested(&mut self, rule: Rule, why: impl Into<String>) {
        let why = why.into();
        self.0.entry(rule).or_insert(Verdict::NotTested { why });
    }

    pub(super) fn is_broken(&self, rule: Rule) -> bool {
        matches!(self.0.get(&rule), Some(Verdict::Broken { .. }))
    }

    pub(super) fn into_report(
        mut self,
        digest: String,
        connector: Option<String>,
        seed: u64,
    ) -> Report {
        let findings = Rule::iter().map(|rule| Finding {
            rule: rule.name(),
            says: rule.says(),
            verdict: self.0.remove(&rule).unwrap_or_else(|| Verdict::NotTested {
                why: "what comes before it is broken".to_owned(),
            }),
        });
        Report {
            digest,
            connector,
            seed,
            findings: findings.collect(),
        }
    }
}
