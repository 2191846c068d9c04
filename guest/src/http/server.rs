//! Where requests go.

use super::{Method, Request};
use crate::{Error, ErrorKind};

/// A server, and the path under which everything of it lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub(super) secure: bool,
    pub(super) authority: String,
    /// Empty, or it begins with `/` and does not end so.
    pub(super) path: String,
}

impl Server {
    /// Reads a URL such as `https://acme.example/api`.
    ///
    /// # Errors
    /// `settings.url`, where it is none, or has a user, a query or a fragment.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let malformed = || {
            Error::new(
                ErrorKind::InvalidSettings,
                "settings.url",
                format!("“{url}” is no URL of a server"),
            )
            .remedy("Write it as https://host or https://host/path.")
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(malformed)?;
        let secure = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(malformed()),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.is_empty() || rest.contains(['@', '?', '#', ' ']) {
            return Err(malformed());
        }
        let path = path.trim_end_matches('/');
        Ok(Self {
            secure,
            authority: authority.to_owned(),
            path: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
        })
    }

    /// A request to `path`, which may have a query, below the server's own.
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request::new(self.clone(), method, path)
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Request {
        self.request(Method::Get, path)
    }

    /// A `POST` of JSON.
    pub fn post(&self, path: &str, json: &str) -> Request {
        self.request(Method::Post, path)
            .header("content-type", "application/json")
            .body(json.as_bytes().to_vec())
    }
}
