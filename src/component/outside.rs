//! The host that runs this component, behind the connector's own trait.

use super::bindings::integration::connector::{cache, log, secrets};
use super::http;
use crate::host::{Host, LogLevel, Request, Response, SecretError, SendError};
use std::time::Duration;
use wasip3::clocks::{monotonic_clock, system_clock};

/// The host that runs this component.
pub struct Outside;

impl Host for Outside {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        http::send(request).await
    }

    async fn sleep(&self, how_long: Duration) {
        monotonic_clock::wait_for(nanoseconds(how_long)).await;
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn unix_time(&self) -> i64 {
        system_clock::now().seconds
    }

    async fn reveal(&self, secret: &str) -> Result<String, SecretError> {
        secrets::reveal(secret.to_owned())
            .await
            .map_err(|error| match error {
                secrets::SecretError::NotSet => SecretError::NotSet,
                secrets::SecretError::Unavailable => SecretError::Unavailable,
            })
    }

    async fn cache_get(&self, key: &str) -> Option<(String, Duration)> {
        let (value, ttl) = cache::get(key.to_owned()).await?;
        Some((value, Duration::from_millis(ttl)))
    }

    async fn cache_put(&self, key: &str, value: String, ttl: Duration) {
        cache::put(key.to_owned(), value, crate::client::milliseconds(ttl)).await;
    }

    async fn cache_remove(&self, key: &str) {
        cache::remove(key.to_owned()).await;
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, String)]) {
        let level = match level {
            LogLevel::Info => log::Level::Info,
            LogLevel::Warn => log::Level::Warn,
        };
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        log::write(level, message, &fields);
    }
}

pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
