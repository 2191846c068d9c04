//! What goes wrong at the proxy. A connector knows of no proxy, so the host says it.

use super::resolver::causes;
use std::fmt;
use wasmtime_wasi_http::Error;

/// Why a request did not get past the proxy. It certainly did not arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyTrouble {
    kind: Kind,
    /// The proxy.
    place: String,
    /// Where the request was to go.
    authority: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unreachable,
    Authentication,
    Refused,
}

impl ProxyTrouble {
    /// The trouble that a request to `authority` met at the proxy at `place`, if
    /// it was the proxy that it failed at.
    ///
    /// The client's error for a tunnel has no type that others can name; its
    /// texts stand for it. End-to-end tests meet each of them, so that another
    /// wording does not go unseen.
    pub(super) fn of(error: &reqwest::Error, place: &str, authority: &str) -> Option<Self> {
        let said = causes(error).find_map(|cause| {
            let text = cause.to_string();
            text.strip_prefix("tunnel error: ").map(str::to_owned)
        })?;
        let kind = match said.as_str() {
            "proxy authorization required" => Kind::Authentication,
            "failed to create underlying connection" => Kind::Unreachable,
            _ => Kind::Refused,
        };
        Some(Self {
            kind,
            place: place.to_owned(),
            authority: authority.to_owned(),
        })
    }

    /// What the connector is told. Each of these says that nothing was sent; a
    /// wrong password is none that passes, so it is not tried again.
    pub(super) fn for_guest(&self) -> Error {
        match self.kind {
            Kind::Unreachable | Kind::Refused => Error::DestinationUnavailable,
            Kind::Authentication => Error::HttpRequestDenied,
        }
    }

    /// Stable, for programs.
    pub const fn code(&self) -> &'static str {
        match self.kind {
            Kind::Unreachable => "proxy.unreachable",
            Kind::Authentication => "proxy.authentication",
            Kind::Refused => "proxy.refused",
        }
    }

    /// What a person can do.
    pub const fn remedy(&self) -> &'static str {
        match self.kind {
            Kind::Unreachable => {
                "Check the proxy's address in the agent's proxy settings, and that the proxy runs \
                 and can be reached from the agent."
            }
            Kind::Authentication => {
                "Correct the user and the password in the agent's proxy settings."
            }
            Kind::Refused => {
                "Ask whoever runs the proxy whether it lets this host through and can reach it, or \
                 name the host among the exceptions in the agent's proxy settings."
            }
        }
    }
}

impl fmt::Display for ProxyTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place, authority, ..
        } = self;
        match self.kind {
            Kind::Unreachable => write!(f, "the agent's proxy {place} cannot be reached"),
            Kind::Authentication => write!(
                f,
                "the agent's proxy {place} does not accept the agent's user and password"
            ),
            Kind::Refused => write!(
                f,
                "the agent's proxy {place} did not open a way to {authority}"
            ),
        }
    }
}
