//! Things by the names that people know them by.

use super::super::Failed;

/// The one that is called `name`; the first where none is asked for.
pub fn named<T>(
    what: &str,
    mut things: Vec<T>,
    name: Option<&str>,
    name_of: impl Fn(&T) -> &String,
) -> Result<T, Failed> {
    let at = match name {
        None if !things.is_empty() => Some(0),
        None => None,
        Some(name) => things.iter().position(|thing| name_of(thing) == name),
    };
    match at {
        Some(at) => Ok(things.swap_remove(at)),
        None => {
            let names: Vec<&str> = things.iter().map(|thing| name_of(thing).as_str()).collect();
            Err(format!(
                "there is no {what} “{}”; there are: {}",
                name.unwrap_or_default(),
                names.join(", ")
            )
            .into())
        }
    }
}
