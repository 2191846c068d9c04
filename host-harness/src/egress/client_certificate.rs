//! The certificate that is shown to servers that ask for one (mutual TLS, RFC 8446, 4.4.2),
//! and its private key.

use super::key_kind;
use super::policy::Origin;
use crate::connection::{SecretError, SecretReference};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret;
use std::path::PathBuf;

/// Where a client's certificate and its key lie. Both are read anew for each session, so
/// that a renewed one holds from the next on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// A PEM file: the certificate, then those between it and its authority.
    pub certificate: PathBuf,
    /// Where the private key is kept: PEM, in PKCS#8, PKCS#1 or SEC1, without a passphrase.
    pub key: SecretReference,
}

/// Client certificates by the host that they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientCertificates(Vec<(String, ClientCertificate)>);

/// Why a client's certificate cannot be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientCertificateError {
    /// The certificate's file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is no certificate in it.
    #[error(
        "{} holds no certificate in PEM, between -----BEGIN CERTIFICATE----- and \
         -----END CERTIFICATE-----", path.display()
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key is not where it should be.
    #[error("the private key of {}: {source}", path.display())]
    Secret {
        /// The certificate's file.
        path: PathBuf,
        /// Why it cannot be read.
        source: SecretError,
    },
    /// What lies there is no key that can be read.
    #[error("the private key of {} {problem}", path.display())]
    Key {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        problem: String,
    },
}

impl ClientCertificate {
    /// Reads both.
    pub(super) fn read(&self) -> Result<CertifiedKey, ClientCertificateError> {
        let path = || self.certificate.clone();
        let unreadable = |source| ClientCertificateError::Unreadable {
            path: path(),
            source,
        };
        let pem = std::fs::read(&self.certificate).map_err(unreadable)?;
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        if chain.is_empty() {
            return Err(ClientCertificateError::NoCertificate { path: path() });
        }
        let secret = |source| ClientCertificateError::Secret {
            path: path(),
            source,
        };
        let wrong = |problem: &str| ClientCertificateError::Key {
            path: path(),
            problem: problem.to_owned(),
        };
        let pem = self.key.resolve().map_err(secret)?;
        let pem = pem.expose_secret();
        if pem.contains("ENCRYPTED") {
            return Err(wrong(
                "is protected by a passphrase, which nobody can type here: write it without one \
                 (`openssl pkey -in IT -out KEY`) into a file that only its owner may read",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
            wrong(
                "is no PEM of a private key: it stands between -----BEGIN PRIVATE KEY----- and \
                 -----END PRIVATE KEY-----, or says RSA or EC before PRIVATE",
            )
        })?;
        let kind = key_kind::of(key.secret_der());
        CertifiedKey::from_der(chain, key, &rustls::crypto::ring::default_provider()).map_err(
            |error| match error {
                rustls::Error::InconsistentKeys(_) => wrong("is the key of another certificate"),
                _ => wrong(&format!("{}: use {}", unusable(kind), key_kind::SUPPORTED)),
            },
        )
    }
}

fn unusable(kind: Option<&str>) -> String {
    match kind {
        Some(kind) => format!("is of the kind {kind}, which cannot be used as it is"),
        None => "is of a kind that is not known here".to_owned(),
    }
}

impl ClientCertificates {
    /// That for a connection that reaches these places.
    pub fn for_any_of(&self, origins: &[Origin]) -> Option<&ClientCertificate> {
        let is_meant = |host: &str| {
            origins
                .iter()
                .any(|origin| host.eq_ignore_ascii_case(origin.host()))
        };
        self.0
            .iter()
            .find(|(host, _)| is_meant(host))
            .map(|(_, certificate)| certificate)
    }
}

impl FromIterator<(String, ClientCertificate)> for ClientCertificates {
    fn from_iter<T: IntoIterator<Item = (String, ClientCertificate)>>(given: T) -> Self {
        Self(given.into_iter().collect())
    }
}
