//! XML bodies as the JSON they stand for.
//!
//! An element with elements in it is an object, where a repeated name makes a
//! list; anything else is text. `type` attributes are ignored, and `nil` counts
//! only where there is no content: Coupa's own samples send it with content.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// What can be wrong with a body.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not XML.
    #[error(transparent)]
    Syntax(#[from] quick_xml::Error),
    /// It ends too early, or has no element at all.
    #[error("an element is missing or not closed")]
    Unclosed,
}

/// An element that is still open.
#[derive(Default)]
struct Element {
    name: String,
    nil: bool,
    text: String,
    children: Map<String, Value>,
}

impl Element {
    fn open(start: &BytesStart) -> Self {
        let nil = start
            .attributes()
            .flatten()
            .any(|attribute| attribute.key.as_ref() == "nil" && attribute.value.as_ref() == "true");
        Self {
            name: start.name().as_ref().to_owned(),
            nil,
            ..Self::default()
        }
    }

    fn close(self) -> Value {
        let text = self.text.trim();
        if !self.children.is_empty() {
            Value::Object(self.children)
        } else if text.is_empty() && self.nil {
            Value::Null
        } else {
            Value::String(text.to_owned())
        }
    }

    fn adopt(&mut self, name: String, value: Value) {
        match self.children.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                self.children.insert(name, value);
            }
        }
    }
}

/// Reads a body without its root element.
pub fn read(text: &str) -> Result<Value, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event()? {
            Event::Start(start) => {
                open.push(Element::open(&start));
                None
            }
            Event::Empty(start) => Some(Element::open(&start)),
            Event::End(_) => open.pop(),
            Event::Eof => return Err(XmlError::Unclosed),
            other => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&content(&other)?);
                }
                None
            }
        };
        let Some(element) = closed else {
            continue;
        };
        let name = element.name.clone();
        match (open.last_mut(), element.close()) {
            (Some(parent), value) => parent.adopt(name, value),
            (None, Value::String(_) | Value::Null) => return Ok(Value::Object(Map::new())),
            (None, value) => return Ok(value),
        }
    }
}

fn content(event: &Event) -> Result<String, XmlError> {
    Ok(match event {
        Event::Text(text) => text.xml10_content().into_owned(),
        Event::CData(text) => text.xml10_content().into_owned(),
        Event::GeneralRef(reference) => match reference.resolve_char_ref()? {
            Some(letter) => letter.to_string(),
            None => resolve_predefined_entity(&reference.xml10_content())
                .unwrap_or_default()
                .to_owned(),
        },
        _ => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_objects_and_lists() {
        let text = "<?xml version=\"1.0\"?><user><login>a &amp; b</login><notes nil=\"true\">232</notes>\
                    <manager nil=\"true\"/><active type=\"boolean\">true</active>\
                    <roles type=\"array\"><role><name>A</name></role><role><name>B</name></role></roles>\
                    <groups></groups></user>";
        assert_eq!(
            read(text).unwrap(),
            json!({"login": "a & b", "notes": "232", "manager": null, "active": "true",
                   "roles": {"role": [{"name": "A"}, {"name": "B"}]}, "groups": ""})
        );
        assert!(read("<user><login>").is_err());
        assert!(read("<user></login>").is_err());
    }
}
