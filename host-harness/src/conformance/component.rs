//! What the component is before any of it runs.

use super::report::Findings;
use super::rule::Rule;
use crate::runtime::{Connector, RuntimeError, interfaces};

/// Looks at how a component could be loaded. Answers the connector, if it is one.
pub(super) fn loaded(
    findings: &mut Findings,
    bytes: &[u8],
    loaded: Result<Connector, RuntimeError>,
) -> Option<Connector> {
    match loaded {
        Ok(connector) => {
            let names = interfaces(bytes).unwrap_or_default();
            findings.ok(
                Rule::Interfaces,
                format!(
                    "{} imports and {} exports",
                    names.imports.len(),
                    names.exports.len()
                ),
            );
            Some(connector)
        }
        Err(RuntimeError::NotAConnector { why, .. }) => {
            findings.broken(Rule::Interfaces, why);
            None
        }
        Err(error @ (RuntimeError::Limit(_) | RuntimeError::Trap(_))) => {
            findings.ok(Rule::Interfaces, "its imports and exports");
            findings.broken(Rule::DescribesItself, error.to_string());
            None
        }
        Err(error) => {
            findings.broken(Rule::Interfaces, error.to_string());
            None
        }
    }
}
