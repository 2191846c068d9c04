//! From a path to what it is about, by the templates of the catalog.

use http::Method;

use crate::model::{Collection, Kind, RecordType, model};
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
    /// The ids in the path after the subject's own.
    pub arguments: Vec<i64>,
    /// The parent's parents, outermost first, each with its collection.
    above: Vec<(&'static Collection, Parent)>,
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
        let (endpoint, collection, ids) = model().endpoint(path).ok_or(Refusal::NotFound)?;
        if !endpoint.allows(method.as_str()) {
            return Err(Refusal::MethodNotAllowed);
        }
        let record_type = model()
            .record_type(model().table(collection.record_type))
            .ok_or(Refusal::NotFound)?;
        let mut ids = ids.into_iter();
        let above = above(collection, &mut ids);
        let subject = match &endpoint.kind {
            Kind::Collection => Subject::Collection,
            Kind::CollectionAction(name) => Subject::CollectionAction(name.clone()),
            Kind::Record => Subject::Record(ids.next().ok_or(Refusal::NotFound)?),
            Kind::RecordAction(name) => {
                Subject::RecordAction(ids.next().ok_or(Refusal::NotFound)?, name.clone())
            }
        };
        Ok(Self {
            collection,
            record_type,
            parent: above.last().map(|(_, parent)| parent.clone()),
            subject,
            arguments: ids.collect(),
            above,
        })
    }

    /// 404 where a record that a nested collection belongs to does not exist,
    /// or does not belong to the one before it in the path.
    pub fn check_parent(&self, records: Records<'_>) -> Result<(), Refusal> {
        let mut before: Option<&Parent> = None;
        for (collection, parent) in &self.above {
            let table = parent.record_type.as_str();
            let record = records.get(table, parent.id)?.ok_or(Refusal::NotFound)?;
            let belongs = match before {
                Some(before) => records.is_child(before, table, parent.id)?,
                None => true,
            };
            if !belongs || !collection.shows(&record) {
                return Err(Refusal::NotFound);
            }
            before = Some(parent);
        }
        Ok(())
    }

    /// 404 where a record does not belong to the path's parent, or is none of
    /// those that the collection shows.
    pub fn check_child(&self, records: Records<'_>, id: i64) -> Result<(), Refusal> {
        self.check_parent(records)?;
        let table = self.record_type.name;
        let is_here = match (&self.parent, self.collection.members) {
            (Some(parent), Some(list)) => records.is_member(parent, list, id)?,
            (Some(parent), None) => records.is_child(parent, table, id)?,
            (None, _) if self.collection.subset.is_some() => records
                .get(table, id)?
                .is_some_and(|record| self.collection.shows(&record)),
            (None, _) => true,
        };
        is_here.then_some(()).ok_or(Refusal::NotFound)
    }
}

/// The records above a nested collection, outermost first.
fn above(
    collection: &'static Collection,
    ids: &mut impl Iterator<Item = i64>,
) -> Vec<(&'static Collection, Parent)> {
    let mut collections = Vec::new();
    let mut path = collection.parent_path();
    while let Some(owner) = path.and_then(|path| model().collection(path)) {
        collections.push(owner);
        path = owner.parent_path();
    }
    let outermost_first = collections.into_iter().rev();
    outermost_first
        .zip(ids)
        .map(|(owner, id)| {
            let record_type = model().table(owner.record_type).to_owned();
            (owner, Parent { record_type, id })
        })
        .collect()
}
