//! Calls that are at fault, and what is said of them.

use super::discovery::Offered;
use super::report::Findings;
use super::rule::Rule;
use super::subject::Subject;
use crate::runtime::RuntimeError;
use crate::runtime::call;
use crate::runtime::types::{Activity, Call, ErrorKind, PropertyKind};

/// No connector has anything of this name.
const UNKNOWN: &str = "conformance-unknown";

pub(super) async fn check(findings: &mut Findings, subject: &Subject, offered: &Offered) {
    let pair = offered.activities.iter().find_map(|activity| {
        let object = offered
            .objects
            .iter()
            .find(|object| object.activities.contains(&activity.name))?;
        Some((activity, object.name.as_str()))
    });
    let Some((activity, object)) = pair else {
        let why = "there is no object that allows an activity";
        for rule in [
            Rule::UnknownActivity,
            Rule::UnknownObject,
            Rule::UnknownOption,
            Rule::MalformedOption,
            Rule::ForeignCheckpoint,
        ] {
            findings.not_tested(rule, why);
        }
        return;
    };
    let name = activity.name.as_str();
    expect(
        findings,
        subject,
        Rule::UnknownActivity,
        call(UNKNOWN, object, &[]),
    )
    .await;
    expect(
        findings,
        subject,
        Rule::UnknownObject,
        call(name, UNKNOWN, &[]),
    )
    .await;
    let unknown = [(UNKNOWN.to_owned(), "1".to_owned())];
    expect(
        findings,
        subject,
        Rule::UnknownOption,
        call(name, object, &unknown),
    )
    .await;
    malformed(findings, subject, offered).await;
    foreign(findings, subject, offered).await;
}

async fn malformed(findings: &mut Findings, subject: &Subject, offered: &Offered) {
    let mut tried = false;
    for activity in &offered.activities {
        let object = offered
            .objects
            .iter()
            .find(|object| object.activities.contains(&activity.name));
        let Some(object) = object else { continue };
        for option in &activity.options {
            let value = match &option.kind {
                PropertyKind::Choice(_) | PropertyKind::Flag => UNKNOWN,
                PropertyKind::WholeNumber(_) => "-1",
                _ => continue,
            };
            tried = true;
            let options = [(option.name.clone(), value.to_owned())];
            let asked = call(&activity.name, &object.name, &options);
            expect(findings, subject, Rule::MalformedOption, asked).await;
        }
    }
    if !tried {
        findings.not_tested(
            Rule::MalformedOption,
            "no activity has an option that is a number, a flag or a choice",
        );
    }
}

async fn foreign(findings: &mut Findings, subject: &Subject, offered: &Offered) {
    let sources: Vec<(&Activity, &str)> = offered
        .activities
        .iter()
        .filter(|activity| super::subject::is_source(activity))
        .filter_map(|activity| {
            let object = offered
                .objects
                .iter()
                .find(|object| object.activities.contains(&activity.name))?;
            Some((activity, object.name.as_str()))
        })
        .collect();
    if sources.is_empty() {
        findings.not_tested(Rule::ForeignCheckpoint, "it has no source");
        return;
    }
    let long = "x".repeat(4096);
    for (activity, object) in sources {
        for forged in ["", "conformance", "\0", "{}", "-1", &long] {
            let mut asked = call(&activity.name, object, &[]);
            asked.resume = Some(forged.to_owned());
            expect(findings, subject, Rule::ForeignCheckpoint, asked).await;
        }
    }
}

/// Makes a call that is at fault, and holds what is said against the rule.
async fn expect(findings: &mut Findings, subject: &Subject, rule: Rule, asked: Call) {
    let place = format!(
        "{} {}{}{}",
        asked.activity,
        asked.object,
        asked
            .options
            .iter()
            .map(|option| format!(" {}={}", option.name, option.value))
            .collect::<String>(),
        asked
            .resume
            .as_ref()
            .map(|resume| format!(" from {:?}", resume.chars().take(20).collect::<String>()))
            .unwrap_or_default()
    );
    let came = subject.run(findings, asked, Vec::new(), usize::MAX).await;
    let moved = came
        .events
        .iter()
        .any(|event| !matches!(event, crate::runtime::types::Event::Notice(_)));
    // Whether an object is there, only the remote system may know.
    if rule != Rule::UnknownObject && came.requests > 0 {
        findings.broken(
            rule,
            format!("{place}: {} requests went out first", came.requests),
        );
    }
    match came.ended {
        Ok(_) => findings.broken(rule, format!("{place}: it ran as if nothing were wrong")),
        Err(RuntimeError::Connector(error)) => {
            let kind = error.0.kind;
            let typed = match kind {
                ErrorKind::InvalidSettings | ErrorKind::InvalidInput | ErrorKind::NotFound => true,
                ErrorKind::Permission => rule == Rule::UnknownObject,
                _ => false,
            };
            if !typed {
                findings.broken(
                    rule,
                    format!(
                        "{place}: the error “{}” is of the kind {kind:?}, which does not say that \
                         the call is at fault",
                        error.0.code
                    ),
                );
            } else if moved {
                findings.broken(
                    rule,
                    format!("{place}: records moved before the error came"),
                );
            } else if error.0.code.is_empty() || error.0.message.is_empty() {
                findings.broken(
                    rule,
                    format!("{place}: the error has no code or no message"),
                );
            } else {
                findings.ok(rule, format!("{place}: {}", error.0.code));
            }
        }
        Err(other) => findings.broken(rule, format!("{place}: {other}")),
    }
}
