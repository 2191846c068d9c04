//! Certificate authorities that are trusted beside the system's own: a company's
//! own, or that of a proxy that opens TLS.

use super::protocol::Offer;
use crate::recent::Recent;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use std::sync::Arc;
use std::time::Duration;

/// Reading the system's authorities takes some milliseconds, as long as a short run
/// computes altogether. What changes there is believed after five minutes.
static VERIFIERS: Recent<Certificates, Arc<Verifier>> =
    Recent::new(8).for_as_long_as(Duration::from_secs(300));

/// Certificate authorities to trust beside the system's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificates(Vec<CertificateDer<'static>>);

/// Why a text holds no certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificatesError {
    /// It is no PEM.
    #[error(
        "this is no PEM: a certificate stands between -----BEGIN CERTIFICATE----- and \
         -----END CERTIFICATE-----"
    )]
    Malformed,
    /// There is none in it.
    #[error("there is no certificate in it: put the authority's certificate there, as PEM")]
    None,
    /// One of them can vouch for nothing.
    #[error("certificate {number} cannot be an authority's: {why}")]
    Unusable {
        /// Which, from 1.
        number: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl Certificates {
    /// Reads certificates in PEM, one or several. Other parts, such as a key,
    /// are passed over.
    ///
    /// # Errors
    /// If there is none, or one that can vouch for nothing.
    pub fn from_pem(pem: &str) -> Result<Self, CertificatesError> {
        let mut certificates = Vec::new();
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| CertificatesError::Malformed)?;
            store
                .add(certificate.clone())
                .map_err(|error| CertificatesError::Unusable {
                    number: certificates.len() + 1,
                    why: error.to_string(),
                })?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(CertificatesError::None);
        }
        Ok(Self(certificates))
    }

    /// How a client checks with whom it speaks, what it offers to speak, and which
    /// certificate it shows where it is asked for one. The system's own authorities are read
    /// for all clients together, and anew after a while.
    ///
    /// # Errors
    /// If there is no authority to trust at all.
    pub(crate) fn for_client(
        &self,
        offer: Offer,
        shown: Option<CertifiedKey>,
    ) -> Result<ClientConfig, rustls::Error> {
        // Whichever comes first in the process decides; any of them will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = ClientConfig::builder();
        let verifier = match VERIFIERS.get(self) {
            Some(verifier) => verifier,
            None => {
                let provider = Arc::clone(builder.crypto_provider());
                let made = Verifier::new_with_extra_roots(self.0.iter().cloned(), provider)?;
                let made = Arc::new(made);
                VERIFIERS.put(self.clone(), Arc::clone(&made));
                made
            }
        };
        // Not dangerous: it is the system's verifier. Of sessions to resume, each client
        // has its own, as a verifier is not asked about those.
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match shown {
            Some(shown) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = offer.alpn();
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_authority_is_told() {
        let pem = |content: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{content}\n-----END CERTIFICATE-----\n")
        };
        let read = |text: &str| Certificates::from_pem(text).unwrap_err();
        assert_eq!(read(""), CertificatesError::None);
        assert_eq!(read("a certificate"), CertificatesError::None);
        assert_eq!(
            read("-----BEGIN CERTIFICATE-----\nAAAA"),
            CertificatesError::Malformed
        );
        assert!(matches!(
            read(&pem("AAAA")),
            CertificatesError::Unusable { number: 1, .. }
        ));
    }
}
