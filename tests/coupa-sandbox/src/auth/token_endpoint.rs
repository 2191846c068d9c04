//! `POST /oauth2/token`: the client credentials grant.
//!
//! Scopes are all or nothing: asking for one that the client lacks fails the
//! whole request (seen by two third parties). Without `scope` a token carries
//! all that the client has (seen by one). What a wrong client gets is
//! `invalid_client`; whether the error describes itself is a switch.

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::Tokens;
use super::credentials;
use crate::configuration::Configuration;
use crate::media::Answer;
use crate::query::Parameters;
use crate::switches::Switches;

/// Answers a request for a token.
pub fn grant(
    configuration: &Configuration,
    tokens: &Tokens,
    switches: &Switches,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Answer {
    match issue(configuration, tokens, switches, headers, parameters) {
        Ok(body) => {
            Answer::json(StatusCode::OK, &body).with_header(header::CACHE_CONTROL, "no-store")
        }
        Err(refused) => refused.answer(switches),
    }
}

/// An error of RFC 6749 §5.2.
struct Refused {
    status: StatusCode,
    error: &'static str,
    description: String,
}

impl Refused {
    fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            description: description.into(),
        }
    }

    fn answer(self, switches: &Switches) -> Answer {
        let mut body = json!({"error": self.error});
        if switches.token_error_description {
            body["error_description"] = self.description.into();
        }
        let answer = Answer::json(self.status, &body);
        match self.status {
            StatusCode::UNAUTHORIZED => {
                answer.with_header(header::WWW_AUTHENTICATE, "Basic realm=\"Coupa\"")
            }
            _ => answer,
        }
    }
}

fn issue(
    configuration: &Configuration,
    tokens: &Tokens,
    switches: &Switches,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Refused> {
    match parameters.get("grant_type") {
        Some("client_credentials") => {}
        None | Some("") => {
            let message = "Missing required parameter: grant_type.";
            return Err(Refused::new("invalid_request", message));
        }
        Some(other) => {
            let message = format!("The grant type {other} is not supported.");
            return Err(Refused::new("unsupported_grant_type", message));
        }
    }
    let Some(sent) = credentials::find(headers, parameters) else {
        let message = "Missing required parameter: client_id or client_secret.";
        return Err(Refused::new("invalid_request", message));
    };
    let wrong = |message: &str| Refused {
        status: if sent.basic {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::BAD_REQUEST
        },
        ..Refused::new("invalid_client", message)
    };
    let Some(client) = configuration
        .clients
        .iter()
        .find(|client| client.id == sent.id)
    else {
        return Err(wrong("Client authentication failed: unknown client."));
    };
    if client.secret != sent.secret {
        return Err(wrong("Client authentication failed: wrong client secret."));
    }
    let asked: Vec<String> = parameters
        .get("scope")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    if asked.iter().any(|scope| !client.scopes.contains(scope)) {
        let message = "The requested scope is invalid, unknown, or malformed.";
        return Err(Refused::new("invalid_scope", message));
    }
    let scopes = if asked.is_empty() {
        client.scopes.clone()
    } else {
        asked
    };
    let token = tokens.mint(&client.id, &scopes, configuration.seed, switches);
    Ok(json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": switches.token_lifetime_s,
        "scope": scopes.join(" "),
    }))
}
