//! Whether a request may do what it asks for.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use super::{Tokens, scopes};
use crate::configuration::Configuration;
use crate::refusal::Refusal;
use crate::switches::Switches;

/// What the sender of a request may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    /// Everything: the sender has an API key.
    Everything,
    /// What these scopes open.
    Scopes(Vec<String>),
}

impl Granted {
    /// Lets a use of a path below `/api` pass, or says 403.
    pub fn check(&self, path: &str, write: bool) -> Result<(), Refusal> {
        let Self::Scopes(granted) = self else {
            return Ok(());
        };
        let needed = scopes::needed(path, write);
        if needed.iter().any(|scope| granted.contains(scope)) {
            Ok(())
        } else {
            Err(Refusal::Forbidden(needed.join(" or ")))
        }
    }
}

/// Finds out what the sender may do, or says 401. An API key may do
/// everything; it is retired, so it works only behind a switch.
pub fn identify(
    configuration: &Configuration,
    tokens: &Tokens,
    switches: &Switches,
    headers: &HeaderMap,
) -> Result<Granted, Refusal> {
    let key = headers.get("x-coupa-api-key");
    if let Some(key) = key.and_then(|key| key.to_str().ok()) {
        let known = switches.api_key && configuration.api_keys.iter().any(|known| known == key);
        return match known {
            true => Ok(Granted::Everything),
            false => Err(Refusal::Unauthorized),
        };
    }
    let scopes = bearer(headers).and_then(|token| tokens.scopes(token));
    scopes.map(Granted::Scopes).ok_or(Refusal::Unauthorized)
}

/// Lets a request pass, or says 401 or 403.
pub fn authorize(
    configuration: &Configuration,
    tokens: &Tokens,
    switches: &Switches,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<(), Refusal> {
    identify(configuration, tokens, switches, headers)?.check(path, *method != Method::GET)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
