//! The schema: which names lead to which collections, and which fields a type
//! has. All of it follows from the catalog and this instance's custom fields.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use coupa_catalog::{Collection, Field, FieldKind};

use crate::model::words::{camel, singular};
use crate::model::{Link, RecordType, model};

static ROOTS: LazyLock<BTreeMap<String, Root>> = LazyLock::new(roots);

/// A field of the query itself.
#[derive(Debug, Clone, Copy)]
pub struct Root {
    /// The collection that it reads.
    pub collection: &'static Collection,
    /// The type of its records.
    pub table: &'static str,
    /// Whether it is the list, or one record by its id.
    pub is_list: bool,
}

/// What a field of a type holds.
#[derive(Clone, Copy)]
pub enum Member {
    /// A plain value.
    Plain(&'static Field),
    /// One record, or a list of records, of this type.
    Linked(&'static Field, Link, &'static RecordType),
    /// The record's custom fields.
    CustomFields,
}

/// The fields of the query, by their names.
pub fn query_fields() -> &'static BTreeMap<String, Root> {
    &ROOTS
}

/// The name of a record type where a hyphen cannot be.
pub fn type_name(record_type: &RecordType) -> String {
    record_type.name.replace('-', "")
}

/// The name of the type that holds a type's custom fields.
pub fn custom_type_name(record_type: &RecordType) -> String {
    format!("{}CustomFields", type_name(record_type))
}

/// The record types of the schema; embedded users are users.
pub fn record_types() -> impl Iterator<Item = &'static RecordType> {
    coupa_catalog::record_types()
        .filter(|name| model().table(name) == *name)
        .filter_map(|name| model().record_type(name))
}

/// The fields of a type, with the names that they have here. Passwords and the
/// flags whose names end in a question mark are not among them.
pub fn members(record_type: &'static RecordType) -> impl Iterator<Item = (String, Member)> {
    let fields = record_type
        .fields()
        .filter(|field| !field.name.ends_with('?') && !field.name.contains("password"))
        .filter(|field| field.name != "custom-fields")
        .map(move |field| (camel(field.name), member(record_type, field)));
    let custom =
        (!record_type.custom.is_empty()).then(|| ("customFields".to_owned(), Member::CustomFields));
    fields.chain(custom)
}

/// One field of a type.
pub fn find_member(record_type: &'static RecordType, name: &str) -> Option<Member> {
    members(record_type)
        .find(|(known, _)| known == name)
        .map(|(_, member)| member)
}

fn member(record_type: &'static RecordType, field: &'static Field) -> Member {
    let Some(
        link @ (Link::Reference(target)
        | Link::References(target)
        | Link::Part(target)
        | Link::Parts(target)),
    ) = record_type.link(field)
    else {
        return Member::Plain(field);
    };
    match model().record_type(target) {
        Some(target) => Member::Linked(field, link, target),
        None => Member::Plain(field),
    }
}

/// The scalar that a plain field holds, by the names that GraphQL libraries for
/// Ruby on Rails give them (a guess).
pub fn scalar(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer => "Int",
        FieldKind::Boolean => "Boolean",
        FieldKind::Float => "Float",
        FieldKind::Decimal(_) => "BigDecimal",
        FieldKind::DateTime => "ISO8601DateTime",
        FieldKind::Date => "ISO8601Date",
        FieldKind::Text(_) => "String",
        _ => "JSON",
    }
}

/// Every scalar.
pub const SCALARS: [&str; 9] = [
    "BigDecimal",
    "Boolean",
    "Float",
    "ID",
    "ISO8601Date",
    "ISO8601DateTime",
    "Int",
    "JSON",
    "String",
];

fn roots() -> BTreeMap<String, Root> {
    let mut roots = BTreeMap::new();
    let collections = || {
        let all = model().collections().iter();
        all.filter(|collection| !collection.is_nested() && collection.can_list())
    };
    let mut add = |name: &str, collection: &'static Collection| {
        let table = model().table(collection.record_type);
        let (list, one) = (camel(name), camel(&singular(name)));
        for (name, is_list) in [(list, true), (one, false)] {
            roots.entry(name).or_insert(Root {
                collection,
                table,
                is_list,
            });
        }
    };
    // A name from a path comes before one from an element.
    for collection in collections() {
        add(collection.path, collection);
    }
    for collection in collections() {
        add(&collection.xml_list_element(), collection);
    }
    roots
}
