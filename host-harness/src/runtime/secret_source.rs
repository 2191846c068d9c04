//! Where the secrets of a connection come from.

use futures::future::BoxFuture;
use secrecy::SecretString;

/// Why a secret cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The connection has no such secret.
    #[error("it is not set")]
    NotSet,
    /// Where it is kept failed; says why, without the secret.
    #[error("{0}")]
    Unavailable(String),
}

/// Gives the secrets of one connection. A platform implements it over its vault.
pub trait SecretSource: Send + Sync {
    /// The secret of this name.
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>>;
}

/// A connection that has no secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn reveal<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        Box::pin(async { Err(SecretError::NotSet) })
    }
}
