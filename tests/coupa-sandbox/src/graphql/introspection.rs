//! The schema about itself: `__schema` and `__type(name:)`. Only what is asked
//! for is made, so that types that lead to each other have no end to reach.

use serde_json::{Map, Value};

use super::QueryError;
use super::document::Node;
use super::schema::{self, Member, SCALARS};
use crate::model::words::camel;
use crate::model::{Link, RecordType};

/// A type as it stands at a field.
enum Type {
    Named(Named),
    List(Box<Type>),
    NonNull(Box<Type>),
}

/// A type with a name.
#[derive(Clone, Copy)]
enum Named {
    Query,
    Scalar(&'static str),
    Record(&'static RecordType),
    CustomFields(&'static RecordType),
}

/// A field of a type.
struct FieldOf {
    name: String,
    arguments: Vec<(&'static str, Type)>,
    holds: Type,
}

/// The directives that are understood.
const DIRECTIVES: [&str; 2] = ["include", "skip"];

/// Answers `__schema`.
pub fn schema(nodes: &[Node]) -> Result<Value, QueryError> {
    object("__Schema", nodes, |node| {
        Ok(Some(match node.name.as_str() {
            "queryType" => named(Named::Query, node)?,
            "mutationType" | "subscriptionType" | "description" => Value::Null,
            "types" => types()
                .map(|one| named(one, node))
                .collect::<Result<_, _>>()?,
            "directives" => DIRECTIVES
                .iter()
                .map(|name| directive(name, node))
                .collect::<Result<_, _>>()?,
            _ => return Ok(None),
        }))
    })
}

/// Answers `__type(name:)`; null where there is no such type.
pub fn named_type(arguments: &Map<String, Value>, nodes: &[Node]) -> Result<Value, QueryError> {
    let wanted = arguments.get("name").and_then(Value::as_str);
    let wanted = wanted.ok_or_else(|| {
        QueryError::Invalid("Field '__type' is missing required arguments: name".to_owned())
    })?;
    match types().find(|one| one.name() == wanted) {
        Some(found) => describe_named(found, nodes),
        None => Ok(Value::Null),
    }
}

fn types() -> impl Iterator<Item = Named> {
    let custom = schema::record_types().filter(|one| !one.custom.is_empty());
    [Named::Query]
        .into_iter()
        .chain(SCALARS.map(Named::Scalar))
        .chain(schema::record_types().map(Named::Record))
        .chain(custom.map(Named::CustomFields))
}

impl Named {
    fn name(self) -> String {
        match self {
            Self::Query => "Query".to_owned(),
            Self::Scalar(name) => name.to_owned(),
            Self::Record(record_type) => schema::type_name(record_type),
            Self::CustomFields(record_type) => schema::custom_type_name(record_type),
        }
    }

    /// Its fields; none where it is a scalar.
    fn fields(self) -> Option<Vec<FieldOf>> {
        let scalar = |name| Type::Named(Named::Scalar(name));
        Some(match self {
            Self::Scalar(_) => return None,
            Self::Query => schema::query_fields()
                .iter()
                .filter_map(|(name, root)| {
                    let record = crate::model::model().record_type(root.table)?;
                    let record = Type::Named(Self::Record(record));
                    let (arguments, holds) = match root.is_list {
                        true => (("query", scalar("String")), Type::List(Box::new(record))),
                        false => (("id", Type::NonNull(Box::new(scalar("ID")))), record),
                    };
                    Some(FieldOf {
                        name: name.clone(),
                        arguments: vec![arguments],
                        holds,
                    })
                })
                .collect(),
            Self::Record(record_type) => schema::members(record_type)
                .map(|(name, member)| FieldOf {
                    holds: holds(record_type, member),
                    name,
                    arguments: Vec::new(),
                })
                .collect(),
            Self::CustomFields(record_type) => record_type
                .custom
                .iter()
                .map(|name| FieldOf {
                    name: camel(name),
                    arguments: Vec::new(),
                    // What a custom field holds is not known here.
                    holds: scalar("JSON"),
                })
                .collect(),
        })
    }
}

fn holds(owner: &'static RecordType, member: Member) -> Type {
    match member {
        Member::Plain(field) => {
            let scalar = Type::Named(Named::Scalar(schema::scalar(field.kind)));
            match field.name {
                "id" => Type::NonNull(Box::new(scalar)),
                _ => scalar,
            }
        }
        Member::Linked(_, Link::Reference(_) | Link::Part(_), target) => {
            Type::Named(Named::Record(target))
        }
        Member::Linked(_, _, target) => Type::List(Box::new(Type::Named(Named::Record(target)))),
        Member::CustomFields => Type::Named(Named::CustomFields(owner)),
    }
}

fn named(one: Named, node: &Node) -> Result<Value, QueryError> {
    describe_named(one, &node.nested)
}

fn describe(one: &Type, nodes: &[Node]) -> Result<Value, QueryError> {
    let (kind, inner) = match one {
        Type::Named(named) => return describe_named(*named, nodes),
        Type::List(inner) => ("LIST", inner),
        Type::NonNull(inner) => ("NON_NULL", inner),
    };
    object("__Type", nodes, |node| {
        Ok(Some(match node.name.as_str() {
            "kind" => kind.into(),
            "ofType" => describe(inner, &node.nested)?,
            name if TYPE_FIELDS.contains(&name) => Value::Null,
            _ => return Ok(None),
        }))
    })
}

/// What every type can be asked for.
const TYPE_FIELDS: [&str; 9] = [
    "name",
    "description",
    "fields",
    "inputFields",
    "interfaces",
    "enumValues",
    "possibleTypes",
    "specifiedByURL",
    "isOneOf",
];

fn describe_named(one: Named, nodes: &[Node]) -> Result<Value, QueryError> {
    object("__Type", nodes, |node| {
        Ok(Some(match (node.name.as_str(), one.fields()) {
            ("kind", None) => "SCALAR".into(),
            ("kind", Some(_)) => "OBJECT".into(),
            ("name", _) => one.name().into(),
            ("fields", Some(fields)) => fields
                .iter()
                .map(|field| describe_field(field, &node.nested))
                .collect::<Result<_, _>>()?,
            ("interfaces", Some(_)) => Value::Array(Vec::new()),
            ("ofType", _) => Value::Null,
            (name, _) if TYPE_FIELDS.contains(&name) => Value::Null,
            _ => return Ok(None),
        }))
    })
}

fn describe_field(field: &FieldOf, nodes: &[Node]) -> Result<Value, QueryError> {
    object("__Field", nodes, |node| {
        Ok(Some(match node.name.as_str() {
            "name" => field.name.as_str().into(),
            "type" => describe(&field.holds, &node.nested)?,
            "args" => arguments(&field.arguments, &node.nested)?,
            "isDeprecated" => false.into(),
            "description" | "deprecationReason" => Value::Null,
            _ => return Ok(None),
        }))
    })
}

fn arguments(arguments: &[(&str, Type)], nodes: &[Node]) -> Result<Value, QueryError> {
    let described = arguments.iter().map(|(name, holds)| {
        object("__InputValue", nodes, |node| {
            Ok(Some(match node.name.as_str() {
                "name" => (*name).into(),
                "type" => describe(holds, &node.nested)?,
                "isDeprecated" => false.into(),
                "description" | "defaultValue" | "deprecationReason" => Value::Null,
                _ => return Ok(None),
            }))
        })
    });
    described.collect()
}

fn directive(name: &str, node: &Node) -> Result<Value, QueryError> {
    let flag = Type::Named(Named::Scalar("Boolean"));
    let condition = [("if", Type::NonNull(Box::new(flag)))];
    object("__Directive", &node.nested, |node| {
        Ok(Some(match node.name.as_str() {
            "name" => name.into(),
            "locations" => ["FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"]
                .into_iter()
                .collect(),
            "args" => arguments(&condition, &node.nested)?,
            "isRepeatable" => false.into(),
            "description" => Value::Null,
            _ => return Ok(None),
        }))
    })
}

/// An object of the selected fields; `read` gives none for a field that there is not.
fn object(
    name: &str,
    nodes: &[Node],
    read: impl Fn(&Node) -> Result<Option<Value>, QueryError>,
) -> Result<Value, QueryError> {
    let mut printed = Map::new();
    for node in nodes {
        let value = match node.name.as_str() {
            "__typename" => Some(name.into()),
            _ => read(node)?,
        };
        let value = value.ok_or_else(|| {
            let message = format!("Field '{}' doesn't exist on type '{name}'", node.name);
            QueryError::Invalid(message)
        })?;
        printed.insert(node.key.clone(), value);
    }
    Ok(Value::Object(printed))
}
