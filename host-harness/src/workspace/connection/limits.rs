//! The limits of a connection, as a person typed them.

use super::Setting;
use crate::connection::{Limit, LimitError, LimitForm, Limits};
use crate::form::Finding;
use crate::workspace::Workspace;

/// The limits that are typed, where each is one and within its bounds. An empty one
/// is not set.
pub(in crate::workspace) fn read(typed: &[Setting]) -> Result<Limits, Vec<Finding>> {
    let mut limits = Limits::default();
    let mut findings = Vec::new();
    for setting in typed {
        let text = setting.value.trim();
        if text.is_empty() {
            continue;
        }
        if let Err(error) = set(&mut limits, &setting.name, text) {
            findings.push(Finding {
                property: Some(format!("limits.{}", setting.name)),
                code: "limit",
                message: format!("The limit “{}”: {error}", setting.name),
                remedy: None,
            });
        }
    }
    if findings.is_empty() {
        Ok(limits)
    } else {
        Err(findings)
    }
}

fn set(limits: &mut Limits, name: &str, text: &str) -> Result<(), LimitError> {
    let limit = Limit::named(name)?;
    // What is no number is out of all bounds.
    limits.set(limit, text.parse().unwrap_or(-1))
}

impl Workspace {
    /// The limits that a connection can have, with their defaults and bounds.
    pub fn limits(&self) -> Vec<LimitForm> {
        Limit::ALL.map(Limit::form).to_vec()
    }
}
