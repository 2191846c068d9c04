//! Records as XML, as in Coupa's samples: `type` attributes on everything but
//! text, `nil` for null, `<roles type="array"/>` for an empty list, and no
//! element at all for an association without a record.

use coupa_catalog::FieldKind;
use quick_xml::escape::escape;
use serde_json::{Map, Value};

use crate::model::words::singular;
use crate::model::{RecordType, model};

const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// One record under an element.
pub fn record(record_type: &RecordType, element: &str, record: &Map<String, Value>) -> String {
    let mut xml = DECLARATION.to_owned();
    write_record(&mut xml, Some(record_type), element, record);
    xml
}

/// A list of records.
pub fn list(record_type: &RecordType, element: &str, records: &[Map<String, Value>]) -> String {
    let mut xml = format!("{DECLARATION}<{element} type=\"array\">");
    for record in records {
        write_record(&mut xml, Some(record_type), &singular(element), record);
    }
    xml.push_str(&format!("</{element}>"));
    xml
}

fn write_record(
    xml: &mut String,
    record_type: Option<&RecordType>,
    element: &str,
    record: &Map<String, Value>,
) {
    xml.push_str(&format!("<{element}>"));
    for (name, value) in record {
        let field = record_type.and_then(|record_type| record_type.field(name));
        let kind = field.map_or(FieldKind::Unknown, |field| field.kind);
        let is_symbol = record_type.is_some_and(|known| known.symbols.contains(&name.as_str()));
        match value {
            Value::String(text) if is_symbol => write_text(xml, name, " type=\"symbol\"", text),
            _ => write_value(xml, name, kind, value),
        }
    }
    xml.push_str(&format!("</{element}>"));
}

fn write_value(xml: &mut String, name: &str, kind: FieldKind, value: &Value) {
    let target = kind
        .record_type()
        .and_then(|target| model().record_type(model().table(target)));
    match value {
        Value::Null if target.is_some() => {}
        Value::Null => xml.push_str(&format!("<{name} nil=\"true\"/>")),
        Value::Object(record) => write_record(xml, target, name, record),
        Value::Array(items) if items.is_empty() => {
            xml.push_str(&format!("<{name} type=\"array\"/>"));
        }
        Value::Array(items) => {
            xml.push_str(&format!("<{name} type=\"array\">"));
            for item in items {
                match item {
                    Value::Object(record) => write_record(xml, target, &singular(name), record),
                    other => write_value(xml, &singular(name), FieldKind::Unknown, other),
                }
            }
            xml.push_str(&format!("</{name}>"));
        }
        plain => {
            let text = match plain {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            write_text(xml, name, type_attribute(kind, plain), &text);
        }
    }
}

/// Writes a text; what XML cannot carry is left out.
fn write_text(xml: &mut String, name: &str, attribute: &str, text: &str) {
    let carried: String = text.chars().filter(|letter| can_carry(*letter)).collect();
    // A bare carriage return would be read as a line feed.
    let text = escape(carried.as_str()).replace('\r', "&#13;");
    xml.push_str(&format!("<{name}{attribute}>{text}</{name}>"));
}

/// Whether a letter can be in XML 1.0 at all, in any spelling.
pub fn can_carry(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

fn type_attribute(kind: FieldKind, value: &Value) -> &'static str {
    match (kind, value) {
        (FieldKind::Integer, _) => " type=\"integer\"",
        (FieldKind::Boolean, _) => " type=\"boolean\"",
        (FieldKind::DateTime, _) => " type=\"dateTime\"",
        (FieldKind::Date, _) => " type=\"date\"",
        (FieldKind::Decimal(_), _) => " type=\"decimal\"",
        (FieldKind::Float, _) => " type=\"float\"",
        (_, Value::Bool(_)) => " type=\"boolean\"",
        (_, Value::Number(number)) if number.is_f64() => " type=\"float\"",
        (_, Value::Number(_)) => " type=\"integer\"",
        _ => "",
    }
}
