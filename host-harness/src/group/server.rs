//! How the NATS server is reached.

use super::error::GroupError;
use async_nats::{Client, ConnectOptions};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;

/// How long to try at the start. Later the client goes on trying for ever.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until a server that says nothing is taken for lost: twice this. A
/// network that is cut tells nothing.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long a request may take.
const REQUEST: Duration = Duration::from_secs(5);

/// Who we are to the server.
#[derive(Debug, Clone, Default)]
pub enum Credentials {
    /// It does not ask.
    #[default]
    None,
    /// A user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Token(SecretString),
    /// The seed of an nkey.
    Nkey(SecretString),
    /// A credentials file's content: a JWT and the seed of its nkey.
    File(SecretString),
}

/// A NATS server, and how to reach it.
#[derive(Debug, Clone)]
pub struct Server {
    /// `nats://host:port` or `tls://host:port`; several with commas between.
    pub url: String,
    /// Who we are.
    pub credentials: Credentials,
    /// Certificate authorities to trust in place of the system's, as a PEM file.
    /// With them, TLS is required.
    pub authorities: Option<PathBuf>,
}

impl Server {
    /// A server that asks for no credentials.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            credentials: Credentials::None,
            authorities: None,
        }
    }

    /// Connects. When the connection is lost later, it is made again and again.
    ///
    /// # Errors
    /// If the server cannot be reached within 10 s, or does not let us in.
    pub(super) async fn connect(&self, name: &str) -> Result<Client, GroupError> {
        let mut options = ConnectOptions::new()
            .name(name)
            .ping_interval(PING_EVERY)
            .request_timeout(Some(REQUEST))
            .connection_timeout(PATIENCE)
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis((50 * attempts as u64).min(1000))
            });
        options = match &self.credentials {
            Credentials::None => options,
            Credentials::Password { user, password } => {
                options.user_and_password(user.clone(), password.expose_secret().to_owned())
            }
            Credentials::Token(token) => options.token(token.expose_secret().to_owned()),
            Credentials::Nkey(seed) => options.nkey(seed.expose_secret().trim().to_owned()),
            Credentials::File(text) => {
                // The client takes a last line without an end for none.
                let text = Zeroizing::new(format!("{}\n", text.expose_secret().trim_end()));
                options
                    .credentials(&text)
                    .map_err(|error| GroupError::Credentials {
                        what: "the credentials file".to_owned(),
                        why: error.to_string(),
                    })?
            }
        };
        if let Some(path) = &self.authorities {
            if let Err(error) = std::fs::read(path) {
                return Err(GroupError::Credentials {
                    what: path.display().to_string(),
                    why: error.to_string(),
                });
            }
            options = options
                .add_root_certificates(path.clone())
                .require_tls(true);
        }
        let failed = |why: String| GroupError::Connect {
            server: self.shown(),
            why,
        };
        let addresses: Vec<&str> = self.url.split(',').map(str::trim).collect();
        match tokio::time::timeout(PATIENCE, options.connect(addresses)).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(failed(error.to_string())),
            Err(_) => Err(failed(format!(
                "it said nothing within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }

    /// The address without what may stand before an `@`.
    fn shown(&self) -> String {
        let parts = self.url.split(',').map(|url| match url.rsplit_once('@') {
            Some((before, host)) => match before.split_once("://") {
                Some((scheme, _)) => format!("{scheme}://{host}"),
                None => host.to_owned(),
            },
            None => url.trim().to_owned(),
        });
        parts.collect::<Vec<_>>().join(",")
    }
}
