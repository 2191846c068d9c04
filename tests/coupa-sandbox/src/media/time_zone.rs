//! Prints timestamps with the company's offset. Whether an instance does so or
//! prints UTC is unknown: a switch.

use serde_json::Value;

use crate::clock;

/// Rewrites every stored timestamp below this value.
pub fn localize(value: &mut Value) {
    match value {
        Value::String(text) if is_stored_instant(text) => {
            if let Some(local) = clock::with_offset(text) {
                *text = local;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(localize),
        Value::Object(record) => record.values_mut().for_each(localize),
        _ => {}
    }
}

fn is_stored_instant(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 20 && bytes[4] == b'-' && bytes[10] == b'T' && bytes[19] == b'Z'
}
