//! Filters: `supplier[name][starts_with]=X` as a tree that follows the
//! associations of the record type.
//!
//! Hyphens and underscores are one; associations nest by their names, through
//! lists by the plural; `supplier_id=4` means `supplier[id]=4`. All of it is in
//! Coupa's integration documentation. What an unknown attribute does is a switch.

use std::collections::{BTreeMap, HashSet};

use coupa_catalog::Field;
use rusqlite::types::Value as SqlValue;

use super::operator::{Operator, operands};
use super::{Parameters, RESERVED};
use crate::model::words::kebab;
use crate::model::{Link, RecordType, model};
use crate::refusal::Refusal;
use crate::switches::Unknown;

/// What a condition looks at.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// A plain value.
    Field(&'static Field),
    /// A custom field.
    Custom(&'static str),
    /// Whether there is an associated record at all.
    Association(&'static str),
    /// The type of the record that it belongs to.
    OwnerType,
}

/// One test.
#[derive(Debug, Clone)]
pub struct Condition {
    /// What it looks at.
    pub target: Target,
    /// What it tests.
    pub operator: Operator,
    /// What it compares with.
    pub operands: Vec<SqlValue>,
}

/// The conditions on one record and on the records associated with it.
#[derive(Clone)]
pub struct Filter {
    /// The type of the record.
    pub record_type: &'static RecordType,
    /// The conditions on its own values; all must hold.
    pub conditions: Vec<Condition>,
    /// The conditions on associated records, by the association's name.
    pub associations: BTreeMap<&'static str, (Link, Filter)>,
}

/// What made a parameter useless as a filter.
enum Problem {
    /// It names what does not exist: a switch decides.
    Unknown(String),
    /// It is wrong in any case.
    Wrong(String),
}

impl Filter {
    fn new(record_type: &'static RecordType) -> Self {
        Self {
            record_type,
            conditions: Vec::new(),
            associations: BTreeMap::new(),
        }
    }

    /// Reads the filters among the parameters of a list request.
    pub fn parse(
        record_type: &'static RecordType,
        parameters: &Parameters,
        unknown: Unknown,
    ) -> Result<Self, Refusal> {
        let mut filter = Self::new(record_type);
        for (name, value) in parameters.iter().filter(|(n, _)| !RESERVED.contains(n)) {
            let path: Vec<&str> = name.split(['[', ']']).filter(|s| !s.is_empty()).collect();
            let added = match path.as_slice() {
                [first, rest @ ..] if record_type.owner_filter == Some(&kebab(first)) => {
                    filter.condition(Target::OwnerType, rest, value)
                }
                path => filter.add(path, value),
            };
            match added {
                Err(Problem::Unknown(_)) if unknown == Unknown::Ignore => {}
                Err(Problem::Unknown(message) | Problem::Wrong(message)) => {
                    return Err(Refusal::invalid(record_type.name, message));
                }
                Ok(()) => {}
            }
        }
        Ok(filter)
    }

    /// Whether two associations of one record lead to the same table. Such a
    /// query finds nothing; Coupa documents that as "currently not supported".
    pub fn is_unsupported(&self) -> bool {
        let mut tables = HashSet::new();
        self.associations
            .values()
            .any(|(_, nested)| !tables.insert(nested.record_type.name) || nested.is_unsupported())
    }

    fn add(&mut self, path: &[&str], value: &str) -> Result<(), Problem> {
        let Some((first, rest)) = path.split_first() else {
            return Err(Problem::Unknown(
                "A filter needs the name of an attribute.".to_owned(),
            ));
        };
        let name = kebab(first);
        if let Some(stem) = name.strip_suffix("-id")
            && self.link(stem).is_some()
        {
            let flattened: Vec<&str> = [stem, "id"].iter().chain(rest).copied().collect();
            return self.add(&flattened, value);
        }
        if let (Some(link), Some(field)) = (self.link(&name), self.record_type.field(&name)) {
            return match rest {
                ["blank"] => self.condition(Target::Association(field.name), rest, value),
                _ => self.associated(field.name, link, rest, value),
            };
        }
        if let Some(field) = self.record_type.field(&name) {
            return self.condition(Target::Field(field), rest, value);
        }
        let (custom, rest) = match rest.split_first() {
            Some((custom, rest)) if name == "custom-fields" => (kebab(custom), rest),
            _ => (name, rest),
        };
        match self
            .record_type
            .custom
            .iter()
            .find(|known| **known == custom)
        {
            Some(known) => self.condition(Target::Custom(known), rest, value),
            None => Err(Problem::Unknown(format!(
                "\"{first}\" is not a valid query attribute."
            ))),
        }
    }

    fn link(&self, name: &str) -> Option<Link> {
        self.record_type.link(self.record_type.field(name)?)
    }

    fn associated(
        &mut self,
        name: &'static str,
        link: Link,
        rest: &[&str],
        value: &str,
    ) -> Result<(), Problem> {
        let Some(record_type) = model().record_type(link.target()) else {
            return Err(Problem::Unknown(format!("\"{name}\" cannot be queried.")));
        };
        let nested = &mut self
            .associations
            .entry(name)
            .or_insert_with(|| (link, Self::new(record_type)))
            .1;
        nested.add(rest, value)
    }

    fn condition(&mut self, target: Target, rest: &[&str], value: &str) -> Result<(), Problem> {
        let operator = match rest {
            [] => Operator::Equal,
            [name] => Operator::parse(name)
                .ok_or_else(|| Problem::Unknown(format!("\"{name}\" is not a valid operator.")))?,
            [name, ..] => {
                return Err(Problem::Unknown(format!("\"{name}\" has no attributes.")));
            }
        };
        let field = match target {
            Target::Field(field) => Some(field),
            Target::Custom(_) | Target::Association(_) | Target::OwnerType => None,
        };
        if let Some(field) = field.filter(|field| !operator.suits(field.kind)) {
            let message = format!("This operator is not available for \"{}\".", field.name);
            return Err(Problem::Wrong(message));
        }
        let operands = operands(operator, field, value).map_err(Problem::Wrong)?;
        self.conditions.push(Condition {
            target,
            operator,
            operands,
        });
        Ok(())
    }
}
