//! Traces of runs, sent to an OpenTelemetry collector.
//!
//! One trace is one run: the run, each agent that had it where it was done over NATS,
//! each call of an activity, each HTTP request.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::time::Duration;
use tokio::runtime::Handle;

/// The target of every span that belongs into a trace, for filters.
pub const SPANS: &str = "host_harness::spans";

/// How long one delivery to the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// No client.
    #[error("no HTTP client for traces could be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The address or the settings.
    #[error("traces cannot be sent to {endpoint}: {why}")]
    Exporter {
        /// Where to.
        endpoint: String,
        /// Why not.
        why: String,
    },
}

/// Sends traces while it lives. Call [`TraceExport::end`] last.
pub struct TraceExport {
    provider: SdkTracerProvider,
}

impl TraceExport {
    /// Sends to the collector at `endpoint`, such as `http://127.0.0.1:4318`, by
    /// OTLP over HTTP. Headers are taken from `OTEL_EXPORTER_OTLP_HEADERS`, as
    /// OpenTelemetry has it. A collector that does not answer costs traces, and
    /// no run anything.
    ///
    /// # Errors
    /// If the endpoint is none.
    pub fn start(endpoint: &str, runtime: Handle) -> Result<Self, ExportError> {
        // Whichever comes first in the process decides; any of them will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Collector {
            client: reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()?,
            runtime,
        };
        let endpoint = format!("{}/v1/traces", endpoint.trim_end_matches('/'));
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint.clone())
            .with_timeout(TIMEOUT)
            .build()
            .map_err(|error| ExportError::Exporter {
                endpoint,
                why: error.to_string(),
            })?;
        let resource = Resource::builder()
            .with_service_name("harness")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// What makes spans of this export.
    pub fn tracer(&self) -> SdkTracer {
        self.provider.tracer("harness")
    }

    /// Sends what has not been sent, and ends. Blocks for seconds at most; the
    /// runtime that it was started with has to be running still.
    pub fn end(self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Sends batches. They come from a thread that is none of tokio's.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request = reqwest::Request::try_from(request)?;
        let client = self.client.clone();
        let answered = self.runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let mut response = Response::new(Bytes::new());
            *response.status_mut() = answer.status();
            *response.body_mut() = answer.bytes().await?;
            Ok::<_, reqwest::Error>(response)
        });
        Ok(answered.await??)
    }
}
