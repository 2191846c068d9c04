//! From the text of a query to what it selects: fragments are put in place,
//! variables filled in, and what `@include` and `@skip` leave out is gone.

use std::collections::HashMap;

use apollo_parser::Parser;
use apollo_parser::cst;
use serde_json::{Map, Value};

use super::QueryError;

/// How deep selections may lie in selections.
const DEEPEST: usize = 64;
/// How many tokens a query may have.
const TOKENS: usize = 50_000;
/// How many fields a query may select once its fragments are in place.
const FIELDS: usize = 50_000;

/// One selected field.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name in the answer.
    pub key: String,
    /// Its name in the schema.
    pub name: String,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// What is selected below it.
    pub nested: Vec<Node>,
}

/// Reads a query, and of several operations the one that is named.
pub fn read(
    text: &str,
    variables: &Map<String, Value>,
    operation: Option<&str>,
) -> Result<Vec<Node>, QueryError> {
    let nothing = || QueryError::Syntax("No query string was present".to_owned());
    if text.trim().is_empty() {
        return Err(nothing());
    }
    let tree = Parser::new(text)
        .recursion_limit(DEEPEST)
        .token_limit(TOKENS)
        .parse();
    if let Some(error) = tree.errors().next() {
        let message = format!("Parse error: {} at {}", error.message(), error.index());
        return Err(QueryError::Syntax(message));
    }
    let mut reader = Reader {
        variables: variables.clone(),
        fragments: HashMap::new(),
        open: Vec::new(),
        fields: 0,
    };
    let mut operations = Vec::new();
    for definition in tree.document().definitions() {
        match definition {
            cst::Definition::OperationDefinition(found) => operations.push(found),
            cst::Definition::FragmentDefinition(fragment) => {
                let named = fragment.fragment_name().and_then(|name| name.name());
                reader.fragments.insert(text_of(named), fragment);
            }
            _ => return invalid("A query has operations and fragments only".to_owned()),
        }
    }
    let chosen = match operation {
        Some(wanted) => operations.iter().find(|one| text_of(one.name()) == wanted),
        None if operations.len() > 1 => {
            return invalid("An operation name is required".to_owned());
        }
        None => operations.first(),
    };
    let chosen = chosen.ok_or_else(nothing)?;
    if let Some(kind) = chosen.operation_type() {
        if kind.mutation_token().is_some() {
            return Err(QueryError::ReadOnly("mutation"));
        }
        if kind.subscription_token().is_some() {
            return Err(QueryError::ReadOnly("subscription"));
        }
    }
    reader.defaults(chosen)?;
    reader.selections(chosen.selection_set())
}

fn invalid<T>(message: String) -> Result<T, QueryError> {
    Err(QueryError::Invalid(message))
}

fn text_of(name: Option<cst::Name>) -> String {
    name.map(|name| name.text().to_string()).unwrap_or_default()
}

struct Reader {
    variables: Map<String, Value>,
    fragments: HashMap<String, cst::FragmentDefinition>,
    /// The fragments that are being put in place.
    open: Vec<String>,
    fields: usize,
}

impl Reader {
    /// Fills in the variables that have a default and were not sent.
    fn defaults(&mut self, operation: &cst::OperationDefinition) -> Result<(), QueryError> {
        let declared = operation.variable_definitions().into_iter();
        for definition in declared.flat_map(|all| all.variable_definitions()) {
            let name = text_of(definition.variable().and_then(|variable| variable.name()));
            let default = definition
                .default_value()
                .and_then(|default| default.value());
            if let (Some(default), false) = (default, self.variables.contains_key(&name)) {
                let value = self.value(&default)?;
                self.variables.insert(name, value);
            }
        }
        Ok(())
    }

    fn selections(&mut self, set: Option<cst::SelectionSet>) -> Result<Vec<Node>, QueryError> {
        let mut nodes = Vec::new();
        for selection in set.into_iter().flat_map(|set| set.selections()) {
            let found = match selection {
                cst::Selection::Field(field) => self.field(&field)?.into_iter().collect(),
                cst::Selection::InlineFragment(fragment) => {
                    match self.is_wanted(fragment.directives())? {
                        true => self.selections(fragment.selection_set())?,
                        false => Vec::new(),
                    }
                }
                cst::Selection::FragmentSpread(spread) => {
                    let name = text_of(spread.fragment_name().and_then(|name| name.name()));
                    match self.is_wanted(spread.directives())? {
                        true => self.fragment(name)?,
                        false => Vec::new(),
                    }
                }
            };
            found.into_iter().for_each(|node| merge(&mut nodes, node));
        }
        Ok(nodes)
    }

    fn fragment(&mut self, name: String) -> Result<Vec<Node>, QueryError> {
        let Some(fragment) = self.fragments.get(&name).cloned() else {
            return invalid(format!("Fragment {name} was used, but not defined"));
        };
        if self.open.contains(&name) {
            return invalid(format!("Fragment {name} contains an infinite loop"));
        }
        self.open.push(name);
        let nodes = self.selections(fragment.selection_set());
        self.open.pop();
        nodes
    }

    fn field(&mut self, field: &cst::Field) -> Result<Option<Node>, QueryError> {
        if !self.is_wanted(field.directives())? {
            return Ok(None);
        }
        self.fields += 1;
        if self.fields > FIELDS {
            return invalid("The query is too large".to_owned());
        }
        let name = text_of(field.name());
        let key = match field.alias() {
            Some(alias) => text_of(alias.name()),
            None => name.clone(),
        };
        Ok(Some(Node {
            key,
            name,
            arguments: self.arguments(field.arguments())?,
            nested: self.selections(field.selection_set())?,
        }))
    }

    fn arguments(&self, sent: Option<cst::Arguments>) -> Result<Map<String, Value>, QueryError> {
        let sent = sent.into_iter().flat_map(|all| all.arguments());
        sent.map(|argument| {
            let value = argument.value();
            let value = value.map(|value| self.value(&value)).transpose()?;
            Ok((text_of(argument.name()), value.unwrap_or_default()))
        })
        .collect()
    }

    /// What the directives of a selection say of it.
    fn is_wanted(&self, directives: Option<cst::Directives>) -> Result<bool, QueryError> {
        for directive in directives.into_iter().flat_map(|all| all.directives()) {
            let name = text_of(directive.name());
            let arguments = self.arguments(directive.arguments())?;
            let condition = arguments.get("if").and_then(Value::as_bool);
            match (name.as_str(), condition) {
                ("include", Some(wanted)) if !wanted => return Ok(false),
                ("skip", Some(unwanted)) if unwanted => return Ok(false),
                ("include" | "skip", Some(_)) => {}
                _ => return invalid(format!("Directive @{name} is not defined")),
            }
        }
        Ok(true)
    }

    fn value(&self, value: &cst::Value) -> Result<Value, QueryError> {
        Ok(match value {
            cst::Value::Variable(variable) => {
                let name = text_of(variable.name());
                self.variables.get(&name).cloned().unwrap_or_default()
            }
            cst::Value::StringValue(text) => String::from(text).into(),
            cst::Value::IntValue(number) => number_of(number.int_token())?,
            cst::Value::FloatValue(number) => number_of(number.float_token())?,
            cst::Value::BooleanValue(flag) => flag.true_token().is_some().into(),
            cst::Value::NullValue(_) => Value::Null,
            cst::Value::EnumValue(word) => text_of(word.name()).into(),
            cst::Value::ListValue(list) => list
                .values()
                .map(|item| self.value(&item))
                .collect::<Result<_, _>>()?,
            cst::Value::ObjectValue(object) => {
                let mut map = Map::new();
                for field in object.object_fields() {
                    let value = field.value().map(|value| self.value(&value)).transpose()?;
                    map.insert(text_of(field.name()), value.unwrap_or_default());
                }
                map.into()
            }
        })
    }
}

fn number_of(token: Option<apollo_parser::SyntaxToken>) -> Result<Value, QueryError> {
    let text = token
        .map(|token| token.text().to_owned())
        .unwrap_or_default();
    serde_json::from_str(&text).or_else(|_| invalid(format!("{text} is not a number")))
}

/// Adds a field; what is selected twice under one key is selected together.
fn merge(nodes: &mut Vec<Node>, node: Node) {
    match nodes.iter_mut().find(|known| known.key == node.key) {
        Some(known) => {
            for nested in node.nested {
                merge(&mut known.nested, nested);
            }
        }
        None => nodes.push(node),
    }
}
