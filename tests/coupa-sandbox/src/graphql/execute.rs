//! A query at work: checked against the schema as a whole, then read from the
//! store. What is wrong anywhere leaves nothing of the answer (a guess).

use serde_json::{Map, Value};

use super::document::Node;
use super::schema::{self, Member, Root};
use super::{QueryError, introspection};
use crate::auth::Granted;
use crate::media::localize;
use crate::model::words::camel;
use crate::model::{Link, RecordType, model};
use crate::query::{Filter, Order, Page, Parameters, Scope, select};
use crate::refusal::Refusal;
use crate::store::{Records, Store, StoreError};
use crate::switches::{Switches, TimeZone};

/// What a query is read with.
pub struct Context<'a> {
    /// The records.
    pub store: &'a Store,
    /// How the instance behaves.
    pub switches: &'a Switches,
    /// What the client may read.
    pub granted: &'a Granted,
}

/// Answers the fields of a query.
pub fn run(context: &Context<'_>, nodes: &[Node]) -> Result<Map<String, Value>, QueryError> {
    let mut data = Map::new();
    for node in nodes {
        let value = match node.name.as_str() {
            "__typename" => "Query".into(),
            "__schema" => introspection::schema(&node.nested)?,
            "__type" => introspection::named_type(&node.arguments, &node.nested)?,
            name => {
                let root = schema::query_fields().get(name);
                let root = root.ok_or_else(|| unknown(name, "Query"))?;
                read(context, root, node)?
            }
        };
        data.insert(node.key.clone(), value);
    }
    Ok(data)
}

fn read(context: &Context<'_>, root: &Root, node: &Node) -> Result<Value, QueryError> {
    let record_type = model().record_type(root.table).ok_or(Refusal::NotFound)?;
    let takes = if root.is_list { "query" } else { "id" };
    if let Some(other) = node.arguments.keys().find(|name| *name != takes) {
        let message = format!("Field '{}' doesn't accept argument '{other}'", node.name);
        return Err(QueryError::Invalid(message));
    }
    check(record_type, node)?;
    context.granted.check(root.collection.path, false)?;
    let mut value = context.store.read(|records| {
        let reader = Reader { context, records };
        if root.is_list {
            reader.list(record_type, node)
        } else {
            reader.one(record_type, node)
        }
    })?;
    if context.switches.time_zone == TimeZone::Offset {
        localize(&mut value);
    }
    Ok(value)
}

/// Checks what is selected of a type, below it as well.
fn check(record_type: &'static RecordType, node: &Node) -> Result<(), QueryError> {
    let name = schema::type_name(record_type);
    if node.nested.is_empty() {
        let message = format!(
            "Field must have selections (field '{}' returns {name} but has no selections)",
            node.name
        );
        return Err(QueryError::Invalid(message));
    }
    for nested in node.nested.iter().filter(|n| n.name != "__typename") {
        if let Some(argument) = nested.arguments.keys().next() {
            let message = format!(
                "Field '{}' doesn't accept argument '{argument}'",
                nested.name
            );
            return Err(QueryError::Invalid(message));
        }
        match schema::find_member(record_type, &nested.name) {
            None => return Err(unknown(&nested.name, &name)),
            Some(Member::Linked(_, _, target)) => check(target, nested)?,
            Some(Member::CustomFields) => check_custom(record_type, nested)?,
            Some(Member::Plain(_)) if !nested.nested.is_empty() => {
                let message = format!(
                    "Selections can't be made on scalars (field '{}')",
                    nested.name
                );
                return Err(QueryError::Invalid(message));
            }
            Some(Member::Plain(_)) => {}
        }
    }
    Ok(())
}

fn check_custom(record_type: &RecordType, node: &Node) -> Result<(), QueryError> {
    if node.nested.is_empty() {
        let message = "Field must have selections (field 'customFields')";
        return Err(QueryError::Invalid(message.to_owned()));
    }
    let is_known = |name: &str| {
        name == "__typename" || record_type.custom.iter().any(|known| camel(known) == name)
    };
    match node.nested.iter().find(|nested| !is_known(&nested.name)) {
        Some(other) => {
            let owner = schema::custom_type_name(record_type);
            Err(unknown(&other.name, &owner))
        }
        None => Ok(()),
    }
}

fn unknown(field: &str, owner: &str) -> QueryError {
    QueryError::Invalid(format!("Field '{field}' doesn't exist on type '{owner}'"))
}

struct Reader<'a> {
    context: &'a Context<'a>,
    records: Records<'a>,
}

impl Reader<'_> {
    fn list(&self, record_type: &'static RecordType, node: &Node) -> Result<Value, QueryError> {
        let query = match node.arguments.get("query") {
            None | Some(Value::Null) => "",
            Some(Value::String(query)) => query,
            Some(_) => {
                let message = "Argument 'query' has an invalid value. Expected type 'String'.";
                return Err(QueryError::Invalid(message.to_owned()));
            }
        };
        let (parameters, switches) = (Parameters::parse(query), self.context.switches);
        let filter = Filter::parse(record_type, &parameters, switches.unknown_filter)?;
        let order = Order::parse(record_type, &parameters, switches.unknown_filter)?;
        let page = Page::parse(record_type.name, &parameters, switches)?;
        if filter.is_unsupported() {
            return Ok(Value::Array(Vec::new()));
        }
        let scope = Scope {
            table: record_type.name,
            parent: None,
        };
        let (sql, values) = select(&scope, &filter, &order, &page);
        let bodies = self.records.select(&sql, values)?;
        let mut list = Vec::new();
        for body in bodies {
            let record = serde_json::from_str(&body).map_err(StoreError::from)?;
            list.push(self.object(record_type, &record, &node.nested)?);
        }
        Ok(Value::Array(list))
    }

    /// One record; null where there is none.
    fn one(&self, record_type: &'static RecordType, node: &Node) -> Result<Value, QueryError> {
        let id = match node.arguments.get("id") {
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            _ => {
                let message = format!("Field '{}' is missing required arguments: id", node.name);
                return Err(QueryError::Invalid(message));
            }
        };
        let record = match id {
            Some(id) => self.records.get(record_type.name, id)?,
            None => None,
        };
        match record {
            Some(record) => self.object(record_type, &record, &node.nested),
            None => Ok(Value::Null),
        }
    }

    fn object(
        &self,
        record_type: &'static RecordType,
        record: &Map<String, Value>,
        nodes: &[Node],
    ) -> Result<Value, QueryError> {
        let mut printed = Map::new();
        for node in nodes {
            let value = match schema::find_member(record_type, &node.name) {
                Some(Member::Plain(field)) => record.get(field.name).cloned().unwrap_or_default(),
                Some(Member::CustomFields) => custom(record_type, record, &node.nested),
                Some(Member::Linked(field, link, target)) => {
                    let value = record.get(field.name).unwrap_or(&Value::Null);
                    self.linked(link, target, value, &node.nested)?
                }
                None => schema::type_name(record_type).into(),
            };
            printed.insert(node.key.clone(), value);
        }
        Ok(Value::Object(printed))
    }

    fn linked(
        &self,
        link: Link,
        target: &'static RecordType,
        value: &Value,
        nodes: &[Node],
    ) -> Result<Value, QueryError> {
        match value {
            Value::Array(items) => items
                .iter()
                .map(|item| self.linked(link, target, item, nodes))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            Value::Object(embedded) => {
                let live = self.live(link, target, embedded, nodes)?;
                self.object(target, live.as_ref().unwrap_or(embedded), nodes)
            }
            _ => Ok(Value::Null),
        }
    }

    /// The referenced record as it is now, where more of it is asked for than
    /// is embedded. That takes the scope for reading it; what is embedded is
    /// also shown by REST without (a guess).
    fn live(
        &self,
        link: Link,
        target: &'static RecordType,
        embedded: &Map<String, Value>,
        nodes: &[Node],
    ) -> Result<Option<Map<String, Value>>, QueryError> {
        let is_embedded = |node: &Node| match schema::find_member(target, &node.name) {
            Some(Member::Plain(field) | Member::Linked(field, ..)) => {
                embedded.contains_key(field.name)
            }
            Some(Member::CustomFields) => embedded.contains_key("custom-fields"),
            None => true,
        };
        let id = embedded.get("id").and_then(Value::as_i64);
        let (Link::Reference(_) | Link::References(_), Some(id)) = (link, id) else {
            return Ok(None);
        };
        if nodes.iter().all(is_embedded) {
            return Ok(None);
        }
        let owner = schema::query_fields()
            .values()
            .find(|root| root.table == target.name);
        if let Some(root) = owner {
            self.context.granted.check(root.collection.path, false)?;
        }
        Ok(self.records.get(target.name, id)?)
    }
}

fn custom(record_type: &RecordType, record: &Map<String, Value>, nodes: &[Node]) -> Value {
    let values = record.get("custom-fields").and_then(Value::as_object);
    let printed = nodes.iter().map(|node| {
        let known = record_type.custom.iter().find(|n| camel(n) == node.name);
        let value = match known {
            Some(name) => values.and_then(|values| values.get(*name)).cloned(),
            None => Some(schema::custom_type_name(record_type).into()),
        };
        (node.key.clone(), value.unwrap_or_default())
    });
    Value::Object(printed.collect())
}
