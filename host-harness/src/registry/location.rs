//! Where a registry is, as a person writes it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a registry is: a folder, or `oci://HOST[:PORT][/PREFIX]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder.
    Folder(PathBuf),
    /// An OCI registry.
    Oci(OciAddress),
}

/// The address of an OCI registry. As text `oci://HOST[:PORT][/PREFIX]`, or
/// `oci+http://` for one without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciAddress {
    /// The host, and the port where it is not the usual one.
    pub host: String,
    /// What stands before a connector's name in the names of repositories; may
    /// be empty.
    pub prefix: String,
    /// Without TLS.
    pub plain: bool,
}

/// A text that is no registry's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{address}` is no address of a registry: {why}")]
pub struct InvalidLocation {
    address: String,
    why: &'static str,
}

const TLS: &str = "oci://";
const PLAIN: &str = "oci+http://";

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, plain) = match (text.strip_prefix(TLS), text.strip_prefix(PLAIN)) {
            (Some(rest), _) => (rest, false),
            (_, Some(rest)) => (rest, true),
            _ if text.contains("://") => {
                return Err(InvalidLocation {
                    // What looks like a URL may have a password in it.
                    address: text.split("://").next().unwrap_or_default().to_owned() + "://…",
                    why: "write the path of a folder, or oci://host[:port][/prefix], or \
                          oci+http:// for one without TLS",
                });
            }
            _ => return Ok(Self::Folder(text.into())),
        };
        let wrong = |why| InvalidLocation {
            address: format!("{}…", if plain { PLAIN } else { TLS }),
            why,
        };
        if rest.contains('@') {
            return Err(wrong(
                "user and password do not belong into it, where every program of the machine \
                 reads them: put them into agent.toml, by reference",
            ));
        }
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let named = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
        };
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
        if !is_host {
            return Err(wrong(
                "the host is missing or has something in it that none has",
            ));
        }
        if !prefix.is_empty() && !prefix.split('/').all(named) {
            return Err(wrong(
                "what stands behind the host is lower-case words of letters, digits, `-`, `.` \
                 and `_`, joined by `/`",
            ));
        }
        Ok(Self::Oci(OciAddress {
            host: host.to_owned(),
            prefix: prefix.to_owned(),
            plain,
        }))
    }
}

impl OciAddress {
    /// Whether it is this machine's own.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = match self.host.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => self.host.split(':').next().unwrap_or_default(),
        };
        name == "localhost"
            || name
                .parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for OciAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.plain { PLAIN } else { TLS })?;
        f.write_str(&self.host)?;
        if !self.prefix.is_empty() {
            write!(f, "/{}", self.prefix)?;
        }
        Ok(())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Oci(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in [
            "oci://registry.example",
            "oci://registry.example:5000/connectors",
            "oci+http://127.0.0.1:5000/a/b.c_d-e",
            "oci://[::1]:5000/a",
        ] {
            let location: Location = text.parse().unwrap();
            assert!(matches!(location, Location::Oci(_)), "{text}");
            assert_eq!(location.to_string(), text);
        }
        let folder: Location = "/srv/registry".parse().unwrap();
        assert_eq!(folder, Location::Folder("/srv/registry".into()));
    }

    #[test]
    fn what_is_no_address_is_refused_and_shows_no_password() {
        for text in [
            "oci://",
            "oci:///prefix",
            "oci://host/UPPER",
            "oci://host/a//b",
            "oci://host/..%2f",
            "oci://user:hunter2@host/a",
            "https://user:hunter2@host/a",
            "oci://ho st",
        ] {
            let error = text.parse::<Location>().unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn this_machine_is_told_from_others() {
        let loopback = |text: &str| match text.parse() {
            Ok(Location::Oci(address)) => address.is_loopback(),
            other => panic!("{other:?}"),
        };
        assert!(loopback("oci+http://127.0.0.1:5000"));
        assert!(loopback("oci+http://localhost/a"));
        assert!(loopback("oci+http://[::1]:5000"));
        assert!(!loopback("oci+http://localhost.example"));
        assert!(!loopback("oci://10.0.0.1"));
    }
}
