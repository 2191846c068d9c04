//! Minisign's keys: the secret one that signs, and the public one that vouches.

use super::{KeyError, Statement};
use crate::atomic_file::{self, Access};
use crate::registry::Digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign::{KeyPair, SecretKey, SecretKeyBox, SignatureBox};
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use std::io::Cursor;
use std::path::Path;

/// What a signature has on its fourth line: Ed25519's 64 bytes.
const GLOBAL_SIGNATURE_BYTES: usize = 64;
/// The largest text that is looked at as a signature.
pub(in crate::registry) const MAX_SIGNATURE_BYTES: usize = 8 * 1024;

/// Which key, as minisign writes it: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    fn of(number: &[u8]) -> Self {
        let mut id = [0; 8];
        for (to, from) in id.iter_mut().zip(number) {
            *to = *from;
        }
        Self(id)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A public key. As text the one line that minisign prints, which begins with `RW`.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(minisign::PublicKey);

impl PublicKey {
    /// Reads a key: the line itself, or a file's two lines.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let malformed = |why: String| KeyError::Malformed {
            what: "public key",
            why,
        };
        let line = text
            .lines()
            .map(str::trim)
            .rfind(|line| !line.is_empty() && !line.starts_with("untrusted comment:"))
            .ok_or_else(|| malformed("it is empty".to_owned()))?;
        minisign::PublicKey::from_base64(line)
            .map(Self)
            .map_err(|error| malformed(error.to_string()))
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(self.0.keynum())
    }

    /// What a signature of `component` by this key says; absent where it is not
    /// one.
    pub(in crate::registry) fn verify(&self, signature: &str, component: &[u8]) -> Option<String> {
        let signature = parse(signature)?;
        minisign::verify(
            &self.0,
            &signature,
            Cursor::new(component),
            true,
            false,
            false,
        )
        .ok()?;
        signature.trusted_comment().ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_base64())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads a signature. The library indexes into the last line's bytes without
/// looking how many there are, so that is looked at here.
fn parse(text: &str) -> Option<SignatureBox> {
    if text.len() > MAX_SIGNATURE_BYTES {
        return None;
    }
    let global = STANDARD.decode(text.lines().nth(3)?.trim()).ok()?;
    if global.len() != GLOBAL_SIGNATURE_BYTES {
        return None;
    }
    SignatureBox::from_string(text).ok()
}

/// Which key a signature says that it is by; absent where it is none.
pub(in crate::registry) fn key_id_of(signature: &str) -> Option<KeyId> {
    Some(KeyId::of(parse(signature)?.keynum()))
}

/// A secret key, ready to sign.
#[derive(Clone)]
pub struct SigningKey(SecretKey);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The library's own would print the secret.
        write!(f, "SigningKey({})", KeyId::of(self.0.keynum()))
    }
}

impl SigningKey {
    /// Makes a new pair: the secret key at `path`, which only its owner may
    /// read, under `password` where there is one; the public key beside it,
    /// with `.pub` behind its name.
    ///
    /// # Errors
    /// Where a file is there already or cannot be written.
    pub fn create(path: &Path, password: Option<&SecretString>) -> Result<PublicKey, KeyError> {
        let failed = |why: String| KeyError::File {
            path: path.to_owned(),
            why,
        };
        let pair = match password {
            Some(password) => {
                KeyPair::generate_encrypted_keypair(Some(password.expose_secret().to_owned()))
            }
            None => KeyPair::generate_unencrypted_keypair(),
        }
        .map_err(|error| failed(error.to_string()))?;
        let public = PublicKey(pair.pk.clone());
        let comment = format!("secret key {}", public.id());
        let secret = pair
            .sk
            .to_box(Some(&comment))
            .map_err(|error| failed(error.to_string()))?;
        let written = pair
            .pk
            .to_box()
            .map_err(|error| failed(error.to_string()))?
            .into_string();
        create(
            path,
            Access::Owner,
            SecretString::from(secret.into_string()).expose_secret(),
        )?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".pub");
        let beside = Path::new(&beside);
        create(beside, Access::Everyone, &written)?;
        Ok(public)
    }

    /// Reads a secret key from the text of its file.
    ///
    /// # Errors
    /// If it is none, or is under another password.
    pub fn parse(text: &SecretString, password: Option<&SecretString>) -> Result<Self, KeyError> {
        let boxed = || SecretKeyBox::from(text.expose_secret().to_owned());
        let malformed = |error: minisign::PError| KeyError::Malformed {
            what: "secret key",
            why: error.to_string(),
        };
        if let Ok(key) = boxed().into_unencrypted_secret_key() {
            return Ok(Self(key));
        }
        let Some(password) = password else {
            // Whether it is one at all is only known with a password.
            return match SecretKey::from_box(boxed(), Some(String::new())) {
                Err(error) if !matches!(error.kind(), minisign::ErrorKind::Verify) => {
                    Err(malformed(error))
                }
                _ => Err(KeyError::PasswordMissing),
            };
        };
        match SecretKey::from_box(boxed(), Some(password.expose_secret().to_owned())) {
            Ok(key) => Ok(Self(key)),
            Err(error) if matches!(error.kind(), minisign::ErrorKind::Verify) => {
                Err(KeyError::WrongPassword)
            }
            Err(error) => Err(malformed(error)),
        }
    }

    /// The public key of it.
    ///
    /// # Errors
    /// If the secret key does not hold one.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        minisign::PublicKey::from_secret_key(&self.0)
            .map(PublicKey)
            .map_err(|error| KeyError::Malformed {
                what: "secret key",
                why: error.to_string(),
            })
    }

    /// Signs a component as `statement` says. The statement's digest becomes
    /// that of the component.
    ///
    /// # Errors
    /// If no signature comes about.
    pub fn sign(&self, component: &[u8], statement: Statement) -> Result<String, KeyError> {
        let statement = Statement {
            digest: Digest::of(component),
            ..statement
        };
        let public = self.public()?;
        minisign::sign(
            Some(&public.0),
            &self.0,
            Cursor::new(component),
            Some(&statement.to_string()),
            Some(&format!(
                "signature of {} {}",
                statement.name, statement.version
            )),
        )
        .map(SignatureBox::into_string)
        .map_err(|error| KeyError::NotSigned(error.to_string()))
    }
}

/// A new file; one that is there already is not written over.
fn create(path: &Path, access: Access, text: &str) -> Result<(), KeyError> {
    let failed = |why| KeyError::File {
        path: path.to_owned(),
        why,
    };
    match atomic_file::write_new(path, text.as_bytes(), access) {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(
            "there is a file already, which may be a key: name another, or move it away".to_owned(),
        )),
        Err(error) => Err(failed(error.source.to_string())),
    }
}
