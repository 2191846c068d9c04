//! The name under which a connector is published.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most bytes a name may have.
const MAX_BYTES: usize = 64;

/// The name of a connector: lower-case words of letters and digits, joined by
/// `-`, at most 64 bytes. Such a name is a safe file name everywhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectorName(String);

/// A text that cannot name a connector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot name a connector: write lower-case words of letters and digits, \
     joined by `-`, at most 64 characters, as in `acme-orders`"
)]
pub struct InvalidName {
    text: String,
}

impl ConnectorName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

impl TryFrom<String> for ConnectorName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() <= MAX_BYTES && text.split('-').all(is_word) {
            Ok(Self(text))
        } else {
            Err(InvalidName { text })
        }
    }
}

impl FromStr for ConnectorName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<ConnectorName> for String {
    fn from(name: ConnectorName) -> Self {
        name.0
    }
}

impl fmt::Display for ConnectorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names() {
        for name in ["acme", "acme-orders", "s3", "0", &"a".repeat(64)] {
            assert_eq!(name.parse::<ConnectorName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names() {
        for name in [
            "",
            "-",
            "a-",
            "-a",
            "a--b",
            "Acme",
            "a_b",
            "a b",
            "a.b",
            "..",
            "a/b",
            "../a",
            "a\\b",
            "a\0",
            "é",
            &"a".repeat(65),
        ] {
            assert!(name.parse::<ConnectorName>().is_err(), "{name:?}");
        }
    }
}
