//! The time from which and up to which changes are read, and what was read of its
//! last part: what a checkpoint of Changes and its memory are made of.

use crate::fingerprint::fingerprint;
use crate::time::Moment;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Records that are remembered, by this window and the one before together. A
/// checkpoint has 4 KiB; each record takes five bytes of it, which are seven characters.
pub const MOST_SEEN: usize = 550;

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

/// What a record said, in forty bits. Two that differ are alike once in 10¹²; only a
/// record that became visible after its time is held against what was told, so that
/// a change would have to be such a one to be lost by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sign([u8; 5]);

impl Sign {
    pub fn of(record: &str) -> Self {
        let whole = u64::from_str_radix(&fingerprint(record), 16).unwrap_or_default();
        let [.., a, b, c, d, e] = whole.to_be_bytes();
        Self([a, b, c, d, e])
    }
}

/// Records that were emitted, by what they said: whatever looks the same as
/// before, nobody has to be told again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(Vec<Sign>);

impl Seen {
    /// Reads what [`Seen::text`] wrote; none where it is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (signs, rest) = bytes.as_chunks::<5>();
        rest.is_empty()
            .then(|| Self(signs.iter().map(|sign| Sign(*sign)).collect()))
    }

    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.0.iter().flat_map(|sign| sign.0).collect();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether a record was told; it is forgotten then, since a window meets it once.
    pub fn take(&mut self, sign: Sign) -> bool {
        let at = self.0.iter().position(|known| *known == sign);
        at.map(|at| self.0.swap_remove(at)).is_some()
    }

    pub fn add(&mut self, sign: Sign) {
        if !self.0.contains(&sign) {
            self.0.push(sign);
        }
    }
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
    fn what_was_seen_survives_its_text() {
        let mut seen = Seen::default();
        let sign = |n: usize| Sign::of(&format!("{{\"id\":{n}}}"));
        for n in 0..MOST_SEEN {
            seen.add(sign(n));
        }
        assert_eq!(seen.len(), MOST_SEEN);
        let mut again = Seen::parse(&seen.text()).unwrap();
        assert_eq!(again, seen);
        assert!(again.take(sign(7)) && !again.take(sign(7)) && !again.take(sign(999_999)));
        assert_eq!(Seen::parse("x"), None);
    }
}
