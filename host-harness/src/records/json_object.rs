//! Telling a JSON object from everything else, without building it.

use serde_json::value::RawValue;

/// Why a text is not one JSON object.
pub(super) enum Fault {
    /// It is not JSON.
    Syntax(Syntax),
    /// It is another JSON value.
    OtherValue(&'static str),
}

/// What is not JSON, and where in the text.
pub(super) struct Syntax {
    pub(super) message: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// In bytes, counted from 1; 0 where the line ended before there was any.
    pub(super) column: usize,
}

/// The text without the white space that JSON allows around a value.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

/// Checks that `text`, already trimmed, is one JSON object.
pub(super) fn check(text: &str) -> Result<(), Fault> {
    if let Err(error) = serde_json::from_str::<&RawValue>(text) {
        return Err(Fault::Syntax(Syntax {
            message: reason(&error),
            line: error.line(),
            column: error.column(),
        }));
    }
    match text.as_bytes().first() {
        Some(b'{') => Ok(()),
        Some(b'[') => Err(Fault::OtherValue("a list")),
        Some(b'"') => Err(Fault::OtherValue("a text")),
        Some(b't' | b'f') => Err(Fault::OtherValue("`true` or `false`")),
        Some(b'n') => Err(Fault::OtherValue("`null`")),
        _ => Err(Fault::OtherValue("a number")),
    }
}

/// Whether a text is one JSON object.
pub(crate) fn is_object(text: &str) -> bool {
    check(trim(text)).is_ok()
}

/// The message without its place, which is told in terms of the whole file.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rfind(" at line ") {
        Some(end) => message[..end].to_owned(),
        None => message,
    }
}
