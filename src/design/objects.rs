//! The objects: Coupa's collections.

use crate::activities;

/// A kind of record that Coupa keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The path below `/api/`.
    pub name: &'static str,
    pub title: String,
    pub activities: Vec<&'static str>,
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
        assert_eq!(orders.activities, ["query", "create", "update"]);
        assert_eq!(objects(Some("currencies"))[0].activities, ["query"]);
        assert!(objects(Some("nothing like it")).is_empty());
    }
}
