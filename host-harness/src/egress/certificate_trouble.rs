//! What is wrong with a server's certificate. `wasi:http` has one error for all of it, so
//! the host says which.

use super::key_kind;
use rustls::CertificateError;
use std::fmt;

/// Why the certificate of `authority` is not accepted. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateTrouble {
    kind: Kind,
    /// Where the request was to go: host and port.
    authority: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// It is for others, as far as they are known.
    WrongName(Vec<String>),
    UnknownAuthority,
    Expired,
    NotYetValid,
    Revoked,
    /// By a signer of a known name, with another key.
    BadSignature,
    /// Signed with what is not supported; its kind, where that is known.
    Unsupported(Option<&'static str>),
    Other(String),
}

/// More names than these are not told: a certificate of a hosting company has hundreds.
const MOST_NAMES: usize = 5;

impl CertificateTrouble {
    pub(super) fn of(error: &CertificateError, authority: &str) -> Self {
        let kind = match error {
            CertificateError::NotValidForNameContext { presented, .. } => {
                Kind::WrongName(presented.iter().map(|name| plain(name)).collect())
            }
            CertificateError::NotValidForName => Kind::WrongName(Vec::new()),
            CertificateError::UnknownIssuer => Kind::UnknownAuthority,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Kind::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                Kind::NotYetValid
            }
            CertificateError::Revoked => Kind::Revoked,
            CertificateError::BadSignature => Kind::BadSignature,
            CertificateError::UnsupportedSignatureAlgorithmContext {
                signature_algorithm_id,
                ..
            } => Kind::Unsupported(key_kind::of(signature_algorithm_id)),
            CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext {
                public_key_algorithm_id,
                ..
            } => Kind::Unsupported(key_kind::of(public_key_algorithm_id)),
            other => Kind::Other(other.to_string()),
        };
        Self {
            kind,
            authority: authority.to_owned(),
        }
    }

    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            Kind::WrongName(_) => "tls.wrong-name",
            Kind::UnknownAuthority => "tls.unknown-authority",
            Kind::Expired => "tls.expired",
            Kind::NotYetValid => "tls.not-yet-valid",
            Kind::Revoked => "tls.revoked",
            Kind::BadSignature => "tls.bad-signature",
            Kind::Unsupported(_) => "tls.unsupported-key",
            Kind::Other(_) => "tls.certificate",
        }
    }

    /// What a person can do.
    pub const fn remedy(&self) -> &'static str {
        match self.kind {
            Kind::WrongName(_) => {
                "Check the host name for a slip; behind it answers a server that is meant for \
                 another name."
            }
            Kind::UnknownAuthority => {
                "Check the host name. Where a company's own authority or a proxy that opens TLS \
                 signed the certificate, name that authority's certificate in `certificates`."
            }
            Kind::Expired | Kind::NotYetValid => {
                "Check this machine's clock; if it is right, whoever runs the server has to renew \
                 its certificate."
            }
            Kind::BadSignature => {
                "If a company's own authority was renewed, name its new certificate in \
                 `certificates`; else something on the way answers in the server's place."
            }
            Kind::Unsupported(_) => {
                "Whoever runs the server has to use RSA of at least 2,048 bits with SHA-2, ECDSA on \
                 P-256 or P-384, or Ed25519, in its certificate and in those it is signed by."
            }
            Kind::Revoked | Kind::Other(_) => {
                "Check the host name, and ask whoever runs the server for a valid certificate."
            }
        }
    }
}

/// `DnsName("acme.example")` as rustls writes a name, without what is around it.
fn plain(name: &str) -> String {
    let inner = name
        .split_once('(')
        .map_or(name, |(_, rest)| rest.trim_end_matches(')'));
    inner.trim_matches('"').to_owned()
}

impl fmt::Display for CertificateTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.authority;
        match &self.kind {
            Kind::WrongName(names) if names.is_empty() => {
                write!(f, "the certificate of {authority} is for another name")
            }
            Kind::WrongName(names) => {
                let shown = names.get(..MOST_NAMES).unwrap_or(names).join(", ");
                let more = match names.len().saturating_sub(MOST_NAMES) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                write!(
                    f,
                    "the certificate of {authority} is for another name: for {shown}{more}"
                )
            }
            Kind::UnknownAuthority => write!(
                f,
                "the certificate of {authority} was signed by an authority that this machine \
                 does not trust"
            ),
            Kind::Expired => write!(f, "the certificate of {authority} has expired"),
            Kind::NotYetValid => write!(f, "the certificate of {authority} is not valid yet"),
            Kind::Revoked => write!(f, "the certificate of {authority} was revoked"),
            Kind::BadSignature => write!(
                f,
                "the certificate of {authority} is not signed with the key that this machine \
                 knows of its signer"
            ),
            Kind::Unsupported(kind) => {
                let kind = kind.unwrap_or("a kind that is not known here");
                write!(
                    f,
                    "the certificate of {authority} is signed with a key that is not supported: {kind}"
                )
            }
            Kind::Other(why) => {
                write!(
                    f,
                    "the certificate of {authority} cannot be accepted: {why}"
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::pki_types::ServerName;

    #[test]
    fn what_is_wrong_is_told_with_the_names_it_is_for() {
        let expected = ServerName::try_from("acme.coupahost.com").unwrap();
        let presented = |count: usize| CertificateError::NotValidForNameContext {
            expected: expected.to_owned(),
            presented: (0..count)
                .map(|n| format!("DnsName(\"n{n}.example\")"))
                .collect(),
        };
        let said = |error: &CertificateError| {
            let trouble = CertificateTrouble::of(error, "acme.coupahost.com");
            (trouble.code(), trouble.to_string())
        };
        let (code, one) = said(&presented(1));
        assert_eq!(code, "tls.wrong-name");
        assert!(
            one.ends_with("is for another name: for n0.example"),
            "{one}"
        );
        let (_, many) = said(&presented(8));
        assert!(many.ends_with("n4.example and 3 more"), "{many}");
        let (code, unknown) = said(&CertificateError::UnknownIssuer);
        assert_eq!(code, "tls.unknown-authority");
        assert!(unknown.contains("does not trust"), "{unknown}");
        assert_eq!(said(&CertificateError::Expired).0, "tls.expired");
    }
}
