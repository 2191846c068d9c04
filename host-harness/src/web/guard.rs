//! What every request has to pass, and what every answer carries.

use super::access::Access;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;

/// The most bytes of a body, files apart.
const MOST_BODY: usize = 4 << 20;

#[derive(Clone)]
struct Guard {
    access: Arc<Access>,
    address: SocketAddr,
}

/// Puts the guard around everything.
pub(super) fn around(router: Router, access: Arc<Access>, address: SocketAddr) -> Router {
    router
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(from_fn_with_state(Guard { access, address }, pass))
}

async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let answer = match guard.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.answer(is_api),
    };
    with_headers(answer)
}

enum Refused {
    /// Nobody that is known.
    Stranger,
    /// Not what this screen would send.
    Forged(&'static str),
}

impl Refused {
    fn answer(self, is_api: bool) -> Response {
        match self {
            Self::Stranger if !is_api => Redirect::to("/login").into_response(),
            Self::Stranger => refusal(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "log in, or send the token as Authorization: Bearer",
            ),
            Self::Forged(why) => refusal(StatusCode::FORBIDDEN, "forbidden", why),
        }
    }
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": message } });
    (status, axum::Json(body)).into_response()
}

impl Guard {
    fn check(&self, request: &Request) -> Result<(), Refused> {
        let headers = request.headers();
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        // A page elsewhere whose name leads here must not be served.
        let host = text(&header::HOST).unwrap_or_default();
        if !self.is_own(host) {
            return Err(Refused::Forged("this server has no such name"));
        }
        let path = request.uri().path();
        if path == "/login" || path.starts_with("/open/") {
            // Whoever logs in from a page elsewhere is made to.
            return match text(&header::ORIGIN) {
                Some(origin) if !is_origin(origin, host) => {
                    Err(Refused::Forged("this comes from another site"))
                }
                _ => Ok(()),
            };
        }
        if let Some(bearer) = text(&header::AUTHORIZATION).and_then(|v| v.strip_prefix("Bearer ")) {
            return if self.access.is_bearer(bearer) {
                Ok(())
            } else {
                Err(Refused::Stranger)
            };
        }
        let csrf = self.access.session(headers).ok_or(Refused::Stranger)?;
        if request.method() == Method::GET || request.method() == Method::HEAD {
            return Ok(());
        }
        if !text(&header::ORIGIN).is_some_and(|origin| is_origin(origin, host)) {
            return Err(Refused::Forged("this comes from another site"));
        }
        let sent = headers
            .get("x-csrf-token")
            .and_then(|value| value.to_str().ok());
        if sent != Some(csrf.as_str()) {
            return Err(Refused::Forged(
                "the page is older than the session: load it again",
            ));
        }
        Ok(())
    }

    /// On loopback only loopback's names; elsewhere whatever leads here, for a
    /// reverse proxy knows the name.
    fn is_own(&self, host: &str) -> bool {
        if !self.address.ip().is_loopback() {
            return !host.is_empty();
        }
        let port = self.address.port();
        ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .any(|name| *host == format!("{name}:{port}"))
    }
}

fn is_origin(origin: &str, host: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(scheme, rest)| matches!(scheme, "http" | "https") && rest == host)
}

fn with_headers(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}
