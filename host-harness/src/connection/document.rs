//! Reading TOML with errors that say where and what would be right.
//!
//! Not by deriving `Deserialize`: serde's messages quote the offending value,
//! which may be a secret in the wrong place.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConnectionFileError, LimitForm};

/// A file's text and where it came from.
#[derive(Clone, Copy)]
pub(super) struct Document<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

/// A table of a document, and its name: empty for the document itself.
pub(super) struct Table<'a> {
    document: Document<'a>,
    name: String,
    content: &'a DeTable<'a>,
}

/// A key and its value.
pub(super) struct Field<'a> {
    document: Document<'a>,
    /// The key, without its table.
    pub(super) key: &'a str,
    full_key: String,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(self) -> Result<Spanned<DeTable<'a>>, ConnectionFileError> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default().start;
            let (line, column) = self.position(at);
            ConnectionFileError::Syntax {
                path: self.path.to_owned(),
                line,
                column,
                message: error.message().to_owned(),
            }
        })
    }

    pub(super) fn root(self, content: &'a Spanned<DeTable<'a>>) -> Table<'a> {
        Table {
            document: self,
            name: String::new(),
            content: content.get_ref(),
        }
    }

    fn position(self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        (line, before[line_start..].chars().count() + 1)
    }

    fn wrong(self, key: &str, span: Range<usize>, problem: String) -> ConnectionFileError {
        ConnectionFileError::Wrong {
            path: self.path.to_owned(),
            line: self.position(span.start).0,
            key: key.to_owned(),
            problem,
        }
    }
}

impl<'a> Table<'a> {
    /// Its fields in the order of the file.
    pub(super) fn fields(&self) -> Vec<Field<'a>> {
        let mut entries: Vec<_> = self.content.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        entries
            .into_iter()
            .map(|(key, value)| self.field(key.get_ref(), value))
            .collect()
    }

    pub(super) fn get(&self, key: &str) -> Option<Field<'a>> {
        let (key, value) = self.content.get_key_value(key)?;
        Some(self.field(key.get_ref(), value))
    }

    /// Refuses keys other than these.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ConnectionFileError> {
        for (key, _) in self.content {
            if !known.contains(&key.get_ref().as_ref()) {
                return Err(self.document.wrong(
                    &self.full_key(key.get_ref()),
                    key.span(),
                    format!("there is no such key; there are {}", quoted(known)),
                ));
            }
        }
        Ok(())
    }

    pub(super) fn require(
        &self,
        key: &str,
        example: &'static str,
    ) -> Result<Field<'a>, ConnectionFileError> {
        self.get(key).ok_or_else(|| ConnectionFileError::Missing {
            path: self.document.path.to_owned(),
            key: self.full_key(key),
            example,
        })
    }

    fn field(&self, key: &'a str, value: &'a Spanned<DeValue<'a>>) -> Field<'a> {
        Field {
            document: self.document,
            key,
            full_key: self.full_key(key),
            value,
        }
    }

    fn full_key(&self, key: &str) -> String {
        if self.name.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.name)
        }
    }
}

impl<'a> Field<'a> {
    pub(super) fn value(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    pub(super) fn wrong(&self, problem: impl Into<String>) -> ConnectionFileError {
        self.document
            .wrong(&self.full_key, self.value.span(), problem.into())
    }

    /// That the value is something else than `expected`. Names its kind only.
    pub(super) fn not(&self, expected: &str) -> ConnectionFileError {
        self.wrong(format!("expected {expected}, found {}", kind(self.value())))
    }

    pub(super) fn text(&self) -> Result<&'a str, ConnectionFileError> {
        match self.value() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.not("text in quotes")),
        }
    }

    /// Text in a form of its own, whose error says what would be right.
    pub(super) fn parsed<T>(&self) -> Result<T, ConnectionFileError>
    where
        T: std::str::FromStr<Err: ToString>,
    {
        self.text()?
            .parse()
            .map_err(|error: T::Err| self.wrong(error.to_string()))
    }

    /// A whole number within the bounds of a limit.
    pub(super) fn within(&self, form: &LimitForm) -> Result<u32, ConnectionFileError> {
        let number = match self.value() {
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        number
            .and_then(|number| form.check(number).ok())
            .ok_or_else(|| {
                let (least, most) = (form.least, form.most);
                self.not(&format!("a whole number from {least} to {most}"))
            })
    }

    pub(super) fn table(&self) -> Result<Table<'a>, ConnectionFileError> {
        match self.value() {
            DeValue::Table(content) => Ok(Table {
                document: self.document,
                name: self.full_key.clone(),
                content,
            }),
            _ => Err(self.not("a table")),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "another whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time without quotes",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn quoted(keys: &[&str]) -> String {
    let quoted: Vec<_> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}
