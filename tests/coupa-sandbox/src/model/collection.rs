//! Collections: paths below which records of one type are.

use serde_json::{Map, Value};

use super::facts;

/// The records of a shared table that a collection shows: those with one of
/// these values in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// The field.
    pub field: &'static str,
    /// The values; a create gives the first where none is sent.
    pub values: Vec<&'static str>,
}

/// A path below `/api` that records of one type are under.
#[derive(Debug)]
pub struct Collection {
    /// Without `/api/`, such as `purchase_orders`, or with the parents' ids in
    /// braces: `suppliers/{supplier_id}/addresses`.
    pub path: &'static str,
    /// The type of its records.
    pub record_type: &'static str,
    /// Whether it can be asked for its records; where not, only what is below
    /// it exists.
    pub is_listed: bool,
    /// Whether records are created in it.
    pub can_create: bool,
    /// What it shows of the records of its type; everything where nothing is said.
    pub subset: Option<Subset>,
    /// The list of the parent that its records are in, where they do not
    /// belong to the parent, such as `content-groups`.
    pub members: Option<&'static str>,
    xml_list_element: String,
}

impl Collection {
    /// A collection with these verbs, by their letters in the catalog.
    pub(super) fn new(
        path: &'static str,
        record_type: &'static str,
        verbs: &str,
        xml_list_element: Option<String>,
    ) -> Self {
        let last = path.rsplit('/').next().unwrap_or(path);
        Self {
            path,
            record_type,
            is_listed: verbs.contains('G'),
            can_create: verbs.contains('P'),
            subset: facts::subset(path),
            members: path.contains('{').then(|| facts::members(last)).flatten(),
            xml_list_element: xml_list_element.unwrap_or_else(|| last.replace('_', "-")),
        }
    }

    /// The element around a list in XML, such as `order-headers`.
    pub fn xml_list_element(&self) -> &str {
        &self.xml_list_element
    }

    /// Whether it shows a record of its type.
    pub fn shows(&self, record: &Map<String, Value>) -> bool {
        self.subset.as_ref().is_none_or(|subset| {
            let value = record.get(subset.field).and_then(Value::as_str);
            value.is_some_and(|value| subset.values.contains(&value))
        })
    }

    /// Whether the path holds a parent's id that a caller must fill in.
    pub fn is_nested(&self) -> bool {
        self.path.contains('{')
    }

    /// The collection that its records' parents are in, by its path.
    pub fn parent_path(&self) -> Option<&'static str> {
        let (before, _) = self.path.rsplit_once('/')?;
        let (owner, id) = before.rsplit_once('/')?;
        id.starts_with('{').then_some(owner)
    }
}
