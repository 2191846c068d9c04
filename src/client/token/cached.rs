//! A token in the host's cache, where other instances of the connection find it.
//!
//! When it was minted is not kept as a moment, which clocks of several machines would
//! tell differently, but as how long it lives: the host says how much of that is left.

use super::{SETTLES_IN, SHARE_OF_LIFE_UNUSED, Token};
use crate::fingerprint::fingerprint;
use crate::host::Host;
use crate::settings::{Authentication, Settings};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A token's form in the cache. What earlier versions kept has no more than the first two,
/// and was kept until it was to be renewed.
#[derive(Serialize, Deserialize)]
struct Cached<'a> {
    access_token: &'a str,
    scope: Option<&'a str>,
    life_ms: Option<u64>,
    /// Whether Coupa has taken it.
    #[serde(default)]
    accepted: bool,
}

/// The token that was put last.
pub async fn get<H: Host>(host: &H, settings: &Settings) -> Option<Token> {
    let (text, left) = host.cache_get(&key(settings)).await?;
    let cached: Cached<'_> = serde_json::from_str(&text).ok()?;
    let expires_at = host.now().saturating_add(left);
    let life = cached.life_ms.map(Duration::from_millis);
    Some(Token {
        access_token: cached.access_token.to_owned(),
        scope: cached.scope.map(str::to_owned),
        life,
        renew_at: match life {
            Some(life) => expires_at.saturating_sub(life / SHARE_OF_LIFE_UNUSED),
            None => expires_at,
        },
        expires_at,
        // One of unknown age has had its time.
        settles_at: life.map_or(Duration::ZERO, |life| {
            expires_at.saturating_add(SETTLES_IN).saturating_sub(life)
        }),
        accepted: cached.accepted,
    })
}

/// Keeps a token until it expires.
pub async fn put<H: Host>(host: &H, settings: &Settings, token: &Token) {
    let left = token.expires_at.saturating_sub(host.now());
    let cached = Cached {
        access_token: &token.access_token,
        scope: token.scope.as_deref(),
        life_ms: token.life.map(crate::client::milliseconds),
        accepted: token.accepted,
    };
    if left > Duration::ZERO
        && let Ok(text) = serde_json::to_string(&cached)
    {
        host.cache_put(&key(settings), text, left).await;
    }
}

pub async fn remove<H: Host>(host: &H, settings: &Settings) {
    host.cache_remove(&key(settings)).await;
}

pub(super) fn key(settings: &Settings) -> String {
    let Authentication::OAuth { client_id, scopes } = &settings.authentication else {
        return String::new();
    };
    // Keys are bounded, and lists of scopes are not.
    format!(
        "token {} {client_id} {}",
        settings.origin,
        fingerprint(&scopes.join(" "))
    )
}
