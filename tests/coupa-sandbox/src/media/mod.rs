//! Media types: what `Accept` asks for, what a body is, and how records and
//! refusals are printed.

mod answer;
mod body;
mod content;
mod legacy_address;
mod refused;
#[cfg(test)]
mod round_trip;
mod time_zone;
mod xml_in;
mod xml_out;

use http::{HeaderMap, header};
use serde_json::{Map, Value};

use crate::model::RecordType;
use crate::model::words::singular;
use crate::refusal::Refusal;
use crate::switches::{MissingAccept, Switches};

pub use answer::Answer;
pub use body::read as read_body;
pub use content::{CHUNK, Content, Pieces, Source, pattern};
pub use legacy_address::print as legacy_address;
pub use refused::print as refused;
pub use time_zone::localize;

/// The two media types of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Media {
    /// The default.
    Xml,
    /// On request.
    Json,
}

impl Media {
    /// What the answer has to be in. XML is the default of the API, also for
    /// `*/*`; without a usable `Accept` it is a switch.
    pub fn accepted(headers: &HeaderMap, switches: &Switches) -> Result<Self, Refusal> {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        for media in accept
            .split(',')
            .map(|media| media.split(';').next().unwrap_or_default())
        {
            match media.trim() {
                "application/json" => return Ok(Self::Json),
                "application/xml" | "text/xml" | "*/*" | "application/*" => return Ok(Self::Xml),
                _ => {}
            }
        }
        match switches.missing_accept {
            MissingAccept::Xml => Ok(Self::Xml),
            MissingAccept::NotAcceptable => Err(Refusal::NotAcceptable),
        }
    }

    /// The value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Xml => "application/xml; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// One record as text. The element is the singular of the list's.
    pub fn record(
        self,
        record_type: &RecordType,
        list: &str,
        record: Map<String, Value>,
    ) -> String {
        match self {
            Self::Json => Value::Object(record).to_string(),
            Self::Xml => xml_out::record(record_type, &singular(list), &record),
        }
    }

    /// A list as text.
    pub fn list(
        self,
        record_type: &RecordType,
        list: &str,
        records: Vec<Map<String, Value>>,
    ) -> String {
        match self {
            Self::Json => {
                Value::Array(records.into_iter().map(Value::Object).collect()).to_string()
            }
            Self::Xml => xml_out::list(record_type, list, &records),
        }
    }
}
