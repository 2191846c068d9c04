//! The records that others belong to. Where there is none yet, some are made.

use super::{SeedError, top_up};
use crate::model::{Collection, RecordType, model};
use crate::random::Random;
use crate::store::{Parent, Records, StoreError};

/// How many are made where there is none.
const ENOUGH: u64 = 5;

/// A record for a new one to belong to, where its type asks for one.
pub fn of(
    records: Records<'_>,
    seed: u64,
    random: &mut Random,
    record_type: &'static RecordType,
) -> Result<Option<Parent>, SeedError> {
    let Some(owner) = record_type.owner else {
        return Ok(None);
    };
    let types = owner.types(record_type.name);
    match random.pick(&types).and_then(|name| home(name)) {
        Some(collection) => any(records, seed, random, collection, false),
        None => Ok(None),
    }
}

/// A record for a new one of a nested collection to belong to. The first one's
/// is the first parent, so that there is one whose path is known.
pub fn above(
    records: Records<'_>,
    seed: u64,
    random: &mut Random,
    nested: &Collection,
) -> Result<Option<Parent>, SeedError> {
    let parents = nested
        .parent_path()
        .and_then(|path| model().collection(path));
    match parents {
        Some(parents) => {
            let is_first = super::shown(records, nested, 1, 0)?.is_empty();
            any(records, seed, random, parents, is_first)
        }
        None => Ok(None),
    }
}

/// Any record that a collection shows.
fn any(
    records: Records<'_>,
    seed: u64,
    random: &mut Random,
    collection: &'static Collection,
    first: bool,
) -> Result<Option<Parent>, SeedError> {
    if super::shown(records, collection, 1, 0)?.is_empty() {
        let source = match collection.is_listed {
            true => Some(collection),
            false => home(collection.record_type),
        };
        if let Some(source) = source {
            top_up(records, seed, source.path, ENOUGH)?;
        }
    }
    let ids = super::shown(records, collection, 200, 0)?;
    let at = match first {
        true => 0,
        false => usize::try_from(random.below(ids.len() as u64)).unwrap_or(0),
    };
    Ok(ids.get(at).map(|id| Parent {
        record_type: model().table(collection.record_type).to_owned(),
        id: *id,
    }))
}

/// The collection that records of a type are made in: one of their own, one
/// below others, or that of the documents they are lines of.
fn home(name: &str) -> Option<&'static Collection> {
    let collections = model().collections();
    let own = |c: &&Collection| c.record_type == name;
    let lines = |c: &&Collection| {
        let record_type = model().record_type(c.record_type);
        record_type.is_some_and(|t| t.parts.iter().any(|(_, part)| *part == name))
    };
    collections
        .iter()
        .find(|c| own(c) && !c.is_nested() && c.is_listed)
        .or_else(|| collections.iter().find(|c| own(c) && c.is_listed))
        .or_else(|| collections.iter().find(|c| lines(c) && c.is_listed))
}

/// Lets a document wait for an approval that is about to be made.
pub fn wait_for_approval(records: Records<'_>, document: &Parent) -> Result<(), StoreError> {
    let table = document.record_type.as_str();
    if let Some(mut record) = records.get(table, document.id)? {
        record.insert("status".to_owned(), "pending_approval".into());
        records.save(table, document.id, None, &record)?;
    }
    Ok(())
}
