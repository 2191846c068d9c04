//! Bodies that are far too large, made while they are sent.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::Filler;
use crate::media::{CHUNK, Pieces};

/// A body of about so many bytes, or without end.
pub fn filled(filler: Filler, bytes: Option<u64>) -> Pieces {
    let (head, unit, tail): (&'static str, String, &'static str) = match filler {
        Filler::Records => (
            "[{\"id\":1}",
            ",{\"id\":2,\"name\":\"Harbor Tools Ltd\"}".repeat(1000),
            "]",
        ),
        Filler::Text => ("{\"id\":1,\"name\":\"", "n".repeat(CHUNK), "\"}"),
        Filler::Spaces => ("[", " ".repeat(CHUNK), "]"),
    };
    let times = bytes.map(|bytes| bytes.div_ceil(unit.len() as u64));
    surrounded(head, unit.into(), times, tail)
}

/// A list in a list in a list, so many levels deep, in a record in a list.
pub fn nested(levels: u64) -> Pieces {
    let once = |text| std::iter::once(Bytes::from_static(text));
    Box::new(
        once(b"[{\"id\":1,\"deep\":" as &[u8])
            .chain(repeated(b'[', levels))
            .chain(repeated(b']', levels))
            .chain(once(b"}]" as &[u8])),
    )
}

/// A list of one text of so many zeros, compressed as one gzip member.
pub fn compressed_zeros(zeros: u64) -> Pieces {
    let zeros = repeated(b'0', zeros);
    let mut plain = std::iter::once(Bytes::from_static(b"[\""))
        .chain(zeros)
        .chain([Bytes::from_static(b"\"]")]);
    let mut encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
    Box::new(std::iter::from_fn(move || {
        loop {
            let Some(piece) = plain.next() else {
                // The end of the member; a write to memory does not fail.
                return encoder.take()?.finish().ok().map(Bytes::from);
            };
            let open = encoder.as_mut()?;
            open.write_all(&piece).ok()?;
            let made = std::mem::take(open.get_mut());
            if !made.is_empty() {
                return Some(made.into());
            }
        }
    }))
}

fn surrounded(head: &'static str, unit: Bytes, times: Option<u64>, tail: &'static str) -> Pieces {
    let mut left = times;
    let units = std::iter::from_fn(move || {
        if let Some(left) = &mut left {
            *left = left.checked_sub(1)?;
        }
        Some(unit.clone())
    });
    Box::new(
        std::iter::once(Bytes::from_static(head.as_bytes()))
            .chain(units)
            .chain([Bytes::from_static(tail.as_bytes())]),
    )
}

/// So many of one byte.
fn repeated(byte: u8, count: u64) -> impl Iterator<Item = Bytes> + Send {
    let chunk = Bytes::from(vec![byte; CHUNK]);
    let blocks = count.div_ceil(CHUNK as u64);
    (0..blocks).map(move |number| {
        let left = count - number * CHUNK as u64;
        chunk.slice(..usize::try_from(left).unwrap_or(CHUNK).min(CHUNK))
    })
}
