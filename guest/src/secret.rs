//! Secrets of the connection.

use crate::bindings::integration::connector::secrets::{self, SecretError};
use crate::{Error, ErrorKind};

/// The secret property `name`, whose title in the form is `title`. Keep it no
/// longer than it is needed, and put it into requests only.
///
/// # Errors
/// `secret.not-set` or `secret.unavailable`.
pub async fn secret(name: &str, title: &str) -> Result<String, Error> {
    secrets::reveal(name.to_owned()).await.map_err(|error| {
        let error = match error {
            SecretError::NotSet => Error::new(
                ErrorKind::InvalidSettings,
                "secret.not-set",
                format!("{title} is not set"),
            ),
            SecretError::Unavailable => Error::new(
                ErrorKind::InvalidSettings,
                "secret.unavailable",
                format!("{title} could not be read from where it is kept"),
            ),
        };
        error.remedy(format!(
            "Type {title} into the connection, or mend its place."
        ))
    })
}
