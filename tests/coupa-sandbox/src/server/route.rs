//! From a path to what it is about, by the catalog.

use coupa_catalog::Collection;
use http::Method;

use crate::model::{RecordType, model};
use crate::refusal::Refusal;
use crate::store::{Parent, Records};

/// What a path is about.
pub struct Route {
    /// The collection.
    pub collection: &'static Collection,
    /// The type of its records.
    pub record_type: &'static RecordType,
    /// The record that a nested collection belongs to.
    pub parent: Option<Parent>,
    /// The collection, a record of it, or an action.
    pub subject: Subject,
}

/// The part of a path after the collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    Collection,
    Record(i64),
    RecordAction(i64, String),
    CollectionAction(String),
}

impl Route {
    /// Finds what a path without `/api/` is about, and whether the method is
    /// allowed there.
    pub fn find(path: &str, method: &Method) -> Result<Self, Refusal> {
        let (collection_path, subject) = split(path).ok_or(Refusal::NotFound)?;
        let collection = model()
            .collection(collection_path)
            .ok_or(Refusal::NotFound)?;
        let record_type = model()
            .record_type(model().table(collection.record_type))
            .ok_or(Refusal::NotFound)?;
        if !allows(collection, path, &subject, method) {
            return Err(Refusal::MethodNotAllowed);
        }
        Ok(Self {
            collection,
            record_type,
            parent: parent(collection_path),
            subject,
        })
    }

    /// 404 where the record that a nested collection belongs to does not exist.
    pub fn check_parent(&self, records: Records<'_>) -> Result<(), Refusal> {
        match &self.parent {
            Some(parent) if model().record_type(&parent.record_type).is_some() => records
                .get(&parent.record_type, parent.id)?
                .map(|_| ())
                .ok_or(Refusal::NotFound),
            _ => Ok(()),
        }
    }

    /// 404 where a record does not belong to the path's parent.
    pub fn check_child(&self, records: Records<'_>, id: i64) -> Result<(), Refusal> {
        match &self.parent {
            Some(parent) if !records.is_child(parent, self.record_type.name, id)? => {
                Err(Refusal::NotFound)
            }
            _ => Ok(()),
        }
    }
}

fn split(path: &str) -> Option<(&str, Subject)> {
    if model().collection(path).is_some() {
        return Some((path, Subject::Collection));
    }
    let (before, last) = path.rsplit_once('/')?;
    let known = |path: &str| model().collection(path).is_some();
    if let Ok(id) = last.parse() {
        return known(before).then_some((before, Subject::Record(id)));
    }
    model().verbs(path)?;
    if known(before) {
        return Some((before, Subject::CollectionAction(last.to_owned())));
    }
    let (collection, id) = before.rsplit_once('/')?;
    let subject = Subject::RecordAction(id.parse().ok()?, last.to_owned());
    known(collection).then_some((collection, subject))
}

fn allows(collection: &Collection, path: &str, subject: &Subject, method: &Method) -> bool {
    let method = method.as_str();
    match subject {
        Subject::Collection => match method {
            "GET" => collection.can_list(),
            "POST" => collection.can_create(),
            _ => false,
        },
        Subject::Record(_) => match method {
            "GET" => collection.can_show(),
            "PUT" | "PATCH" => collection.can_update(),
            "DELETE" => collection.can_delete(),
            _ => false,
        },
        Subject::RecordAction(..) | Subject::CollectionAction(_) => {
            let letter = match method {
                "GET" => 'G',
                "POST" => 'P',
                "PUT" => 'U',
                "PATCH" => 'A',
                "DELETE" => 'D',
                _ => return false,
            };
            model()
                .verbs(path)
                .is_some_and(|verbs| verbs.contains(letter))
        }
    }
}

/// The record that `suppliers/83/addresses` belongs to.
fn parent(collection_path: &str) -> Option<Parent> {
    let (owner, _) = collection_path.rsplit_once('/')?;
    let (owner, id) = owner.rsplit_once('/')?;
    let id = id.parse().ok()?;
    let record_type = match model().collection(owner) {
        Some(collection) => model().table(collection.record_type).to_owned(),
        None => owner.to_owned(),
    };
    Some(Parent { record_type, id })
}
