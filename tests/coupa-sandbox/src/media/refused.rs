//! How a refusal looks: the two documented envelopes, or where nobody knows,
//! what a switch says.

use http::{StatusCode, header};
use quick_xml::escape::escape;
use serde_json::json;

use super::{Answer, Media};
use crate::refusal::Refusal;
use crate::switches::{RefusalBody, Switches};

/// The answer to a request that was refused.
pub fn print(refusal: &Refusal, media: Media, switches: &Switches) -> Answer {
    let status =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = match (refusal, media) {
        (Refusal::Unauthorized, _) => switches.unauthorized_body,
        (Refusal::Forbidden(_), _) => switches.forbidden_body,
        (Refusal::NotFound, Media::Json) => switches.not_found_body,
        _ => RefusalBody::Envelope,
    };
    let answer = match body {
        RefusalBody::Envelope => Answer::text(status, media, envelope(refusal, media)),
        RefusalBody::Empty => Answer::empty(status),
        RefusalBody::Html => Answer::html(status),
    };
    match refusal {
        Refusal::Unauthorized => answer.with_header(
            header::WWW_AUTHENTICATE,
            "Bearer realm=\"Coupa\", error=\"invalid_token\"",
        ),
        Refusal::TooManyRequests if switches.retry_after => {
            answer.with_header(header::RETRY_AFTER, "1")
        }
        _ => answer,
    }
}

fn envelope(refusal: &Refusal, media: Media) -> String {
    let (model, messages) = refusal.parts();
    match media {
        Media::Json => json!({"errors": {model: messages}}).to_string(),
        Media::Xml => {
            let errors: String = messages
                .iter()
                .map(|message| format!("<error>{}</error>", escape(message.as_str())))
                .collect();
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<errors>{errors}</errors>\n")
        }
    }
}
