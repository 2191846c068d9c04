//! Text with variables: `https://[instance].example.com`, `[limit{100}]`.
//!
//! `[name]` stands for a variable's value, `[name{default}]` for the default
//! where there is no such variable. `\[` is the bracket itself and `\\` the
//! backslash; inside a default `\}` is the brace itself. Any other backslash
//! stands for itself, so that a Windows path needs no care. An undefined
//! variable is an error that names it: nothing ever becomes empty silently.
//! Values are put in as they are and not looked through again.

mod template;

pub(crate) use template::distance;
pub use template::{Template, TemplateError, escape};

use secrecy::{ExposeSecret, SecretString};

/// A variable's value.
#[derive(Debug, Clone)]
pub enum Value {
    /// For everybody to see.
    Plain(String),
    /// Never shown.
    Secret(SecretString),
}

/// Knows the variables.
pub trait Lookup {
    /// The variable of this name.
    fn find(&self, name: &str) -> Option<Value>;

    /// The names that there are.
    fn names(&self) -> Vec<String>;
}

/// Why a text could not be resolved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// There is no such variable, and the text has no default for it.
    #[error(
        "there is no variable “{name}” here{}. Define it, write [{name}{{default}}], or write \\[ \
         where the bracket itself is meant",
        suggestion.as_ref().map(|close| format!(" (is “{close}” meant?)")).unwrap_or_default()
    )]
    Undefined {
        /// The name.
        name: String,
        /// One that is nearly the same.
        suggestion: Option<String>,
    },
    /// A secret one stands where everybody would see it.
    #[error("the secret variable “{name}” cannot be used in “{field}”, which is shown")]
    Secret {
        /// The variable.
        name: String,
        /// The field's title.
        field: String,
    },
}

/// A text with its variables in their places.
pub struct Resolved {
    text: SecretString,
    /// The first secret variable that took part.
    secret: Option<String>,
}

impl std::fmt::Debug for Resolved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Resolved(…)")
    }
}

impl Resolved {
    /// The text, for a field that is shown under the title `field`.
    ///
    /// # Errors
    /// If a secret variable took part.
    pub fn into_plain(self, field: &str) -> Result<String, VariableError> {
        match self.secret {
            Some(name) => Err(VariableError::Secret {
                name,
                field: field.to_owned(),
            }),
            None => Ok(self.text.expose_secret().to_owned()),
        }
    }

    /// The text, for a field that is secret.
    pub fn into_secret(self) -> SecretString {
        self.text
    }
}
