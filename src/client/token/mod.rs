//! OAuth 2.0 client credentials: one token for all requests of an instance, kept in the
//! host's cache for other instances of the connection, and minted again before it expires.
//!
//! A token may be refused for some seconds after it was minted (Coupa advises to wait
//! five): it has to *settle*. Where tokens live about as long as that, requests that each
//! ask for a token of their own use up one after the other while all of them wait. So a
//! token is waited for by all as one: see [`TokenStore`].

mod cached;
mod grant;
mod granted;
mod line;
mod store;
#[cfg(test)]
mod tests;

pub use grant::mint;
pub use store::{Next, Patience, TokenStore};

use std::time::Duration;

/// A token may not work right after it was minted; Coupa advises five seconds.
const SETTLES_IN: Duration = Duration::from_secs(10);
/// Coupa's tokens live 24 hours, and it advises to renew after 20: a sixth of the life is
/// left then.
const SHARE_OF_LIFE_UNUSED: u32 = 6;

/// An access token. All moments are by the host's monotonic clock.
#[derive(Clone)]
pub struct Token {
    pub access_token: String,
    /// What Coupa said that it may be used for, where it said so.
    pub scope: Option<String>,
    /// How long it lives in all; none where that is not known any more.
    life: Option<Duration>,
    renew_at: Duration,
    expires_at: Duration,
    /// When it has had its time to settle. Later for the newer of two tokens.
    settles_at: Duration,
    /// Whether Coupa had taken it when it was handed out.
    accepted: bool,
}

impl Token {
    /// One that was asked for at this moment, when its life began at the earliest.
    fn new(
        access_token: String,
        scope: Option<String>,
        asked_at: Duration,
        life: Duration,
    ) -> Self {
        let expires_at = asked_at.saturating_add(life);
        Self {
            access_token,
            scope,
            life: Some(life),
            renew_at: expires_at.saturating_sub(life / SHARE_OF_LIFE_UNUSED),
            expires_at,
            settles_at: asked_at.saturating_add(SETTLES_IN),
            accepted: false,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.access_token == other.access_token
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        !self.is(other) && self.settles_at > other.settles_at
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(…, scope {:?})", self.scope)
    }
}
