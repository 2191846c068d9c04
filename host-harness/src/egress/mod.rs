//! The one door out of the sandbox: what a connector may reach, how fast, and
//! by which client.
//!
//! One pooled client serves a session, by way of a proxy where the connection asks
//! for the agent's. Redirects are not followed: where one
//! leads is for the connector to report, not for the host to go. No proxy and
//! no certificate is taken from the environment; authorities that are trusted
//! beside the system's are given by [`Certificates`].

mod budget;
mod certificate_trouble;
mod certificates;
mod classify;
mod client;
mod client_certificate;
mod connecting;
mod gate;
mod handshake_trouble;
mod key_kind;
mod outgoing;
mod policy;
mod protocol;
mod proxy;
mod proxy_trouble;
mod recorded;
mod resolver;
mod retry_after;
mod send;
mod tls_error;
mod traffic;
mod trouble;
mod wait;

pub use budget::{Budget, BudgetSource, Budgets, SharedBudget};
pub use certificate_trouble::CertificateTrouble;
pub use certificates::{Certificates, CertificatesError};
pub use client_certificate::{ClientCertificate, ClientCertificateError, ClientCertificates};
pub use gate::{Gate, GateKeeper};
pub use handshake_trouble::HandshakeTrouble;
pub use policy::{Denied, EgressPolicy, Origin};
pub(crate) use protocol::Offer;
pub use protocol::{Protocol, UnknownProtocol};
pub use proxy::{Proxy, ProxyError};
pub use proxy_trouble::ProxyTrouble;
pub use traffic::Traffic;
pub use trouble::Trouble;

use crate::observability::{SPANS, metrics};
use crate::runtime::recording::Recording;
use crate::runtime::{Level, Redactor, RunLog};
use bytes::Bytes;
use client::{ClientError, Clients, Server};
use reqwest::Client;
use std::future::Future;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tracing::Instrument;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

type Settled = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Settled), Error>;

/// The door of one session.
#[derive(Clone)]
pub struct Egress {
    door: Arc<Door>,
    /// What every request passes just before it is sent.
    gate: Option<Gate>,
}

struct Door {
    policy: EgressPolicy,
    transport: Transport,
    clients: Clients,
    budget: Option<Arc<Budget>>,
    places: Arc<Semaphore>,
    log: RunLog,
    redactor: Redactor,
    traffic: Traffic,
    recording: Recording,
}

/// How a door speaks with what lies behind it.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// The proxy that requests go through.
    pub proxy: Option<Proxy>,
    /// Certificate authorities that are trusted beside the system's.
    pub certificates: Certificates,
    /// What is shown to a server that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// What is offered to be spoken.
    pub protocol: Protocol,
}

/// Where a door tells what passes.
#[derive(Default)]
pub struct Witness {
    /// The run's log.
    pub log: RunLog,
    /// What learns of tokens.
    pub redactor: Redactor,
    /// What counts.
    pub traffic: Traffic,
    /// What is kept of it all, or given in place of a network.
    pub recording: Recording,
}

/// How fast a door lets requests pass.
pub struct Pace {
    /// What gives each request leave to be sent; none: there is no rate.
    pub budget: Option<Arc<Budget>>,
    /// Requests under way at the same time; more wait.
    pub at_a_time: usize,
}

impl Egress {
    /// A door that opens only to what `policy` allows, speaks as `transport` says, and is as
    /// fast as `pace` lets it be.
    pub fn new(policy: EgressPolicy, transport: Transport, pace: Pace, witness: Witness) -> Self {
        let policy = match &transport.proxy {
            Some(proxy) => policy.with_proxy(proxy.host()),
            None => policy,
        };
        let door = Arc::new(Door {
            policy,
            transport,
            clients: Clients::default(),
            budget: pace.budget,
            places: Arc::new(Semaphore::new(pace.at_a_time)),
            log: witness.log,
            redactor: witness.redactor,
            traffic: witness.traffic,
            recording: witness.recording,
        });
        Self { door, gate: None }
    }

    /// The same door behind a gate.
    #[must_use]
    pub fn behind(mut self, gate: Option<Gate>) -> Self {
        self.gate = gate;
        self
    }
}

impl Door {
    fn refuse(&self, denied: &Denied, uri: &http::Uri) -> Error {
        let origin = format!(
            "{}://{}",
            uri.scheme_str().unwrap_or("?"),
            uri.authority().map_or("?", |authority| authority.as_str())
        );
        self.log.host(
            Level::Warn,
            "refused a request to what the connection does not reach",
            &[("origin", origin), ("rule", denied.to_string())],
        );
        self.traffic.count_refused();
        metrics().refused.inc();
        match denied {
            Denied::Address(_) => Error::DestinationIpProhibited,
            _ => Error::HttpRequestDenied,
        }
    }

    async fn client(&self, server: &Server) -> Result<&Client, Error> {
        let made = self.clients.to(server, &self.policy, &self.transport).await;
        made.map_err(|error| {
            if let ClientError::ClientCertificate(error) = &error {
                let trouble = Trouble::ClientCertificate(error.to_string());
                let told = trouble.for_guest();
                self.traffic.set_trouble(Some(trouble));
                return told;
            }
            self.log.host(
                Level::Error,
                "no HTTP client could be made",
                &[("why", error.to_string())],
            );
            Error::ConfigurationError
        })
    }

    async fn send(
        &self,
        gate: Option<Gate>,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Sent {
        match &self.recording {
            Recording::Off => self.send_out(gate, request, options).await,
            Recording::On(recorder) => self.send_recorded(gate, recorder, request, options).await,
            Recording::Replayed(replay) => self.send_replayed(replay, request).await,
        }
    }
}

impl WasiHttpHooks for Egress {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Settled,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (door, gate) = (Arc::clone(&self.door), self.gate.clone());
        // The query may hold what is nobody's business.
        let span = tracing::info_span!(
            target: SPANS,
            "http",
            otel.name = %request.method(),
            otel.kind = "client",
            http.request.method = %request.method(),
            server.address = request.uri().host().unwrap_or_default(),
            server.port = request.uri().port_u16(),
            url.path = request.uri().path(),
            http.response.status_code = tracing::field::Empty,
            network.protocol.version = tracing::field::Empty,
            error.type = tracing::field::Empty,
        );
        let sent = async move { door.send(gate, request, options.unwrap_or_default()).await };
        Box::new(sent.instrument(span))
    }

    /// The client writes it where it belongs: HTTP/2 has `:authority` in its place.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn is_supported_scheme(&mut self, scheme: &http::uri::Scheme) -> bool {
        *scheme == http::uri::Scheme::HTTPS || *scheme == http::uri::Scheme::HTTP
    }
}

/// The type of a body's chunks.
type Chunk = Bytes;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Environment;
    use http_body_util::{BodyExt, Empty};

    fn door(url: &str, environment: Environment) -> (Egress, RunLog, Traffic) {
        let redactor = Redactor::default();
        let log = RunLog::new(redactor.clone());
        let traffic = Traffic::default();
        let policy = EgressPolicy::new([url].into_iter(), environment);
        let egress = Egress::new(
            policy,
            Transport::default(),
            Pace {
                budget: None,
                at_a_time: 32,
            },
            Witness {
                log: log.clone(),
                redactor,
                traffic: traffic.clone(),
                ..Witness::default()
            },
        );
        (egress, log, traffic)
    }

    async fn send(egress: &Egress, url: &str) -> Result<u16, Error> {
        let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
        let request = http::Request::builder().uri(url).body(body).unwrap();
        let sent = egress
            .door
            .send(None, request, RequestOptions::default())
            .await;
        sent.map(|(response, _)| response.status().as_u16())
    }

    #[tokio::test]
    async fn what_is_not_the_connections_own_is_refused_and_logged() {
        let (egress, log, traffic) = door("https://api.acme.example", Environment::Production);
        let elsewhere = [
            "https://evil.example/",
            "https://api.acme.example:8443/",
            "http://api.acme.example/",
            "http://169.254.169.254/latest/meta-data",
            "https://[fd00:ec2::254]/",
            "https://127.0.0.1/",
        ];
        for url in elsewhere {
            assert!(
                matches!(send(&egress, url).await, Err(Error::HttpRequestDenied)),
                "{url}"
            );
        }
        assert_eq!(
            (traffic.refused(), traffic.requests()),
            (elsewhere.len() as u64, 0)
        );
        let logged = format!("{:?}", log.lines());
        assert!(logged.contains("evil.example") && logged.contains("own origin"));
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused() {
        // `localhost` stands for any name that resolves to a loopback address.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "https://localhost:{}",
            listener.local_addr().unwrap().port()
        );
        let (egress, log, traffic) = door(&url, Environment::Production);
        assert!(matches!(
            send(&egress, &url).await,
            Err(Error::DestinationIpProhibited)
        ));
        assert_eq!(traffic.refused(), 1);
        assert!(format!("{:?}", log.lines()).contains("address of this machine"));
    }
}
