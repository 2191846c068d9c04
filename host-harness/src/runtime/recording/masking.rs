//! What never gets into a recording.

use crate::runtime::redaction::{MASK, Redactor};
use serde_json::Value;

/// Names of fields that hold secrets, whoever the remote system is: of OAuth
/// (RFC 6749, RFC 7662) and what is commonly asked of people. Compared without
/// case, and with `-` as `_`.
const SECRET_FIELDS: [&str; 10] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "client_secret",
    "client_assertion",
    "password",
    "secret",
    "api_key",
    "apikey",
];

/// Parts of names of headers that may hold secrets.
const SECRET_HEADERS: [&str; 6] = ["auth", "cookie", "key", "token", "secret", "signature"];

pub(super) fn is_secret_header(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|part| name.contains(part))
}

fn is_secret_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_FIELDS.contains(&name.as_str())
}

/// A text without the secrets that are known, and without what stands in fields
/// of JSON and of forms that are named as secrets are.
pub(super) fn mask(text: &str, content_type: &str, redactor: &Redactor) -> String {
    let text = redactor.redact(text);
    if content_type.contains("json")
        && SECRET_FIELDS
            .iter()
            .any(|name| text.to_ascii_lowercase().replace('-', "_").contains(name))
        && let Ok(mut value) = serde_json::from_str::<Value>(&text)
        && mask_json(&mut value)
    {
        return value.to_string();
    }
    if content_type.contains("x-www-form-urlencoded") {
        return text
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, _)) if is_secret_field(name) => format!("{name}={MASK}"),
                _ => pair.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("&");
    }
    text.into_owned()
}

/// Whether there was something to mask.
fn mask_json(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => {
            let mut masked = false;
            for (name, value) in fields {
                if is_secret_field(name) && value.is_string() {
                    *value = Value::String(MASK.to_owned());
                    masked = true;
                } else {
                    masked |= mask_json(value);
                }
            }
            masked
        }
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |masked, value| mask_json(value) | masked),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_by_value_and_by_name() {
        let redactor = Redactor::default();
        redactor.add("s3cr3t-value");
        for (text, kind, masked) in [
            (
                r#"{"a":"s3cr3t-value"}"#,
                "application/json",
                r#"{"a":"[redacted]"}"#,
            ),
            (
                r#"{"access_token":"eyJ","expires_in":5,"of":[{"Client-Secret":"x"}]}"#,
                "application/json",
                r#"{"access_token":"[redacted]","expires_in":5,"of":[{"Client-Secret":"[redacted]"}]}"#,
            ),
            (
                "grant_type=client_credentials&client_secret=a%2Fb",
                "application/x-www-form-urlencoded",
                "grant_type=client_credentials&client_secret=[redacted]",
            ),
            // Nothing in it is secret: not a byte is changed.
            (r#"{ "id" : 1.0 }"#, "application/json", r#"{ "id" : 1.0 }"#),
        ] {
            assert_eq!(mask(text, kind, &redactor), masked);
        }
        assert!(is_secret_header("x-coupa-api-key") && is_secret_header("set-cookie"));
        assert!(!is_secret_header("content-type"));
    }
}
