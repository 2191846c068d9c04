//! Takes revealed secrets out of every text that leaves the host.

use secrecy::{ExposeSecret, SecretString};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

/// Shorter texts are not looked for: they would blot out ordinary words, and no
/// remote system gives out secrets as short.
const SHORTEST: usize = 8;
/// Secrets looked for. A connector has a handful and some tokens; of more, the
/// oldest but those are forgotten.
const MOST_SECRETS: usize = 64;
/// What stands where a secret was. A replay reveals it as each secret.
pub(super) const MASK: &str = "[redacted]";

/// The secrets of one run, to be taken out of texts.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Mutex<Vec<SecretString>>>);

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// From now on `secret` is taken out.
    pub fn add(&self, secret: &str) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = secrets.iter().any(|known| known.expose_secret() == secret);
        if secret.len() >= SHORTEST && !known {
            if secrets.len() == MOST_SECRETS {
                // The first ones are what was revealed; tokens come and go.
                secrets.remove(MOST_SECRETS / 2);
            }
            secrets.push(SecretString::from(secret));
        }
    }

    /// Bytes of the longest secret.
    pub(super) fn longest(&self) -> usize {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lengths = secrets.iter().map(|secret| secret.expose_secret().len());
        lengths.max().unwrap_or(0)
    }

    /// Whether a text held a secret before it was cleaned.
    pub fn is_marked(text: &str) -> bool {
        text.contains(MASK)
    }

    /// The text without secrets.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = Cow::Borrowed(text);
        for secret in secrets.iter().map(ExposeSecret::expose_secret) {
            if text.contains(secret) {
                text = Cow::Owned(text.replace(secret, MASK));
            }
        }
        text
    }

    /// Takes secrets out in place.
    pub fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redact(text) {
            *text = clean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_taken_out() {
        let redactor = Redactor::default();
        redactor.add("hunter22");
        redactor.add("abc");
        assert_eq!(redactor.redact("abc: hunter22!"), "abc: [redacted]!");
        assert!(!format!("{redactor:?}").contains("hunter22"));
    }
}
