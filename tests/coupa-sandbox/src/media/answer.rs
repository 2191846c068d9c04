//! An answer before it is sent, so that a fault can still spoil it.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Content, Media};

/// Status, headers and body.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without a length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Content,
}

impl Answer {
    /// An answer with nothing in it.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Content::from(String::new()),
        }
    }

    /// An answer in one of the media types.
    pub fn text(status: StatusCode, media: Media, text: String) -> Self {
        Self {
            body: text.into(),
            ..Self::empty(status)
        }
        .with_header(header::CONTENT_TYPE, media.content_type())
    }

    /// An answer in JSON.
    pub fn json(status: StatusCode, value: &Value) -> Self {
        Self::text(status, Media::Json, value.to_string())
    }

    /// A page for people, as gateways and maintenance windows send it.
    pub fn html(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("Answer");
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{reason}</title></head>\
             <body><h1>{status}</h1><p>Please try again later.</p></body></html>\n"
        );
        Self {
            body: page.into(),
            ..Self::empty(status)
        }
        .with_header(header::CONTENT_TYPE, "text/html; charset=utf-8")
    }

    /// The answer with a file.
    pub fn binary(content: Content, content_type: &str) -> Self {
        Self {
            body: content,
            ..Self::empty(StatusCode::OK)
        }
        .with_header(header::CONTENT_TYPE, content_type)
    }

    /// Sets a header. A value that no header can have is left out.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            self.headers.insert(name, value);
        }
        self
    }
}
