//! A certificate authority of a test's own, and what it vouches for.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedKey, DnType, IsCa, Issuer, KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, which whoever trusts it is given.
    pub pem: String,
}

/// A certificate with its key.
pub struct Certified(CertifiedKey<KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // No two of the same name: one that is trusted is not to be taken for another.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("Authority {number} of a test");
        parameters.distinguished_name.push(DnType::CommonName, name);
        let pem = parameters.self_signed(&key).unwrap().pem();
        let issuer = Issuer::new(parameters, key);
        Self { issuer, pem }
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

    /// What a server of this process speaks TLS with.
    pub fn server(&self, alpn: &[&str]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivatePkcs8KeyDer::from(self.0.signing_key.serialize_der());
        let mut configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.0.cert.der().clone()], key.into())
            .unwrap();
        configuration.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        configuration
    }
}
