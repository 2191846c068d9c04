//! Coupa's objects as the sandbox sees them: the catalog, indexed for speed and
//! completed by a few facts about behaviour. A collection is data here, never code.

pub mod facts;
mod record_type;
pub mod words;

use std::collections::HashMap;
use std::sync::LazyLock;

use coupa_catalog::Collection;

pub use record_type::{Link, RecordType};

static MODEL: LazyLock<Model> = LazyLock::new(Model::read);

/// Everything the catalog says, indexed once.
pub struct Model {
    types: HashMap<&'static str, RecordType>,
    collections: Vec<Collection>,
    paths: Vec<(&'static str, &'static str)>,
}

/// The model of the release that the catalog was made from.
pub fn model() -> &'static Model {
    &MODEL
}

impl Model {
    fn read() -> Self {
        let collections: Vec<Collection> = coupa_catalog::collections().collect();
        let types = coupa_catalog::record_types()
            .map(|name| (name, RecordType::read(name, &collections)))
            .collect();
        Self {
            types,
            collections,
            paths: coupa_catalog::paths().collect(),
        }
    }

    /// A record type by its name.
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.types.get(name)
    }

    /// Every collection.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// The collection with this path, nested ones by their template.
    pub fn collection(&self, path: &str) -> Option<&Collection> {
        self.collections
            .iter()
            .find(|collection| collection.path == path || fills(collection.path, path))
    }

    /// The verbs' letters of the path that `path` fills in, for actions.
    pub fn verbs(&self, path: &str) -> Option<&'static str> {
        self.paths
            .iter()
            .find(|(template, _)| *template == path)
            .or_else(|| self.paths.iter().find(|(t, _)| fills(t, path)))
            .map(|(_, verbs)| *verbs)
    }

    /// The type under which records of this type are stored: embedded users
    /// are users.
    pub fn table(&self, record_type: &'static str) -> &'static str {
        match record_type {
            "UserSimple" => "User",
            other => other,
        }
    }
}

/// Whether `path` is `template` with numbers in place of what stands in braces.
fn fills(template: &str, path: &str) -> bool {
    let mut given = path.split('/');
    template.split('/').all(|part| {
        given.next().is_some_and(|word| {
            if part.starts_with('{') {
                !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit())
            } else {
                part == word
            }
        })
    }) && given.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use coupa_catalog::FieldKind;

    #[test]
    fn links_follow_from_the_catalog() {
        let supplier = model().record_type("Supplier").unwrap();
        let link = |name| supplier.link(supplier.field(name).unwrap());
        assert_eq!(link("payment-term"), Some(Link::Reference("PaymentTerm")));
        assert_eq!(link("primary-contact"), Some(Link::Part("Contact")));
        assert_eq!(
            link("content-groups"),
            Some(Link::References("BusinessGroup"))
        );
        assert_eq!(
            link("remit-to-addresses"),
            Some(Link::Parts("RemitToAddress"))
        );
        assert_eq!(link("created-by"), Some(Link::Reference("User")));

        let order = model().record_type("OrderHeader").unwrap();
        let lines = order.field("order_lines").unwrap();
        assert_eq!(order.link(lines), Some(Link::Parts("OrderLine")));
    }

    #[test]
    fn every_fact_names_something_real() {
        for line in include_str!("facts.txt").lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [
                "field" | "choices" | "shape" | "simple" | "symbol" | "default" | "within",
                name,
                names @ ..,
            ] = words.as_slice()
            else {
                continue;
            };
            let Some(record_type) = model().record_type(name) else {
                panic!("no record type in: {line}");
            };
            let names = match words[0] {
                "shape" | "simple" | "symbol" => names,
                "within" => &names[..2],
                _ => &names[..1],
            };
            for name in names {
                assert!(
                    record_type.field(name).is_some(),
                    "no field {name} in: {line}"
                );
            }
        }
    }

    #[test]
    fn corrections_replace_what_the_release_says() {
        let requisition = model().record_type("RequisitionHeader").unwrap();
        let currency = requisition.field("currency").unwrap();
        assert_eq!(currency.kind, FieldKind::Record("Currency"));
    }
}
