//! The time from which and up to which changes are read, and what was read of its
//! last part: what a checkpoint of Changes and its memory are made of.

use crate::time::Moment;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::collections::BTreeSet;

/// Records that are remembered. A checkpoint has 4 KiB, and holds two of these
/// lists while it is between two windows; each record takes eleven characters.
const MOST: usize = 150;

/// From a moment on, and up to one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// None: from the beginning.
    pub from: Option<Moment>,
    /// Not included.
    pub upto: Moment,
}

impl Window {
    /// The window that follows one that ended at `done`. It begins earlier by
    /// `overlap`: a change may become visible only after the time that it
    /// carries, and the clocks of Coupa's machines need not agree.
    pub fn after(done: Moment, overlap: u64, now: Moment) -> Self {
        Self {
            from: Some(done.earlier(overlap)),
            // A clock that was set back must not make a window that ends before it
            // begins: then nothing is read until it has caught up.
            upto: now.max(done),
        }
    }

    pub fn contains(&self, time: Moment) -> bool {
        self.from.is_none_or(|from| time >= from) && time < self.upto
    }

    /// Whether a record of this time will be read again by the next window.
    pub fn is_in_the_overlap(&self, time: Moment, overlap: u64) -> bool {
        time >= self.upto.earlier(overlap)
    }
}

/// Records that were emitted, by what they said: whatever looks the same as
/// before, nobody has to be told again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeSet<u64>);

impl Seen {
    /// Reads what [`Seen::text`] wrote; none where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (numbers, rest) = bytes.as_chunks::<8>();
        rest.is_empty().then(|| {
            Self(
                numbers
                    .iter()
                    .map(|number| u64::from_be_bytes(*number))
                    .collect(),
            )
        })
    }

    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().flat_map(|n| n.to_be_bytes()).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn has(&self, record: &str) -> bool {
        self.0.contains(&sign(record))
    }

    /// Remembers a record, as long as there is room: one that is not remembered
    /// is told again.
    pub fn add(&mut self, record: &str) {
        if self.0.len() < MOST {
            self.0.insert(sign(record));
        }
    }
}

fn sign(record: &str) -> u64 {
    u64::from_str_radix(&crate::fingerprint::fingerprint(record), 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Moment {
        Moment::parse(text).unwrap()
    }

    #[test]
    fn windows_overlap_and_never_go_back() {
        let overlap = 300;
        let next = Window::after(
            time("2026-01-01T00:10:00Z"),
            overlap,
            time("2026-01-01T01:00:00Z"),
        );
        assert_eq!(next.from, Some(time("2026-01-01T00:05:00Z")));
        assert!(next.contains(time("2026-01-01T00:05:00Z")));
        assert!(!next.contains(time("2026-01-01T01:00:00Z")));
        assert!(next.is_in_the_overlap(time("2026-01-01T00:55:00Z"), overlap));
        let back = Window::after(
            time("2026-01-01T00:10:00Z"),
            overlap,
            time("2025-01-01T00:00:00Z"),
        );
        assert_eq!(back.upto, time("2026-01-01T00:10:00Z"));
    }

    #[test]
    fn what_was_seen_survives_its_text_and_stays_small() {
        let mut seen = Seen::default();
        for n in 0..1000 {
            seen.add(&format!("{{\"id\":{n}}}"));
        }
        let text = seen.text();
        assert!(text.len() < 1700, "{}", text.len());
        let again = Seen::parse(&text).unwrap();
        assert_eq!(again, seen);
        assert!(again.has("{\"id\":7}") && !again.has("{\"id\":999}"));
        assert_eq!(Seen::parse("x"), None);
    }
}
