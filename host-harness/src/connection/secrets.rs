//! Where the secrets of a connection are kept, and how one is revealed.

use std::collections::BTreeMap;
use std::env::VarError;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::private_file::{self, PrivateFileError};

/// The most bytes a secret in a file may have: 64 KiB, enough for a private key
/// with its chain of certificates.
const MAX_FILE_BYTES: usize = 64 * 1024;

/// Where one secret is kept. It is read anew each time it is revealed, so a
/// rotated secret holds from the next call on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// An environment variable of the host.
    Env(String),
    /// A file that only its owner may read. One line break at its end is no part
    /// of the secret.
    File(PathBuf),
}

/// Why a secret could not be read. Never shows any of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable {variable} is not set: set it where the host is started")]
    VariableMissing {
        /// Its name.
        variable: String,
    },

    /// The environment variable or the file holds nothing.
    #[error("{place} is empty: put the secret there")]
    Empty {
        /// The variable or the file.
        place: String,
    },

    /// The environment variable or the file holds bytes that are not UTF-8 text.
    #[error("{place} is not UTF-8 text: a secret is text")]
    NotText {
        /// The variable or the file.
        place: String,
    },

    /// The file could not be read, or must not be.
    #[error(transparent)]
    File(#[from] PrivateFileError),
}

/// Why a connection's secret could not be revealed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevealError {
    /// The connection has no such secret.
    #[error("the connection has no secret `{name}`: add it to `[secrets]` of its file")]
    NotSet {
        /// The name asked for.
        name: String,
    },

    /// It has one that cannot be read.
    #[error("the secret `{name}` is not available: {source}")]
    Unavailable {
        /// The name asked for.
        name: String,
        /// Why.
        source: SecretError,
    },
}

/// The secrets of one connection, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Secrets(BTreeMap<String, SecretReference>);

impl SecretReference {
    /// Reads the secret.
    ///
    /// # Errors
    /// Where there is none, or where it lies open to others than its owner.
    pub fn resolve(&self) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(variable) => from_variable(variable, std::env::var(variable)),
            Self::File(path) => from_file(path),
        }
    }
}

fn from_variable(
    variable: &str,
    value: Result<String, VarError>,
) -> Result<SecretString, SecretError> {
    let place = || format!("the environment variable {variable}");
    match value {
        Ok(value) if value.is_empty() => Err(SecretError::Empty { place: place() }),
        Ok(value) => Ok(value.into()),
        Err(VarError::NotPresent) => Err(SecretError::VariableMissing {
            variable: variable.to_owned(),
        }),
        // The error itself holds the value.
        Err(VarError::NotUnicode(_)) => Err(SecretError::NotText { place: place() }),
    }
}

fn from_file(path: &Path) -> Result<SecretString, SecretError> {
    let place = || path.display().to_string();
    let content = private_file::read(path, MAX_FILE_BYTES)?;
    let text =
        std::str::from_utf8(&content).map_err(|_| SecretError::NotText { place: place() })?;
    let text = text
        .strip_suffix("\r\n")
        .or_else(|| text.strip_suffix('\n'))
        .unwrap_or(text);
    if text.is_empty() {
        return Err(SecretError::Empty { place: place() });
    }
    Ok(text.into())
}

impl Secrets {
    /// The secret `name`.
    ///
    /// # Errors
    /// [`RevealError::NotSet`] where the connection has none of that name.
    pub fn reveal(&self, name: &str) -> Result<SecretString, RevealError> {
        let reference = self.0.get(name).ok_or_else(|| RevealError::NotSet {
            name: name.to_owned(),
        })?;
        reference
            .resolve()
            .map_err(|source| RevealError::Unavailable {
                name: name.to_owned(),
                source,
            })
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Where the secret `name` is kept.
    #[must_use]
    pub fn reference(&self, name: &str) -> Option<&SecretReference> {
        self.0.get(name)
    }
}

impl FromIterator<(String, SecretReference)> for Secrets {
    fn from_iter<T: IntoIterator<Item = (String, SecretReference)>>(references: T) -> Self {
        Self(references.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;

    use secrecy::ExposeSecret;

    use super::*;

    fn file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api-key");
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
        (folder, path)
    }

    fn set_mode(path: &Path, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_variable_is_read_each_time() {
        let secret = SecretReference::Env("PATH".to_owned()).resolve().unwrap();
        assert_eq!(secret.expose_secret(), std::env::var("PATH").unwrap());
    }

    #[test]
    fn a_variable_that_is_missing_empty_or_no_text_is_told_by_name() {
        let bytes = {
            use std::os::unix::ffi::OsStringExt;
            OsString::from_vec(b"hunter2\xff".to_vec())
        };
        for value in [
            Err(VarError::NotPresent),
            Ok(String::new()),
            Err(VarError::NotUnicode(bytes)),
        ] {
            let error = from_variable("ACME_KEY", value).unwrap_err();
            assert!(error.to_string().contains("ACME_KEY"));
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn one_line_break_at_the_end_of_a_file_is_no_part_of_the_secret() {
        for (content, secret) in [
            ("hunter2", "hunter2"),
            ("hunter2\n", "hunter2"),
            ("hunter2\r\n", "hunter2"),
            ("hunter2\n\n", "hunter2\n"),
            (" two\nlines ", " two\nlines "),
        ] {
            let (_folder, path) = file(content);
            let found = SecretReference::File(path).resolve().unwrap();
            assert_eq!(found.expose_secret(), secret);
        }
    }

    #[test]
    fn a_file_open_to_others_is_refused_with_the_command_that_helps() {
        for mode in [0o640, 0o604, 0o620, 0o610] {
            let (_folder, path) = file("hunter2");
            set_mode(&path, mode);
            let error = SecretReference::File(path.clone()).resolve().unwrap_err();
            let message = error.to_string();
            assert!(message.contains(&format!("chmod 600 {}", path.display())));
            assert!(!format!("{message} {error:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_file_that_holds_no_secret_is_refused_by_name() {
        let contents: [&[u8]; 4] = [b"", b"\n", b"\xff", &[b'a'; MAX_FILE_BYTES + 1]];
        for content in contents {
            let (_folder, path) = file(content);
            let error = SecretReference::File(path.clone()).resolve().unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()));
        }
        let (folder, path) = file("");
        fs::remove_file(&path).unwrap();
        for path in [path, folder.path().to_owned()] {
            assert!(matches!(
                SecretReference::File(path).resolve().unwrap_err(),
                SecretError::File(_)
            ));
        }
    }

    #[test]
    fn what_is_not_set_differs_from_what_is_not_available() {
        let missing = SecretReference::File("/does/not/exist".into());
        let secrets = Secrets::from_iter([("api-key".to_owned(), missing)]);
        assert!(matches!(
            secrets.reveal("password"),
            Err(RevealError::NotSet { .. })
        ));
        assert!(matches!(
            secrets.reveal("api-key"),
            Err(RevealError::Unavailable { .. })
        ));
    }

    #[test]
    fn no_secret_shows_in_debug() {
        let (_folder, path) = file("hunter2");
        let secrets =
            Secrets::from_iter([("api-key".to_owned(), SecretReference::File(path.clone()))]);
        let revealed = secrets.reveal("api-key");
        let shown = format!("{secrets:?} {revealed:?}");
        assert!(shown.contains("api-key"));
        assert!(!shown.contains("hunter2"));
    }
}
