//! Requests to an OCI registry: who asks, how long is waited, how often it is
//! tried again, and how much of an answer is taken.

use super::OciError;
use crate::egress::{Certificates, Offer};
use crate::registry::{ConnectorName, OciAddress};
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::header::{ACCEPT, HeaderValue, RANGE, RETRY_AFTER, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode, redirect};
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

/// Who asks.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    Anonymous,
    /// A user with a password. Where the registry sends to a token server, that
    /// gets them, and the registry its token.
    Basic(String, SecretString),
    /// A token that the registry takes as it is.
    Bearer(SecretString),
}

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

/// How a request says who asks.
#[derive(Clone)]
enum Authorization {
    None,
    Basic(String, SecretString),
    /// Known to be a header's value.
    Bearer(SecretString),
}

/// The connection to one registry.
pub(super) struct Transport {
    registry: String,
    host: String,
    base: String,
    plain: bool,
    client: reqwest::Client,
    settings: OciSettings,
    /// By repository, and whether for pushing.
    authorizations: Mutex<HashMap<(String, bool), Authorization>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({})", self.registry)
    }
}

/// What is asked of a registry.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// For messages.
    pub(super) what: &'a str,
    pub(super) repository: &'a str,
    /// Behind `/v2/`.
    pub(super) path: &'a str,
    pub(super) accept: &'a str,
    /// The first byte that is wanted.
    pub(super) from: u64,
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
        Ok(Self {
            registry: address.to_string(),
            host: address.host.clone(),
            base: format!(
                "{}://{}/v2/",
                if plain { "http" } else { "https" },
                address.host
            ),
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

    /// The library's client for pushing, which is let in already.
    pub(super) async fn pusher(&self, repository: &str) -> Result<Client, OciError> {
        let auth = match self.authorization(repository, true).await? {
            Authorization::None => RegistryAuth::Anonymous,
            Authorization::Basic(user, password) => {
                RegistryAuth::Basic(user, password.expose_secret().to_owned())
            }
            Authorization::Bearer(token) => RegistryAuth::Bearer(token.expose_secret().to_owned()),
        };
        let client = self.library()?;
        client.store_auth_if_needed(&self.host, &auth).await;
        Ok(client)
    }

    pub(super) fn reference(&self, repository: &str, tag: &str) -> Reference {
        Reference::with_tag(self.host.clone(), repository.to_owned(), tag.to_owned())
    }

    fn library(&self) -> Result<Client, OciError> {
        // Its constructor that cannot fail falls back to default settings.
        Client::try_from(ClientConfig {
            protocol: if self.plain {
                ClientProtocol::Http
            } else {
                ClientProtocol::Https
            },
            extra_root_certificates: self.settings.certificates.for_registry(),
            connect_timeout: Some(self.settings.connect_timeout),
            read_timeout: Some(self.settings.read_timeout),
            user_agent: USER_AGENT,
            ..ClientConfig::default()
        })
        .map_err(|error| OciError::Settings {
            registry: self.registry(),
            why: error.to_string(),
        })
    }

    /// An answer, its body not yet read. Tries again where that may help, and
    /// once with new credentials where the old ones are not taken.
    pub(super) async fn ask(&self, question: Question<'_>) -> Result<Response, OciError> {
        let mut attempt = 0;
        let mut renewed = false;
        loop {
            attempt += 1;
            let (error, wait) = match self.ask_once(question).await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) if response.status() == StatusCode::UNAUTHORIZED && !renewed => {
                    renewed = true;
                    attempt -= 1;
                    let mut kept = self.kept();
                    kept.remove(&(question.repository.to_owned(), false));
                    continue;
                }
                Ok(response) => (self.refused(&response, question.what), wait_of(&response)),
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

    async fn ask_once(&self, question: Question<'_>) -> Result<Response, OciError> {
        let authorization = self.authorization(question.repository, false).await?;
        let mut request = self
            .client
            .get(format!("{}{}", self.base, question.path))
            .header(ACCEPT, question.accept);
        if question.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", question.from));
        }
        request = match authorization {
            Authorization::None => request,
            Authorization::Basic(user, password) => {
                request.basic_auth(user, Some(password.expose_secret()))
            }
            Authorization::Bearer(token) => request.bearer_auth(token.expose_secret()),
        };
        request.send().await.map_err(|error| self.failed(&error))
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

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<(String, bool), Authorization>> {
        self.authorizations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn authorization(&self, repository: &str, push: bool) -> Result<Authorization, OciError> {
        let key = (repository.to_owned(), push);
        if let Some(kept) = self.kept().get(&key) {
            return Ok(kept.clone());
        }
        let found = self.authorize(repository, push).await?;
        self.kept().insert(key, found.clone());
        Ok(found)
    }

    /// Asks the registry how it wants to be asked.
    async fn authorize(&self, repository: &str, push: bool) -> Result<Authorization, OciError> {
        let credentials = match &self.settings.credentials {
            Credentials::Bearer(token) => return Ok(Authorization::Bearer(token.clone())),
            Credentials::Basic(user, password) => {
                RegistryAuth::Basic(user.clone(), password.expose_secret().to_owned())
            }
            Credentials::Anonymous => RegistryAuth::Anonymous,
        };
        let asked = self.client.get(&self.base).send().await;
        let response = asked.map_err(|error| self.failed(&error))?;
        if response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS
        {
            return Err(self.refused(&response, "who asks"));
        }
        let challenge = response
            .headers()
            .get(WWW_AUTHENTICATE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if !challenge.to_ascii_lowercase().starts_with("bearer") {
            // No challenge, no credentials.
            return Ok(match &self.settings.credentials {
                Credentials::Basic(user, password) if !challenge.is_empty() => {
                    Authorization::Basic(user.clone(), password.clone())
                }
                _ => Authorization::None,
            });
        }
        let token = |why: String| OciError::Token {
            registry: self.registry(),
            why,
        };
        let realm = challenge
            .split_once("realm=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("", |(realm, _)| realm);
        if !self.plain && !realm.starts_with("https://") {
            return Err(token(format!(
                "it is to be asked at “{realm}”, where there is no TLS"
            )));
        }
        let operation = if push {
            RegistryOperation::Push
        } else {
            RegistryOperation::Pull
        };
        // A client of its own, because the library keeps the first credentials.
        let (client, reference) = (self.library()?, self.reference(repository, "latest"));
        let got = client.auth(&reference, &credentials, operation);
        let got = tokio::time::timeout(self.settings.read_timeout, got).await;
        match got {
            Err(_) => Err(token("it does not answer in time".to_owned())),
            Ok(Err(OciDistributionError::AuthenticationFailure(_))) => Err(self.not_let_in()),
            Ok(Err(OciDistributionError::RequestError(error))) => Err(self.failed(&error)),
            Ok(Err(error)) => Err(token(error.to_string())),
            Ok(Ok(None)) => Err(token("its answer has no token".to_owned())),
            Ok(Ok(Some(got))) => {
                let got = SecretString::from(got);
                if !is_header_value(&got) {
                    return Err(token(
                        "its token has something in it that no token has".to_owned(),
                    ));
                }
                Ok(Authorization::Bearer(got))
            }
        }
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

    fn refused(&self, response: &Response, what: &str) -> OciError {
        self.status(response.status(), what)
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

fn is_header_value(secret: &SecretString) -> bool {
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
