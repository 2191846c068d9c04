//! The steps of a test: with the connection as it is, and without its secrets.

use super::report::Findings;
use super::rule::Rule;
use super::subject::Subject;
use crate::runtime::NoSecrets;
use crate::runtime::types::{Check, CheckOutcome};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) async fn check(findings: &mut Findings, subject: &Subject) {
    let mut failed = 0;
    let mut bare = subject.connection.clone();
    bare.secrets = Arc::new(NoSecrets);
    let mut empty = bare.clone();
    empty.settings.clear();
    for (what, connection) in [
        ("as it is", subject.connection.clone()),
        ("without secrets", bare),
        ("without settings", empty),
    ] {
        let tested = match subject.connector.session(connection).await {
            Ok(mut session) => {
                let tested = session.test().await;
                subject.watch.look_at_log(findings, session.log());
                tested
            }
            Err(error) => Err(error),
        };
        match tested {
            Ok(checks) => {
                subject.watch.look_at_checks(findings, &checks);
                order(findings, what, &checks);
                let any = checks
                    .iter()
                    .any(|check| check.outcome == CheckOutcome::Failed);
                failed += u32::from(any);
            }
            Err(error) => {
                subject.heard(findings, &format!("test-connection {what}"), &error);
                findings.broken(Rule::TestOrder, format!("the test {what}: {error}"));
            }
        }
    }
    if failed == 0 {
        findings.not_tested(
            Rule::TestOrder,
            "no step failed, neither without secrets nor without settings",
        );
    }
    findings.ok(
        Rule::TestOrder,
        format!("the connection as it is, without secrets and without settings; {failed} failed"),
    );
}

fn order(findings: &mut Findings, what: &str, checks: &[Check]) {
    let mut broken = |seen: String| findings.broken(Rule::TestOrder, seen);
    if checks.is_empty() {
        broken(format!("the test {what} has no step"));
    }
    let mut names = BTreeSet::new();
    let mut after_failure = false;
    for check in checks {
        let name = &check.name;
        if !names.insert(name) {
            broken(format!("the test {what}: the step “{name}” stands twice"));
        }
        if after_failure != (check.outcome == CheckOutcome::Skipped) {
            broken(format!(
                "the test {what}: the step “{name}” {}",
                if after_failure {
                    "was tried though one before it had failed"
                } else {
                    "was skipped though none before it had failed"
                }
            ));
        }
        after_failure |= check.outcome == CheckOutcome::Failed;
        if (check.outcome == CheckOutcome::Failed) != check.error.is_some() {
            broken(format!(
                "the test {what}: the step “{name}” is {:?}, and an error is {}",
                check.outcome,
                if check.error.is_some() {
                    "set"
                } else {
                    "not set"
                }
            ));
        }
    }
}
