//! A filter as SQL. Names come from the catalog and stand in the text; values
//! are always bound.
//!
//! A condition on a referenced record looks at that record as it is now. A
//! condition on what belongs to a record looks inside its document. All
//! conditions on one list must hold for one and the same element.

use coupa_catalog::FieldKind;
use rusqlite::types::Value as SqlValue;

use super::filter::{Condition, Filter, Target};
use super::operator::Operator;
use super::{Order, Page};
use crate::model::{Link, Subset};
use crate::store::Parent;

/// The records that a list is about.
pub struct Scope<'a> {
    /// Their table.
    pub table: &'a str,
    /// The record that they belong to, for a nested path.
    pub parent: Option<&'a Parent>,
    /// The list of the parent that they are in, where they do not belong to it.
    pub members: Option<&'a str>,
    /// What of the table is wanted; everything where nothing is said.
    pub subset: Option<&'a Subset>,
}

impl<'a> Scope<'a> {
    /// All records of a table.
    pub fn table(table: &'a str) -> Self {
        Self {
            table,
            parent: None,
            members: None,
            subset: None,
        }
    }
}

/// The statement that selects one page of documents, and its values.
pub fn select(
    scope: &Scope,
    filter: &Filter,
    order: &Order,
    page: &Page,
) -> (String, Vec<SqlValue>) {
    let mut writer = Writer::default();
    writer
        .sql
        .push_str("SELECT r0.body FROM record r0 WHERE r0.type = ");
    writer.bind(SqlValue::Text(scope.table.to_owned()));
    writer.scope(scope);
    writer.filter(filter, &Source::Row(0));
    let sort = Source::Row(0).value(order.field, order.kind);
    let (direction, ties) = if order.descending {
        ("DESC", "ASC")
    } else {
        ("ASC", "DESC")
    };
    writer
        .sql
        .push_str(&format!(" ORDER BY {sort} {direction}"));
    if order.field != "id" {
        writer.sql.push_str(&format!(", r0.id {ties}"));
    }
    writer.page(page);
    (writer.sql, writer.values)
}

/// The statement that counts the records in a scope, of those that belong to a
/// record of the type `below` where one is given.
pub fn count(scope: &Scope, below: Option<&str>) -> (String, Vec<SqlValue>) {
    let writer = of_scope("count(*)", scope, below);
    (writer.sql, writer.values)
}

/// The statement that selects some ids in a scope, in the same way.
pub fn ids(scope: &Scope, below: Option<&str>, page: &Page) -> (String, Vec<SqlValue>) {
    let mut writer = of_scope("r0.id", scope, below);
    writer.sql.push_str(" ORDER BY r0.id");
    writer.page(page);
    (writer.sql, writer.values)
}

fn of_scope(what: &str, scope: &Scope, below: Option<&str>) -> Writer {
    let mut writer = Writer::default();
    writer
        .sql
        .push_str(&format!("SELECT {what} FROM record r0 WHERE r0.type = "));
    writer.bind(SqlValue::Text(scope.table.to_owned()));
    writer.scope(scope);
    if let Some(below) = below {
        writer.sql.push_str(" AND instr(r0.parent, ");
        writer.bind(SqlValue::Text(format!("{below}/")));
        writer.sql.push_str(") = 1");
    }
    writer
}

/// Where the values of a record are found.
enum Source {
    /// In a row, with this number in its alias.
    Row(usize),
    /// In a JSON expression, below a path.
    Json { expression: String, path: String },
}

impl Source {
    /// The expression of the JSON text and the path inside it.
    fn json(&self) -> (String, &str) {
        match self {
            Self::Row(number) => (format!("r{number}.body"), "$"),
            Self::Json { expression, path } => (expression.clone(), path),
        }
    }

    fn extract(&self, name: &str) -> String {
        let (expression, path) = self.json();
        format!("json_extract({expression}, '{path}.\"{name}\"')")
    }

    /// The type of the record that it belongs to. Of what is embedded that is
    /// not known; nobody can ask for it.
    fn owner_type(&self) -> String {
        match self {
            Self::Row(number) => {
                format!("substr(r{number}.parent, 1, instr(r{number}.parent, '/') - 1)")
            }
            Self::Json { .. } => "NULL".to_owned(),
        }
    }

    /// A value in the form in which it is compared.
    fn value(&self, name: &str, kind: FieldKind) -> String {
        match (self, name, kind) {
            (Self::Row(number), "id", _) => format!("r{number}.id"),
            (Self::Row(number), "created-at", _) => format!("r{number}.created_at"),
            (Self::Row(number), "updated-at", _) => format!("r{number}.updated_at"),
            (_, _, FieldKind::Decimal(_) | FieldKind::Float) => {
                format!("CAST({} AS REAL)", self.extract(name))
            }
            _ => self.extract(name),
        }
    }
}

#[derive(Default)]
struct Writer {
    sql: String,
    values: Vec<SqlValue>,
    aliases: usize,
}

impl Writer {
    fn bind(&mut self, value: SqlValue) {
        self.values.push(value);
        self.sql.push_str(&format!("?{}", self.values.len()));
    }

    fn alias(&mut self) -> usize {
        self.aliases += 1;
        self.aliases
    }

    fn page(&mut self, page: &Page) {
        self.sql.push_str(" LIMIT ");
        self.bind(SqlValue::Integer(page.limit));
        self.sql.push_str(" OFFSET ");
        self.bind(SqlValue::Integer(page.offset));
    }

    fn scope(&mut self, scope: &Scope) {
        match (scope.parent, scope.members) {
            (Some(parent), Some(list)) => {
                self.sql.push_str(&format!(
                    " AND r0.id IN (SELECT json_extract(e.value, '$.id') FROM record p, \
                     json_each(p.body, '$.\"{list}\"') e WHERE p.type = "
                ));
                self.bind(SqlValue::Text(parent.record_type.clone()));
                self.sql.push_str(" AND p.id = ");
                self.bind(SqlValue::Integer(parent.id));
                self.sql.push(')');
            }
            (Some(parent), None) => {
                self.sql.push_str(" AND r0.parent = ");
                self.bind(SqlValue::Text(parent.key()));
            }
            (None, _) => {}
        }
        if let Some(subset) = scope.subset {
            let value = Source::Row(0).extract(subset.field);
            self.sql.push_str(&format!(" AND {value} IN ("));
            for (at, value) in subset.values.iter().enumerate() {
                self.sql.push_str(if at == 0 { "" } else { ", " });
                self.bind(SqlValue::Text((*value).to_owned()));
            }
            self.sql.push(')');
        }
    }

    fn filter(&mut self, filter: &Filter, source: &Source) {
        for condition in &filter.conditions {
            self.sql.push_str(" AND ");
            self.condition(condition, filter, source);
        }
        for (name, (link, nested)) in &filter.associations {
            self.association(name, *link, nested, source);
        }
    }

    fn association(&mut self, name: &str, link: Link, nested: &Filter, source: &Source) {
        let (expression, path) = source.json();
        let number = self.alias();
        match link {
            Link::Part(_) => {
                let inside = Source::Json {
                    expression,
                    path: format!("{path}.\"{name}\""),
                };
                self.filter(nested, &inside);
                return;
            }
            Link::Reference(table) => self.sql.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM record r{number} WHERE r{number}.type = '{table}' \
                 AND r{number}.id = json_extract({expression}, '{path}.\"{name}\".\"id\"')"
            )),
            Link::References(table) => self.sql.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM json_each({expression}, '{path}.\"{name}\"') e{number} \
                 CROSS JOIN record r{number} WHERE r{number}.type = '{table}' \
                 AND r{number}.id = json_extract(e{number}.value, '$.id')"
            )),
            Link::Parts(_) => self.sql.push_str(&format!(
                " AND EXISTS (SELECT 1 FROM json_each({expression}, '{path}.\"{name}\"') e{number} \
                 WHERE 1"
            )),
        }
        let inside = match link {
            Link::Parts(_) => Source::Json {
                expression: format!("e{number}.value"),
                path: "$".to_owned(),
            },
            _ => Source::Row(number),
        };
        self.filter(nested, &inside);
        self.sql.push(')');
    }

    fn condition(&mut self, condition: &Condition, filter: &Filter, source: &Source) {
        let (value, indexed) = match condition.target {
            Target::Field(field) => (
                source.value(field.name, field.kind),
                filter
                    .record_type
                    .indexed_fields()
                    .find(|name| *name == field.name && matches!(field.kind, FieldKind::Text(_))),
            ),
            Target::Custom(name) => (source.extract(&format!("custom-fields\".\"{name}")), None),
            Target::Association(name) => (source.extract(name), None),
            Target::OwnerType => (source.owner_type(), None),
        };
        match (source, indexed, condition.operands.as_slice()) {
            (Source::Row(number), Some(field), [SqlValue::Text(text)])
                if condition.operator == Operator::Equal && !text.is_empty() =>
            {
                let table = filter.record_type.name;
                self.sql.push_str(&format!(
                    "r{number}.id IN (SELECT id FROM natural_key WHERE type = '{table}' \
                     AND field = '{field}' AND value = "
                ));
                self.bind(SqlValue::Text(text.clone()));
                self.sql.push(')');
            }
            _ => self.test(&value, condition),
        }
    }

    /// As in a database: what is null passes no test except for blankness.
    fn test(&mut self, value: &str, condition: &Condition) {
        let mut operands = condition.operands.iter().cloned();
        match condition.operator {
            Operator::Blank => {
                let not = match operands.next() {
                    Some(SqlValue::Integer(0)) => "NOT ",
                    _ => "",
                };
                self.sql.push_str(&format!(
                    "{not}({value} IS NULL OR {value} = '' OR {value} = '[]')"
                ));
            }
            Operator::In | Operator::NotIn => {
                let not = if condition.operator == Operator::NotIn {
                    "NOT "
                } else {
                    ""
                };
                self.sql.push_str(&format!("{value} {not}IN ("));
                for (at, operand) in operands.enumerate() {
                    self.sql.push_str(if at == 0 { "" } else { ", " });
                    self.bind(operand);
                }
                self.sql.push(')');
            }
            Operator::Contains => {
                self.text_test(&format!("instr({value}, "), operands.next(), ") > 0")
            }
            Operator::StartsWith => {
                self.text_test(&format!("instr({value}, "), operands.next(), ") = 1");
            }
            Operator::EndsWith => {
                let text = operands.next();
                self.text_test(&format!("substr({value}, -length("), text.clone(), ")) = ");
                self.bind(text.unwrap_or(SqlValue::Null));
            }
            other => {
                self.sql
                    .push_str(&format!("{value} {} ", other.comparison()));
                self.bind(operands.next().unwrap_or(SqlValue::Null));
            }
        }
    }

    fn text_test(&mut self, before: &str, operand: Option<SqlValue>, after: &str) {
        self.sql.push_str(before);
        self.bind(operand.unwrap_or(SqlValue::Null));
        self.sql.push_str(after);
    }
}
