//! The HTTP client of a session, and the bodies of its answers.

use super::certificates::Certificates;
use super::policy::EgressPolicy;
use super::protocol::Protocol;
use super::proxy::Proxy;
use super::resolver::Resolver;
use super::traffic::Traffic;
use super::{Chunk, classify};
use http_body::{Body, Frame, SizeHint};
use reqwest::{Client, redirect};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

/// For resolving the name, the TCP connection and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Kept open for the next request. Shorter than what servers commonly allow, so
/// that a request seldom meets a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// While answers are waited for, an HTTP/2 connection on which nothing comes is asked for
/// a sign of life: all requests share it, and a dead one would fail each by its time-out.
const ASK_AFTER: Duration = Duration::from_secs(15);
/// How long the sign of life may take.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientError {
    #[error("no certificate authority can be trusted: {0}")]
    Certificates(#[from] rustls::Error),
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// A pooled client that goes only where the policy lets it.
pub(super) fn client(
    policy: &EgressPolicy,
    proxy: Option<&Proxy>,
    certificates: &Certificates,
    protocol: Protocol,
) -> Result<Client, ClientError> {
    let mut builder = Client::builder()
        .dns_resolver(Arc::new(Resolver(policy.clone())))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tls_backend_preconfigured(certificates.for_client(protocol)?)
        .no_proxy();
    if let Some(proxy) = proxy {
        builder = builder.proxy(proxy.for_client()?);
    }
    Ok(builder
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http2_keep_alive_interval(ASK_AFTER)
        .http2_keep_alive_timeout(SIGN_OF_LIFE)
        .tcp_nodelay(true)
        .user_agent(concat!("integration-harness/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// A body whose chunks must not be too far apart.
pub(super) struct BetweenBytes {
    body: reqwest::Body,
    timeout: Duration,
    /// Armed while a chunk is waited for.
    patience: Option<Pin<Box<Sleep>>>,
    traffic: Traffic,
    /// The request's place among those under way, kept until its body is read.
    _place: OwnedSemaphorePermit,
}

impl BetweenBytes {
    pub(super) fn new(
        body: reqwest::Body,
        timeout: Duration,
        traffic: Traffic,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            body,
            timeout,
            patience: None,
            traffic,
            _place: place,
        }
    }
}

impl Body for BetweenBytes {
    type Data = Chunk;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Chunk>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.patience = None;
                if let Some(Ok(frame)) = &frame
                    && let Some(data) = frame.data_ref()
                {
                    self.traffic.add_received(data.len());
                }
                Poll::Ready(
                    frame.map(|frame| frame.map_err(|error| classify::classify_body(&error))),
                )
            }
            Poll::Pending => {
                let timeout = self.timeout;
                let patience = self.patience.get_or_insert_with(|| {
                    Box::pin(tokio::time::sleep_until(Instant::now() + timeout))
                });
                ready!(patience.as_mut().poll(context));
                Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
