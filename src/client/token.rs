//! OAuth 2.0 client credentials: one token for all calls of an instance, kept
//! in the host's cache, minted again before it expires.

use super::{milliseconds, reveal};
use crate::contract::{Error, ErrorKind};
use crate::fingerprint::fingerprint;
use crate::host::{Body, Host, Keep, LogLevel, Method, Request, Response};
use crate::settings::{Authentication, Settings, name};
use futures::lock::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Coupa's tokens live 24 hours, and it advises to renew after 20: a sixth of
/// the life is left then.
const SHARE_OF_LIFE_UNUSED: u32 = 6;
/// Where an answer does not say how long the token lives.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// An access token.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    pub access_token: String,
    /// What Coupa said that it may be used for, where it said so.
    pub scope: Option<String>,
    /// By the host's monotonic clock; none for one from the cache, which an
    /// earlier call has used.
    pub minted_at: Option<Duration>,
    renew_at: Duration,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token(…, scope {:?})", self.scope)
    }
}

/// The token of an instance.
#[derive(Default)]
pub struct TokenStore {
    /// Held while a token is asked for, so that calls that need one at the same
    /// time wait for the same.
    token: Mutex<Option<Token>>,
}

impl TokenStore {
    /// A token that is still good: the one held, the cached one, or a new one.
    /// `counted` is called for each request sent.
    pub async fn valid<H: Host>(
        &self,
        host: &H,
        settings: &Settings,
        counted: impl Fn(),
    ) -> Result<Token, Error> {
        let mut held = self.token.lock().await;
        if let Some(token) = held.as_ref().filter(|token| token.renew_at > host.now()) {
            return Ok(token.clone());
        }
        let key = cache_key(settings);
        if held.is_none()
            && let Some(token) = from_cache(host, &key).await
        {
            *held = Some(token.clone());
            return Ok(token);
        }
        counted();
        let token = mint(host, settings, scopes(settings)).await?;
        let ttl = token.renew_at.saturating_sub(host.now());
        let kept = Cached {
            access_token: &token.access_token,
            scope: token.scope.as_deref(),
        };
        if let Ok(text) = serde_json::to_string(&kept) {
            host.cache_put(&key, text, ttl).await;
        }
        *held = Some(token.clone());
        Ok(token)
    }

    /// Holds a token that was asked for elsewhere.
    pub async fn hold(&self, token: Token) {
        *self.token.lock().await = Some(token);
    }

    /// Drops a token that Coupa no longer takes, unless another call has
    /// already replaced it.
    pub async fn forget<H: Host>(&self, host: &H, settings: &Settings, refused: &Token) {
        let mut held = self.token.lock().await;
        if held.as_ref() == Some(refused) {
            *held = None;
            host.cache_remove(&cache_key(settings)).await;
        }
    }
}

/// A token's form in the cache.
#[derive(Serialize, Deserialize)]
struct Cached<'a> {
    access_token: &'a str,
    scope: Option<&'a str>,
}

async fn from_cache<H: Host>(host: &H, key: &str) -> Option<Token> {
    let (text, ttl) = host.cache_get(key).await?;
    let cached: Cached<'_> = serde_json::from_str(&text).ok()?;
    Some(Token {
        access_token: cached.access_token.to_owned(),
        scope: cached.scope.map(str::to_owned),
        minted_at: None,
        renew_at: host.now().saturating_add(ttl),
    })
}

fn cache_key(settings: &Settings) -> String {
    let Authentication::OAuth { client_id, .. } = &settings.authentication else {
        return String::new();
    };
    // Keys are bounded, and lists of scopes are not.
    format!(
        "token {} {client_id} {}",
        settings.origin,
        fingerprint(&scopes(settings).join(" "))
    )
}

fn scopes(settings: &Settings) -> &[String] {
    match &settings.authentication {
        Authentication::OAuth { scopes, .. } => scopes,
        Authentication::ApiKey => &[],
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<f64>,
    scope: Option<String>,
}

/// Asks Coupa for a new token with these scopes.
///
/// # Errors
/// Tells apart, as far as Coupa does, a wrong secret, an unknown client and a
/// scope that was not granted.
pub async fn mint<H: Host>(
    host: &H,
    settings: &Settings,
    scopes: &[String],
) -> Result<Token, Error> {
    let Authentication::OAuth { client_id, .. } = &settings.authentication else {
        return Err(Error::new(
            ErrorKind::Internal,
            "internal.no-oauth",
            "no token is needed with an API key",
        ));
    };
    let secret = reveal(host, name::CLIENT_SECRET).await?;
    let mut body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        encode(client_id),
        encode(&secret)
    );
    if !scopes.is_empty() {
        body.push_str("&scope=");
        body.push_str(&encode(&scopes.join(" ")));
    }
    let sent = host
        .send(Request {
            method: Method::Post,
            secure: settings.origin.secure,
            authority: settings.origin.authority.clone(),
            path_and_query: "/oauth2/token".to_owned(),
            headers: vec![
                ("accept", "application/json".to_owned()),
                (
                    "content-type",
                    "application/x-www-form-urlencoded".to_owned(),
                ),
            ],
            body: Body::Bytes(body.into_bytes()),
            timeout: settings.timeout,
            keep: Keep::Whole(MAX_ANSWER_BYTES),
        })
        .await;
    let response = sent.map_err(|error| super::answer::not_sent(&error, settings))?;
    if response.status != 200 {
        return Err(refused(&response, client_id, scopes));
    }
    let granted: Granted = serde_json::from_slice(&response.body).map_err(|_| {
        Error::new(
            ErrorKind::UnexpectedAnswer,
            "token.unexpected-answer",
            format!("{} answered no token to a request for one", settings.origin),
        )
        .status(response.status)
        .remedy("Check that the Host Name is that of a Coupa instance.")
    })?;
    let life = granted
        .expires_in
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .map_or(ASSUMED_LIFE, |seconds| Duration::from_secs(seconds as u64));
    let now = host.now();
    host.log(
        LogLevel::Info,
        "token granted",
        &[("expires-in-ms", milliseconds(life).to_string())],
    );
    Ok(Token {
        access_token: granted.access_token,
        scope: granted.scope,
        minted_at: Some(now),
        renew_at: now.saturating_add(life - life / SHARE_OF_LIFE_UNUSED),
    })
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

/// What a refusal by the token endpoint means (RFC 6749, section 5.2). Whether
/// Coupa describes an `invalid_client` further is not documented, so the
/// description only ever sharpens the message.
fn refused(response: &Response, client_id: &str, scopes: &[String]) -> Error {
    let refused: Refused = serde_json::from_slice(&response.body).unwrap_or_default();
    let said = refused.error_description.to_ascii_lowercase();
    let error = match refused.error.as_str() {
        "invalid_client" if said.contains("secret") && !said.contains("unknown") => Error::new(
            ErrorKind::Authentication,
            "token.wrong-secret",
            format!("Coupa knows the client “{client_id}” but not this Client Secret"),
        )
        .remedy("Copy the Secret of the client from Coupa again; it may have been renewed."),
        "invalid_client" if said.contains("unknown") && !said.contains("secret") => Error::new(
            ErrorKind::Authentication,
            "token.unknown-client",
            format!("Coupa does not know the client “{client_id}”"),
        )
        .remedy(
            "Check the Client ID, and that the Host Name is of the instance that has the client.",
        ),
        "invalid_client" | "unauthorized_client" => Error::new(
            ErrorKind::Authentication,
            "token.client-refused",
            format!(
                "Coupa does not accept the client “{client_id}” with this Client Secret, \
                 and does not say which of the two is wrong"
            ),
        )
        .remedy(
            "Check the Client ID first, then copy the Secret again; both are at \
             Setup > Integrations > OAuth2/OpenID Connect Clients of this instance.",
        ),
        "invalid_scope" => Error::new(
            ErrorKind::Permission,
            "token.scope-not-granted",
            format!(
                "the client “{client_id}” was not granted all of: {}",
                scopes.join(" ")
            ),
        )
        .remedy(
            "Take the scope out of the connection, or add it to the client in Coupa. \
             Coupa refuses the whole request for one scope that is missing.",
        ),
        "unsupported_grant_type" => Error::new(
            ErrorKind::Authentication,
            "token.grant-not-allowed",
            format!("the client “{client_id}” may not use the grant type Client Credentials"),
        )
        .remedy("Set the client's Grant Type to Client Credentials in Coupa."),
        _ => {
            let mut error = super::answer::refusal(response, Method::Post);
            // Whatever else it answers, it is about signing in and about no record.
            if !super::answer::is_passing(&error) {
                error = Error::new(
                    ErrorKind::Authentication,
                    "token.refused",
                    format!("no token was granted: {}", error.message),
                )
                .remedy("Check the Host Name, the Client ID and the Client Secret.");
            }
            error
        }
    };
    error.status(response.status)
}
