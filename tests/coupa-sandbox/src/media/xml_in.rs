//! XML bodies as the JSON they stand for.
//!
//! An element with elements in it is an object, where a repeated name makes a
//! list; anything else is text, or the flag or number that a `type` attribute
//! says it is. `nil` counts only where there is no content: Coupa's own samples
//! send it with content.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use serde_json::{Map, Value};

/// How deep elements may lie in elements: as deep as JSON bodies are read.
const DEEPEST: usize = 128;

/// What can be wrong with a body.
#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    /// Not XML.
    #[error(transparent)]
    Syntax(#[from] quick_xml::Error),
    /// It has more levels than any record.
    #[error("elements lie in elements more than {DEEPEST} levels deep")]
    Deep,
    /// It ends too early, or has no element at all.
    #[error("an element is missing or not closed")]
    Unclosed,
}

/// An element that is still open.
#[derive(Default)]
struct Element {
    name: String,
    nil: bool,
    kind: String,
    text: String,
    children: Map<String, Value>,
}

impl Element {
    fn open(start: &BytesStart) -> Self {
        let attribute = |name: &str| {
            let found = start
                .attributes()
                .flatten()
                .find(|attribute| attribute.key.as_ref() == name);
            found.map(|attribute| attribute.value.into_owned())
        };
        let nil = attribute("nil").as_deref() == Some("true");
        Self {
            name: start.name().as_ref().to_owned(),
            nil,
            kind: attribute("type").unwrap_or_default(),
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
            typed(&self.kind, text).unwrap_or_else(|| Value::String(text.to_owned()))
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

/// The flag or number in a text, where no letter of it gets lost: a number with
/// leading zeros is a name.
fn typed(kind: &str, text: &str) -> Option<Value> {
    let value = match kind {
        "boolean" => text.parse::<bool>().ok()?.into(),
        "integer" => text.parse::<i64>().ok()?.into(),
        "float" => text.parse::<f64>().ok()?.into(),
        "array" if text.is_empty() => return Some(Value::Array(Vec::new())),
        _ => return None,
    };
    (Value::to_string(&value) == text).then_some(value)
}

/// Reads a body without its root element.
pub fn read(text: &str) -> Result<Value, XmlError> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        let closed = match reader.read_event()? {
            Event::Start(start) => {
                if open.len() >= DEEPEST {
                    return Err(XmlError::Deep);
                }
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
            (None, value @ Value::Object(_)) => return Ok(value),
            (None, _) => return Ok(Value::Object(Map::new())),
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
            json!({"login": "a & b", "notes": "232", "manager": null, "active": true,
                   "roles": {"role": [{"name": "A"}, {"name": "B"}]}, "groups": ""})
        );
        assert!(read("<user><login>").is_err());
        assert!(read("<user></login>").is_err());
        let deep = |levels| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
        assert!(read(&deep(DEEPEST)).is_ok());
        assert!(matches!(read(&deep(100_000)), Err(XmlError::Deep)));
    }
}
