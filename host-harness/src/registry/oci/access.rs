//! Who asks a registry: nobody, a user, or the owner of a token, and how the registry
//! wants to be told. What an answer that refused asks for is what it gets, because a
//! registry may be open in parts, and closed in each other part in its own way.

use super::OciError;
use super::challenge::{Challenge, TokenServer, challenges};
use super::transport::{Transport, is_header_value};
use crate::registry::OciAddress;
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The largest answer of a token server.
const MAX_TOKEN_BYTES: u64 = 1024 * 1024;
/// A repository that no registry has: who asks for it learns how a registry that is
/// open in parts wants to be asked.
const NOBODYS: &str = "a-name-that-nobody-has";

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

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Right {
    /// Read a repository, or the list of repositories where that has no name.
    Pull,
    /// Write into it.
    Push,
}

/// How a request says who asks.
#[derive(Clone)]
pub(super) enum Authorization {
    None,
    Basic(String, SecretString),
    /// Known to be a header's value.
    Bearer(SecretString),
}

impl Authorization {
    pub(super) fn on(self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Basic(user, password) => request.basic_auth(user, Some(password.expose_secret())),
            Self::Bearer(token) => request.bearer_auth(token.expose_secret()),
        }
    }
}

/// What a token server answers; only the token counts.
#[derive(Deserialize)]
struct Tokens {
    token: Option<serde_json::Value>,
    access_token: Option<serde_json::Value>,
}

impl Tokens {
    fn into_token(self) -> Option<SecretString> {
        let text = |value: Option<serde_json::Value>| match value {
            Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        text(self.token)
            .or_else(|| text(self.access_token))
            .map(SecretString::from)
    }
}

impl Transport {
    /// How to say who asks, as far as that is known: from an answer that refused, or
    /// from a first look.
    pub(super) async fn authorization(
        &self,
        repository: &str,
        right: Right,
    ) -> Result<Authorization, OciError> {
        if let Some(known) = self.known(repository, right) {
            return Ok(known);
        }
        let found = match &self.settings().credentials {
            Credentials::Bearer(token) => Authorization::Bearer(token.clone()),
            // Nobody is refused first, and then told how to ask.
            Credentials::Anonymous => Authorization::None,
            Credentials::Basic(..) => self.first_look(repository, right).await?,
        };
        self.keep(repository, right, found.clone());
        Ok(found)
    }

    /// Asks how the registry wants to be asked before it refuses anything: some say
    /// that there is nothing rather than that it is not for everybody. The list of
    /// repositories may be open and yet be a shorter one than the user's.
    async fn first_look(&self, repository: &str, right: Right) -> Result<Authorization, OciError> {
        let mut addresses = vec![self.url("")?];
        if repository.is_empty() {
            let beside = match self.prefix() {
                "" => format!("{NOBODYS}/tags/list"),
                prefix => format!("{prefix}/{NOBODYS}/tags/list"),
            };
            addresses.push(self.url(&beside)?);
        }
        for address in addresses {
            let response = self.get(address).await?;
            let status = response.status();
            if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
                return Err(self.status(status, "who asks"));
            }
            if status == StatusCode::UNAUTHORIZED && self.is_own(response.url()) {
                let mut wanted = challenges(response.headers());
                for challenge in &mut wanted {
                    if let Challenge::Bearer(server) = challenge {
                        // It is of what was looked at.
                        server.scope = None;
                    }
                }
                return self.meet(wanted, response.url(), repository, right).await;
            }
        }
        Ok(Authorization::None)
    }

    /// Learns from an answer that refused.
    pub(super) async fn learn(
        &self,
        refused: &Response,
        repository: &str,
        right: Right,
    ) -> Result<(), OciError> {
        let wanted = challenges(refused.headers());
        let found = self.meet(wanted, refused.url(), repository, right).await?;
        self.keep(repository, right, found);
        Ok(())
    }

    /// Meets the first challenge that can be met.
    async fn meet(
        &self,
        wanted: Vec<Challenge>,
        from: &Url,
        repository: &str,
        right: Right,
    ) -> Result<Authorization, OciError> {
        let (mut failed, mut others) = (None, Vec::new());
        for challenge in wanted {
            match (challenge, &self.settings().credentials) {
                (Challenge::Bearer(server), _) => {
                    match self.token(&server, from, repository, right).await {
                        Ok(token) => return Ok(Authorization::Bearer(token)),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                (Challenge::Basic, Credentials::Basic(user, password)) => {
                    return Ok(Authorization::Basic(user.clone(), password.clone()));
                }
                (Challenge::Basic, _) => failed = failed.or_else(|| Some(self.not_let_in())),
                (Challenge::Other(scheme), _) => others.push(scheme),
            }
        }
        Err(match failed {
            Some(error) => error,
            None if others.is_empty() => self.not_let_in(),
            None => OciError::Unexpected {
                registry: self.registry(),
                what: "who asks".to_owned(),
                why: format!(
                    "it wants {}, and this program speaks Basic and Bearer",
                    others.join(" or ")
                ),
            },
        })
    }

    async fn token(
        &self,
        server: &TokenServer,
        from: &Url,
        repository: &str,
        right: Right,
    ) -> Result<SecretString, OciError> {
        let failed = |why: String| OciError::Token {
            registry: self.registry(),
            why,
        };
        let realm = &server.realm;
        if realm.is_empty() {
            return Err(failed("it does not say where that is".to_owned()));
        }
        let mut address = from
            .join(realm)
            .map_err(|error| failed(format!("it is to be asked at “{realm}”: {error}")))?;
        // In the clear only for a registry without TLS, and then a password only to
        // this machine.
        let credentials = &self.settings().credentials;
        let in_the_clear = self.is_plain()
            && (matches!(credentials, Credentials::Anonymous) || is_loopback(&address));
        if address.scheme() != "https" && !in_the_clear {
            return Err(failed(format!(
                "it is to be asked at “{realm}”, where there is no TLS"
            )));
        }
        let own = match (right, repository) {
            (Right::Pull, "") => "registry:catalog:*".to_owned(),
            (Right::Pull, repository) => format!("repository:{repository}:pull"),
            (Right::Push, repository) => format!("repository:{repository}:pull,push"),
        };
        // Some ask for less than it takes to write.
        let scope = match (&server.scope, right) {
            (Some(said), Right::Pull) => said,
            _ => &own,
        };
        {
            let mut query = address.query_pairs_mut();
            for scope in scope.split_ascii_whitespace() {
                query.append_pair("scope", scope);
            }
            if let Some(service) = &server.service {
                query.append_pair("service", service);
            }
        }
        let mut request = self.client().get(address);
        if let Credentials::Basic(user, password) = credentials {
            request = request.basic_auth(user, Some(password.expose_secret()));
        }
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status();
        match status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.not_let_in()),
            StatusCode::TOO_MANY_REQUESTS => return Err(self.status(status, "its token server")),
            _ if status.is_server_error() => return Err(self.status(status, "its token server")),
            _ => return Err(failed(format!("HTTP {status}"))),
        }
        let body = self
            .body(response, "its token server", MAX_TOKEN_BYTES)
            .await?;
        let tokens: Tokens = serde_json::from_slice(&body)
            .map_err(|_| failed("its answer is not a JSON object".to_owned()))?;
        let token = tokens.into_token().ok_or_else(|| {
            failed("its answer has neither `token` nor `access_token` as text".to_owned())
        })?;
        if !is_header_value(&token) {
            return Err(failed(
                "its token has something in it that no token has".to_owned(),
            ));
        }
        Ok(token)
    }
}

fn is_loopback(address: &Url) -> bool {
    let host = match (address.host_str(), address.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => return false,
    };
    OciAddress {
        host,
        prefix: String::new(),
        plain: true,
    }
    .is_loopback()
}
