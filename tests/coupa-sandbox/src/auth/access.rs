//! Whether a request may do what it asks for.

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};

use super::{Tokens, scopes};
use crate::configuration::Configuration;
use crate::refusal::Refusal;
use crate::switches::Switches;

/// Lets a request pass, or says 401 or 403. An API key may do everything; it
/// is retired, so it works only behind a switch.
pub fn authorize(
    configuration: &Configuration,
    tokens: &Tokens,
    switches: &Switches,
    headers: &HeaderMap,
    method: &Method,
    path: &str,
) -> Result<(), Refusal> {
    if let Some(key) = headers
        .get("x-coupa-api-key")
        .and_then(|key| key.to_str().ok())
    {
        let known = switches.api_key && configuration.api_keys.iter().any(|known| known == key);
        return if known {
            Ok(())
        } else {
            Err(Refusal::Unauthorized)
        };
    }
    let granted = bearer(headers)
        .and_then(|token| tokens.scopes(token))
        .ok_or(Refusal::Unauthorized)?;
    let needed = scopes::needed(path, *method != Method::GET);
    // What nothing is known of does not exist; saying so needs no scope.
    let holds = |scope: &&str| granted.iter().any(|own| own == scope);
    if needed.is_empty() || needed.iter().any(holds) {
        Ok(())
    } else {
        Err(Refusal::Forbidden(needed.join(" or ")))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
