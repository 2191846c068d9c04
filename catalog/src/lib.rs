//! Coupa's objects as data: every path, verb, record type and field of one
//! release of the Core API.
//!
//! Two texts are compiled in. `r39.txt` is made by `cargo xtask catalog` from
//! the facts of release R39 (names, verbs and types only). `facts.txt` is kept
//! by hand and holds what that description leaves out or has wrong, such as
//! natural keys.
//!
//! They lie packed in a component, and are unpacked once in an instance, when one is
//! first asked for. What is known up front is where each path, record type and fact
//! stands; a look-up reads the lines that it needs.
//!
//! # The form of `r39.txt`
//!
//! ```text
//! release R39
//! /suppliers GP Supplier
//! /purchase_orders GP OrderHeader order-headers
//! /suppliers/{id} GUA
//! :Supplier
//! name s100 *
//! payment-term >PaymentTerm
//! ```
//!
//! A path line has the path below `/api`, its verbs (`G`ET, `P`OST, p`U`T,
//! p`A`TCH, `D`ELETE) and, for a collection, its record type and the name of
//! its XML list element where that is not the last segment in kebab case.
//! A `:` line opens a record type, and a field line has the name, the kind and
//! marks: `*` required, `-` read-only, `=a|b` the values it can have.
//! Kinds: `i` integer, `b` boolean, `t` date and time, `d` date, `n32.4`
//! decimal, `f` float, `s255` string, `x` long text, `>T` one record, `+T` a
//! list of records, `l` a list of unknown form, `?` unknown.

mod action;
mod collection;
mod field;
mod file;
mod index;
mod text;

pub use action::{Action, Subject};
pub use collection::{
    Collection, Kind, Verb, collections, find_collection, find_object, objects, paths,
};
pub use field::{Field, FieldKind, field, fields, record_types};
pub use file::File;

/// The release that the catalog was made from, such as `R39`.
pub fn release() -> &'static str {
    text::release()
        .lines()
        .find_map(|line| line.strip_prefix("release "))
        .unwrap_or("unknown")
}

/// The fields of which any one identifies a record of this type in place of
/// its id, best first. Empty where only the id does.
pub fn natural_keys(record_type: &str) -> Vec<&'static str> {
    fact("keys", record_type)
}

/// The fields that a create really needs, as far as that is known.
pub fn needed_to_create(record_type: &str) -> Vec<&'static str> {
    fact("needs", record_type)
}

/// The keys of which no two records may share a value: a field, or several with
/// commas between, where an association stands for the record that it means. Best
/// first.
pub fn unique_keys(record_type: &str) -> Vec<&'static str> {
    fact("unique", record_type)
}

/// The fields of which no two records may share a value, each by itself.
pub fn unique_fields(record_type: &str) -> Vec<&'static str> {
    let mut keys = unique_keys(record_type);
    keys.retain(|key| !key.contains(','));
    keys
}

/// The scopes that open a path for reading and for all else, such as
/// `core.supplier.read` and `core.supplier.write` for `suppliers/83/addresses`.
/// None where they are not known.
pub fn scopes(path: &str) -> Option<(String, String)> {
    let plain = |path: &str| {
        path.split('/')
            .filter(|segment| !segment.starts_with('{') && segment.parse::<i64>().is_err())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let wanted = plain(path);
    index::facts("scope")
        .iter()
        .filter_map(|fact| fact.split_once(' '))
        .filter(|(of, _)| wanted.starts_with(&plain(of)))
        .max_by_key(|(of, _)| of.len())
        .map(|(_, stems)| {
            let (read, write) = stems.split_once(' ').unwrap_or((stems, stems));
            (format!("{read}.read"), format!("{write}.write"))
        })
}

/// Associations whose changes are not seen in `updated-at` of a record of this
/// type, and which can be asked for by their own.
pub fn changes_apart(record_type: &str) -> Vec<&'static str> {
    fact("apart", record_type)
}

/// Whether `updated-at` is known not to tell all changes of this type.
pub fn updated_at_is_unreliable(record_type: &str) -> bool {
    index::facts("unreliable").contains(&record_type)
}

/// A word that a line of the facts gives to a path.
fn fact_of_path(word: &str, path: &str, which: &str) -> Option<&'static str> {
    index::facts(word).iter().find_map(|fact| {
        let mut words = fact.split(' ');
        let found = words.next() == Some(path) && words.next() == Some(which);
        if found { words.next() } else { None }
    })
}

fn fact(word: &str, subject: &str) -> Vec<&'static str> {
    index::facts(word)
        .iter()
        .find_map(|fact| {
            let mut words = fact.split(' ');
            (words.next() == Some(subject)).then(|| words.collect())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_whole() {
        assert_eq!(release(), "R39");
        assert_eq!(paths().count(), 464);
        assert_eq!(collections().count(), 144);
        assert_eq!(record_types().count(), 308);
        assert_eq!(
            record_types()
                .map(|name| fields(name).count())
                .sum::<usize>(),
            5516
        );
        assert!(text::release().len() + text::facts().len() < 160 * 1024);
    }

    #[test]
    fn every_reference_leads_to_a_record_type() {
        let known: Vec<_> = record_types().collect();
        for record_type in &known {
            for field in fields(record_type) {
                if let Some(target) = field.kind.record_type() {
                    assert!(
                        known.contains(&target),
                        "{record_type}.{} -> {target}",
                        field.name
                    );
                }
            }
        }
        for collection in collections() {
            assert!(
                known.contains(&collection.record_type),
                "{}",
                collection.path
            );
        }
    }

    #[test]
    fn facts_speak_of_what_exists() {
        for line in text::facts().lines().filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split(' ').collect();
            match words[0] {
                "post" => {
                    assert!(find_collection(&words[1][1..]).is_some(), "{line}");
                    continue;
                }
                "action" | "parameters" | "file" => {
                    assert!(paths().any(|(path, _)| path == words[1]), "{line}");
                    continue;
                }
                "object" => {
                    assert!(find_collection(words[1]).is_none(), "{line}");
                    // A type of no fields is one that the release only names.
                    let is_known = record_types().any(|name| name == words[2]);
                    assert!(is_known || words[2] == "SupplierInvite", "{line}");
                    let (at, below) = (words[1], format!("{}/", words[1]));
                    let named = |path: &str| path == at || path.starts_with(&below);
                    assert!(paths().any(|(path, _)| named(path)), "{line}");
                    continue;
                }
                "scope" => {
                    assert!(
                        paths().any(|(path, _)| path.starts_with(words[1])),
                        "{line}"
                    );
                    continue;
                }
                _ => {}
            }
            assert!(fields(words[1]).next().is_some(), "{line}: no such type");
            for name in words[2..].iter().flat_map(|name| name.split(',')) {
                assert!(field(words[1], name).is_some(), "{line}: no field {name}");
            }
        }
    }

    #[test]
    fn every_collection_has_a_scope() {
        for object in objects() {
            assert!(scopes(object.path).is_some(), "{}", object.path);
        }
        let of = |read: &str, write: &str| Some((read.to_owned(), write.to_owned()));
        assert_eq!(
            scopes("suppliers/83/addresses"),
            of("core.supplier.read", "core.supplier.write")
        );
        assert_eq!(
            scopes("inventory_transactions/{x}/attachments"),
            of(
                "core.inventory.transaction.read",
                "core.inventory.receiving.write"
            )
        );
    }
}
