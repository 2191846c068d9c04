//! One record type: its fields, how they link to other records, and what an
//! answer prints of it.

use std::collections::BTreeMap;

use coupa_catalog::{Collection, Field, FieldKind};
use serde_json::{Map, Value};

use super::facts;
use super::words::kebab;

/// How a field that holds records holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// A record that lives on its own and must exist.
    Reference(&'static str),
    /// Records that live on their own; a write adds to the list.
    References(&'static str),
    /// A record that belongs to this one.
    Part(&'static str),
    /// Records that belong to this one, such as lines.
    Parts(&'static str),
}

/// A record type with everything known about it.
pub struct RecordType {
    /// As in the catalog, such as `OrderHeader`.
    pub name: &'static str,
    /// The fields of which any identifies a record in place of its id.
    pub natural_keys: Vec<&'static str>,
    /// The fields that a create needs.
    pub needed: Vec<&'static str>,
    /// The fields of which no two records may share a value.
    pub unique: Vec<&'static str>,
    /// The names of its custom fields.
    pub custom: Vec<&'static str>,
    /// The names of its fields that XML calls symbols.
    pub symbols: Vec<&'static str>,
    /// What a create fills in.
    pub defaults: Vec<(&'static str, Value)>,
    /// What an answer prints.
    pub shape: Vec<&'static str>,
    /// What is printed where it is embedded.
    pub simple: Vec<&'static str>,
    fields: BTreeMap<&'static str, Field>,
    links: BTreeMap<&'static str, Link>,
    has_rows: bool,
}

impl RecordType {
    pub(super) fn read(name: &'static str, collections: &[Collection]) -> Self {
        let fields = fields_of(name);
        let natural_keys = natural_keys(name, &fields);
        let links = fields
            .values()
            .filter_map(|field| Some((field.name, link(name, field, collections)?)))
            .collect();
        let shape = facts::names("shape", name).unwrap_or_else(|| {
            fields
                .keys()
                .copied()
                .filter(|name| !name.ends_with('?') && !name.contains("password"))
                .collect()
        });
        let simple = facts::names("simple", name).unwrap_or_else(|| {
            let mut simple = vec!["id"];
            simple.extend(&natural_keys);
            simple.extend(
                ["name", "code", "active"]
                    .iter()
                    .filter(|other| !natural_keys.contains(other) && fields.contains_key(*other)),
            );
            simple
        });
        Self {
            name,
            needed: coupa_catalog::needed_to_create(name),
            unique: coupa_catalog::unique_fields(name),
            custom: facts::names("custom", name).unwrap_or_default(),
            symbols: facts::names("symbol", name).unwrap_or_default(),
            defaults: facts::defaults(name),
            has_rows: collections.iter().any(|c| c.record_type == name),
            natural_keys,
            shape,
            simple,
            fields,
            links,
        }
    }

    /// A field by its name in kebab, snake or camel case.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .get(name)
            .or_else(|| self.fields.get(kebab(name).as_str()))
    }

    /// Every field, in alphabetical order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.fields.values()
    }

    /// How a field holds records; `None` for a plain value.
    pub fn link(&self, field: &Field) -> Option<Link> {
        self.links.get(field.name).copied()
    }

    /// Whether records of this type are stored by themselves, too, when they
    /// are parts of another record.
    pub fn has_rows(&self) -> bool {
        self.has_rows
    }

    /// The fields that the store looks records up by.
    pub fn indexed_fields(&self) -> impl Iterator<Item = &'static str> {
        let further = self
            .unique
            .iter()
            .filter(|u| !self.natural_keys.contains(u));
        self.natural_keys.iter().chain(further).copied()
    }

    /// A record with nothing filled in.
    pub fn blank(&self) -> Map<String, Value> {
        let mut blank: Map<String, Value> = self
            .shape
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), empty_value(self.field(name)?))))
            .collect();
        if !self.custom.is_empty() {
            let custom = self.custom.iter().map(|n| ((*n).to_owned(), Value::Null));
            blank.insert("custom-fields".to_owned(), Value::Object(custom.collect()));
        }
        blank
    }

    /// The part of a record that is printed where it is embedded in another.
    pub fn embed(&self, record: &Map<String, Value>) -> Value {
        let simple = self.simple.iter().map(|name| {
            let value = record.get(*name).cloned().unwrap_or_default();
            ((*name).to_owned(), value)
        });
        Value::Object(simple.collect())
    }
}

fn empty_value(field: &Field) -> Value {
    match field.kind {
        FieldKind::Records(_) | FieldKind::List => Value::Array(Vec::new()),
        FieldKind::Boolean => Value::Bool(field.name == "active"),
        _ => Value::Null,
    }
}

fn fields_of(name: &'static str) -> BTreeMap<&'static str, Field> {
    let mut fields: BTreeMap<_, _> = coupa_catalog::fields(name)
        .map(|field| (field.name, field))
        .collect();
    for field in facts::corrected_fields(name) {
        fields.insert(field.name, field);
    }
    for field in fields.values_mut() {
        let choices = facts::choices(name, field.name);
        if !choices.is_empty() {
            field.choices = choices;
        }
        // The description gives some flags a "choice" of booleans.
        if field.kind == FieldKind::Boolean {
            field.choices.clear();
        }
    }
    fields
}

fn natural_keys(name: &'static str, fields: &BTreeMap<&str, Field>) -> Vec<&'static str> {
    let keys = coupa_catalog::natural_keys(name);
    if keys.is_empty() && fields.contains_key("name") {
        vec!["name"]
    } else {
        keys
    }
}

fn link(owner: &str, field: &Field, collections: &[Collection]) -> Option<Link> {
    let target = match field.kind.record_type()? {
        "UserSimple" => "User",
        other => other,
    };
    let listed = collections
        .iter()
        .any(|c| !c.is_nested() && c.record_type == target);
    let known_by_name = !coupa_catalog::natural_keys(target).is_empty();
    Some(match field.kind {
        FieldKind::Record(_) if listed || known_by_name => Link::Reference(target),
        FieldKind::Record(_) => Link::Part(target),
        // Self-typed lists are slips of the description: parts that nobody can send.
        _ if target == owner => Link::Parts(target),
        _ if known_by_name || (listed && coupa_catalog::field(target, "name").is_some()) => {
            Link::References(target)
        }
        _ => Link::Parts(target),
    })
}
