//! Request bodies: one record, bare in JSON, with a root element in XML.

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::{legacy_address, xml_in};
use crate::model::RecordType;
use crate::refusal::Refusal;

/// The attributes in a body; none in an empty one. `Content-Type` decides what
/// it is, and where it says nothing, the first character.
pub fn read(
    record_type: &RecordType,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Map<String, Value>, Refusal> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Refusal::invalid(record_type.name, "The body is not UTF-8."))?
        .trim();
    if text.is_empty() {
        return Ok(Map::new());
    }
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_xml =
        content_type.contains("xml") || !content_type.contains("json") && text.starts_with('<');
    let sent = if is_xml {
        xml_in::read(text).map_err(|error| {
            Refusal::invalid(
                record_type.name,
                format!("The body is not well-formed XML: {error}"),
            )
        })?
    } else {
        serde_json::from_str(text).map_err(|error| {
            Refusal::invalid(
                record_type.name,
                format!("The body is not valid JSON: {error}"),
            )
        })?
    };
    match sent {
        Value::Object(record) => Ok(legacy_address::read(record_type, record)),
        _ => Err(Refusal::invalid(
            record_type.name,
            "The body must be one object.",
        )),
    }
}
