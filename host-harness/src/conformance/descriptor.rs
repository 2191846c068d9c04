//! What a connector says that it is.

use super::report::Findings;
use super::rule::Rule;
use crate::runtime::design::Descriptor;
use crate::runtime::types::{Property, PropertyKind};
use std::collections::BTreeSet;

pub(super) fn check(findings: &mut Findings, told: &Descriptor, again: &Descriptor) {
    // The contract's types have no equality of their own.
    if format!("{told:?}") == format!("{again:?}") {
        findings.ok(Rule::DescribesItself, "asked twice, in two instances");
    } else {
        findings.broken(
            Rule::DescribesItself,
            "two instances described themselves differently",
        );
    }
    identity(findings, told);
    form(findings, "the connection", &told.properties);
    findings.ok(
        Rule::Form,
        format!("{} properties of the connection", told.properties.len()),
    );
    reauthentication(findings, told);
    reaches(findings, told);
}

/// Lower case, words joined by `-`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

fn identity(findings: &mut Findings, told: &Descriptor) {
    if !is_name(&told.id) {
        findings.broken(
            Rule::Identity,
            format!(
                "the id “{}” is not lower case, words joined by “-”",
                told.id
            ),
        );
    }
    if let Err(error) = semver::Version::parse(&told.version) {
        findings.broken(
            Rule::Identity,
            format!(
                "the version “{}” is no semantic version: {error}",
                told.version
            ),
        );
    }
    if told.title.trim().is_empty() {
        findings.broken(Rule::Identity, "the title is empty");
    }
    findings.ok(Rule::Identity, format!("{} {}", told.id, told.version));
}

/// Holds the properties of a form against the contract; `of` says whose.
pub(super) fn form(findings: &mut Findings, of: &str, properties: &[Property]) {
    let mut names = BTreeSet::new();
    for property in properties {
        let name = &property.name;
        let mut broken = |what: &str| {
            findings.broken(Rule::Form, format!("“{name}” of {of}: {what}"));
        };
        if !names.insert(name) {
            broken("two properties have this name");
        }
        if !is_name(name) {
            broken("the name is not lower case, words joined by “-”");
        }
        if property.title.trim().is_empty() {
            broken("it has no title");
        }
        match &property.kind {
            PropertyKind::Choice(choices) => {
                let values: BTreeSet<_> = choices.iter().map(|choice| &choice.value).collect();
                if choices.is_empty() {
                    broken("it is a choice of nothing");
                }
                if values.len() < choices.len() {
                    broken("a value can be chosen twice");
                }
            }
            PropertyKind::WholeNumber((least, most)) if least > most => {
                broken("no number is between its ends");
            }
            PropertyKind::Secret if property.default.is_some() => {
                broken("a secret has a default, which is no secret");
            }
            PropertyKind::Fixed if property.default.is_none() => {
                broken("it is fixed and has no value");
            }
            _ => {}
        }
        if let Some(value) = &property.default
            && !fits(&property.kind, value)
        {
            broken(&format!("its default “{value}” does not fit it"));
        }
        if let Some(condition) = &property.shown_when {
            let other = properties
                .iter()
                .find(|other| other.name == condition.property);
            match other {
                None => broken("it is shown by a property that there is not"),
                Some(other) if other.name == *name => broken("it is shown by itself"),
                Some(other) => {
                    if let Some(value) = condition
                        .values
                        .iter()
                        .find(|value| !fits(&other.kind, value))
                    {
                        broken(&format!(
                            "it is shown where “{}” is “{value}”, which it can never be",
                            other.name
                        ));
                    }
                }
            }
        }
    }
}

fn fits(kind: &PropertyKind, value: &str) -> bool {
    match kind {
        PropertyKind::Choice(choices) => choices.iter().any(|choice| choice.value == value),
        PropertyKind::Flag => matches!(value, "true" | "false"),
        PropertyKind::WholeNumber((least, most)) => value
            .parse::<u64>()
            .is_ok_and(|number| (*least..=*most).contains(&number)),
        PropertyKind::Text | PropertyKind::Secret | PropertyKind::Fixed => true,
    }
}

fn find<'a>(told: &'a Descriptor, name: &str) -> Option<&'a PropertyKind> {
    let found = told
        .properties
        .iter()
        .find(|property| property.name == name);
    found.map(|property| &property.kind)
}

fn reauthentication(findings: &mut Findings, told: &Descriptor) {
    for rule in &told.reauthentication {
        for name in &rule.changed {
            if find(told, name).is_none() {
                findings.broken(
                    Rule::Reauthentication,
                    format!("a change of “{name}” matters, and there is no such property"),
                );
            }
        }
        for name in &rule.clear {
            if !matches!(find(told, name), Some(PropertyKind::Secret)) {
                findings.broken(
                    Rule::Reauthentication,
                    format!("“{name}” is cleared, and there is no such secret"),
                );
            }
        }
        if rule.changed.is_empty() || rule.clear.is_empty() {
            findings.broken(Rule::Reauthentication, "a rule changes or clears nothing");
        }
    }
    findings.ok(
        Rule::Reauthentication,
        format!("{} rules", told.reauthentication.len()),
    );
}

fn reaches(findings: &mut Findings, told: &Descriptor) {
    for name in &told.reaches {
        match find(told, name) {
            None => findings.broken(
                Rule::Reaches,
                format!("“{name}” is reached, and there is no such property"),
            ),
            Some(PropertyKind::Text | PropertyKind::Fixed | PropertyKind::Choice(_)) => {}
            Some(_) => findings.broken(
                Rule::Reaches,
                format!("“{name}” is reached, and cannot hold a URL"),
            ),
        }
    }
    findings.ok(Rule::Reaches, format!("{} properties", told.reaches.len()));
}
