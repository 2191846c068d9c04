//! What monitoring asks over HTTP: `/metrics`, `/healthz` and `/readyz`.
//!
//! It has an address of its own and no login, as monitoring expects it: let it
//! be reached by nobody else. It changes nothing, and tells no secret, no
//! record and no name of a connection.

use super::{Health, HealthCheck, metrics};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("monitoring cannot listen on {address}: {source}")]
pub struct MonitoringError {
    address: SocketAddr,
    source: std::io::Error,
}

/// The server for monitoring, listening.
pub struct Monitoring {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
}

impl Monitoring {
    /// Listens on `address`; whether the process is ready, `health` says.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn bind(
        address: SocketAddr,
        health: Arc<dyn Health>,
    ) -> Result<Self, MonitoringError> {
        let failed = |source| MonitoringError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let router = Router::new()
            .route("/metrics", get(numbers))
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .with_state(health);
        Ok(Self {
            listener,
            address,
            router,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is ready.
    ///
    /// # Errors
    /// If the listener breaks down.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(stop)
            .await
    }
}

async fn numbers() -> Response {
    match metrics().text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<HealthCheck>,
}

async fn ready(State(health): State<Arc<dyn Health>>) -> Response {
    let checks = health.checks().await;
    let ready = checks
        .iter()
        .all(|check| check.trouble.is_none() || !check.required);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, checks })).into_response()
}
