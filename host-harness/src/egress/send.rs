//! Sends one request of a guest: through the policy, at the pace, past the gate, and again
//! where the server certainly did not process it.

use super::classify::{self, NotProcessed};
use super::client::{BetweenBytes, Server};
use super::outgoing::Outgoing;
use super::trouble::Trouble;
use super::wait::{Reason, Wait};
use super::{Door, Gate, Sent, protocol, resolver, retry_after, tls_error};
use crate::observability::{Answer, metrics};
use crate::runtime::Level;
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// Where the guest says nothing else.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(120);

/// How often a request that was not processed is sent, the first time included. A server
/// that ends its connections after every request, with 32 under way, needs a few.
const MOST_SENT: u32 = 8;
/// Before a request is sent for the third time, and twice as long each further time: a
/// server that refuses the second one too is busy rather than about to close.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Why a request got no answer.
enum Failed {
    /// The server certainly did not process it.
    NotProcessed(NotProcessed),
    Otherwise(Error),
}

impl Door {
    pub(super) async fn send_out(
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
        let first_byte = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let reading = tokio::time::timeout(first_byte, Outgoing::read(body));
        let mut body = reading.await.map_err(|_| Error::ConnectionWriteTimeout)??;
        if let Some(value) = parts.headers.get(http::header::AUTHORIZATION)
            && let Ok(value) = value.to_str()
        {
            // Tokens are secrets too, though only the connector knows them.
            self.redactor
                .add(value.split(' ').next_back().unwrap_or(value));
        }
        let server = self.clients.server(&parts.uri);
        let mut sent = 0;
        let (answer, under_way) = loop {
            self.keep_pace().await;
            let under_way = server.connections.begin();
            let sending = self.send_once(&gate, &parts, &server, &mut body, first_byte);
            let failed = match sending.await {
                Ok(answer) => break (answer, under_way),
                Err(failed) => failed,
            };
            sent += 1;
            match failed {
                Failed::NotProcessed(why) if sent < MOST_SENT && body.can_be_sent_again() => {
                    self.log.host(
                        Level::Info,
                        "a request is sent again, which the server did not process",
                        &[
                            ("method", parts.method.to_string()),
                            ("path", parts.uri.path().to_owned()),
                            ("why", why.why().to_owned()),
                        ],
                    );
                    self.traffic.count_repeated();
                    if sent > 1 {
                        tokio::time::sleep(FIRST_PAUSE * (1 << (sent - 2))).await;
                    }
                }
                Failed::NotProcessed(_) => return Err(Error::ConnectionLimitReached),
                Failed::Otherwise(error) => return Err(error),
            }
        };
        let between = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let (parts, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let body = BetweenBytes::new(body, between, self.traffic.clone(), (place, under_way));
        let response = http::Response::from_parts(parts, body.boxed_unsync());
        Ok((response, Box::new(async { Ok(()) })))
    }

    /// Waits until the rate lets one more request pass.
    async fn keep_pace(&self) {
        let Some(budget) = &self.budget else { return };
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

    async fn send_once(
        &self,
        gate: &Option<Gate>,
        parts: &http::request::Parts,
        server: &Server,
        body: &mut Outgoing,
        first_byte: Duration,
    ) -> Result<reqwest::Response, Failed> {
        let client = self.client(server).await.map_err(Failed::Otherwise)?;
        let outgoing = client.request(parts.method.clone(), parts.uri.to_string());
        let outgoing = body.put_into(outgoing, &parts.method, parts.headers.clone());
        // Last: nothing that may take long stands between it and the request.
        if let Some(gate) = gate {
            gate.pass().await;
        }
        self.traffic.count_request();
        let started = Instant::now();
        let answered =
            tokio::time::timeout(first_byte, server.connections.serve(outgoing.send())).await;
        let took = started.elapsed();
        match answered {
            Ok(Ok(answer)) => {
                self.answered(parts, server, &answer, took);
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.failed(parts, server, &error, took)),
            Err(_) => {
                self.traffic.set_trouble(None);
                let error = Error::HttpResponseTimeout;
                self.got_nothing(parts, &error, error.to_string(), took);
                Err(Failed::Otherwise(error))
            }
        }
    }

    fn answered(
        &self,
        parts: &http::request::Parts,
        server: &Server,
        answer: &reqwest::Response,
        took: Duration,
    ) {
        let status = answer.status();
        let spoken = protocol::name(answer.version());
        self.traffic.set_trouble(None);
        self.traffic.spoke(spoken);
        server.answered(answer);
        metrics().request(Answer::of(status.as_u16()), took);
        let span = tracing::Span::current();
        span.record("http.response.status_code", status.as_u16());
        span.record(
            "network.protocol.version",
            spoken.trim_start_matches("HTTP/"),
        );
        if status.as_u16() >= 400 {
            span.record("error.type", status.as_str());
        }
        if let Some(budget) = &self.budget {
            if status == http::StatusCode::TOO_MANY_REQUESTS {
                budget.slow_down();
            } else {
                budget.went_well();
            }
        }
        if let Some(long) = retry_after::asked_to_wait(status, answer.headers()) {
            self.traffic.tell_wait(Wait {
                reason: Reason::Asked,
                long,
            });
        }
        let mut fields = fields(parts, status.as_str().to_owned(), took).to_vec();
        fields.push(("protocol", spoken.to_owned()));
        self.log.host(Level::Debug, "request", &fields);
    }

    fn failed(
        &self,
        parts: &http::request::Parts,
        server: &Server,
        error: &reqwest::Error,
        took: Duration,
    ) -> Failed {
        if let Some(denied) = resolver::prohibited(error) {
            let refused = self.refuse(&denied, &parts.uri);
            self.got_nothing(parts, &refused, refused.to_string(), took);
            return Failed::Otherwise(refused);
        }
        let authority = parts.uri.authority().map_or("?", |it| it.as_str());
        let trouble = Trouble::of(error, &self.transport, authority);
        let told = match &trouble {
            Some(trouble) => trouble.for_guest(),
            None => classify::classify(error),
        };
        let mut outcome = match &trouble {
            Some(trouble) => trouble.to_string(),
            None => told.to_string(),
        };
        if let (None, Some(proxy)) = (&trouble, &self.transport.proxy) {
            outcome.push_str(&format!(" (by way of the proxy {})", proxy.place()));
        }
        let other_protocols = tls_error::is_refused_protocol(error) && server.refused_protocol();
        let not_processed = match (&trouble, other_protocols) {
            (_, true) => Some(NotProcessed::NotSent),
            (None, false) => NotProcessed::of(error),
            // It would meet the same again.
            (Some(_), false) => None,
        };
        self.traffic.set_trouble(trouble);
        self.got_nothing(parts, &told, outcome, took);
        match not_processed {
            Some(why) => Failed::NotProcessed(why),
            None => Failed::Otherwise(told),
        }
    }

    fn got_nothing(
        &self,
        parts: &http::request::Parts,
        error: &Error,
        outcome: String,
        took: Duration,
    ) {
        metrics().request(Answer::None, took);
        tracing::Span::current().record("error.type", tracing::field::display(error));
        self.log
            .host(Level::Info, "request failed", &fields(parts, outcome, took));
    }
}

fn fields(
    parts: &http::request::Parts,
    outcome: String,
    took: Duration,
) -> [(&'static str, String); 4] {
    [
        ("method", parts.method.to_string()),
        // The query may hold what is nobody's business.
        ("path", parts.uri.path().to_owned()),
        ("outcome", outcome),
        ("ms", took.as_millis().to_string()),
    ]
}
