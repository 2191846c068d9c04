//! What Coupa's answers other than success mean.
//!
//! Bodies are only ever used to say more: Coupa does not document those of 401,
//! 403 and 5xx, and gateways before it answer HTML or nothing. The status
//! decides the kind.

use super::retry_after::retry_after;
use super::{LONGEST_WAIT, front};
use crate::contract::{Error, ErrorKind, FieldError};
use crate::host::{Method, Response};
use crate::settings::{Authentication, Settings};
use serde_json::Value;
use std::time::Duration;

/// Longer texts of others are cut.
const MOST_CHARACTERS: usize = 500;
/// What a body may be in place of JSON.
const NOTHING: &str = "nothing";
const XML: &str = "XML";

/// The error that an answer outside 2xx stands for.
pub fn refusal(response: &Response, method: Method) -> Error {
    let said = Said::of(response);
    let status = response.status;
    // A 400 without a body may be Coupa's, and one may be about this request alone: about
    // its length, or something in it that a firewall looks for.
    if let Some(error) = front::refusal(response) {
        match status {
            400 if said.is_nothing() => {}
            400 | 406 => {
                return Error {
                    kind: ErrorKind::InvalidInput,
                    ..error
                };
            }
            _ => return error,
        }
    }
    let error = match status {
        400 | 409 | 422 => Error::new(
            ErrorKind::InvalidInput,
            "coupa.refused",
            said.sentence("Coupa refused it without saying why"),
        ),
        403 => Error::new(
            ErrorKind::Permission,
            "coupa.forbidden",
            said.sentence("the credentials are good, but do not allow this"),
        )
        .remedy(match method {
            Method::Get => "Add the object's read scope (such as core.supplier.read) to the client in Coupa, and to Scope if it is filled in.",
            Method::Post | Method::Put | Method::Patch | Method::Delete => "Add the object's write scope (such as core.supplier.write) to the client in Coupa, and to Scope if it is filled in.",
        }),
        404 => Error::new(
            ErrorKind::NotFound,
            "coupa.not-found",
            said.sentence("Coupa has no such record, or no such path"),
        ),
        410 => Error::new(
            ErrorKind::NotFound,
            "coupa.gone",
            said.sentence("Coupa had it, and has it no more"),
        ),
        405 | 501 => Error::new(ErrorKind::InvalidInput, "coupa.not-allowed", "Coupa does not allow this for the object"),
        // Where nothing says what was refused, it may be the form of the answer to what
        // has been done.
        406 => Error::new(
            match said.messages.is_empty() {
                true => ErrorKind::UnexpectedAnswer,
                false => ErrorKind::InvalidInput,
            },
            "coupa.not-acceptable",
            "Coupa does not answer in JSON here",
        ),
        415 => Error::new(
            ErrorKind::UnexpectedAnswer,
            "coupa.media-type",
            "Coupa does not take JSON here",
        ),
        413 | 414 => Error::new(
            ErrorKind::InvalidInput,
            "coupa.too-large",
            "the request is larger than Coupa takes",
        )
        .remedy("Send less at once: fewer fields, or a shorter filter."),
        429 => Error::new(ErrorKind::RateLimited, "coupa.rate-limited", "Coupa asks to slow down")
            .remedy("Run fewer integrations at a time, or later: Coupa takes about 25 requests a second for the whole instance."),
        300..400 => Error::new(
            ErrorKind::UnexpectedAnswer,
            "coupa.redirect",
            format!("{status} leads elsewhere: “{}”", cut(response.header("location").unwrap_or("nowhere"))),
        )
        .remedy("Use the address that Coupa has now as the Host Name; redirects are not followed, so that credentials go nowhere else."),
        408 | 504 => Error::new(ErrorKind::TimedOut, "coupa.gateway-timeout", said.sentence("Coupa took too long"))
            .remedy("Try again later, or ask for less at once."),
        // What a front says whose own client has gone; nobody knows how far it came.
        460 | 499 => Error::new(
            ErrorKind::RemoteFailure,
            "coupa.interrupted",
            said.sentence("the connection to Coupa was given up in between"),
        )
        .remedy("Try again later."),
        // Whatever else begins with 4 means what 400 does (RFC 9110, 15).
        400..500 => Error::new(
            ErrorKind::InvalidInput,
            "coupa.unexpected-status",
            said.sentence("Coupa refused it in a way that it does not document"),
        ),
        500.. => Error::new(
            ErrorKind::RemoteFailure,
            "coupa.server-error",
            said.sentence("Coupa failed"),
        )
        .remedy("Try again later; if it stays so, look at Coupa's status page or ask its support."),
        _ => Error::new(
            ErrorKind::UnexpectedAnswer,
            "coupa.unexpected-status",
            said.sentence("Coupa answered in a way it does not document"),
        ),
    };
    let mut error = error.status(status);
    error.message = status_shown(error.message, status);
    error.retry_after_ms = retry_after(response);
    if let Some(asked) = error.retry_after_ms.map(Duration::from_millis)
        && asked > LONGEST_WAIT
    {
        let seconds = asked.as_secs();
        error
            .message
            .push_str(&format!("; it asks to come back in {seconds} s"));
    }
    error.fields = said
        .messages
        .into_iter()
        .map(|message| FieldError {
            field: None,
            message,
        })
        .collect();
    error
}

/// The error for a 401 that a fresh token did not cure.
pub fn unauthorized(settings: &Settings) -> Error {
    let error = match settings.authentication {
        Authentication::ApiKey => Error::new(
            ErrorKind::Authentication,
            "coupa.api-key-refused",
            format!("{} does not accept the API key", settings.origin),
        )
        .remedy("The key may have expired, or API keys may be retired on this instance: use OAuth 2.0, or have the key renewed in Coupa."),
        Authentication::OAuth { .. } => Error::new(
            ErrorKind::Authentication,
            "coupa.token-refused",
            format!("{} granted a token and then did not accept it", settings.origin),
        )
        .remedy("Check in Coupa that the client is active and that its API user is."),
    };
    error.status(401)
}

/// Whether what was asked was refused, which may be the size of the page.
pub fn is_about_the_question(error: &Error) -> bool {
    matches!(error.code, "coupa.refused" | "front.bad-request")
}

pub(super) fn status_shown(message: String, status: u16) -> String {
    format!("{message} (status {status})")
}

/// An answer with a good status and a bad body.
pub fn not_json(response: &Response, expected: &str) -> Error {
    let found = match describe(response) {
        Some(found) => found,
        None => "JSON that is broken or cut off".to_owned(),
    };
    Error::new(
        ErrorKind::UnexpectedAnswer,
        "coupa.not-json",
        format!(
            "Coupa answered {found} where {expected} was expected (status {})",
            response.status
        ),
    )
    .remedy(
        "Check that the Host Name is of a Coupa instance, and that no gateway stands in between.",
    )
    .status(response.status)
}

/// What Coupa said in the body of a refusal.
pub(super) struct Said {
    messages: Vec<String>,
    /// What the body was, where it was not in Coupa's form.
    instead: Option<String>,
}

impl Said {
    pub(super) fn of(response: &Response) -> Self {
        let mut messages = Vec::new();
        match serde_json::from_slice::<Value>(&response.body) {
            Ok(Value::Object(body)) => {
                for name in ["errors", "error", "error_description", "message"] {
                    if let Some(value) = body.get(name) {
                        collect(value, &mut messages);
                    }
                }
            }
            Ok(value) => collect(&value, &mut messages),
            Err(_) => {}
        }
        let instead = if messages.is_empty() {
            describe(response)
        } else {
            None
        };
        Self { messages, instead }
    }

    /// Whether it has a form that Coupa answers in, which are its own JSON and XML.
    pub(super) fn is_of_coupa(&self) -> bool {
        !self.messages.is_empty() || self.instead.as_deref() == Some(XML)
    }

    /// Whether it is a page or a text, which Coupa does not answer in.
    pub(super) fn is_a_page(&self) -> bool {
        let instead = self.instead.as_deref();
        instead.is_some_and(|instead| instead != NOTHING && instead != XML)
    }

    fn is_nothing(&self) -> bool {
        self.messages.is_empty() && self.instead.as_deref() == Some(NOTHING)
    }

    /// A sentence, and what was said besides.
    pub(super) fn beside(&self, sentence: &str) -> String {
        match &self.instead {
            Some(instead) => format!("{sentence}; it answered {instead}"),
            None => format!("{sentence}: {}", cut(&self.messages.join("; "))),
        }
    }

    fn sentence(&self, otherwise: &str) -> String {
        if self.messages.is_empty() {
            return match &self.instead {
                Some(_) => self.beside(otherwise),
                None => otherwise.to_owned(),
            };
        }
        cut(&self.messages.join("; ")).to_owned()
    }
}

/// Every text in Coupa's envelope: `{"errors": {"supplier": ["…", …]}}`, and the
/// looser forms that third parties have met. Warnings are not errors.
fn collect(value: &Value, messages: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.trim().is_empty() => {
            messages.push(cut(text.trim()).to_owned())
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, messages)),
        Value::Object(values) => values
            .iter()
            .filter(|(name, _)| *name != "warnings")
            .for_each(|(_, value)| collect(value, messages)),
        _ => {}
    }
}

/// What a body is that is not JSON; none where it looks like JSON.
fn describe(response: &Response) -> Option<String> {
    let text = String::from_utf8_lossy(&response.body);
    let text = text.trim_start();
    if text.is_empty() {
        return Some(NOTHING.to_owned());
    }
    if text.starts_with('<') {
        let lower = text.to_ascii_lowercase();
        let title = lower.find("<title>").and_then(|start| {
            let start = start + "<title>".len();
            let end = lower.get(start..)?.find("</title>")? + start;
            text.get(start..end)
        });
        let is_html = lower.starts_with("<!doctype html") || lower.contains("<html");
        return Some(match (is_html, title) {
            (true, Some(title)) => format!("an HTML page titled “{}”", cut(title.trim())),
            (true, None) => "an HTML page".to_owned(),
            (false, _) => XML.to_owned(),
        });
    }
    let looks_like_json = text.starts_with(['{', '[', '"']);
    (!looks_like_json).then(|| format!("“{}”", cut(text.lines().next().unwrap_or_default())))
}

fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(MOST_CHARACTERS)
        .and_then(|(at, _)| text.get(..at))
        .unwrap_or(text)
}

/// Gives each of Coupa's sentences the field that it is about, as far as it
/// can be told: they start with the field's name in words (`Name has already
/// been taken`), sometimes behind the record's (`Supplier status must be …`), or
/// name it as `record for payment_term with keys`.
pub fn messages_per_field(error: &mut Error, record_type: &str) {
    let type_words = words(record_type);
    for entry in &mut error.fields {
        let message = words(&entry.message);
        let after_type = message
            .strip_prefix(type_words.as_str())
            .map_or(message.as_str(), str::trim_start);
        let referred = entry
            .message
            .split_once("record for ")
            .and_then(|(_, rest)| rest.split(' ').next());
        entry.field = coupa_catalog::fields(record_type)
            .filter(|field| {
                let name = field.name.replace('-', " ");
                referred.is_some_and(|referred| referred.replace('_', " ") == name)
                    || starts_with_words(&message, &name)
                    || starts_with_words(after_type, &name)
            })
            .max_by_key(|field| field.name.len())
            .map(|field| field.name.to_owned());
    }
}

fn starts_with_words(text: &str, words: &str) -> bool {
    text.strip_prefix(words)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Lower case, and a blank before each word: `OrderHeader` becomes `order header`.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut before = ' ';
    for c in text.chars() {
        if c.is_uppercase() && before.is_lowercase() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
        before = c;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            body: body.as_bytes().to_vec(),
            ..Response::default()
        }
    }

    #[test]
    fn sentences_find_their_fields() {
        let body = r#"{"errors":{"supplier":["Name has already been taken",
            "Supplier status must be one of active, inactive, onboarding.",
            "PO method must be one of cxml, xml, email",
            "Unable to find valid PaymentTerm record for payment_term with keys {\"code\"=>\"X\"}.",
            "Something else"], "warnings":["not this"]}}"#;
        let mut error = refusal(&response(400, body), Method::Post);
        assert_eq!(error.kind, ErrorKind::InvalidInput);
        messages_per_field(&mut error, "Supplier");
        let fields: Vec<_> = error.fields.iter().map(|f| f.field.as_deref()).collect();
        assert_eq!(
            fields,
            [
                Some("name"),
                Some("status"),
                Some("po-method"),
                Some("payment-term"),
                None
            ]
        );
    }

    #[test]
    fn any_body_makes_a_sentence() {
        for (status, body, says) in [
            (400, r#"{"errors":["a","b"]}"#, "a; b"),
            (400, r#"{"errors":"plain"}"#, "plain"),
            (400, "", "nothing"),
            (
                404,
                "<html><head><title>Not here</title></head>",
                "titled “Not here”",
            ),
            (502, "Bad gateway\nx", "“Bad gateway”"),
            (503, "<html>", "HTML page"),
            (500, "{\"errors\":", "Coupa failed"),
            (403, "[]", "do not allow this"),
        ] {
            let error = refusal(&response(status, body), Method::Get);
            assert!(
                error.message.contains(says),
                "{status} {body}: {}",
                error.message
            );
        }
    }
}
