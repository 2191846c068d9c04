//! Actions: what a path offers beside reading and writing records.

use crate::collection::{Collection, Verb, paths};
use crate::{fact, fact_of_path, file};

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// One record, by its id.
    Record,
    /// The collection: what it is about is said in the body.
    Collection,
}

/// Something that can be done, by a request to a path of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Unique among the actions of a collection. Mostly the last segment of the
    /// path; what is done to the collection and goes by the name of an action on
    /// a record is `collection/<name>`, and the `DELETE` beside another verb
    /// `<name>:delete`.
    pub name: &'static str,
    /// Below the record or the collection; the id of something else may stand in
    /// braces in it.
    pub path: &'static str,
    /// The path as the release has it.
    pub template: &'static str,
    pub verb: Verb,
    pub subject: Subject,
}

impl Collection {
    /// The actions on the collection and its records, in the order of the paths.
    pub fn actions(&self) -> impl Iterator<Item = Action> + use<> {
        let collection = *self;
        let both = move |name: &str| {
            let mut below = paths().filter_map(|(path, _)| collection.below(path));
            below.any(|(subject, path)| subject == Subject::Record && first(path) == name)
        };
        paths().flat_map(move |(template, verbs)| {
            let found = collection
                .below(template)
                .filter(|_| !is_of_another_collection(template));
            found
                .map(|(subject, path)| one(subject, path, template, verbs, &both))
                .into_iter()
                .flatten()
                .flatten()
        })
    }

    /// The rest of a path that is about this collection, where it may be an action.
    fn below(&self, template: &'static str) -> Option<(Subject, &'static str)> {
        let rest = template.strip_prefix(self.path)?.strip_prefix('/')?;
        let (subject, path) = match rest.strip_prefix("{id}/") {
            Some(path) => (Subject::Record, path),
            None => (Subject::Collection, rest),
        };
        // What goes on below another id is a collection of its own, but for an
        // id that ends the path.
        let deeper = path.split_once('/').map(|(_, rest)| rest);
        let is_own = deeper.is_none_or(|rest| rest.starts_with('{') && !rest.contains('/'));
        let style = path.contains('(');
        (is_own && !style && !path.starts_with('{')).then_some((subject, path))
    }
}

/// Whether a path is a collection, or a record of one.
fn is_of_another_collection(template: &str) -> bool {
    let owner = template.strip_suffix("/{id}");
    crate::objects().any(|other| other.path == template || Some(other.path) == owner)
}

fn first(path: &str) -> &str {
    path.split('/').next().unwrap_or(path)
}

fn one(
    subject: Subject,
    path: &'static str,
    template: &'static str,
    verbs: &'static str,
    on_records_too: &dyn Fn(&str) -> bool,
) -> [Option<Action>; 2] {
    let name = first(path);
    let verb = [Verb::Put, Verb::Post, Verb::Patch, Verb::Delete]
        .into_iter()
        .find(|verb| verbs.contains(verb.letter()));
    let action = |name: &'static str, verb| Action {
        name,
        path,
        template,
        verb,
        subject,
    };
    let plain = verb.filter(|_| !file::is_file(template)).map(|verb| {
        let own = match subject {
            Subject::Collection if on_records_too(name) => named(template, "collection"),
            _ => None,
        };
        action(own.unwrap_or(name), verb)
    });
    let deleting = (verb != Some(Verb::Delete) && verbs.contains('D'))
        .then(|| named(template, "delete"))
        .flatten()
        .map(|name| action(name, Verb::Delete));
    [plain, deleting]
}

/// Names that are not a part of the path, kept by hand.
fn named(template: &str, which: &str) -> Option<&'static str> {
    fact_of_path("action", template, which)
}

impl Action {
    /// The names of what it takes in the query of the URL; all else goes into the
    /// body.
    pub fn parameters(&self) -> Vec<&'static str> {
        fact("parameters", self.template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{find_collection, objects};
    use std::collections::BTreeSet;

    #[test]
    fn orders_have_their_actions() {
        let orders = find_collection("purchase_orders").unwrap();
        let names: Vec<_> = orders.actions().map(|action| action.name).collect();
        assert_eq!(
            names,
            [
                "cancel",
                "close",
                "ignore_window_and_issue",
                "issue",
                "issue_without_send",
                "release_from_buyer_hold",
                "reopen"
            ]
        );
        let approve = find_collection("approvals")
            .unwrap()
            .actions()
            .next()
            .unwrap();
        assert_eq!(
            (approve.name, approve.parameters()),
            ("approve", vec!["reason"])
        );
    }

    #[test]
    fn names_are_unique_and_no_path_is_forgotten() {
        let mut found = BTreeSet::new();
        let contracts = find_collection("contracts").unwrap();
        assert!(contracts.actions().all(|action| action.name != "templates"));
        for object in objects() {
            let mut names = BTreeSet::new();
            for action in object.actions() {
                assert!(
                    names.insert(action.name),
                    "{}: {}",
                    object.path,
                    action.name
                );
                found.insert(action.template);
            }
        }
        // Everything that changes something is an object, a record of one, a file or
        // an action.
        let known: BTreeSet<_> = objects().map(|object| object.path).collect();
        let forgotten: Vec<_> = paths()
            .filter(|(path, verbs)| {
                let is_record = path
                    .strip_suffix("/{id}")
                    .is_some_and(|owner| known.contains(owner));
                let changes = verbs.contains(['P', 'U', 'A', 'D']);
                let is_known = known.contains(path) || is_record || found.contains(path);
                changes && !is_known && !file::is_file(path)
            })
            .map(|(path, _)| path)
            .collect();
        assert_eq!(forgotten, [""; 0]);
    }
}
