//! What a person filled in, against what a connector's descriptor asks for.
//!
//! The descriptor says which fields there are, what they take and when they are
//! shown; every rule here is about those, and none about any one connector.

mod check;
mod url;

pub use check::{Finding, Stage, check};

use crate::runtime::design::Reauthentication;
use crate::runtime::types::{Property, PropertyKind};
use std::collections::BTreeSet;

/// The value of a property: as filled in, or its default; trimmed.
fn value<'a>(
    properties: &'a [Property],
    values: &'a [(String, String)],
    name: &str,
) -> Option<&'a str> {
    let filled = values
        .iter()
        .filter(|(named, _)| named == name)
        .map(|(_, value)| value.trim())
        .find(|value| !value.is_empty());
    filled.or_else(|| {
        let property = properties.iter().find(|property| property.name == name)?;
        property.default.as_deref()
    })
}

/// The properties that are shown: those without a condition, and those whose
/// condition a property that is itself shown meets.
pub fn shown<'a>(properties: &'a [Property], values: &[(String, String)]) -> BTreeSet<&'a str> {
    let mut shown = BTreeSet::new();
    // A condition may stand on a property further down: as often as there are
    // properties is enough.
    for _ in properties {
        let before = shown.len();
        for property in properties {
            let holds = property.shown_when.as_ref().is_none_or(|condition| {
                shown.contains(condition.property.as_str())
                    && value(properties, values, &condition.property)
                        .is_some_and(|value| condition.values.iter().any(|wanted| wanted == value))
            });
            if holds {
                shown.insert(property.name.as_str());
            }
        }
        if shown.len() == before {
            break;
        }
    }
    shown
}

/// The values that a connector is given: those that are shown and not empty.
/// Defaults are the connector's own to know; a fixed property has its value.
pub fn effective(properties: &[Property], values: &[(String, String)]) -> Vec<(String, String)> {
    let shown = shown(properties, values);
    let mut effective = Vec::new();
    for property in properties {
        if !shown.contains(property.name.as_str()) {
            continue;
        }
        match property.kind {
            PropertyKind::Secret => {}
            PropertyKind::Fixed => effective.extend(
                property
                    .default
                    .as_ref()
                    .map(|value| (property.name.clone(), value.clone())),
            ),
            _ => effective.extend(
                values
                    .iter()
                    .filter(|(name, value)| *name == property.name && !value.trim().is_empty())
                    .cloned(),
            ),
        }
    }
    effective
}

/// The secrets that have to be typed again when `before` becomes `after`.
/// White space around a value does not count, nor the order of single values.
pub fn reauthentication(
    rules: &[Reauthentication],
    before: &[(String, String)],
    after: &[(String, String)],
) -> BTreeSet<String> {
    let of = |values: &[(String, String)], name: &str| -> Vec<String> {
        values
            .iter()
            .filter(|(named, value)| named == name && !value.trim().is_empty())
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    };
    rules
        .iter()
        .filter(|rule| {
            rule.changed
                .iter()
                .any(|name| of(before, name) != of(after, name))
        })
        .flat_map(|rule| rule.clear.iter().cloned())
        .collect()
}

#[cfg(test)]
mod tests;
