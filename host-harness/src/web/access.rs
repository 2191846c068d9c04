//! Who may enter: whoever has the token that was printed, or the password.

use crate::sealing::{SealError, random_name};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The fewest characters of a password.
const SHORTEST: usize = 12;
/// How long a session lasts without being used.
const SESSION: Duration = Duration::from_secs(12 * 60 * 60);
/// Sessions at the same time; the oldest are forgotten.
const MOST_SESSIONS: usize = 100;
/// Wrong attempts in a minute, from all together.
const MOST_ATTEMPTS: usize = 10;
const COOKIE: &str = "harness_session";

/// Why nobody can be let in so.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Others can reach the address, and nothing but a token in a log would
    /// keep them out.
    #[error(
        "{0} can be reached from other machines: that needs a password of at least {SHORTEST} \
         characters (and TLS in front of it). Without one, listen on 127.0.0.1"
    )]
    PasswordMissing(SocketAddr),
    /// The password is too short.
    #[error("the password has fewer than {SHORTEST} characters")]
    PasswordShort,
    /// No random bytes.
    #[error("no token could be made: {0}")]
    NoRandomness(#[from] SealError),
}

/// Who may enter, and who has.
pub struct Access {
    secret: SecretString,
    /// Whether the secret is a token of this start, and may stand in a URL.
    is_token: bool,
    sessions: Mutex<HashMap<String, Session>>,
    wrong: Mutex<Vec<Instant>>,
}

struct Session {
    csrf: String,
    used_at: Instant,
}

impl Access {
    /// By a token that is made anew each time.
    ///
    /// # Errors
    /// If there is no randomness.
    pub fn by_token() -> Result<Self, AccessError> {
        Ok(Self::new(SecretString::from(random_name::<32>()?), true))
    }

    /// By a password.
    ///
    /// # Errors
    /// If it is too short.
    pub fn by_password(password: SecretString) -> Result<Self, AccessError> {
        if password.expose_secret().chars().count() < SHORTEST {
            return Err(AccessError::PasswordShort);
        }
        Ok(Self::new(password, false))
    }

    fn new(secret: SecretString, is_token: bool) -> Self {
        Self {
            secret,
            is_token,
            sessions: Mutex::default(),
            wrong: Mutex::default(),
        }
    }

    pub(super) fn suits(&self, address: SocketAddr) -> Result<(), AccessError> {
        if self.is_token && !address.ip().is_loopback() {
            return Err(AccessError::PasswordMissing(address));
        }
        Ok(())
    }

    /// The path to enter by.
    pub(super) fn entry(&self) -> String {
        if self.is_token {
            format!("/login?token={}", self.secret.expose_secret())
        } else {
            "/login".to_owned()
        }
    }

    /// Compares digests, so that the time it takes says nothing.
    fn is_secret(&self, given: &str) -> bool {
        Sha256::digest(given) == Sha256::digest(self.secret.expose_secret())
    }

    /// Whether a program that says so may enter. A password can be guessed, so
    /// wrong ones are counted with those of the login page; a token cannot.
    pub(super) fn is_bearer(&self, given: &str) -> bool {
        if self.is_token {
            return self.is_secret(given);
        }
        if self.besieged() {
            return false;
        }
        let right = self.is_secret(given);
        if !right {
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.push(Instant::now());
        }
        right
    }

    /// The CSRF token of the session that a request belongs to.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<String> {
        let id = cookie(headers)?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.used_at.elapsed() < SESSION);
        let session = sessions.get_mut(&id)?;
        session.used_at = Instant::now();
        Some(session.csrf.clone())
    }

    fn open(&self) -> Result<String, AccessError> {
        let (id, csrf) = (random_name::<32>()?, random_name::<32>()?);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= MOST_SESSIONS {
            let oldest = sessions
                .iter()
                .min_by_key(|(_, session)| session.used_at)
                .map(|(id, _)| id.clone());
            if let Some(oldest) = oldest {
                sessions.remove(&oldest);
            }
        }
        let session = Session {
            csrf,
            used_at: Instant::now(),
        };
        sessions.insert(id.clone(), session);
        Ok(id)
    }

    fn close(&self, headers: &HeaderMap) {
        if let Some(id) = cookie(headers) {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.remove(&id);
        }
    }

    /// Whether there were too many wrong attempts lately.
    fn besieged(&self) -> bool {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|at| at.elapsed() < Duration::from_secs(60));
        wrong.len() >= MOST_ATTEMPTS
    }

    fn enter(&self, given: &str) -> Response {
        if self.besieged() {
            return (
                StatusCode::TOO_MANY_REQUESTS,
                page("Too many attempts: wait a minute."),
            )
                .into_response();
        }
        if !self.is_secret(given) {
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.push(Instant::now());
            return (StatusCode::FORBIDDEN, page("That is not it.")).into_response();
        }
        match self.open() {
            Ok(id) => (
                [(
                    header::SET_COOKIE,
                    format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict"),
                )],
                // A page of our own, not a redirect: after one, a browser that
                // came from elsewhere would not send the cookie yet.
                Html(include_str!("assets/entered.html")),
            )
                .into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| id.to_owned())
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    token: Option<SecretString>,
}

/// The only doors that are open to everybody. They tell nothing.
pub(super) fn router(access: Arc<Access>) -> Router {
    Router::new()
        .route("/login", get(show).post(login))
        .route("/logout", post(logout))
        .route("/session", get(session))
        .with_state(access)
}

async fn show(State(access): State<Arc<Access>>, Query(entry): Query<Entry>) -> Response {
    match entry.token {
        Some(token) if access.is_token => access.enter(token.expose_secret()),
        _ => page("").into_response(),
    }
}

/// What the screen needs to send anything.
async fn session(State(access): State<Arc<Access>>, headers: HeaderMap) -> Response {
    match access.session(&headers) {
        Some(csrf) => axum::Json(serde_json::json!({ "csrf": csrf })).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn login(State(access): State<Arc<Access>>, Form(entry): Form<Entry>) -> Response {
    access.enter(entry.token.unwrap_or_default().expose_secret())
}

async fn logout(State(access): State<Arc<Access>>, headers: HeaderMap) -> Response {
    access.close(&headers);
    Redirect::to("/login").into_response()
}

fn page(message: &'static str) -> Html<String> {
    Html(include_str!("assets/login.html").replace("{message}", message))
}
