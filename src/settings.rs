//! The connection's settings, checked: where Coupa is and how to sign in.

use crate::contract::{Choice, Connection, Error, Property, PropertyKind};
use std::time::Duration;

/// The names of the connection's properties.
pub mod name {
    pub const HOST: &str = "host";
    pub const AUTHENTICATION: &str = "authentication";
    pub const API_KEY: &str = "api-key";
    pub const CLIENT_ID: &str = "client-id";
    pub const CLIENT_SECRET: &str = "client-secret";
    pub const GRANT_TYPE: &str = "grant-type";
    pub const SCOPE: &str = "scope";
    pub const TIMEOUT: &str = "timeout";
}

const WITH_API_KEY: &str = "api-key";
const WITH_OAUTH: &str = "oauth";
const DEFAULT_TIMEOUT: &str = "120";

/// How to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// The key is the secret `api-key`.
    ApiKey,
    /// Client credentials; the client's secret is the secret `client-secret`.
    OAuth {
        client_id: String,
        /// Empty: all that the client was granted.
        scopes: Vec<String>,
    },
}

/// Where Coupa is: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub secure: bool,
    pub authority: String,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// A connection's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub origin: Origin,
    pub authentication: Authentication,
    /// For connecting, for the first byte, and between bytes, each.
    pub timeout: Duration,
}

impl Settings {
    /// Checks the settings of a connection.
    ///
    /// # Errors
    /// The first setting that is missing or malformed, with what would be right.
    pub fn check(connection: &Connection) -> Result<Self, Error> {
        for setting in &connection.settings {
            if !form().iter().any(|property| property.name == setting.name) {
                return Err(Error::setting(
                    "settings.unknown",
                    format!(
                        "the connection has a setting “{}” that Coupa's does not have",
                        setting.name
                    ),
                )
                .remedy(format!("Known settings: {}.", names(&form()))));
            }
        }
        Ok(Self {
            origin: origin(value(connection, name::HOST).unwrap_or_default())?,
            authentication: authentication(connection)?,
            timeout: timeout(value(connection, name::TIMEOUT).unwrap_or(DEFAULT_TIMEOUT))?,
        })
    }
}

/// The connection form.
pub fn form() -> Vec<Property> {
    let oauth: &[&str] = &[WITH_OAUTH];
    vec![
        Property::new(
            name::HOST,
            "Host Name",
            "Where your Coupa is: https://<instance>.coupahost.com, without a path.",
            PropertyKind::Text,
        )
        .required(),
        Property::new(
            name::AUTHENTICATION,
            "Authentication Type",
            "OAuth 2.0 is what Coupa supports today; API keys are no longer given out.",
            PropertyKind::Choice(&[
                Choice { value: WITH_API_KEY, title: "X-COUPA-API-KEY" },
                Choice { value: WITH_OAUTH, title: "OAuth 2.0" },
            ]),
        )
        .required()
        .default(WITH_OAUTH)
        .without_variables(),
        Property::new(
            name::API_KEY,
            "API Key",
            "The key of an API user, from Setup > Integrations > API Keys.",
            PropertyKind::Secret,
        )
        .required()
        .shown_when(name::AUTHENTICATION, &[WITH_API_KEY]),
        Property::new(
            name::CLIENT_ID,
            "Client ID",
            "The identifier of an OAuth 2.0/OpenID Connect client with the grant type Client Credentials.",
            PropertyKind::Text,
        )
        .required()
        .shown_when(name::AUTHENTICATION, oauth),
        Property::new(
            name::CLIENT_SECRET,
            "Client Secret",
            "The secret of that client.",
            PropertyKind::Secret,
        )
        .required()
        .shown_when(name::AUTHENTICATION, oauth),
        Property::new(
            name::GRANT_TYPE,
            "Grant Type",
            "How the client signs in.",
            PropertyKind::Fixed,
        )
        .default("Client Credentials")
        .without_variables()
        .shown_when(name::AUTHENTICATION, oauth),
        Property::new(
            name::SCOPE,
            "Scope",
            "The scopes to ask for, separated by spaces, such as core.supplier.read. \
             Empty: all that the client was granted.",
            PropertyKind::Text,
        )
        .shown_when(name::AUTHENTICATION, oauth),
        Property::new(
            name::TIMEOUT,
            "Timeout",
            "Seconds to wait for a connection, for the first byte of an answer, and between its bytes.",
            PropertyKind::WholeNumber(1, 600),
        )
        .default(DEFAULT_TIMEOUT),
    ]
}

fn names(form: &[Property]) -> String {
    let names: Vec<_> = form.iter().map(|property| property.name).collect();
    names.join(", ")
}

/// A setting's value, trimmed; none where it is absent or blank.
fn value<'a>(connection: &'a Connection, name: &str) -> Option<&'a str> {
    connection
        .settings
        .iter()
        .find(|setting| setting.name == name)
        .map(|setting| setting.value.trim())
        .filter(|value| !value.is_empty())
}

fn authentication(connection: &Connection) -> Result<Authentication, Error> {
    match value(connection, name::AUTHENTICATION).unwrap_or(WITH_OAUTH) {
        WITH_API_KEY => Ok(Authentication::ApiKey),
        WITH_OAUTH => {
            let client_id = value(connection, name::CLIENT_ID).ok_or_else(|| {
                Error::setting("settings.client-id-missing", "the Client ID is empty").remedy(
                    "Copy the Identifier of the client from Coupa: \
                     Setup > Integrations > OAuth2/OpenID Connect Clients.",
                )
            })?;
            // Commas are a common slip; Coupa's own guides remove them.
            let scopes = value(connection, name::SCOPE)
                .unwrap_or_default()
                .split([' ', ',', '\t', '\n'])
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect();
            Ok(Authentication::OAuth {
                client_id: client_id.to_owned(),
                scopes,
            })
        }
        other => Err(Error::setting(
            "settings.authentication-unknown",
            format!("“{other}” is not an Authentication Type"),
        )
        .remedy(format!("Use {WITH_API_KEY} or {WITH_OAUTH}."))),
    }
}

fn timeout(text: &str) -> Result<Duration, Error> {
    match text.parse() {
        Ok(seconds @ 1..=600) => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::setting(
            "settings.timeout-malformed",
            format!("the Timeout “{text}” is not a number of seconds"),
        )
        .remedy("Use a whole number from 1 to 600.")),
    }
}

/// Checks a Host Name.
fn origin(text: &str) -> Result<Origin, Error> {
    let malformed = |why: String| {
        Error::setting("settings.host-malformed", why)
            .remedy("Use https://<instance>.coupahost.com: no path, no user, nothing after it.")
    };
    if text.is_empty() {
        return Err(
            Error::setting("settings.host-missing", "the Host Name is empty")
                .remedy("Use the address of your Coupa, such as https://acme.coupahost.com."),
        );
    }
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| malformed(format!("the Host Name “{text}” has no https:// in front")))?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => {
            return Err(malformed(format!(
                "the Host Name's scheme “{scheme}” is not https"
            )));
        }
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err(malformed(
            "the Host Name has a user or password in it".to_owned(),
        ));
    }
    if let Some(at) = authority.find(['/', '?', '#']) {
        let extra = authority.get(at..).unwrap_or_default();
        return Err(malformed(format!(
            "the Host Name has “{extra}” after the host"
        )));
    }
    let (host, port) = split_port(authority);
    let host_is_name = !host.is_empty()
        && host.split('.').all(|label| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    let host_is_v6 = host.starts_with('[')
        && host.ends_with(']')
        && host
            .bytes()
            .all(|b| b.is_ascii_hexdigit() || b"[]:.".contains(&b));
    if !host_is_name && !host_is_v6 {
        return Err(malformed(format!(
            "“{host}” in the Host Name is not the name of a host"
        )));
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err(malformed(format!(
            "the port in “{authority}” is not a number from 1 to 65535"
        )));
    }
    if !secure && !is_loopback(host) {
        return Err(malformed(
            "the Host Name uses http, which would send secrets in the clear".to_owned(),
        ));
    }
    Ok(Origin {
        secure,
        authority: authority.to_ascii_lowercase(),
    })
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host == "[::1]"
        || host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Setting;

    fn connection(settings: &[(&str, &str)]) -> Connection {
        Connection {
            name: "test".to_owned(),
            settings: settings
                .iter()
                .map(|(name, value)| Setting {
                    name: (*name).to_owned(),
                    value: (*value).to_owned(),
                })
                .collect(),
        }
    }

    #[test]
    fn host_names_are_checked_as_typed() {
        for good in [
            "https://acme.coupahost.com",
            "https://acme.coupahost.com/",
            "HTTPS://Acme.CoupaHost.com:8443",
            "http://127.0.0.1:9000",
            "http://localhost",
            "http://[::1]:80",
        ] {
            assert!(origin(good).is_ok(), "{good}");
        }
        for (bad, says) in [
            ("", "empty"),
            ("acme.coupahost.com", "no https://"),
            ("ftp://acme.coupahost.com", "scheme"),
            ("http://acme.coupahost.com", "in the clear"),
            ("https://acme.coupahost.com/api", "“/api”"),
            ("https://user:pw@acme.coupahost.com", "user or password"),
            ("https://acme.coupahost.com?x=1", "“?x=1”"),
            ("https://", "not the name"),
            ("https://a..b", "not the name"),
            ("https://acme.coupahost.com:port", "port"),
            ("https://acme.coupahost.com:0", "port"),
            ("https://ac me.com", "not the name"),
        ] {
            let error = origin(bad).unwrap_err();
            assert!(error.message.contains(says), "{bad}: {error}");
            assert!(error.remedy.is_some());
        }
    }

    #[test]
    fn scopes_may_be_separated_by_spaces_or_commas() {
        let settings = Settings::check(&connection(&[
            ("host", "https://acme.coupahost.com"),
            ("authentication", "oauth"),
            ("client-id", "abc"),
            ("scope", " core.supplier.read, core.invoice.read "),
        ]))
        .unwrap();
        let Authentication::OAuth { scopes, .. } = settings.authentication else {
            panic!("not OAuth");
        };
        assert_eq!(scopes, ["core.supplier.read", "core.invoice.read"]);
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let code =
            |settings: &[(&str, &str)]| Settings::check(&connection(settings)).unwrap_err().code;
        let host = ("host", "https://acme.coupahost.com");
        assert_eq!(code(&[]), "settings.host-missing");
        assert_eq!(code(&[host]), "settings.client-id-missing");
        assert_eq!(
            code(&[host, ("authentication", "basic")]),
            "settings.authentication-unknown"
        );
        assert_eq!(code(&[host, ("hots", "x")]), "settings.unknown");
        assert_eq!(
            code(&[host, ("authentication", "api-key"), ("timeout", "soon")]),
            "settings.timeout-malformed"
        );
    }
}
