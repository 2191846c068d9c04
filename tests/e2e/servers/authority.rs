//! A certificate authority of a test's own, and what it vouches for.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS12;
use rustls::{RootCertStore, ServerConfig};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, which whoever trusts it is given.
    pub pem: String,
    name: String,
}

/// A certificate with its key.
pub struct Certified(CertifiedKey<KeyPair>);

impl Authority {
    pub fn new() -> Self {
        // No two of the same name: one that is trusted is not to be taken for another.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self::named(&format!("Authority {number} of a test"))
    }

    /// Another of the same name, as one that was renewed with a new key.
    pub fn renewed(&self) -> Self {
        Self::named(&self.name)
    }

    fn named(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let pem = parameters.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(parameters, key);
        Self {
            issuer,
            pem,
            name: name.to_owned(),
        }
    }

    /// Vouches for a server of these names and addresses.
    pub fn certify(&self, names: &[&str]) -> Certified {
        self.certify_for(names, 2000..3000)
    }

    /// The same, from the beginning of one year to that of another.
    pub fn certify_for(&self, names: &[&str], years: Range<i32>) -> Certified {
        let signing_key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.not_before = date_time_ymd(years.start, 1, 1);
        parameters.not_after = date_time_ymd(years.end, 1, 1);
        let cert = parameters.signed_by(&signing_key, &self.issuer).unwrap();
        Certified(CertifiedKey { cert, signing_key })
    }
}

impl Certified {
    /// Writes `server.pem` and `server.key` for a program that reads them.
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("server.pem"), folder.join("server.key"));
        std::fs::write(&certificate, self.0.cert.pem()).unwrap();
        std::fs::write(&key, self.0.signing_key.serialize_pem()).unwrap();
        (certificate, key)
    }

    /// What a server of this process speaks TLS with: for clients with a certificate by the
    /// authority `clients` (PEM), if that is given, and with TLS 1.2 at most or any.
    pub fn server(&self, alpn: &[&str], clients: Option<&str>, tls12: bool) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.0.signing_key.serialize_der());
        let versions: &[_] = match tls12 {
            true => &[&TLS12],
            false => rustls::DEFAULT_VERSIONS,
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                roots
                    .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
                    .unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let mut configuration = builder
            .with_single_cert(vec![self.0.cert.der().clone()], key.into())
            .unwrap();
        configuration.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        configuration
    }
}
