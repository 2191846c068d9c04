//! A record as it was given, and what can be told by looking at it.

use crate::client::not_json;
use crate::contract::{Error, ErrorKind};
use crate::host::Response;
use coupa_catalog::FieldKind;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A record to write.
#[derive(Debug, Clone)]
pub struct Record {
    fields: Map<String, Value>,
    /// As it came; none where something was taken out of it.
    text: Option<String>,
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// If it is no JSON object.
    pub fn parse(data: &str) -> Result<Self, Error> {
        match serde_json::from_str(data) {
            Ok(Value::Object(fields)) => Ok(Self {
                fields,
                text: Some(data.to_owned()),
            }),
            Ok(other) => {
                let what = match other {
                    Value::Array(_) => "a list",
                    Value::String(_) => "text",
                    Value::Number(_) => "a number",
                    Value::Bool(_) => "true or false",
                    _ => "null",
                };
                Err(Error::new(
                    ErrorKind::InvalidInput,
                    "record.not-an-object",
                    format!("the record is {what} and not a JSON object"),
                )
                .remedy("Send one object, {…}, per record."))
            }
            Err(error) => Err(Error::new(
                ErrorKind::InvalidInput,
                "record.malformed",
                format!("the record is not JSON: {error}"),
            )),
        }
    }

    pub fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// Takes a field out, by its name in kebab or snake case.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let taken = self
            .fields
            .remove(name)
            .or_else(|| self.fields.remove(&name.replace('-', "_")))
            .or_else(|| self.fields.remove(&name.replace('_', "-")))?;
        self.text = None;
        Some(taken)
    }

    /// As it is sent: letter for letter as it came, where nothing was taken out.
    pub fn body(&self) -> String {
        match &self.text {
            Some(text) => text.clone(),
            None => Value::Object(self.fields.clone()).to_string(),
        }
    }

    /// Whether sending it as an update adds elements, which a second time would
    /// add them again: Coupa changes the elements that have an id and adds those
    /// that have none. It takes a list also in the form of XML,
    /// `{"payment": {…}}`, so that an object in the place of a list counts, and so
    /// does any list within.
    pub fn adds_to_a_list(&self, record_type: &str) -> bool {
        self.fields.iter().any(|(name, value)| {
            let is_list = coupa_catalog::field(record_type, name)
                .is_some_and(|field| matches!(field.kind, FieldKind::Records(_) | FieldKind::List));
            match value {
                Value::Object(fields) if is_list => !fields.is_empty(),
                value => adds(value),
            }
        })
    }
}

fn adds(value: &Value) -> bool {
    match value {
        Value::Array(elements) => elements.iter().any(|element| {
            let is_new = element.as_object().is_some_and(|element| !has_id(element));
            is_new || adds(element)
        }),
        Value::Object(fields) => fields.values().any(adds),
        _ => false,
    }
}

fn has_id(element: &Map<String, Value>) -> bool {
    match element.get("id") {
        Some(Value::Number(_)) => true,
        Some(Value::String(id)) => !id.trim().is_empty(),
        _ => false,
    }
}

/// A field, by its name in kebab or snake case.
pub fn field_of<'a>(record: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    record
        .get(name)
        .or_else(|| record.get(&name.replace('-', "_")))
        .or_else(|| record.get(&name.replace('_', "-")))
}

/// A plain value as text.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The record in the answer to a write.
///
/// # Errors
/// If there is none.
pub fn record_in(response: &Response) -> Result<String, Error> {
    let record: Option<&RawValue> = serde_json::from_slice(&response.body).ok();
    match record {
        Some(record) if record.get().starts_with('{') => Ok(record.get().to_owned()),
        _ => Err(not_json(response, "the record")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_adds_lines_is_not_repeated_freely() {
        let adds = |text: &str| Record::parse(text).unwrap().adds_to_a_list("InvoiceHeader");
        for text in [
            r#"{"invoice-lines":[{"description":"x"}]}"#,
            r#"{"invoice-lines":[{"id":1,"allocations":[{"pct":1}]}]}"#,
            r#"{"invoice-lines":[{"id":null,"price":"1"}]}"#,
            r#"{"invoice-lines":[{"id":"","price":"1"}]}"#,
            r#"{"payments":{"payment":{"amount-paid":"49.00"}}}"#,
        ] {
            assert!(adds(text), "{text}");
        }
        for text in [
            r#"{"invoice-lines":[{"id":1,"price":"2"}],"tags":["a"]}"#,
            r#"{"internal-note":"x","payment-term":{"code":"Net 30"}}"#,
        ] {
            assert!(!adds(text), "{text}");
        }
    }

    #[test]
    fn only_objects_are_records() {
        let code = |text: &str| Record::parse(text).unwrap_err().code;
        assert_eq!(code("[1]"), "record.not-an-object");
        assert_eq!(code("null"), "record.not-an-object");
        assert_eq!(code("{\"a\":"), "record.malformed");
    }

    #[test]
    fn a_record_goes_on_letter_for_letter_unless_something_is_taken_out() {
        let text = r#"{ "price": 1.10, "supplier_id": 83 }"#;
        let mut record = Record::parse(text).unwrap();
        assert_eq!(record.body(), text);
        assert_eq!(record.take("supplier-id"), Some(83.into()));
        assert_eq!(record.body(), r#"{"price":1.10}"#);
    }
}
