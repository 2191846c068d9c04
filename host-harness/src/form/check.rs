//! Every rule that a descriptor's form sets, as findings beside its fields.

use super::{shown, url, value};
use crate::connection::Environment;
use crate::runtime::types::{Property, PropertyKind};
use crate::variables::Template;
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Finding {
    /// The property; absent where it is about the form as a whole.
    pub property: Option<String>,
    /// Stable, for programs.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// What would be right.
    pub remedy: Option<String>,
}

/// When values are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// As they are typed: where variables stand in a value, only what can
    /// already be said of it is said.
    Typed,
    /// With variables in their places, right before they are used.
    Resolved {
        /// Where.
        environment: Environment,
    },
}

/// All that is wrong with `values`. `reaches` are the properties that hold a
/// URL, `secrets` the names of the secrets that are set. What is hidden is not
/// looked at.
pub fn check(
    properties: &[Property],
    reaches: &[String],
    values: &[(String, String)],
    secrets: &BTreeSet<String>,
    stage: Stage,
) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let shown = shown(properties, values);
    for (at, (name, _)) in values.iter().enumerate() {
        let before = values.get(..at).unwrap_or_default();
        match properties.iter().find(|property| property.name == *name) {
            None => {
                let names: Vec<&str> = properties.iter().map(|p| p.name.as_str()).collect();
                findings.add(
                    Some(name),
                    "unknown",
                    format!("there is no field “{name}”"),
                    Some(format!("There are: {}.", names.join(", "))),
                );
            }
            Some(property) if matches!(property.kind, PropertyKind::Secret) => findings.add(
                Some(name),
                "secret-in-settings",
                format!(
                    "{} is a secret and stands among the settings",
                    property.title
                ),
                Some("Give it as a secret, so that it is kept sealed.".to_owned()),
            ),
            Some(property) => {
                if !property.repeatable && before.iter().any(|(other, _)| other == name) {
                    findings.add(
                        Some(name),
                        "repeated",
                        format!("{} stands twice", property.title),
                        None,
                    );
                }
            }
        }
    }
    for property in properties {
        if !shown.contains(property.name.as_str()) {
            continue;
        }
        if matches!(property.kind, PropertyKind::Secret) {
            if property.required && !secrets.contains(&property.name) {
                findings.required(property);
            }
            continue;
        }
        if property.required && value(properties, values, &property.name).is_none() {
            findings.required(property);
        }
        let own = values
            .iter()
            .filter(|(name, value)| *name == property.name && !value.trim().is_empty());
        for (_, text) in own {
            findings.value(
                property,
                text.trim(),
                reaches.contains(&property.name),
                stage,
            );
        }
    }
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        property: Option<&str>,
        code: &'static str,
        message: String,
        remedy: Option<String>,
    ) {
        self.0.push(Finding {
            property: property.map(str::to_owned),
            code,
            message,
            remedy,
        });
    }

    fn required(&mut self, property: &Property) {
        self.add(
            Some(&property.name),
            "required",
            format!("{} is required", property.title),
            None,
        );
    }

    fn value(&mut self, property: &Property, text: &str, is_url: bool, stage: Stage) {
        let name = Some(property.name.as_str());
        let mut text = text.to_owned();
        if stage == Stage::Typed && property.accepts_variables {
            match Template::parse(&text) {
                Err(error) => {
                    return self.add(
                        name,
                        "variable-syntax",
                        format!("{}: {error}", property.title),
                        None,
                    );
                }
                Ok(template) => match template.literal_prefix() {
                    (literal, true) => text = literal.to_owned(),
                    (prefix, false) => {
                        // All else is known once the variables are.
                        if is_url && let Err(problem) = url::check_beginning(prefix) {
                            self.url(property, problem);
                        }
                        return;
                    }
                },
            }
        }
        match &property.kind {
            PropertyKind::Choice(choices) => {
                if !choices.iter().any(|choice| choice.value == text) {
                    let known: Vec<&str> =
                        choices.iter().map(|choice| choice.value.as_str()).collect();
                    self.add(
                        name,
                        "not-a-choice",
                        format!("{} cannot be “{text}”", property.title),
                        Some(format!("Choose one of: {}.", known.join(", "))),
                    );
                }
            }
            PropertyKind::Flag => {
                if text != "true" && text != "false" {
                    self.add(
                        name,
                        "not-a-flag",
                        format!("{} is “{text}”", property.title),
                        Some("Write true or false.".to_owned()),
                    );
                }
            }
            PropertyKind::WholeNumber((least, most)) => match text.parse::<u64>() {
                Ok(number) if (least..=most).contains(&&number) => {}
                parsed => {
                    let range = if *most == u64::MAX {
                        format!("Write a whole number from {least} on.")
                    } else {
                        format!("Write a whole number from {least} to {most}.")
                    };
                    let code = if parsed.is_ok() {
                        "out-of-range"
                    } else {
                        "not-a-number"
                    };
                    self.add(
                        name,
                        code,
                        format!("{} cannot be “{text}”", property.title),
                        Some(range),
                    );
                }
            },
            PropertyKind::Fixed => {
                if property.default.as_deref() != Some(text.as_str()) {
                    self.add(
                        name,
                        "fixed",
                        format!("{} cannot be changed", property.title),
                        None,
                    );
                }
            }
            PropertyKind::Text | PropertyKind::Secret => {
                if is_url && let Err(problem) = url::check(&text, stage) {
                    self.url(property, problem);
                }
            }
        }
    }

    fn url(&mut self, property: &Property, problem: url::Problem) {
        self.add(
            Some(&property.name),
            problem.code,
            format!("{}: {}", property.title, problem.message),
            Some(
                "Write https://<instance>.<host>.com: no user, no path, nothing after it."
                    .to_owned(),
            ),
        );
    }
}
