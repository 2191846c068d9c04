//! How a refusal looks: the two documented envelopes, or where nobody knows,
//! what a switch says.

use http::{StatusCode, header};
use quick_xml::events::BytesCData;
use serde_json::json;

use super::{Answer, Media, xml_out};
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
                .map(|message| format!("<error>{}</error>", sentence(refusal, message)))
                .collect();
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<errors>{errors}</errors>\n")
        }
    }
}

/// A sentence in XML: in CDATA, as in Coupa's samples, except for the one that
/// says that there is nothing.
fn sentence(refusal: &Refusal, message: &str) -> String {
    match refusal {
        Refusal::NoResults => message.to_owned(),
        _ => {
            let message: String = message
                .chars()
                .filter(|letter| xml_out::can_carry(*letter))
                .collect();
            BytesCData::escaped(&message)
                .map(|part| format!("<![CDATA[{}]]>", part.into_inner()))
                .collect()
        }
    }
}
