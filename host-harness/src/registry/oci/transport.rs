//! Requests to an OCI registry: how long is waited, how often it is tried again, and
//! how much of an answer is taken.

use super::OciError;
use super::access::{Authorization, Credentials, Right};
use crate::egress::{Certificates, Offer};
use crate::registry::{ConnectorName, OciAddress};
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Hops from a registry to where it keeps its bytes.
const MOST_REDIRECTS: usize = 5;
/// The first pause before trying again; it doubles from time to time.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause, also where the registry asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// How an OCI registry is used.
#[derive(Debug, Clone)]
pub struct OciSettings {
    /// Who asks.
    pub credentials: Credentials,
    /// Authorities to trust beside the system's.
    pub certificates: Certificates,
    /// For the connection, TLS included.
    pub connect_timeout: Duration,
    /// For an answer to begin, and between its parts.
    pub read_timeout: Duration,
    /// How often a request is tried before it is given up; at least once.
    pub attempts: u32,
    /// The connectors, for a registry that does not list its repositories.
    pub connectors: Vec<ConnectorName>,
}

impl Default for OciSettings {
    fn default() -> Self {
        Self {
            credentials: Credentials::Anonymous,
            certificates: Certificates::default(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            attempts: 5,
            connectors: Vec::new(),
        }
    }
}

/// The connection to one registry.
pub(super) struct Transport {
    registry: String,
    prefix: String,
    base: Url,
    plain: bool,
    client: reqwest::Client,
    settings: OciSettings,
    authorizations: Mutex<Authorizations>,
}

/// By repository, and by what is to be done there.
type Authorizations = HashMap<(String, Right), Authorization>;

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({})", self.registry)
    }
}

/// What is asked of a registry.
pub(super) struct Question<'a> {
    /// For messages.
    pub(super) what: &'a str,
    pub(super) repository: &'a str,
    pub(super) url: Url,
    pub(super) accept: &'a str,
    /// The first byte that is wanted.
    pub(super) from: u64,
}

/// What is written into a registry.
pub(super) struct Writing<'a> {
    /// For messages.
    pub(super) what: &'a str,
    pub(super) repository: &'a str,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) media_type: &'static str,
    pub(super) body: Bytes,
}

/// A request, to be sent as often as it takes.
struct Sent<'a> {
    what: &'a str,
    repository: &'a str,
    right: Right,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
}

impl Transport {
    pub(super) fn new(address: &OciAddress, settings: OciSettings) -> Result<Self, OciError> {
        let wrong = |why: String| OciError::Settings {
            registry: address.to_string(),
            why,
        };
        let anonymous = matches!(settings.credentials, Credentials::Anonymous);
        if address.plain && !anonymous && !address.is_loopback() {
            return Err(wrong(
                "credentials would go over the network in the clear: use oci:// with TLS"
                    .to_owned(),
            ));
        }
        if let Credentials::Bearer(token) = &settings.credentials
            && !is_header_value(token)
        {
            return Err(wrong(
                "its token has something in it that no token has".to_owned(),
            ));
        }
        let plain = address.plain;
        let tls = settings.certificates.for_client(Offer::Http2OrHttp1, None);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.map_err(|error| wrong(error.to_string()))?)
            // Registries send to where they keep their bytes. Credentials do not go
            // along to another host: reqwest takes them off.
            .redirect(redirect::Policy::custom(move |attempt| {
                if attempt.previous().len() > MOST_REDIRECTS {
                    attempt.error("redirected too often")
                } else if !plain && attempt.url().scheme() != "https" {
                    attempt.error("redirected to where there is no TLS")
                } else {
                    attempt.follow()
                }
            }))
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(settings.connect_timeout)
            .read_timeout(settings.read_timeout)
            .user_agent(USER_AGENT)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/v2/", address.host));
        Ok(Self {
            registry: address.to_string(),
            prefix: address.prefix.clone(),
            base: base.map_err(|error| wrong(error.to_string()))?,
            plain,
            client,
            settings,
            authorizations: Mutex::default(),
        })
    }

    pub(super) fn registry(&self) -> String {
        self.registry.clone()
    }

    pub(super) fn attempts(&self) -> u32 {
        self.settings.attempts.max(1)
    }

    /// A pause before trying again, longer from time to time and never quite the
    /// same.
    pub(super) async fn pause(&self, attempt: u32) {
        tokio::time::sleep(pause(attempt)).await;
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(super) const fn is_plain(&self) -> bool {
        self.plain
    }

    pub(super) const fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub(super) const fn settings(&self) -> &OciSettings {
        &self.settings
    }

    /// What stands behind `/v2/`.
    pub(super) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.base.join(path).map_err(|error| OciError::Unexpected {
            registry: self.registry(),
            what: path.to_owned(),
            why: error.to_string(),
        })
    }

    /// Whether this registry answers at an address itself. Nobody else is told who
    /// asks, nor believed about it.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// An address at this registry, which may call itself by another scheme where
    /// something before it adds TLS; absent where it is elsewhere.
    pub(super) fn at_home(&self, url: &Url) -> Option<Url> {
        let place = |url: &Url| (url.host_str().map(str::to_owned), url.port());
        if !self.is_own(url) && place(url) != place(&self.base) {
            return None;
        }
        let mut own = self.base.clone();
        own.set_path(url.path());
        own.set_query(url.query());
        Some(own)
    }

    /// What stands there, without a word of who asks.
    pub(super) async fn get(&self, url: Url) -> Result<Response, OciError> {
        let asked = self.client.get(url).send().await;
        asked.map_err(|error| self.failed(&error))
    }

    /// An answer, its body not yet read. Tries again where that may help, and once
    /// as the registry wants to be asked where it refuses.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Response, OciError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, self.header(question.accept)?);
        if question.from > 0 {
            headers.insert(RANGE, self.header(&format!("bytes={}-", question.from))?);
        }
        self.send(Sent {
            what: question.what,
            repository: question.repository,
            right: Right::Pull,
            method: Method::GET,
            url: question.url,
            headers,
            body: Bytes::new(),
        })
        .await
    }

    /// The same for what is written, and for a look at what is there before.
    pub(super) async fn write(&self, writing: Writing<'_>) -> Result<Response, OciError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(writing.media_type));
        self.send(Sent {
            what: writing.what,
            repository: writing.repository,
            right: Right::Push,
            method: writing.method,
            url: writing.url,
            headers,
            body: writing.body,
        })
        .await
    }

    fn header(&self, value: &str) -> Result<HeaderValue, OciError> {
        HeaderValue::from_str(value).map_err(|error| OciError::Settings {
            registry: self.registry(),
            why: error.to_string(),
        })
    }

    async fn send(&self, sent: Sent<'_>) -> Result<Response, OciError> {
        let mut attempt = 0;
        let mut learned = false;
        loop {
            attempt += 1;
            let (error, wait) = match self.send_once(&sent).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if !learned && self.wants_to_know(&response) => {
                    match self.learn(&response, sent.repository, sent.right).await {
                        Ok(()) => {
                            learned = true;
                            attempt -= 1;
                            continue;
                        }
                        Err(error) => (error, None),
                    }
                }
                Ok(response) => {
                    let error = match sent.right {
                        Right::Pull => self.status(response.status(), sent.what),
                        Right::Push => self.not_written(response.status(), &sent),
                    };
                    (error, wait_of(&response))
                }
                Err(error) => (error, None),
            };
            if !error.is_out_of_reach() || attempt >= self.attempts() {
                return Err(error);
            }
            tracing::info!(%error, attempt, "the registry is asked again");
            match wait {
                Some(wait) => tokio::time::sleep(wait.min(LONGEST_PAUSE)).await,
                None => self.pause(attempt).await,
            }
        }
    }

    /// Whether a refusal says how to ask instead. A token from the settings is all
    /// that there is.
    fn wants_to_know(&self, response: &Response) -> bool {
        response.status() == StatusCode::UNAUTHORIZED
            && self.is_own(response.url())
            && !matches!(self.settings.credentials, Credentials::Bearer(_))
    }

    async fn send_once(&self, sent: &Sent<'_>) -> Result<Response, OciError> {
        let mut request = self
            .client
            .request(sent.method.clone(), sent.url.clone())
            .headers(sent.headers.clone());
        if !sent.body.is_empty() || sent.method == Method::POST {
            request = request.body(sent.body.clone());
        }
        if self.is_own(&sent.url) {
            let who = self.authorization(sent.repository, sent.right).await?;
            request = who.on(request);
        }
        request.send().await.map_err(|error| self.failed(&error))
    }

    fn not_written(&self, status: StatusCode, sent: &Sent<'_>) -> OciError {
        if status == StatusCode::FORBIDDEN {
            return OciError::Forbidden {
                registry: self.registry(),
                who: self.who(),
                what: format!("publish into {}", sent.repository),
            };
        }
        self.status(status, sent.what)
    }

    /// A body of at most `limit` bytes.
    pub(super) async fn body(
        &self,
        mut response: Response,
        what: &str,
        limit: u64,
    ) -> Result<Vec<u8>, OciError> {
        let too_large = || OciError::TooLarge {
            registry: self.registry(),
            what: what.to_owned(),
            limit,
        };
        if response.content_length().is_some_and(|said| said > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        loop {
            let chunk = response.chunk().await;
            match chunk.map_err(|error| self.failed(&error))? {
                None => return Ok(body),
                Some(chunk) if (body.len() + chunk.len()) as u64 > limit => {
                    return Err(too_large());
                }
                Some(chunk) => body.extend_from_slice(&chunk),
            }
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Authorizations> {
        self.authorizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self, repository: &str, right: Right) -> Option<Authorization> {
        let key = (repository.to_owned(), right);
        self.kept().get(&key).cloned()
    }

    pub(super) fn keep(&self, repository: &str, right: Right, found: Authorization) {
        self.kept().insert((repository.to_owned(), right), found);
    }

    fn who(&self) -> String {
        match &self.settings.credentials {
            Credentials::Anonymous => "anybody without credentials".to_owned(),
            Credentials::Basic(user, _) => format!("the user “{user}”"),
            Credentials::Bearer(_) => "the owner of this token".to_owned(),
        }
    }

    pub(super) fn not_let_in(&self) -> OciError {
        OciError::Credentials {
            registry: self.registry(),
            who: self.who(),
        }
    }

    /// What a status means.
    pub(super) fn status(&self, status: StatusCode, what: &str) -> OciError {
        let (registry, what) = (self.registry(), what.to_owned());
        match status {
            StatusCode::UNAUTHORIZED => self.not_let_in(),
            StatusCode::FORBIDDEN => OciError::Forbidden {
                registry,
                who: self.who(),
                what: format!("see {what}"),
            },
            StatusCode::NOT_FOUND => OciError::NotFound { registry, what },
            StatusCode::TOO_MANY_REQUESTS => OciError::Busy { registry },
            status if status.is_server_error() => OciError::Failing {
                registry,
                status: status.as_u16(),
                what,
            },
            status => OciError::Unexpected {
                registry,
                what,
                why: format!("HTTP {status}"),
            },
        }
    }

    /// What a request that got no answer means.
    pub(super) fn failed(&self, error: &reqwest::Error) -> OciError {
        let registry = self.registry();
        let why = causes(error);
        if why.contains("certificate") {
            OciError::Certificate { registry, why }
        } else if error.is_redirect() {
            OciError::Unexpected {
                registry,
                what: "a request".to_owned(),
                why,
            }
        } else {
            OciError::Unreachable { registry, why }
        }
    }
}

const USER_AGENT: &str = concat!("integration-harness/", env!("CARGO_PKG_VERSION"));

/// The causes of an error, the last first: that one says most. Without the URL,
/// which may hold a signature of the place that a registry sends to.
fn causes(error: &reqwest::Error) -> String {
    let mut source = std::error::Error::source(error);
    let mut last = None;
    while let Some(cause) = source {
        last = Some(cause.to_string());
        source = cause.source();
    }
    match last {
        Some(last) => last,
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "no answer".to_owned(),
    }
}

pub(super) fn is_header_value(secret: &SecretString) -> bool {
    HeaderValue::from_str(secret.expose_secret()).is_ok()
}

fn wait_of(response: &Response) -> Option<Duration> {
    let wait = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(wait.trim().parse().ok()?))
}

fn pause(attempt: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(
        1_u32
            .checked_shl(attempt.saturating_sub(1))
            .unwrap_or(u32::MAX),
    );
    let mut random = [0_u8; 1];
    // Without randomness all agents ask again at once, which is no worse than before.
    let _ = getrandom::fill(&mut random);
    let pause = doubled.min(LONGEST_PAUSE);
    pause / 2 + (pause / 2).mul_f64(f64::from(random[0]) / 255.0)
}
