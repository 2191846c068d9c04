//! Whether a connection is for real.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How strict the host is about where a connection may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// Only `https`.
    #[default]
    Production,
    /// Plain `http` as well, but only to this machine's own loopback address.
    Development,
}

/// A text that names no environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no environment: write `production` or `development`")]
pub struct UnknownEnvironment {
    text: String,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Production => "production",
            Self::Development => "development",
        })
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(UnknownEnvironment {
                text: text.to_owned(),
            }),
        }
    }
}
