//! Every switch with the positions that it has, so that a suite can be run in
//! each of them without naming any.

use serde_json::{Map, Value, json};
use strum::VariantArray;

use super::{
    EmptyList, FileNames, MissingAccept, NullAssociations, OtherLists, OversizedLimit, RefusalBody,
    Switches, TimeZone, Unknown,
};

impl Switches {
    /// The name of each switch and the values it can have, the default among
    /// them. A number stands for all others by its usual value and one that is
    /// far from it. Each pair can be given to [`Switches::merge`].
    pub fn positions() -> Vec<(&'static str, Vec<Value>)> {
        let flag = || vec![json!(false), json!(true)];
        vec![
            ("unauthorized_body", all::<RefusalBody>()),
            ("forbidden_body", all::<RefusalBody>()),
            ("not_found_body", all::<RefusalBody>()),
            ("oversized_limit", all::<OversizedLimit>()),
            ("missing_accept", all::<MissingAccept>()),
            ("unknown_filter", all::<Unknown>()),
            ("null_associations", all::<NullAssociations>()),
            ("retry_after", flag()),
            ("fields_add_id", flag()),
            ("json_empty_list", all::<EmptyList>()),
            ("coupa_pay_empty_list", all::<EmptyList>()),
            ("legacy_addresses", flag()),
            ("page_size", vec![json!(50), json!(7), json!(200)]),
            ("token_delay_ms", vec![json!(0), json!(150)]),
            ("token_lifetime_s", vec![json!(86_399), json!(2)]),
            ("token_error_description", vec![json!(true), json!(false)]),
            ("api_key", flag()),
            ("time_zone", all::<TimeZone>()),
            ("created_status", vec![json!(201), json!(200)]),
            ("default_response_filter", flag()),
            ("bulk_create", flag()),
            ("file_names", all::<FileNames>()),
            ("other_lists", all::<OtherLists>()),
            ("mark_moves_updated_at", flag()),
            ("rate_limit", flag()),
            ("rate_per_second", vec![json!(25.0), json!(200.0)]),
            ("rate_burst", vec![json!(20.0), json!(1.0)]),
        ]
    }

    /// How many rows visit every position of every switch: as many as the switch
    /// with the most has positions.
    pub fn rows() -> usize {
        let positions = Self::positions();
        let counts = positions.iter().map(|(_, values)| values.len());
        counts.max().unwrap_or_default()
    }

    /// Row `row`: of every switch the position with that number, or its first where it
    /// has fewer. Row 0 is documented behaviour throughout. It can be given to
    /// [`Switches::merge`].
    pub fn row(row: usize) -> Map<String, Value> {
        let positions = Self::positions().into_iter();
        positions
            .filter_map(|(name, values)| {
                let value = values.get(row).or_else(|| values.first())?;
                Some((name.to_owned(), value.clone()))
            })
            .collect()
    }
}

fn all<T: VariantArray + serde::Serialize>() -> Vec<Value> {
    T::VARIANTS
        .iter()
        .filter_map(|position| serde_json::to_value(position).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_switch_has_all_its_positions() {
        let defaults = serde_json::to_value(Switches::default()).unwrap();
        let defaults = defaults.as_object().unwrap();
        let positions = Switches::positions();
        let named: BTreeSet<&str> = positions.iter().map(|(name, _)| *name).collect();
        let known: BTreeSet<&str> = defaults.keys().map(String::as_str).collect();
        assert_eq!(named, known);
        for (name, values) in positions {
            assert!(
                values.len() > 1 && values.contains(&defaults[name]),
                "{name}"
            );
            for value in values {
                let mut switches = Switches::default();
                let change = [(name.to_owned(), value.clone())];
                switches.merge(change.into_iter().collect()).unwrap();
                let set = serde_json::to_value(&switches).unwrap();
                assert_eq!(set[name], value, "{name}");
            }
        }
    }

    #[test]
    fn the_rows_visit_every_position() {
        let rows: Vec<_> = (0..Switches::rows()).map(Switches::row).collect();
        for (name, values) in Switches::positions() {
            for value in values {
                let visited = rows.iter().any(|row| row[name] == value);
                assert!(visited, "no row has {name} = {value}");
            }
        }
        let mut documented = Switches::default();
        documented.merge(rows[0].clone()).unwrap();
        assert_eq!(documented, Switches::default());
    }
}
