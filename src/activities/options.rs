//! The options of a call, checked against the activity's form.

use crate::contract::{Error, Property, PropertyKind, Setting};

/// Checked options.
#[derive(Debug)]
pub struct Options<'a>(&'a [Setting]);

impl<'a> Options<'a> {
    /// Checks names, repetition and values.
    ///
    /// # Errors
    /// Names the option and what would be right.
    pub fn check(options: &'a [Setting], form: &[Property]) -> Result<Self, Error> {
        for (n, option) in options.iter().enumerate() {
            let Some(property) = form.iter().find(|property| property.name == option.name) else {
                let names: Vec<_> = form.iter().map(|property| property.name).collect();
                return Err(Error::setting(
                    "option.unknown",
                    format!("the activity has no option “{}”", option.name),
                )
                .remedy(format!("Options: {}.", names.join(", "))));
            };
            let before = options.get(..n).unwrap_or_default();
            if !property.repeatable && before.iter().any(|other| other.name == option.name) {
                return Err(Error::setting(
                    "option.repeated",
                    format!("the option “{}” stands twice", option.name),
                ));
            }
            check_value(property, &option.value)?;
        }
        Ok(Self(options))
    }

    /// An option that the activity has, though not for this object.
    pub fn not_here(
        name: &str,
        mut form: Vec<Property>,
        narrow: impl FnOnce(&mut Vec<Property>),
    ) -> Error {
        narrow(&mut form);
        let names: Vec<_> = form.iter().map(|property| property.name).collect();
        Error::setting(
            "option.unknown",
            format!("for this object the activity has no option “{name}”"),
        )
        .remedy(format!("Options: {}.", names.join(", ")))
    }

    /// The value of an option; none where it is absent or blank.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// The values of a repeatable option.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |option| option.name == name)
            .map(|option| option.value.trim())
            .filter(|value| !value.is_empty())
    }

    /// Whether an option that is a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    /// The value of an option that is a whole number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }
}

fn check_value(property: &Property, value: &str) -> Result<(), Error> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(());
    }
    let should = match &property.kind {
        PropertyKind::Flag if !matches!(value, "true" | "false") => "true or false".to_owned(),
        PropertyKind::OneOf(values) if !values.contains(&value) => {
            format!("one of: {}", values.join(", "))
        }
        PropertyKind::Choice(choices) if !choices.iter().any(|choice| choice.value == value) => {
            let values: Vec<_> = choices.iter().map(|choice| choice.value).collect();
            format!("one of: {}", values.join(", "))
        }
        PropertyKind::WholeNumber(least, most)
            if !value
                .parse::<u64>()
                .is_ok_and(|number| (least..=most).contains(&&number)) =>
        {
            format!("a whole number from {least} to {most}")
        }
        _ => return Ok(()),
    };
    Err(Error::setting(
        "option.malformed",
        format!(
            "the option “{}” is “{value}”; it should be {should}",
            property.name
        ),
    ))
}
