//! A value, and until when it is good.

use std::time::{Duration, SystemTime};

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Both times, in milliseconds since 1970, as big-endian numbers.
pub(super) const HEADER_BYTES: usize = 16;

/// What is kept under a key.
///
/// It keeps the moment it was stored too: if the clock was set back since,
/// nobody can say how old it is, and it counts as expired.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    value: SecretString,
    stored: u64,
    expires: u64,
}

impl Entry {
    pub(super) fn new(value: &SecretString, ttl: Duration) -> Self {
        let stored = now();
        Self {
            value: value.clone(),
            stored,
            expires: stored.saturating_add(milliseconds(ttl)),
        }
    }

    /// The value, and how long it is still good for; none where it is not.
    pub(super) fn if_fresh(self) -> Option<(SecretString, Duration)> {
        let now = now();
        if now < self.stored || self.expires <= now {
            return None;
        }
        Some((self.value, Duration::from_millis(self.expires - now)))
    }

    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let value = self.value.expose_secret().as_bytes();
        let mut bytes = Zeroizing::new(Vec::with_capacity(HEADER_BYTES + value.len()));
        bytes.extend_from_slice(&self.stored.to_be_bytes());
        bytes.extend_from_slice(&self.expires.to_be_bytes());
        bytes.extend_from_slice(value);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (stored, rest) = bytes.split_first_chunk()?;
        let (expires, value) = rest.split_first_chunk()?;
        Some(Self {
            value: std::str::from_utf8(value).ok()?.into(),
            stored: u64::from_be_bytes(*stored),
            expires: u64::from_be_bytes(*expires),
        })
    }
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH
        .elapsed()
        .map(milliseconds)
        .unwrap_or_default()
}

fn milliseconds(duration: Duration) -> u64 {
    duration.as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(stored: u64, expires: u64) -> Entry {
        Entry {
            value: "value".into(),
            stored,
            expires,
        }
    }

    #[test]
    fn an_entry_from_the_future_counts_as_expired() {
        let now = now();
        assert!(entry(now - 10, now + 60_000).if_fresh().is_some());
        assert!(entry(now + 60_000, now + 90_000).if_fresh().is_none());
        assert!(entry(now - 10, now - 1).if_fresh().is_none());
    }

    #[test]
    fn an_endless_time_to_live_does_not_overflow() {
        let entry = Entry::new(&"value".into(), Duration::MAX);
        assert!(entry.if_fresh().is_some());
    }

    #[test]
    fn bytes_that_are_no_entry_are_refused() {
        let bytes = entry(1, 2).to_bytes();
        assert_eq!(bytes.len(), HEADER_BYTES + 5);
        assert_eq!(Entry::from_bytes(&bytes).map(|e| e.expires), Some(2));
        assert!(Entry::from_bytes(&bytes[..HEADER_BYTES - 1]).is_none());
        let no_text = [&bytes[..], &[0xff]].concat();
        assert!(Entry::from_bytes(&no_text).is_none());
    }
}
