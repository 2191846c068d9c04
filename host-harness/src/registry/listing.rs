//! What a registry has, and what lies there that is no connector.

use super::Entry;

/// How many things that were passed over are named.
const NAMED: usize = 3;

/// What a registry has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The versions of connectors, by name and then by version, oldest first.
    pub entries: Vec<Entry>,
    /// What else lies there.
    pub passed_over: Vec<PassedOver>,
}

/// Something in a registry that is no connector, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// The repository, and the tag where it is about one.
    pub what: String,
    /// Why.
    pub why: String,
}

impl PassedOver {
    /// A line that says what was passed over; absent where nothing was. The first
    /// are named, the others counted.
    #[must_use]
    pub fn line(passed_over: &[Self]) -> Option<String> {
        if passed_over.is_empty() {
            return None;
        }
        let named: Vec<String> = passed_over
            .iter()
            .take(NAMED)
            .map(|it| format!("{} ({})", it.what, it.why))
            .collect();
        let more = match passed_over.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(format!(
            "passed over in the registry: {}{more}",
            named.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_passed_over_is_one_line() {
        assert_eq!(PassedOver::line(&[]), None);
        let of = |n: usize| -> Vec<PassedOver> {
            (0..n)
                .map(|n| PassedOver {
                    what: format!("x/a:{n}.0.0"),
                    why: "it has 2 layers".to_owned(),
                })
                .collect()
        };
        let line = PassedOver::line(&of(1)).unwrap();
        assert_eq!(
            line,
            "passed over in the registry: x/a:0.0.0 (it has 2 layers)"
        );
        let line = PassedOver::line(&of(500)).unwrap();
        assert!(
            line.ends_with(", and 497 more") && line.len() < 200,
            "{line}"
        );
    }
}
