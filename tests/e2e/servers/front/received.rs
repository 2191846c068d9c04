//! A request as a front received it, and what RFC 9110, 9112 and 9113 say of its form.

use axum::http::request::Parts;
use std::collections::BTreeSet;
use std::fmt;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone)]
pub struct Received {
    /// The number of its connection.
    pub connection: usize,
    pub protocol: Protocol,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// With their names as they were written, in the order in which they came. Over
    /// HTTP/2 the pseudo-header fields come first, and what is of the same name stands
    /// together.
    pub fields: Vec<(String, String)>,
    /// The body's bytes, as far as they were read.
    pub length: u64,
    /// Whether the body was read: that of a stream that is refused is not.
    pub whole: bool,
    /// Whether the body came in chunks.
    pub chunked: bool,
    /// Whether it was handed on.
    pub processed: bool,
}

/// Without its credentials, which are long.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, .. } = self;
        write!(f, "{method} {target} of {} bytes, ", self.length)?;
        let shown = self.fields.iter();
        let shown = shown.filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        f.debug_map()
            .entries(shown.map(|(name, value)| (name, value)))
            .finish()
    }
}

impl Received {
    /// From the head of a stream. The library of the front has refused what repeats a
    /// pseudo-header field or speaks of the connection, see [`super::Counts::malformed`].
    pub fn of_stream(connection: usize, head: &Parts) -> Self {
        let pseudo = [
            (":method", Some(head.method.as_str())),
            (":scheme", head.uri.scheme_str()),
            (":authority", head.uri.authority().map(|name| name.as_str())),
            (":path", head.uri.path_and_query().map(|path| path.as_str())),
        ];
        let pseudo = pseudo
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        let fields = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Self {
            connection,
            protocol: Protocol::Http2,
            method: head.method.to_string(),
            target: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            fields: pseudo.chain(fields).collect(),
            length: 0,
            whole: false,
            chunked: false,
            processed: false,
        }
    }

    /// All values of a field.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.fields
            .iter()
            .filter(|field| field.0.eq_ignore_ascii_case(name))
            .map(|field| field.1.as_str())
            .collect()
    }

    /// What is not as it has to be, for a front that is reached as `authority`.
    pub fn faults(&self, authority: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!("{what}: {self:?}"));
            }
        };
        let names: Vec<String> = self
            .fields
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        let once: BTreeSet<&String> = names.iter().collect();
        expect(once.len() == names.len(), "a field stands twice");
        expect(self.target.starts_with('/'), "the target is no path");

        let length = self.length.to_string();
        let lengths = self.values("content-length");
        let announced = !self.whole || lengths.is_empty() || lengths == [length.as_str()];
        expect(announced, "another length than the body's");
        // RFC 9110, 8.6: some servers answer 411 without.
        let may_have_body = matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        let told = self.chunked || !lengths.is_empty() || self.protocol == Protocol::Http2;
        expect(told || !may_have_body, "the body's length is not told");

        let (own, none): (_, &[&str]) = match self.protocol {
            Protocol::Http2 => (
                self.values(":authority"),
                &[
                    "host",
                    "connection",
                    "proxy-connection",
                    "keep-alive",
                    "transfer-encoding",
                    "te",
                    "upgrade",
                ],
            ),
            Protocol::Http1 => (
                self.values("host"),
                &["proxy-connection", "keep-alive", "te", "upgrade"],
            ),
        };
        expect(own == [authority], "it does not say whom it is for, once");
        for name in none {
            expect(self.values(name).is_empty(), &format!("it has {name}"));
        }
        match self.protocol {
            Protocol::Http2 => {
                let pseudo: Vec<&str> = self
                    .fields
                    .iter()
                    .map(|(name, _)| name.as_str())
                    .filter(|name| name.starts_with(':'))
                    .collect();
                expect(
                    pseudo == [":method", ":scheme", ":authority", ":path"],
                    "pseudo-header fields are missing",
                );
                expect(self.values(":scheme") == ["https"], "another scheme");
            }
            Protocol::Http1 => {
                let encodings = self.values("transfer-encoding");
                expect(
                    encodings.is_empty() || encodings == ["chunked"],
                    "another encoding",
                );
                expect(
                    encodings.is_empty() || lengths.is_empty(),
                    "a length, and an encoding that has its own",
                );
                expect(
                    encodings.is_empty() || self.length > 0,
                    "an encoding of no body",
                );
            }
        }
        faults
    }
}
