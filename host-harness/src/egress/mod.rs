//! The one door out of the sandbox: what a connector may reach, how fast, and
//! by which client.
//!
//! One pooled client serves a session, by way of a proxy where the connection asks
//! for the agent's. Redirects are not followed: where one
//! leads is for the connector to report, not for the host to go. No proxy and
//! no certificate is taken from the environment; authorities that are trusted
//! beside the system's are given by [`Certificates`].

mod budget;
mod certificates;
mod classify;
mod client;
mod gate;
mod policy;
mod proxy;
mod proxy_trouble;
mod recorded;
mod resolver;
mod traffic;
mod wait;

pub use budget::{Budget, BudgetSource, Budgets, SharedBudget};
pub use certificates::{Certificates, CertificatesError};
pub use gate::{Gate, GateKeeper};
pub use policy::{Denied, EgressPolicy, Origin};
pub use proxy::{Proxy, ProxyError};
pub use proxy_trouble::ProxyTrouble;
pub use traffic::Traffic;

use crate::observability::{Answer, SPANS, metrics};
use crate::runtime::recording::Recording;
use crate::runtime::{Level, Redactor, RunLog};
use bytes::Bytes;
use client::BetweenBytes;
use http_body_util::{BodyDataStream, BodyExt};
use reqwest::Client;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OnceCell, Semaphore};
use tracing::Instrument;
use wait::{Reason, Wait};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// Where the guest says nothing else.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// No connector waits for longer than a day: it ends, and says why.
const LONGEST_TOLD: Duration = Duration::from_secs(24 * 60 * 60);

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
    proxy: Option<Proxy>,
    certificates: Certificates,
    /// Made at the first request: reading the TLS roots takes milliseconds, and
    /// many a session sends nothing.
    client: OnceCell<Client>,
    budget: Option<Arc<Budget>>,
    places: Arc<Semaphore>,
    log: RunLog,
    redactor: Redactor,
    traffic: Traffic,
    recording: Recording,
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
    /// A door that opens only to what `policy` allows, and as fast as `pace` does.
    pub fn new(
        policy: EgressPolicy,
        proxy: Option<Proxy>,
        certificates: Certificates,
        pace: Pace,
        witness: Witness,
    ) -> Self {
        let policy = match &proxy {
            Some(proxy) => policy.with_proxy(proxy.host()),
            None => policy,
        };
        let door = Arc::new(Door {
            policy,
            proxy,
            certificates,
            client: OnceCell::new(),
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

    /// What the connector is told of a request that got no answer.
    fn failed(&self, error: &reqwest::Error, uri: &http::Uri) -> Error {
        let authority = uri.authority().map_or("?", |authority| authority.as_str());
        let trouble = self
            .proxy
            .as_ref()
            .and_then(|proxy| ProxyTrouble::of(error, &proxy.place(), authority));
        let told = match &trouble {
            Some(trouble) => trouble.for_guest(),
            None => classify::classify(error),
        };
        self.traffic.set_proxy_trouble(trouble);
        told
    }

    async fn client(&self) -> Result<&Client, Error> {
        let made = self
            .client
            .get_or_try_init(|| async {
                client::client(&self.policy, self.proxy.as_ref(), &self.certificates)
            })
            .await;
        made.map_err(|error| {
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

    async fn send_out(
        &self,
        gate: Option<Gate>,
        request: http::Request<WasiBody>,
        options: RequestOptions,
    ) -> Sent {
        let (parts, body) = request.into_parts();
        if let Err(denied) = self.policy.check(&parts.uri) {
            return Err(self.refuse(&denied, &parts.uri));
        }
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|_| Error::ConnectionLimitReached)?;
        if let Some(budget) = &self.budget {
            let told = |long| {
                self.traffic.tell_wait(Wait {
                    reason: Reason::Budget,
                    long,
                });
            };
            let waited = budget.take(told).await;
            self.traffic.add_waited(waited);
            metrics().rate_waited(waited);
        }
        // Last: nothing that may take long stands between it and the request.
        let client = self.client().await?;
        if let Some(gate) = gate {
            gate.pass().await;
        }
        if let Some(value) = parts.headers.get(http::header::AUTHORIZATION)
            && let Ok(value) = value.to_str()
        {
            // Tokens are secrets too, though only the connector knows them.
            self.redactor
                .add(value.split(' ').next_back().unwrap_or(value));
        }
        let url = parts.uri.to_string();
        let mut outgoing = client
            .request(parts.method.clone(), url)
            .headers(parts.headers);
        if http_body::Body::size_hint(&body).exact() != Some(0) {
            outgoing = outgoing.body(reqwest::Body::wrap_stream(BodyDataStream::new(body)));
        }
        self.traffic.count_request();
        let started = Instant::now();
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let answered = match tokio::time::timeout(first_byte, outgoing.send()).await {
            Err(_) => {
                self.traffic.set_proxy_trouble(None);
                Err(Error::HttpResponseTimeout)
            }
            Ok(Err(error)) => Err(match resolver::prohibited(&error) {
                Some(denied) => self.refuse(&denied, &parts.uri),
                None => self.failed(&error, &parts.uri),
            }),
            Ok(Ok(answer)) => {
                self.traffic.set_proxy_trouble(None);
                Ok(answer)
            }
        };
        let took = started.elapsed();
        let span = tracing::Span::current();
        match &answered {
            Ok(answer) => {
                metrics().request(Answer::of(answer.status().as_u16()), took);
                span.record("http.response.status_code", answer.status().as_u16());
                if answer.status().as_u16() >= 400 {
                    span.record("error.type", answer.status().as_str());
                }
            }
            Err(error) => {
                metrics().request(Answer::None, took);
                span.record("error.type", tracing::field::display(error));
            }
        }
        let fields = |outcome: String| {
            [
                ("method", parts.method.to_string()),
                // The query may hold what is nobody's business.
                ("path", parts.uri.path().to_owned()),
                ("outcome", outcome),
                ("ms", took.as_millis().to_string()),
            ]
        };
        match answered {
            Ok(answer) => {
                if let Some(budget) = &self.budget {
                    if answer.status() == http::StatusCode::TOO_MANY_REQUESTS {
                        budget.slow_down();
                    } else {
                        budget.went_well();
                    }
                }
                if let Some(long) = asked_to_wait(&answer) {
                    self.traffic.tell_wait(Wait {
                        reason: Reason::Asked,
                        long,
                    });
                }
                self.log.host(
                    Level::Debug,
                    "request",
                    &fields(answer.status().as_str().to_owned()),
                );
                let between = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
                let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
                let body = BetweenBytes::new(body, between, self.traffic.clone(), place);
                let response = http::Response::from_parts(parts, body.boxed_unsync());
                Ok((response, Box::new(async { Ok(()) })))
            }
            Err(error) => {
                let mut outcome = error.to_string();
                if let Some(trouble) = self.traffic.proxy_trouble() {
                    outcome = trouble.to_string();
                } else if let Some(proxy) = &self.proxy {
                    outcome.push_str(&format!(" (by way of the proxy {})", proxy.place()));
                }
                self.log
                    .host(Level::Info, "request failed", &fields(outcome));
                Err(error)
            }
        }
    }
}

/// How long an answer that refuses asks to be left alone. A date instead of seconds is
/// left to the connector, which waits for it.
fn asked_to_wait(answer: &reqwest::Response) -> Option<Duration> {
    let refuses = matches!(
        answer.status(),
        http::StatusCode::TOO_MANY_REQUESTS | http::StatusCode::SERVICE_UNAVAILABLE
    );
    let asked = answer.headers().get(http::header::RETRY_AFTER)?;
    let seconds = asked.to_str().ok()?.trim().parse().ok()?;
    (refuses && seconds <= LONGEST_TOLD.as_secs()).then(|| Duration::from_secs(seconds))
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
            error.type = tracing::field::Empty,
        );
        let sent = async move { door.send(gate, request, options.unwrap_or_default()).await };
        Box::new(sent.instrument(span))
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
    use http_body_util::Empty;

    fn door(url: &str, environment: Environment) -> (Egress, RunLog, Traffic) {
        let redactor = Redactor::default();
        let log = RunLog::new(redactor.clone());
        let traffic = Traffic::default();
        let policy = EgressPolicy::new([url].into_iter(), environment);
        let (proxy, certificates) = (None, Certificates::default());
        let egress = Egress::new(
            policy,
            proxy,
            certificates,
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
