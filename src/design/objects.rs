//! The objects: Coupa's collections.

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

/// The objects whose name or title contains `search`, ignoring case, blanks
/// and underscores.
pub fn objects(search: Option<&str>) -> Vec<Object> {
    let wanted = search.map(plain);
    coupa_catalog::collections()
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

fn plain(text: &str) -> String {
    text.to_lowercase().replace(['_', '-', ' '], "")
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
        assert_eq!(objects(None).len(), 144);
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
        assert_eq!(currencies.activities, ["query", "get", "changes"]);
        let attachments = objects(Some("invoices attachments"));
        assert_eq!(attachments[0].parent, Some("invoices"));
        assert_eq!(
            attachments[0].activities,
            ["query", "get", "changes", "download", "delete", "upload"]
        );
        assert!(objects(Some("nothing like it")).is_empty());
    }
}
