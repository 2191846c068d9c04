//! What uses what.

use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// Something that uses another thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dependent {
    /// What kind of thing it is: `activity`, `operation`, `connection`, …
    pub kind: &'static str,
    /// Its number.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// How it uses the thing, where that says more.
    pub via: Option<String>,
}

impl fmt::Display for Dependent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} “{}”", self.kind, self.name)?;
        match &self.via {
            Some(via) => write!(f, " ({via})"),
            None => Ok(()),
        }
    }
}
