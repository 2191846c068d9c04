//! The objects: Coupa's collections, and what else can be read or written.

use crate::activities;

/// A kind of record that Coupa keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The path below `/api/`.
    pub name: &'static str,
    pub title: String,
    pub activities: Vec<&'static str>,
    /// The object that its records belong to.
    pub parent: Option<&'static str>,
    /// Fields of which any one identifies a record, best first.
    pub keys: Vec<&'static str>,
}

/// The objects whose name or title contains `search`, ignoring all but
/// letters and digits, and their case.
pub fn objects(search: Option<&str>) -> Vec<Object> {
    let wanted = search.map(plain);
    coupa_catalog::objects()
        .map(|collection| (collection, title(collection.path)))
        .filter(|(collection, title)| {
            wanted.as_deref().is_none_or(|wanted| {
                plain(collection.path).contains(wanted) || plain(title).contains(wanted)
            })
        })
        .map(|(collection, title)| Object {
            name: collection.path,
            title,
            activities: activities::allowed(&collection),
            parent: activities::targets::parent_of(&collection),
            keys: coupa_catalog::field(collection.record_type, "id")
                .map(|field| field.name)
                .into_iter()
                .chain(coupa_catalog::natural_keys(collection.record_type))
                .collect(),
        })
        .collect()
}

/// Its letters and digits, in lower case.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// `suppliers/{supplier_id}/addresses` becomes `Suppliers › Addresses`.
fn title(path: &str) -> String {
    let parts: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.starts_with('{'))
        .map(|segment| {
            let mut words = segment.replace('_', " ");
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            words
        })
        .collect();
    parts.join(" › ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_by_name_and_title() {
        assert_eq!(objects(None).len(), 166);
        let found = objects(Some("Purchase Order"));
        let orders = found
            .iter()
            .find(|object| object.name == "purchase_orders")
            .unwrap();
        assert_eq!(orders.title, "Purchase orders");
        assert_eq!(
            orders.activities,
            [
                "query", "get", "changes", "export", "create", "update", "upsert", "action"
            ]
        );
        assert_eq!(orders.keys, ["id", "po-number"]);
        let currencies = &objects(Some("currencies"))[0];
        assert_eq!(currencies.activities, ["query", "get"]);
        let attachments = objects(Some("invoices attachments"));
        let attachments = attachments
            .iter()
            .find(|object| object.name == "invoices/{invoice_id}/attachments")
            .unwrap();
        assert_eq!(attachments.parent, Some("invoices"));
        assert_eq!(
            attachments.activities,
            ["query", "get", "changes", "download", "delete", "upload"]
        );
        let offered = |name: &str| {
            let found = objects(Some(name));
            let found = found.into_iter().find(|object| object.name == name);
            found.unwrap().activities
        };
        assert_eq!(offered("requisitions/mine"), ["query"]);
        assert_eq!(offered("requisitions/current_cart"), ["get"]);
        assert_eq!(offered("asn/lines"), ["action"]);
        assert_eq!(offered("supplier_invites"), ["get", "create"]);
        assert_eq!(
            offered("supplier_information_tax_registrations"),
            ["get", "create", "update", "delete"]
        );
        assert_eq!(
            offered("invoices/{invoice_id}/payment_receipts"),
            ["download"]
        );
        assert!(objects(Some("nothing like it")).is_empty());
    }
}
