//! Names that can stand in the subjects of NATS.

use std::fmt;
use std::str::FromStr;

/// The longest name, in characters.
const LONGEST: usize = 64;

/// The name of a group, or of an agent in it: letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

/// A name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "“{0}” cannot name a group or an agent: write 1 to 64 letters a-z and A-Z, digits, - and _"
)]
pub struct InvalidGroupName(String);

impl GroupName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for GroupName {
    type Err = InvalidGroupName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > LONGEST || !text.chars().all(fits) {
            return Err(InvalidGroupName(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::GroupName;

    #[test]
    fn nothing_that_means_something_in_a_subject_is_a_name() {
        for name in ["", "a.b", "*", ">", "a b", "ä", &"x".repeat(65)] {
            assert!(name.parse::<GroupName>().is_err(), "{name}");
        }
        assert!("plant-7_B".parse::<GroupName>().is_ok());
    }
}
