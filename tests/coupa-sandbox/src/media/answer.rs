//! An answer before it is sent, so that a fault can still spoil it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::Media;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, without a length.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer with nothing in it.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
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

    /// Sets a header. A value that no header can have is left out.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}
