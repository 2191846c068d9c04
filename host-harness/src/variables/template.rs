//! Taking a text apart, and putting values into it.

use super::{Lookup, Resolved, Value, VariableError};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;

/// The most characters of a name.
const MOST: usize = 100;
/// How many letters a name may differ in to be suggested.
const CLOSE: usize = 2;

/// A text, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Variable {
        name: String,
        default: Option<String>,
    },
}

/// Why a text is none with variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A bracket is opened and not closed.
    #[error("the bracket at character {at} is not closed: write \\[ for the bracket itself")]
    Unclosed {
        /// Counted from 1.
        at: usize,
    },
    /// What stands in brackets is no name.
    #[error("“{text}” is no name of a variable: write \\[ for the bracket itself")]
    Name {
        /// What stands there.
        text: String,
    },
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// If a bracket is not closed, or what stands in it is no name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut characters = text.chars().enumerate().peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '\\' => match characters.next_if(|(_, next)| ['[', ']', '\\'].contains(next)) {
                    Some((_, escaped)) => plain.push(escaped),
                    None => plain.push('\\'),
                },
                '[' => {
                    if !plain.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(variable(at + 1, &mut characters)?);
                }
                other => plain.push(other),
            }
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The variables that stand in it.
    pub fn names(&self) -> BTreeSet<String> {
        self.0
            .iter()
            .filter_map(|part| match part {
                Part::Variable { name, .. } => Some(name.clone()),
                Part::Text(_) => None,
            })
            .collect()
    }

    /// What stands before the first variable: all of it, where there is none.
    pub fn literal_prefix(&self) -> (&str, bool) {
        match self.0.as_slice() {
            [] => ("", true),
            [Part::Text(text)] => (text, true),
            [Part::Text(text), ..] => (text, false),
            _ => ("", false),
        }
    }

    /// The text with the variables' values in their places.
    ///
    /// # Errors
    /// If a variable is not defined and has no default here.
    pub fn resolve(&self, lookup: &dyn Lookup) -> Result<Resolved, VariableError> {
        let mut text = Zeroizing::new(String::new());
        let mut secret = None;
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Variable { name, default } => match (lookup.find(name), default) {
                    (Some(Value::Plain(value)), _) => text.push_str(&value),
                    (Some(Value::Secret(value)), _) => {
                        text.push_str(value.expose_secret());
                        secret.get_or_insert_with(|| name.clone());
                    }
                    (None, Some(default)) => text.push_str(default),
                    (None, None) => {
                        return Err(VariableError::Undefined {
                            suggestion: close_to(name, lookup.names()),
                            name: name.clone(),
                        });
                    }
                },
            }
        }
        Ok(Resolved {
            text: SecretString::from(text.as_str()),
            secret,
        })
    }
}

/// What follows an opened bracket, up to and with the one that closes it.
fn variable(
    at: usize,
    characters: &mut impl Iterator<Item = (usize, char)>,
) -> Result<Part, TemplateError> {
    let unclosed = || TemplateError::Unclosed { at };
    let mut name = String::new();
    loop {
        match characters.next().ok_or_else(unclosed)?.1 {
            ']' => {
                return Ok(Part::Variable {
                    name: checked(name)?,
                    default: None,
                });
            }
            '{' => break,
            other => name.push(other),
        }
    }
    let name = checked(name)?;
    let mut default = String::new();
    loop {
        match characters.next().ok_or_else(unclosed)?.1 {
            '\\' => match characters.next().ok_or_else(unclosed)?.1 {
                escaped @ ('}' | '\\') => default.push(escaped),
                other => default.extend(['\\', other]),
            },
            '}' => break,
            other => default.push(other),
        }
    }
    match characters.next() {
        Some((_, ']')) => Ok(Part::Variable {
            name,
            default: Some(default),
        }),
        _ => Err(unclosed()),
    }
}

fn checked(name: String) -> Result<String, TemplateError> {
    let begins = name
        .chars()
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let fits = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&c));
    if begins && fits && name.len() <= MOST {
        Ok(name)
    } else {
        Err(TemplateError::Name { text: name })
    }
}

/// The text that stands for exactly `text`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if ['[', ']', '\\'].contains(&character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn close_to(name: &str, known: Vec<String>) -> Option<String> {
    known
        .into_iter()
        .map(|other| (distance(name, &other), other))
        .filter(|(distance, _)| *distance <= CLOSE)
        .min()
        .map(|(_, other)| other)
}

/// How many letters have to be changed, put in or left out, whatever their case.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    strsim::levenshtein(&one.to_ascii_lowercase(), &other.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    struct Known(BTreeMap<&'static str, Value>);

    impl Lookup for Known {
        fn find(&self, name: &str) -> Option<Value> {
            self.0.get(name).cloned()
        }

        fn names(&self) -> Vec<String> {
            self.0.keys().map(|name| (*name).to_owned()).collect()
        }
    }

    fn known() -> Known {
        Known(BTreeMap::from([
            ("instance", Value::Plain("acme-test".to_owned())),
            ("empty", Value::Plain(String::new())),
            ("nested", Value::Plain("[instance]".to_owned())),
            ("key", Value::Secret("hunter2hunter2".into())),
            (
                "jitterbit.operation.name",
                Value::Plain("Nightly".to_owned()),
            ),
        ]))
    }

    fn resolve(text: &str) -> Result<String, String> {
        let template = Template::parse(text).map_err(|error| error.to_string())?;
        let resolved = template
            .resolve(&known())
            .map_err(|error| error.to_string())?;
        resolved
            .into_plain("Host Name")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn variables_stand_for_their_values() {
        for (text, resolved) in [
            ("", ""),
            ("plain", "plain"),
            (
                "https://[instance].example.com",
                "https://acme-test.example.com",
            ),
            ("[instance][instance]", "acme-testacme-test"),
            ("[limit{100}]", "100"),
            ("[instance{other}]", "acme-test"),
            ("[empty{other}]", ""),
            ("[limit{}]", ""),
            ("[limit{a\\}b\\\\c\\d}]", "a}b\\c\\d"),
            ("\\[instance]", "[instance]"),
            ("created-at\\[gt]=[instance]", "created-at[gt]=acme-test"),
            ("a\\\\[instance]", "a\\acme-test"),
            ("C:\\folder]", "C:\\folder]"),
            ("[nested]", "[instance]"),
            ("[jitterbit.operation.name]", "Nightly"),
        ] {
            assert_eq!(resolve(text).as_deref(), Ok(resolved), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_resolved_is_named() {
        for (text, says) in [
            (
                "[instnace]",
                "no variable “instnace” here (is “instance” meant?)",
            ),
            ("[other]", "“other”"),
            ("[gt]=1", "\\["),
            ("a[instance", "character 2 is not closed"),
            ("[limit{100]", "not closed"),
            ("[limit{1}x]", "not closed"),
            ("[]", "“” is no name"),
            ("http://[::1]:80", "“::1” is no name"),
            ("[1a]", "“1a” is no name"),
            (
                "[key]",
                "the secret variable “key” cannot be used in “Host Name”",
            ),
        ] {
            let error = resolve(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("hunter2"));
        }
    }

    #[test]
    fn a_secret_field_may_hold_secret_variables() {
        let resolved = Template::parse("Bearer [key]")
            .unwrap()
            .resolve(&known())
            .unwrap();
        assert!(!format!("{resolved:?}").contains("hunter2"));
        assert_eq!(
            resolved.into_secret().expose_secret(),
            "Bearer hunter2hunter2"
        );
    }

    proptest! {
        #[test]
        fn any_text_can_be_written_literally(text in any::<String>()) {
            prop_assert_eq!(resolve(&escape(&text)), Ok(text));
        }

        #[test]
        fn no_text_breaks_the_parser(text in "[\\[\\]{}\\\\a.\u{e9} ]{0,20}") {
            let _ = Template::parse(&text);
        }
    }
}
