//! Names of attributes, checked against the catalog.

use crate::contract::Error;
use coupa_catalog::{Field, FieldKind};

/// Filters that are not attributes, by collection; the empty collection stands
/// for all.
pub const SPECIAL_FILTERS: &[(&str, &str)] = &[
    ("", "exported"),
    ("purchase_orders", "show_deleted_lines"),
    ("approvals", "approvable_type"),
    ("approvals", "approvable_id"),
    ("attachments", "attachable_type"),
];

/// What a name means in a record type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    Known(Field),
    /// The flattened id of a reference, such as `supplier_id`.
    ReferenceId,
    /// A custom field that the caller named as such: its type is not known.
    Custom,
}

impl Attribute {
    /// Finds `name`, in kebab or snake case.
    ///
    /// # Errors
    /// Names the closest field there is.
    pub fn find(
        record_type: &str,
        name: &str,
        custom: &[String],
        code: &'static str,
    ) -> Result<Self, Error> {
        if let Some(field) = coupa_catalog::field(record_type, name) {
            return Ok(Self::Known(field));
        }
        let reference = name
            .strip_suffix("_id")
            .or_else(|| name.strip_suffix("-id"));
        if let Some(reference) = reference
            && let Some(field) = coupa_catalog::field(record_type, reference)
            && matches!(field.kind, FieldKind::Record(_) | FieldKind::Unknown)
        {
            return Ok(Self::ReferenceId);
        }
        if custom.iter().any(|custom| same_name(custom, name)) {
            return Ok(Self::Custom);
        }
        let hint = match closest(
            name,
            coupa_catalog::fields(record_type).map(|field| field.name),
        ) {
            Some(name) => format!("Did you mean “{name}”? "),
            None => String::new(),
        };
        Err(Error::setting(code, format!("{record_type} has no field “{name}”")).remedy(format!(
            "{hint}If it is a custom field of your Coupa, name it in the option custom-field as well."
        )))
    }
}

/// Kebab and snake case are the same to Coupa.
pub fn same_name(a: &str, b: &str) -> bool {
    a.len() == b.len()
        && a.bytes()
            .zip(b.bytes())
            .all(|(a, b)| a == b || (matches!(a, b'-' | b'_') && matches!(b, b'-' | b'_')))
}

/// The candidate closest to `name`, where one is close enough to be a slip.
pub fn closest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = 1 + name.chars().count() / 4;
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace, swap neighbours) from `a` to `b`; kebab and
/// snake case count as the same.
fn distance(a: &str, b: &str) -> usize {
    strsim::osa_distance(&a.replace('_', "-"), &b.replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let names = || ["status", "name", "number", "payment-term"].into_iter();
        assert_eq!(closest("nmae", names()), Some("name"));
        assert_eq!(closest("payment_trem", names()), Some("payment-term"));
        assert_eq!(closest("zzzzzz", names()), None);
    }

    #[test]
    fn attributes_are_found_in_either_case() {
        let find = |name: &str| Attribute::find("Supplier", name, &["erp-id".to_owned()], "x");
        assert!(matches!(find("payment_term"), Ok(Attribute::Known(_))));
        assert!(matches!(find("parent_id"), Ok(Attribute::ReferenceId)));
        assert_eq!(find("erp_id"), Ok(Attribute::Custom));
        assert!(find("nmae").unwrap_err().remedy.unwrap().contains("“name”"));
    }
}
