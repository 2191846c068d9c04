//! How much of the API is emulated, in numbers.

use std::collections::BTreeSet;

use serde::Serialize;
use strum::EnumCount as _;

use crate::auth::guessed_scopes;
use crate::fault::Fault;
use crate::model::actions::{self, Effect};
use crate::model::{Collection, Endpoint, Kind, facts, model};
use crate::query::Operator;
use crate::switches::Switches;

/// How much of the API is emulated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The release of the catalog.
    pub release: &'static str,
    /// The paths of the release, all of which answer.
    pub paths: usize,
    /// The paths beside the release, from the documentation.
    pub further_paths: usize,
    /// The collections of the release.
    pub collections: usize,
    /// The record types.
    pub record_types: usize,
    /// The operators of filters, with equality.
    pub operators: usize,
    /// The switches.
    pub switches: usize,
    /// The actions.
    pub actions: usize,
    /// Those of which states or effect are a guess.
    pub guessed_actions: usize,
    /// The paths whose scope is a guess.
    pub guessed_scopes: usize,
    /// Actions that answer and do nothing.
    pub differences: Vec<String>,
    /// The paths of which a body or an answer is a file.
    pub file_paths: usize,
    /// The kinds of faults.
    pub fault_kinds: usize,
}

/// Counts it.
pub fn coverage() -> Coverage {
    let actions: Vec<_> = actions::all().collect();
    let differences = actions.iter().filter(|action| action.has(&Effect::Same));
    let files = model()
        .endpoints()
        .filter(|(end, of)| is_about_file(end, of));
    let files: BTreeSet<&str> = files.map(|(endpoint, _)| endpoint.template).collect();
    let switches = serde_json::to_value(Switches::default()).unwrap_or_default();
    let further = facts::paths().filter(|(_, verbs, _)| *verbs != "-");
    Coverage {
        release: coupa_catalog::release(),
        paths: coupa_catalog::paths().count(),
        further_paths: further
            .filter(|(path, _, _)| coupa_catalog::paths().all(|(known, _)| known != *path))
            .count(),
        collections: coupa_catalog::collections().count(),
        record_types: model().record_type_count(),
        operators: Operator::NAMED.len() + 1,
        switches: switches.as_object().map_or(0, serde_json::Map::len),
        actions: actions.len(),
        guessed_actions: actions.iter().filter(|action| action.is_guess).count(),
        guessed_scopes: guessed_scopes(),
        differences: differences
            .map(|action| format!("{} {}", action.path, action.name))
            .collect(),
        file_paths: files.len(),
        fault_kinds: Fault::COUNT,
    }
}

fn is_about_file(endpoint: &Endpoint, collection: &Collection) -> bool {
    match &endpoint.kind {
        Kind::RecordAction(name) => {
            let action = actions::find(collection.path, name);
            action.is_some_and(|action| action.file().is_some())
        }
        _ => collection.record_type == "Attachment",
    }
}
