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
    embedded: HashMap<&'static str, OnceLock<HashSet<&'static str>>>,
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
            embedded: types.keys().map(|name| (*name, OnceLock::new())).collect(),
            types,
            collections,
            endpoints,
        }
    }

    /// A record type by its name.
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.types.get(name)
    }

    /// Whether records of this type embed records of the other, in any depth.
    pub fn embeds(&self, record_type: &str, other: &str) -> bool {
        self.embedded.get(record_type).is_some_and(|cell| {
            cell.get_or_init(|| embedded(&self.types, record_type))
                .contains(other)
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

/// The types of what records of a type embed, in any depth.
fn embedded(types: &HashMap<&str, RecordType>, name: &str) -> HashSet<&'static str> {
    let mut found = HashSet::new();
    let mut open: Vec<&str> = vec![name];
    while let Some(record_type) = open.pop().and_then(|name| types.get(name)) {
        let links = record_type.fields().filter_map(|f| record_type.link(f));
        for link in links {
            let target = link.target();
            if found.insert(target) {
                open.push(target);
            }
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
