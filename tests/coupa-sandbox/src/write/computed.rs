//! Values that the instance computes: account codes, names, codes of lookup
//! values, line numbers and totals.

use coupa_catalog::FieldKind;
use serde_json::{Map, Value};

use super::values::text;
use crate::model::{Link, RecordType};
use crate::store::{Records, StoreError};

/// Fills in what follows from the other values of a record.
pub fn fill(
    records: Records<'_>,
    record_type: &RecordType,
    record: &mut Map<String, Value>,
) -> Result<(), StoreError> {
    associated_ids(record_type, record);
    match record_type.name {
        "Account" => {
            let code: Vec<String> = (1..=20)
                .map(|number| string(record, &format!("segment-{number}")))
                .filter(|segment| !segment.is_empty())
                .collect();
            record.insert("code".to_owned(), code.join("-").into());
        }
        "User" => {
            let (first, last) = (string(record, "firstname"), string(record, "lastname"));
            record.insert(
                "fullname".to_owned(),
                format!("{first} {last}").trim().into(),
            );
            if string(record, "mention-name").is_empty() {
                let mention = format!("{first}{last}").to_lowercase();
                record.insert("mention-name".to_owned(), mention.into());
            }
        }
        "LookupValue" => {
            let own = string(record, "external-ref-num");
            let parent = match record.get("parent-id").and_then(Value::as_i64) {
                Some(id) => records.get("LookupValue", id)?,
                None => None,
            };
            let code = match parent.map(|parent| string(&parent, "external-ref-code")) {
                Some(above) => format!("{above}-{own}"),
                None => own,
            };
            record.insert("external-ref-code".to_owned(), code.into());
        }
        _ => {}
    }
    total(record);
    number_lines(record_type, record);
    Ok(())
}

/// Keeps `account-type-id` and the like equal to the association's id.
fn associated_ids(record_type: &RecordType, record: &mut Map<String, Value>) {
    let flattened: Vec<String> = record
        .keys()
        .filter(|name| name.ends_with("-id"))
        .cloned()
        .collect();
    for name in flattened {
        let Some(field) = name
            .strip_suffix("-id")
            .and_then(|stem| record_type.field(stem))
        else {
            continue;
        };
        if let Some(Link::Reference(_)) = record_type.link(field) {
            let id = record.get(field.name).and_then(|value| value.get("id"));
            let id = id.cloned().unwrap_or_default();
            record.insert(name, id);
        }
    }
}

/// The total of a line is its price times its quantity.
fn total(record: &mut Map<String, Value>) {
    let number = |name: &str| {
        record
            .get(name)
            .and_then(|value| text(value).parse::<f64>().ok())
    };
    let price = number("price").or_else(|| number("unit-price"));
    if let (Some(price), true) = (price, record.contains_key("total")) {
        let total = format!("{:.2}", price * number("quantity").unwrap_or(1.0));
        record.insert("total".to_owned(), total.into());
    }
}

/// Numbers lines that have no number, and adds up their totals.
fn number_lines(record_type: &RecordType, record: &mut Map<String, Value>) {
    let (id, number) = (record.get("id").cloned(), record.get("po-number").cloned());
    for field in record_type.fields() {
        let Some(Value::Array(lines)) = record.get_mut(field.name) else {
            continue;
        };
        if !field.name.ends_with("-lines") {
            continue;
        }
        let mut sum = 0.0;
        for (at, line) in lines.iter_mut().enumerate() {
            let Some(line) = line.as_object_mut() else {
                continue;
            };
            sum += string(line, "total").parse().unwrap_or(0.0);
            if line.get("line-num").is_some_and(Value::is_null) {
                line.insert("line-num".to_owned(), line_number(field.name, at + 1));
            }
            for (name, value) in [("order-header-id", &id), ("order-header-number", &number)] {
                if let (Some(value), true) = (value, line.contains_key(name)) {
                    line.insert(name.to_owned(), value.clone());
                }
            }
        }
        let count = lines.len();
        if record.contains_key("line-count") {
            record.insert("line-count".to_owned(), count.into());
        }
        let is_sum = record_type
            .field("total")
            .is_some_and(|total| total.read_only && matches!(total.kind, FieldKind::Decimal(_)));
        if is_sum && record.contains_key("total") {
            record.insert("total".to_owned(), format!("{sum:.2}").into());
        }
    }
}

/// Order lines have their number as text, all others as a number.
fn line_number(field: &str, number: usize) -> Value {
    match field {
        "order-lines" => number.to_string().into(),
        _ => number.into(),
    }
}

fn string(record: &Map<String, Value>, name: &str) -> String {
    record.get(name).map(text).unwrap_or_default()
}
