//! What tests can see of the traffic: a log of requests and counters. No
//! header and no body is kept, and nothing that is secret in a query.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// One request that was answered, or cut off by a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Such as `GET`.
    pub method: String,
    /// Such as `/api/suppliers`.
    pub path: String,
    /// As sent, with credentials replaced by `***`.
    pub query: String,
    /// The status of the answer; 0 where the connection was reset.
    pub status: u16,
}

/// What was counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests below `/api`, by method.
    pub requests: BTreeMap<String, u64>,
    /// Requests for a token.
    pub token_requests: u64,
    /// The most requests that were being worked on at the same time.
    pub max_concurrent: u64,
    /// TCP connections accepted.
    pub connections: u64,
    /// Requests that carried a cookie; a client has no business sending any.
    #[serde(default)]
    pub cookies: u64,
}

/// The log and the counters of one sandbox.
#[derive(Debug, Default)]
pub struct Observed {
    kept: Mutex<(Vec<RequestRecord>, Counters)>,
    /// When each request came.
    arrivals: Mutex<Vec<Instant>>,
    running: AtomicU64,
    connections: AtomicU64,
}

/// A request that is being worked on.
pub struct Running<'a>(&'a Observed);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Observed {
    /// Notes a new connection.
    pub fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that work on a request begins; it ends when the result is dropped.
    pub fn begin(&self) -> Running<'_> {
        self.lock_arrivals().push(Instant::now());
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        let (_, counters) = &mut *self.lock();
        counters.max_concurrent = counters.max_concurrent.max(running);
        Running(self)
    }

    /// Notes a request and how it ended.
    pub fn note(&self, method: &str, path: &str, query: &str, status: u16) {
        let (log, counters) = &mut *self.lock();
        if path.starts_with("/oauth2") {
            counters.token_requests += 1;
        } else {
            *counters.requests.entry(method.to_owned()).or_default() += 1;
        }
        log.push(RequestRecord {
            method: method.to_owned(),
            path: path.to_owned(),
            query: redacted(query),
            status,
        });
    }

    /// Notes a request with a cookie.
    pub fn cookie(&self) {
        self.lock().1.cookies += 1;
    }

    /// The requests so far, oldest first.
    pub fn log(&self) -> Vec<RequestRecord> {
        self.lock().0.clone()
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        let mut counters = self.lock().1.clone();
        counters.connections = self.connections.load(Ordering::Relaxed);
        counters
    }

    /// When each request came, oldest first.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.lock_arrivals().clone()
    }

    /// Starts log and counters again.
    pub fn reset(&self) {
        self.lock_arrivals().clear();
        *self.lock() = Default::default();
        self.connections.store(0, Ordering::Relaxed);
    }

    fn lock_arrivals(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<RequestRecord>, Counters)> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn redacted(query: &str) -> String {
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// By its decoded name, since a client may encode any letter of it.
fn is_secret(name: &str) -> bool {
    const SECRETS: [&str; 4] = [
        "client_secret",
        "access_token",
        "refresh_token",
        "client_assertion",
    ];
    let name = percent_decode_str(name).decode_utf8_lossy();
    SECRETS
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn credentials_do_not_stay() {
        let query = "client_id=a&client_secret=b&grant_type=client_credentials";
        assert_eq!(
            redacted(query),
            "client_id=a&client_secret=***&grant_type=client_credentials"
        );
        assert_eq!(redacted("client%5Fsecret=b"), "client%5Fsecret=***");
        assert_eq!(redacted("limit=50&code=USD"), "limit=50&code=USD");
    }
}
