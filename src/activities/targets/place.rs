//! Where records lie: the path of a collection, with the ids of its parents.

use super::record::{Record, text_of};
use crate::contract::{Error, ErrorKind};
use coupa_catalog::Collection;

/// The path of a collection below `/api/`, or of an action below a record. Where the
/// id of something else stands in braces, such as a parent's in an object's name, each
/// record says which it is, in a field of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place(String);

impl Place {
    pub fn new(path: &str) -> Self {
        Self(path.to_owned())
    }

    /// The names of the fields that a record needs for it.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        parents(&self.0)
    }

    /// The path for one record, out of which the parents' ids are taken.
    ///
    /// # Errors
    /// If the record does not say which its parent is.
    pub fn of(&self, record: &mut Record) -> Result<String, Error> {
        let mut path = String::new();
        for (n, segment) in self.0.split('/').enumerate() {
            if n > 0 {
                path.push('/');
            }
            let Some(name) = placeholder(segment) else {
                path.push_str(segment);
                continue;
            };
            let id = record.take(name).as_ref().and_then(text_of);
            match id {
                Some(id) if id.bytes().all(|byte| byte.is_ascii_digit()) => path.push_str(&id),
                Some(id) => {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        "record.id-malformed",
                        format!("the {name} “{id}” is not a whole number"),
                    ));
                }
                None => {
                    return Err(Error::new(
                        ErrorKind::InvalidInput,
                        "record.parent-missing",
                        format!("the record has no “{name}”, which says what it belongs to"),
                    )
                    .remedy(format!(
                        "Put the id into the record, or into the object's name in place of {{{name}}}."
                    )));
                }
            }
        }
        Ok(path)
    }

    /// For a plan: the path with the names of what stands in it.
    pub fn text(&self) -> String {
        let segments = self.0.split('/').map(|segment| match placeholder(segment) {
            Some(name) => format!("<{name}>"),
            None => segment.to_owned(),
        });
        let segments: Vec<_> = segments.collect();
        segments.join("/")
    }
}

fn placeholder(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The names in braces in an object's name.
pub fn parents(object: &str) -> impl Iterator<Item = &str> {
    object.split('/').filter_map(placeholder)
}

/// The object that the records of a nested collection belong to.
pub fn parent_of(collection: &Collection) -> Option<&'static str> {
    let (parent, _) = collection.path.rsplit_once("/{")?;
    Some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_says_which_its_parent_is() {
        let place = Place::new("/api/suppliers/{supplier_id}/addresses");
        let mut record = Record::parse(r#"{"supplier-id":83,"city":"Bern"}"#).unwrap();
        assert_eq!(
            place.of(&mut record).unwrap(),
            "/api/suppliers/83/addresses"
        );
        assert_eq!(record.body(), r#"{"city":"Bern"}"#);
        assert_eq!(
            place.of(&mut record).unwrap_err().code,
            "record.parent-missing"
        );
        let mut record = Record::parse(r#"{"supplier_id":"8/../3"}"#).unwrap();
        assert_eq!(
            place.of(&mut record).unwrap_err().code,
            "record.id-malformed"
        );
    }
}
