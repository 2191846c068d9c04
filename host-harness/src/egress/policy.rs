//! What a session may reach: the origins of its connection, and nothing that
//! only looks like one.

use crate::connection::Environment;
use http::Uri;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    secure: bool,
    /// Lower case; an IPv6 address without its brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// Its host, in lower case; an IPv6 address without its brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The origin of a URL; none where it has no http scheme or no host.
    pub fn of(uri: &Uri) -> Option<Self> {
        let secure = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host = uri
            .host()?
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        Some(Self { secure, host, port })
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self
                .host
                .parse::<IpAddr>()
                .is_ok_and(|address| unmapped(address).is_loopback())
    }
}

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Another host, port or scheme than the connection's.
    #[error("only the connection's own origin may be reached")]
    Origin,
    /// Secrets would travel in the clear.
    #[error("plain http is only for this machine itself, in a development environment")]
    PlainHttp,
    /// The name leads to an address that no connection is meant for.
    #[error("{0} is an address of this machine, its link or its cloud's metadata")]
    Address(IpAddr),
}

/// What one session may reach.
#[derive(Debug, Clone)]
pub struct EgressPolicy {
    origins: Vec<Origin>,
    environment: Environment,
    /// The host of the agent's proxy.
    proxy: Option<String>,
}

impl EgressPolicy {
    /// Allows the origins of these URLs; one that cannot be read allows nothing.
    pub fn new<'a>(urls: impl Iterator<Item = &'a str>, environment: Environment) -> Self {
        let origins = urls
            .filter_map(|url| Origin::of(&url.trim().parse().ok()?))
            .collect();
        Self {
            origins,
            environment,
            proxy: None,
        }
    }

    /// The origins that may be reached.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The same, by way of a proxy at `host`: an administrator chose that, so
    /// its address may be any.
    #[must_use]
    pub(super) fn with_proxy(mut self, host: &str) -> Self {
        self.proxy = Some(host.to_ascii_lowercase());
        self
    }

    /// Whether a request to this URL may be sent.
    ///
    /// # Errors
    /// Which rule it breaks.
    pub fn check(&self, uri: &Uri) -> Result<(), Denied> {
        let origin = Origin::of(uri).ok_or(Denied::Origin)?;
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(Denied::Origin);
        }
        if !self.origins.contains(&origin) {
            return Err(Denied::Origin);
        }
        let local = origin.is_loopback() && self.environment == Environment::Development;
        if !origin.secure && !local {
            return Err(Denied::PlainHttp);
        }
        // The client understands more spellings of an address than Rust does,
        // such as 127.1 and 0x7f000001, and resolves no address: ask it.
        let url = reqwest::Url::parse(&uri.to_string()).map_err(|_| Denied::Origin)?;
        let host = url.host_str().unwrap_or_default();
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check_address(host, address),
            Err(_) => Ok(()),
        }
    }

    /// Whether `host` may lead to this address. Called for each address that a
    /// name resolves to, so that a hostile name leads nowhere else either.
    ///
    /// # Errors
    /// If it is an address of this machine, its link or its cloud's metadata.
    pub fn check_address(&self, host: &str, address: IpAddr) -> Result<(), Denied> {
        if self
            .proxy
            .as_ref()
            .is_some_and(|proxy| host.eq_ignore_ascii_case(proxy))
        {
            return Ok(());
        }
        let plain = unmapped(address);
        if plain.is_loopback() {
            let named = host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok();
            return match self.environment {
                Environment::Development if named => Ok(()),
                _ => Err(Denied::Address(address)),
            };
        }
        let forbidden = match plain {
            IpAddr::V4(v4) => {
                v4.is_unspecified()
                    || v4.is_link_local()
                    || v4.is_broadcast()
                    || v4.is_multicast()
                    // Alibaba Cloud's metadata.
                    || v4 == Ipv4Addr::new(100, 100, 100, 200)
            }
            IpAddr::V6(v6) => {
                v6.is_unspecified()
                    || v6.is_multicast()
                    || v6.is_unicast_link_local()
                    // AWS's metadata.
                    || v6 == Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254)
            }
        };
        if forbidden {
            Err(Denied::Address(address))
        } else {
            Ok(())
        }
    }
}

/// An IPv4 address that is dressed up as an IPv6 one, undressed.
fn unmapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if v6.is_loopback() || v6.is_unspecified() {
        return address;
    }
    let [a, b, c, d] = match v6.octets() {
        // Mapped and compatible addresses, and NAT64.
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
        | [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d]
        | [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] => [a, b, c, d],
        // 6to4.
        [0x20, 0x02, a, b, c, d, ..] => [a, b, c, d],
        _ => return address,
    };
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(url: &str, environment: Environment) -> EgressPolicy {
        EgressPolicy::new([url].into_iter(), environment)
    }

    fn check(policy: &EgressPolicy, url: &str) -> Result<(), Denied> {
        policy.check(&url.parse().unwrap())
    }

    #[test]
    fn only_the_connections_own_origin_is_reached() {
        let acme = policy("https://api.acme.example", Environment::Production);
        assert_eq!(check(&acme, "https://api.acme.example/x?y=z"), Ok(()));
        assert_eq!(check(&acme, "https://API.acme.example:443/"), Ok(()));
        for other in [
            "https://evil.example/",
            "https://api.acme.example.evil.example/",
            "https://api.acme.example:8443/",
            "http://api.acme.example/",
            "http://169.254.169.254/latest/meta-data",
            "https://user@api.acme.example/",
        ] {
            assert_eq!(check(&acme, other), Err(Denied::Origin), "{other}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_in_development() {
        let local = "http://127.0.0.1:9000";
        assert_eq!(
            check(&policy(local, Environment::Development), local),
            Ok(())
        );
        assert_eq!(
            check(&policy(local, Environment::Production), local),
            Err(Denied::PlainHttp)
        );
        let remote = "http://api.acme.example";
        assert_eq!(
            check(&policy(remote, Environment::Development), remote),
            Err(Denied::PlainHttp)
        );
        for secure in [
            "https://127.0.0.1:9000",
            "https://127.1",
            "https://2130706433",
            "https://0xA9FEA9FE",
            "https://[::1]",
        ] {
            let checked = check(&policy(secure, Environment::Production), secure);
            assert!(
                matches!(checked, Err(Denied::Address(_))),
                "{secure}: {checked:?}"
            );
        }
    }

    #[test]
    fn names_lead_to_no_address_of_this_machine_its_link_or_metadata() {
        let acme = policy("https://api.acme.example", Environment::Development);
        for address in [
            "127.0.0.1",
            "::1",
            "::ffff:127.0.0.1",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "::127.0.0.1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(
                acme.check_address("api.acme.example", address),
                Err(Denied::Address(address))
            );
        }
        assert_eq!(
            acme.check_address("api.acme.example", "10.1.2.3".parse().unwrap()),
            Ok(())
        );
        assert_eq!(
            acme.check_address("localhost", "127.0.0.1".parse().unwrap()),
            Ok(())
        );
    }
}
