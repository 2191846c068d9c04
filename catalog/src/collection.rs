//! Paths: which collections and other objects there are and what they allow.

use crate::index;

/// An HTTP verb that a path may allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Verb {
    /// The letter that stands for it in the catalog's text.
    pub(crate) const fn letter(self) -> char {
        match self {
            Self::Get => 'G',
            Self::Post => 'P',
            Self::Put => 'U',
            Self::Patch => 'A',
            Self::Delete => 'D',
        }
    }
}

/// What reading a path answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A collection: pages of a list, with filters and an order. Where the release
    /// has no such list, only what lies below the path can be reached.
    Collection,
    /// A list of which the release does not say which parameters it takes, nor
    /// whether it has pages.
    List,
    /// One record, without an id in the path.
    Record,
}

/// A path below `/api` that records of one type lie at or below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collection {
    /// Without `/api/`, such as `purchase_orders`, or with the parent's id in
    /// braces: `suppliers/{supplier_id}/addresses`.
    pub path: &'static str,
    pub record_type: &'static str,
    pub kind: Kind,
    verbs: &'static str,
    xml_list_element: Option<&'static str>,
}

impl Collection {
    /// The element around a list in XML, such as `order-headers`.
    pub fn xml_list_element(&self) -> String {
        match self.xml_list_element {
            Some(name) => name.to_owned(),
            None => self.last_segment().replace('_', "-"),
        }
    }

    /// The last segment of the path, such as `purchase_orders`.
    pub fn last_segment(&self) -> &'static str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    /// Whether the path holds a parent's id that a caller must fill in.
    pub fn is_nested(&self) -> bool {
        self.path.contains('{')
    }

    /// `GET` on the collection, page by page, with filters and by id.
    pub fn can_list(&self) -> bool {
        self.kind == Kind::Collection && self.verbs.contains(Verb::Get.letter())
    }

    /// `POST` on the collection.
    pub fn can_create(&self) -> bool {
        self.verbs.contains(Verb::Post.letter()) || self.posts_by_fact()
    }

    /// `GET` on one record.
    pub fn can_show(&self) -> bool {
        self.record_allows(Verb::Get)
    }

    /// Whether that answers the record; that of an attachment answers its file.
    pub fn shows_the_record(&self) -> bool {
        self.can_show() && self.last_segment() != "attachments"
    }

    /// `PUT` on one record.
    pub fn can_update(&self) -> bool {
        self.record_allows(Verb::Put)
    }

    /// `DELETE` on one record.
    pub fn can_delete(&self) -> bool {
        self.record_allows(Verb::Delete)
    }

    /// Whether this is the collection that `path` (without `/api/`) means, with the
    /// ids of its parents filled in, or some of them.
    fn matches(&self, path: &str) -> bool {
        let mut template = self.path.split('/');
        let mut given = path.split('/');
        loop {
            match (template.next(), given.next()) {
                (None, None) => return true,
                (Some(t), Some(g)) if t.starts_with('{') && t != g => {
                    if g.is_empty() || !g.bytes().all(|b| b.is_ascii_digit()) {
                        return false;
                    }
                }
                (Some(t), Some(g)) if t == g => {}
                _ => return false,
            }
        }
    }

    fn record_allows(&self, verb: Verb) -> bool {
        index::verbs_of(&format!("{}/{{id}}", self.path)).contains(verb.letter())
    }

    fn posts_by_fact(&self) -> bool {
        index::facts("post")
            .iter()
            .any(|path| path.strip_prefix('/') == Some(self.path))
    }
}

/// Every path below `/api/` with the letters of its verbs.
pub fn paths() -> impl Iterator<Item = (&'static str, &'static str)> {
    index::paths().iter().map(|line| (line.path, line.verbs))
}

/// Every collection, in the order of the paths.
pub fn collections() -> impl Iterator<Item = Collection> {
    index::paths().iter().filter_map(|line| {
        Some(Collection {
            path: line.path,
            verbs: line.verbs,
            record_type: line.record_type?,
            kind: Kind::Collection,
            xml_list_element: line.xml_list_element,
        })
    })
}

/// Everything that can be named to read or write it: the collections, and after
/// them what the release describes by its paths alone, such as `requisitions/mine`.
pub fn objects() -> impl Iterator<Item = Collection> {
    let further = index::facts("object").iter().filter_map(|fact| {
        let mut words = fact.split(' ');
        let path = words.next()?;
        Some(Collection {
            path,
            verbs: index::verbs_of(path),
            record_type: words.next()?,
            kind: match words.next() {
                Some("list") => Kind::List,
                Some("record") => Kind::Record,
                _ => Kind::Collection,
            },
            xml_list_element: None,
        })
    });
    collections().chain(further)
}

/// The object of a path without `/api/`: `requisitions/mine`, `suppliers/83/addresses`,
/// or a path's template.
pub fn find_object(path: &str) -> Option<Collection> {
    objects()
        .find(|object| object.path == path)
        .or_else(|| objects().find(|object| object.matches(path)))
}

/// The collection of a path without `/api/`: `suppliers`, or
/// `suppliers/83/addresses`, or that path's template.
pub fn find_collection(path: &str) -> Option<Collection> {
    collections().find(|collection| collection.path == path || collection.matches(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collections_say_what_they_allow() {
        let suppliers = find_collection("suppliers").unwrap();
        assert_eq!(suppliers.record_type, "Supplier");
        assert!(suppliers.can_list() && suppliers.can_create() && suppliers.can_update());
        assert!(!suppliers.can_delete());

        let orders = find_collection("purchase_orders").unwrap();
        assert_eq!(orders.xml_list_element(), "order-headers");

        assert!(!find_collection("currencies").unwrap().can_create());
        assert!(find_collection("invoices").unwrap().can_create(), "by fact");
    }

    #[test]
    fn what_is_no_collection_is_an_object_all_the_same() {
        let mine = find_object("requisitions/mine").unwrap();
        assert_eq!((mine.kind, mine.can_list()), (Kind::List, false));
        assert_eq!(
            find_object("requisitions/current_cart").unwrap().kind,
            Kind::Record
        );
        let invites = find_object("supplier_invites").unwrap();
        assert!(invites.can_create() && invites.can_show() && !invites.can_list());
        let attachments = find_object("easy_form_responses/7/attachments").unwrap();
        assert!(attachments.can_show() && !attachments.can_create());
        assert!(find_collection("requisitions/mine").is_none());
        for object in objects() {
            assert_eq!(find_object(object.path), Some(object));
        }
    }

    #[test]
    fn nested_collections_are_found_by_filled_in_paths() {
        let addresses = find_collection("suppliers/83/addresses").unwrap();
        assert!(addresses.is_nested());
        assert_eq!(addresses, find_collection(addresses.path).unwrap());
        assert!(find_collection("suppliers/x/addresses").is_none());
        assert!(find_collection("suppliers//addresses").is_none());
        assert!(find_collection("supplier").is_none());
    }
}
