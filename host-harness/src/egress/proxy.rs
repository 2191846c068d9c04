//! The proxy that a private agent reaches the world through.

use secrecy::{ExposeSecret, SecretString};
use std::fmt;

/// A proxy: https goes through it by HTTP `CONNECT`.
#[derive(Clone)]
pub struct Proxy {
    url: reqwest::Url,
    credentials: Option<(String, SecretString)>,
    exceptions: Vec<String>,
}

/// Why something is no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyError {
    /// Its URL is none.
    #[error("“{url}” is no proxy: write http://<host>:<port>, without a path or a user")]
    Url {
        /// What was given.
        url: String,
    },
    /// An exception cannot be one.
    #[error(
        "“{exception}” is no exception of a proxy: write a host name, a .domain, an address, or \
         a block of addresses such as 10.0.0.0/8"
    )]
    Exception {
        /// What was given.
        exception: String,
    },
}

impl Proxy {
    /// The proxy at `url`, with a user and a password where it asks for them.
    /// What `exceptions` name is reached without it: host names with all names
    /// below them, `.domains`, addresses, blocks of addresses.
    ///
    /// # Errors
    /// If the URL or an exception is none.
    pub fn new(
        url: &str,
        credentials: Option<(String, SecretString)>,
        exceptions: &[String],
    ) -> Result<Self, ProxyError> {
        let wrong = || ProxyError::Url {
            url: url.to_owned(),
        };
        let parsed = reqwest::Url::parse(url.trim()).map_err(|_| wrong())?;
        let plain = matches!(parsed.scheme(), "http" | "https")
            && parsed.host_str().is_some()
            && parsed.path() == "/"
            && parsed.query().is_none()
            && parsed.fragment().is_none()
            && parsed.username().is_empty()
            && parsed.password().is_none();
        if !plain {
            return Err(wrong());
        }
        for exception in exceptions {
            let fits = !exception.is_empty()
                && exception
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".-:/[]".contains(&byte));
            if !fits {
                return Err(ProxyError::Exception {
                    exception: exception.clone(),
                });
            }
        }
        Ok(Self {
            url: parsed,
            credentials,
            exceptions: exceptions.to_vec(),
        })
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// Its host: an administrator chose it, so it may be anywhere.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Its password, to be kept out of every text.
    pub(crate) fn password(&self) -> Option<&SecretString> {
        self.credentials.as_ref().map(|(_, password)| password)
    }

    pub(super) fn for_client(&self) -> reqwest::Result<reqwest::Proxy> {
        let mut proxy = reqwest::Proxy::all(self.url.clone())?;
        if let Some((user, password)) = &self.credentials {
            proxy = proxy.basic_auth(user, password.expose_secret());
        }
        let exceptions = self.exceptions.join(",");
        Ok(proxy.no_proxy(reqwest::NoProxy::from_string(&exceptions)))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({})", self.place())
    }
}
