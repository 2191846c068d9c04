//! Coupa's objects as data: every path, verb, record type and field of one
//! release of the Core API.
//!
//! Two texts are compiled in. `r39.txt` is made by `cargo xtask catalog` from
//! the facts of release R39 (names, verbs and types only). `facts.txt` is kept
//! by hand and holds what that description leaves out or has wrong, such as
//! natural keys.
//!
//! Nothing is parsed up front: a look-up scans the text for the lines that it
//! needs, so a component pays for the catalog in bytes and not in start-up time.
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

mod collection;
mod field;

pub use collection::{Collection, Verb, collections, find_collection, paths};
pub use field::{Field, FieldKind, field, fields, record_types};

/// The text made from a release.
const RELEASE: &str = include_str!("../r39.txt");
/// The text kept by hand.
const FACTS: &str = include_str!("../facts.txt");

/// The release that the catalog was made from, such as `R39`.
pub fn release() -> &'static str {
    RELEASE
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

/// The fields of which no two records may share a value.
pub fn unique_fields(record_type: &str) -> Vec<&'static str> {
    fact("unique", record_type)
}

fn fact(word: &str, subject: &str) -> Vec<&'static str> {
    FACTS
        .lines()
        .find_map(|line| {
            let mut words = line.split(' ');
            (words.next() == Some(word) && words.next() == Some(subject)).then(|| words.collect())
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
        assert!(RELEASE.len() + FACTS.len() < 150 * 1024);
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
        for line in FACTS
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            let words: Vec<_> = line.split(' ').collect();
            if words[0] == "post" {
                assert!(find_collection(&words[1][1..]).is_some(), "{line}");
                continue;
            }
            for name in &words[2..] {
                assert!(field(words[1], name).is_some(), "{line}: no field {name}");
            }
        }
    }
}
