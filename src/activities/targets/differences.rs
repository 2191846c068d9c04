//! What a record says against what Coupa has.
//!
//! Only what Coupa shows is compared: a response filter may hide fields, and
//! what a record refers to is shown in part. A field that the catalog knows and
//! the answer lacks is therefore no difference; one that nobody knows is.

use super::record::{field_of, text_of};
use crate::contract::Difference;
use crate::time::Moment;
use serde_json::{Map, Value};

/// The fields of `given` that are not so in `remote`.
pub fn differences(
    given: &Map<String, Value>,
    remote: &Map<String, Value>,
    record_type: &str,
) -> Vec<Difference> {
    let mut found = Vec::new();
    fields(given, remote, Some(record_type), "", &mut found);
    found
}

/// Elements of one list that are compared with others than the one at their own place.
const MOST_COMPARISONS: usize = 200_000;

/// The same, and the fields of `given` that `remote` does not show: whether they are the
/// same is not known, so that nothing may be left undone for it.
pub fn not_known_to_be_same(
    given: &Map<String, Value>,
    remote: &Map<String, Value>,
    record_type: &str,
) -> Vec<Difference> {
    let mut found = differences(given, remote, record_type);
    let custom = remote.get("custom-fields").and_then(Value::as_object);
    for (name, value) in given {
        let place = name.replace('_', "-");
        let is_shown = field_of(remote, name).is_some()
            || custom.is_some_and(|custom| field_of(custom, name).is_some());
        let is_told = found.iter().any(|difference| difference.field == place);
        if !is_shown && !is_told && !is_empty(value) {
            push(&mut found, place, None, value);
        }
    }
    found
}

fn fields(
    given: &Map<String, Value>,
    remote: &Map<String, Value>,
    record_type: Option<&str>,
    place: &str,
    found: &mut Vec<Difference>,
) {
    for (name, value) in given {
        if name == "_delete" {
            continue;
        }
        let known = record_type.and_then(|name_of| coupa_catalog::field(name_of, name));
        let place = format!("{place}{}", name.replace('_', "-"));
        let target = known.as_ref().and_then(|field| field.kind.record_type());
        match field_of(remote, name) {
            // A custom field may be shown among its kind, wherever it was given.
            None if known.is_none() && place.find('.').is_none() => {
                let custom = remote.get("custom-fields").and_then(Value::as_object);
                match custom.and_then(|custom| field_of(custom, name)) {
                    Some(shown) => compare(value, shown, None, &place, found),
                    None if is_empty(value) => {}
                    None => push(found, place, None, value),
                }
            }
            None => {}
            Some(shown) => compare(value, shown, target, &place, found),
        }
    }
}

fn compare(
    given: &Value,
    remote: &Value,
    target: Option<&str>,
    place: &str,
    found: &mut Vec<Difference>,
) {
    match (given, remote) {
        (Value::Object(inner), Value::Array(elements)) => {
            // A list in the form of XML: {"payment": {…}} or {"payment": […]}.
            match inner.values().next() {
                Some(Value::Array(given)) if inner.len() == 1 => {
                    list(given, elements, target, place, found);
                }
                Some(one @ Value::Object(_)) if inner.len() == 1 => {
                    list(std::slice::from_ref(one), elements, target, place, found);
                }
                _ => list(std::slice::from_ref(given), elements, target, place, found),
            }
        }
        (Value::Object(given), Value::Object(remote)) => {
            fields(given, remote, target, &format!("{place}."), found);
        }
        (Value::Array(given), Value::Array(remote)) => {
            list(given, remote, target, place, found);
        }
        (given, remote) if same(given, remote) => {}
        (given, remote) => push(found, place.to_owned(), Some(remote), given),
    }
}

/// Elements with an id are compared with those of the same id; of the others
/// there has to be one that says the same.
fn list(
    given: &[Value],
    remote: &[Value],
    target: Option<&str>,
    place: &str,
    found: &mut Vec<Difference>,
) {
    let mut taken = vec![false; remote.len()];
    let mut budget = MOST_COMPARISONS;
    for (n, element) in given.iter().enumerate() {
        let place = format!("{place}.{}", n + 1);
        let Value::Object(element_fields) = element else {
            if !remote.iter().any(|shown| same(element, shown)) {
                push(found, place, None, element);
            }
            continue;
        };
        let id = element_fields.get("id").and_then(text_of);
        let gone = element_fields.get("_delete").is_some_and(is_true);
        let with_id = |shown: &Value| {
            let shown = shown.get("id").and_then(text_of);
            id.is_some() && shown == id
        };
        let there = remote.iter().position(with_id);
        match (there, gone) {
            (Some(at), true) => push(found, place, remote.get(at), element),
            (None, true) => {}
            (Some(at), false) => {
                if let Some(Value::Object(shown)) = remote.get(at) {
                    fields(element_fields, shown, target, &format!("{place}."), found);
                }
                if let Some(taken) = taken.get_mut(at) {
                    *taken = true;
                }
            }
            (None, false) => {
                let is_alike = |at: usize| {
                    let (Some(false), Some(Value::Object(shown))) = (taken.get(at), remote.get(at))
                    else {
                        return false;
                    };
                    let mut inner = Vec::new();
                    fields(element_fields, shown, target, "", &mut inner);
                    inner.is_empty()
                };
                // Coupa mostly keeps the order; looking everywhere for each of
                // thousands would take minutes.
                let elsewhere = (0..remote.len()).take(budget);
                let alike = std::iter::once(n).chain(elsewhere).find(|at| is_alike(*at));
                if alike != Some(n) {
                    budget = budget.saturating_sub(alike.map_or(remote.len(), |at| at + 1));
                }
                match alike {
                    Some(at) => {
                        if let Some(taken) = taken.get_mut(at) {
                            *taken = true;
                        }
                    }
                    None => push(found, place, None, element),
                }
            }
        }
    }
}

fn push(found: &mut Vec<Difference>, field: String, remote: Option<&Value>, given: &Value) {
    found.push(Difference {
        field,
        remote: remote.map(Value::to_string),
        given: Some(given.to_string()),
    });
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str() == Some("true")
}

/// Whether two values mean the same: Coupa shows decimals with its own number
/// of digits, times in its own zone, and takes numbers and flags as text.
pub fn same(given: &Value, remote: &Value) -> bool {
    if given == remote || (is_empty(given) && is_empty(remote)) {
        return true;
    }
    let flag = |value: &Value| match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim() {
            "true" | "yes" => Some(true),
            "false" | "no" => Some(false),
            _ => None,
        },
        _ => None,
    };
    if let (Some(given), Some(remote)) = (flag(given), flag(remote)) {
        return given == remote;
    }
    let (Some(given), Some(remote)) = (text_of(given), text_of(remote)) else {
        return false;
    };
    if given == remote {
        return true;
    }
    if let (Some(given), Some(remote)) = (decimal(&given), decimal(&remote)) {
        return given == remote;
    }
    match (instant(&given), instant(&remote)) {
        (Some(given), Some(remote)) => given == remote,
        _ => false,
    }
}

/// A decimal number without zeros that say nothing: sign, whole part and
/// fraction. Exact, whatever its length.
fn decimal(text: &str) -> Option<(bool, &str, &str)> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !whole.is_empty()
        && whole.bytes().all(|byte| byte.is_ascii_digit())
        && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let zero = whole.is_empty() && fraction.is_empty();
    is_number.then_some((negative && !zero, whole, fraction))
}

/// A time, or the midnight in UTC that a date alone stands for in Coupa.
fn instant(text: &str) -> Option<Moment> {
    Moment::parse(text).or_else(|| Moment::of_date(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(given: Value, remote: Value, record_type: &str) -> Vec<String> {
        differences(
            given.as_object().unwrap(),
            remote.as_object().unwrap(),
            record_type,
        )
        .into_iter()
        .map(|difference| difference.field)
        .collect()
    }

    #[test]
    fn what_means_the_same_is_no_difference() {
        let remote = json!({
            "id": 1, "name": "Acme", "savings-pct": "1.500000", "on-hold": false,
            "created-at": "2026-01-01T02:00:00+02:00", "website": null,
            "payment-term": { "id": 3, "code": "Net 30", "type": "X" },
            "remit-to-addresses": [{ "id": 4, "city": "Bern" }, { "id": 5, "city": "Rom" }],
            "custom-fields": { "region": "EU" },
        });
        assert_eq!(
            found(
                json!({
                    "name": "Acme", "savings_pct": 1.5, "on-hold": "false", "website": "",
                    "created-at": "2026-01-01T00:00:00Z", "payment-term": { "code": "Net 30" },
                    "remit-to-addresses": [{ "id": 5, "city": "Rom" }, { "city": "Bern" }],
                    "region": "EU", "custom-fields": { "region": "EU" },
                }),
                remote,
                "Supplier"
            ),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_was_ignored_or_altered_is_named() {
        let remote = json!({
            "id": 1, "name": "ACME", "status": "draft", "payment-term": { "code": "Net 45" },
            "remit-to-addresses": [{ "id": 4, "city": "Bern" }],
        });
        let given = json!({
            "name": "Acme", "no-such-field": "x", "payment-term": { "code": "Net 30" },
            "display-name": "hidden by a filter, perhaps",
            "remit-to-addresses": [
                { "id": 4, "city": "Rom" }, { "city": "Bern" }, { "id": 9, "_delete": true },
                { "id": 4, "_delete": true },
            ],
        });
        let mut fields = found(given, remote, "Supplier");
        fields.sort();
        assert_eq!(
            fields,
            [
                "name",
                "no-such-field",
                "payment-term.code",
                "remit-to-addresses.1.city",
                "remit-to-addresses.2",
                "remit-to-addresses.4",
            ]
        );
    }

    #[test]
    fn lists_in_the_form_of_xml_are_lists() {
        let remote = json!({ "payments": [{ "id": 1, "amount-paid": "49.00" }] });
        let given = json!({ "payments": { "payment": { "amount_paid": "49" } } });
        assert!(found(given, remote, "InvoiceHeader").is_empty());
    }

    #[test]
    fn long_decimals_are_compared_digit_by_digit() {
        let digits = "12345678901234567890.123456789";
        assert!(same(&json!(digits), &json!(format!("{digits}00"))));
        assert!(!same(
            &json!(digits),
            &json!("12345678901234567890.123456788")
        ));
        assert!(same(&json!("-0.0"), &json!(0)));
    }
}
