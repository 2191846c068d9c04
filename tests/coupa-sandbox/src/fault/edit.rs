//! Faults that change the bytes of a finished answer.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::value::RawValue;

/// The mark that some programs write before UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// A byte that UTF-8 never has, and the first of two without the second.
const NOT_UTF8: &[u8] = b"\xFF\xC3";

/// The body with a mark before it.
pub fn marked(body: &[u8]) -> Bytes {
    [BYTE_ORDER_MARK, body].concat().into()
}

/// The body with bytes that are not UTF-8 in its first text value.
pub fn not_utf8(body: &[u8]) -> Bytes {
    let opening = b"\":\"";
    let at = body
        .windows(opening.len())
        .position(|window| window == opening)
        .map_or(body.len(), |at| at + opening.len());
    let (before, after) = body.split_at(at);
    [before, NOT_UTF8, after].concat().into()
}

/// The body with these members first in each record. What is not JSON stays.
pub fn with_members(body: &[u8], members: &str) -> Bytes {
    match serde_json::from_slice::<Vec<&RawValue>>(body) {
        Ok(records) => {
            let records = records.iter().map(|record| put(record.get(), members));
            format!("[{}]", records.collect::<Vec<_>>().join(",")).into()
        }
        Err(_) => match std::str::from_utf8(body) {
            Ok(record) => put(record, members).into(),
            Err(_) => body.to_vec().into(),
        },
    }
}

fn put(record: &str, members: &str) -> String {
    match record.strip_prefix('{') {
        Some("}") => format!("{{{members}}}"),
        Some(rest) => format!("{{{members},{rest}"),
        None => record.to_owned(),
    }
}

/// A list with its last record first. What is not a JSON list stays.
pub fn reversed(body: &[u8]) -> Bytes {
    match serde_json::from_slice::<Vec<&RawValue>>(body) {
        Ok(records) => {
            let records: Vec<&str> = records.iter().rev().map(|record| record.get()).collect();
            format!("[{}]", records.join(",")).into()
        }
        Err(_) => body.to_vec().into(),
    }
}

/// The body compressed.
pub fn compressed(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    match encoder.write_all(body).and_then(|()| encoder.finish()) {
        Ok(compressed) => compressed.into(),
        Err(_) => body.to_vec().into(),
    }
}
