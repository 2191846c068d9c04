//! Coupa's objects as the sandbox sees them: the catalog, indexed for speed and
//! completed by a few facts about behaviour. A collection is data here, never code.

pub mod actions;
mod collection;
mod endpoint;
pub mod facts;
mod record_type;
pub mod words;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{LazyLock, OnceLock};

pub use collection::{Collection, Subset};
pub use endpoint::{Endpoint, Kind};
pub use record_type::{Link, Owner, OwnerType, RecordType};

static MODEL: LazyLock<Model> = LazyLock::new(Model::read);

/// Everything the catalog says, indexed once.
pub struct Model {
    types: HashMap<&'static str, RecordType>,
    collections: Vec<Collection>,
    endpoints: HashMap<&'static str, Vec<Endpoint>>,
    /// The types of what records of a type embed, in their simple form and whole.
    embedded: HashMap<&'static str, [OnceLock<HashSet<&'static str>>; 2]>,
}

/// The model of the release that the catalog was made from.
pub fn model() -> &'static Model {
    &MODEL
}

impl Model {
    fn read() -> Self {
        let collections = collections();
        let mut endpoints: HashMap<_, Vec<Endpoint>> = HashMap::new();
        for (template, verbs) in verbs() {
            for endpoint in Endpoint::read(template, &verbs, &collections) {
                endpoints
                    .entry(endpoint.first())
                    .or_default()
                    .push(endpoint);
            }
        }
        let further = collections.iter().map(|c| c.record_type);
        let types: HashMap<_, _> = coupa_catalog::record_types()
            .chain(further)
            .map(|name| (name, RecordType::read(name, &collections)))
            .collect();
        Self {
            embedded: types
                .keys()
                .map(|name| (*name, Default::default()))
                .collect(),
            types,
            collections,
            endpoints,
        }
    }

    /// A record type by its name.
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.types.get(name)
    }

    /// Whether what a link holds is, or embeds in any depth, a record of one of
    /// these types.
    pub fn concerns(&self, link: Link, types: &[String]) -> bool {
        let target = link.target();
        let refers = matches!(link, Link::Reference(_) | Link::References(_));
        let cells = self.embedded.get(target);
        types.iter().any(|name| {
            refers && name == target
                || cells.is_some_and(|[simple, whole]| {
                    let cell = if refers { simple } else { whole };
                    cell.get_or_init(|| embedded(&self.types, target, !refers))
                        .contains(name.as_str())
                })
        })
    }

    /// How many record types there are.
    pub fn record_type_count(&self) -> usize {
        self.types.len()
    }

    /// Every collection.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// The collection with this path, nested ones by their template.
    pub fn collection(&self, path: &str) -> Option<&Collection> {
        self.collections.iter().find(|c| c.path == path)
    }

    /// Every endpoint, with the collection that it is under.
    pub fn endpoints(&self) -> impl Iterator<Item = (&Endpoint, &Collection)> {
        let endpoints = self.endpoints.values().flatten();
        endpoints.filter_map(|end| Some((end, self.collections.get(end.collection)?)))
    }

    /// The endpoint that a path means, and the ids in the path.
    pub fn endpoint(&self, path: &str) -> Option<(&Endpoint, &Collection, Vec<i64>)> {
        let first = path.split('/').next()?;
        let (endpoint, ids) = self
            .endpoints
            .get(first)?
            .iter()
            .find_map(|endpoint| Some((endpoint, endpoint.ids(path)?)))?;
        Some((endpoint, self.collections.get(endpoint.collection)?, ids))
    }

    /// The type under which records of this type are stored: embedded users
    /// are users.
    pub fn table(&self, record_type: &'static str) -> &'static str {
        match record_type {
            "UserSimple" => "User",
            other => other,
        }
    }
}

/// The types of what records of a type embed, in any depth: what belongs to
/// them whole, what they refer to in its simple form.
fn embedded(
    types: &HashMap<&str, RecordType>,
    name: &'static str,
    whole: bool,
) -> HashSet<&'static str> {
    let mut found = HashSet::new();
    let mut seen = HashSet::new();
    let mut open = vec![(name, whole)];
    while let Some((name, whole)) = open.pop() {
        let Some(record_type) = types.get(name).filter(|_| seen.insert((name, whole))) else {
            continue;
        };
        let printed = if whole {
            &record_type.shape
        } else {
            &record_type.simple
        };
        let links = printed
            .iter()
            .filter_map(|name| record_type.link(record_type.field(name)?));
        for link in links {
            let refers = matches!(link, Link::Reference(_) | Link::References(_));
            if refers {
                found.insert(link.target());
            }
            open.push((link.target(), !refers));
        }
    }
    found
}

/// The collections of the release, and those that only its other paths or the
/// documentation name.
fn collections() -> Vec<Collection> {
    let released = coupa_catalog::collections().map(|collection| {
        let verbs = match (collection.can_list(), collection.can_create()) {
            (true, true) => "GP",
            (true, false) => "G",
            (false, _) => "P",
        };
        let element = Some(collection.xml_list_element());
        Collection::new(collection.path, collection.record_type, verbs, element)
    });
    let further = facts::paths().filter_map(|(path, verbs, record_type)| {
        Some(Collection::new(path, record_type?, verbs, None))
    });
    released.chain(further).collect()
}

/// Every template with the letters of its verbs.
fn verbs() -> BTreeMap<&'static str, String> {
    let mut verbs: BTreeMap<&str, String> = BTreeMap::new();
    let posts = coupa_catalog::collections()
        .filter(coupa_catalog::Collection::can_create)
        .map(|collection| (collection.path, "P"));
    let further = facts::paths().map(|(path, verbs, _)| (path, verbs));
    for (template, more) in coupa_catalog::paths().chain(posts).chain(further) {
        verbs.entry(template).or_default().push_str(more);
    }
    verbs.retain(|_, letters| letters.as_str() != "-");
    verbs
}

#[cfg(test)]
mod tests;
