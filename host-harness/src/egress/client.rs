//! The HTTP clients of a session, and the bodies of their answers.
//!
//! There are two, because a client that offers both protocols cannot know that a
//! connection will do for all its requests before the handshake is over: with 32 requests
//! under way, it makes 32 connections each time that the server ends one, and throws away
//! 31. Once a server has spoken HTTP/2, a client that speaks nothing else takes over, and
//! all requests wait for one connection.

use super::client_certificate::{ClientCertificate, ClientCertificateError};
use super::connecting::{Connections, Patience, UnderWay};
use super::policy::EgressPolicy;
use super::protocol::Offer;
use super::resolver::Resolver;
use super::traffic::Traffic;
use super::{Chunk, Transport, classify};
use http::header::CONNECTION;
use http::uri::Authority;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use reqwest::{Client, redirect};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::{OnceCell, OwnedSemaphorePermit};
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
    ClientCertificate(#[from] ClientCertificateError),
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}

/// The clients of a session. Each is made when it is first needed: reading the TLS roots
/// takes milliseconds, and many a session sends nothing.
#[derive(Default)]
pub(super) struct Clients {
    /// Offers what the connection's protocol says.
    any: OnceCell<Client>,
    http2: OnceCell<Client>,
    servers: Mutex<HashMap<Authority, Arc<Server>>>,
}

/// What is known of a server that requests go to.
#[derive(Default)]
pub(super) struct Server {
    has_spoken_http2: AtomicBool,
    pub(super) connections: Arc<Connections>,
}

impl Clients {
    /// The server at this URL.
    pub(super) fn server(&self, uri: &http::Uri) -> Arc<Server> {
        let authority = uri.authority().cloned();
        let authority = authority.unwrap_or_else(|| Authority::from_static("none"));
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(servers.entry(authority).or_default())
    }

    /// The client for requests to this server.
    pub(super) async fn to(
        &self,
        server: &Server,
        policy: &EgressPolicy,
        transport: &Transport,
    ) -> Result<&Client, ClientError> {
        let (cell, offer) = match server.has_spoken_http2.load(Ordering::Relaxed) {
            true => (&self.http2, Offer::Http2),
            false => (&self.any, transport.protocol.into()),
        };
        cell.get_or_try_init(|| async { client(policy, transport, offer) })
            .await
    }
}

impl Server {
    /// Remembers which protocol it spoke, and whether the connection stays open.
    pub(super) fn answered(&self, answer: &reqwest::Response) {
        match answer.version() {
            Version::HTTP_2 => self.has_spoken_http2.store(true, Ordering::Relaxed),
            version if ends_connection(version, answer.headers()) => self.connections.ended(),
            _ => {}
        }
    }

    /// Says that no connection came about because it speaks none of the protocols offered.
    /// True where it was offered HTTP/2 alone, since it had spoken that: others are offered
    /// now.
    pub(super) fn refused_protocol(&self) -> bool {
        self.has_spoken_http2.swap(false, Ordering::Relaxed)
    }
}

/// Whether a connection is closed after this answer (RFC 9112, 9.3).
fn ends_connection(version: Version, headers: &HeaderMap) -> bool {
    let has = |word: &str| {
        headers.get_all(CONNECTION).iter().any(|value| {
            value.to_str().is_ok_and(|value| {
                value
                    .split(',')
                    .any(|it| it.trim().eq_ignore_ascii_case(word))
            })
        })
    };
    match version {
        Version::HTTP_11 => has("close"),
        _ => !has("keep-alive"),
    }
}

/// A pooled client that goes only where the policy lets it.
fn client(
    policy: &EgressPolicy,
    transport: &Transport,
    offer: Offer,
) -> Result<Client, ClientError> {
    let shown = transport.client_certificate.as_ref();
    let shown = shown.map(ClientCertificate::read).transpose()?;
    let mut builder = Client::builder()
        .dns_resolver(Arc::new(Resolver(policy.clone())))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .tls_backend_preconfigured(transport.certificates.for_client(offer, shown)?)
        .no_proxy();
    if let Some(proxy) = &transport.proxy {
        builder = builder.proxy(proxy.for_client()?);
    }
    if offer == Offer::Http2 {
        builder = builder.http2_prior_knowledge();
    }
    Ok(builder
        .referer(false)
        .connector_layer(Patience)
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
    /// Kept until the body is read.
    _under_way: (OwnedSemaphorePermit, UnderWay),
}

impl BetweenBytes {
    pub(super) fn new(
        body: reqwest::Body,
        timeout: Duration,
        traffic: Traffic,
        under_way: (OwnedSemaphorePermit, UnderWay),
    ) -> Self {
        Self {
            body,
            timeout,
            patience: None,
            traffic,
            _under_way: under_way,
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
