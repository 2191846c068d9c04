//! What lies outside the connector: HTTP, clocks, secrets, cache and log.

use crate::time::Moment;
use std::time::Duration;

/// An HTTP method that the connector uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// An HTTP request to the connection's own origin. It holds credentials, so it
/// cannot be printed.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// True for `https`.
    pub secure: bool,
    /// Host and port.
    pub authority: String,
    /// Starts with `/`, percent-encoded.
    pub path_and_query: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    /// For connecting, for the first byte, and between bytes, each.
    pub timeout: Duration,
    pub keep: Keep,
}

/// What a request carries.
#[derive(Clone)]
pub enum Body {
    Bytes(Vec<u8>),
    /// A file of the run, streamed, between what comes before and after it.
    File {
        before: Vec<u8>,
        name: String,
        after: Vec<u8>,
    },
}

/// What becomes of the body of an answer.
#[derive(Clone, Copy)]
pub enum Keep {
    /// It is read, up to so many bytes; a larger one is broken off with
    /// [`SendError::TooLarge`].
    Whole(usize),
    /// Where the status is a good one it is streamed into a file of the run, whose
    /// name is made of the answer.
    File(fn(&Response) -> String),
}

/// A file of the run that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    pub size: u64,
    pub sha256: String,
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Empty where it was kept as a file.
    pub body: Vec<u8>,
    pub kept: Option<Kept>,
    /// When it came, in seconds since 1970 by the host's clock.
    pub came_at: i64,
}

impl Response {
    /// When it was answered, by the other side's clock where it says so: that one wrote
    /// the other moments in it.
    #[inline(never)]
    pub fn answered_at(&self) -> Moment {
        let came_at = Moment::from_unix(self.came_at);
        self.header("date")
            .and_then(|date| Moment::parse_http(date, came_at))
            .unwrap_or(came_at)
    }

    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why no whole answer came. What matters most is whether the request can have
/// reached Coupa: see [`SendError::certainly_not_processed`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    #[error("the name could not be resolved")]
    UnknownName,
    #[error("the connection was refused")]
    Refused,
    #[error("no route leads there, or nothing answers")]
    NoRoute,
    #[error("connecting took too long")]
    ConnectTimeout,
    #[error("no secure connection came about: {0}")]
    Tls(String),
    /// By ALPN (RFC 7301), while TLS came about.
    #[error("the server speaks none of the versions of HTTP that were offered")]
    NoCommonProtocol,
    #[error("the host does not let the connector reach it")]
    Denied,
    /// It may have arrived: the server ended the connection or the stream in good order
    /// (GOAWAY, REFUSED_STREAM).
    #[error("the server said that it did not process the request")]
    NotProcessed,
    #[error("no answer came in time")]
    AnswerTimeout,
    #[error("the connection was closed before the answer was whole")]
    Interrupted,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("what answers there does not speak HTTP/1.1 or HTTP/2 as it should")]
    NotHttp,
    #[error("HTTP failed: {0}")]
    Protocol(String),
    /// A file of the run cannot be read; nothing was sent.
    #[error("the file cannot be read: {0}")]
    NoFile(String),
    /// An answer could not be kept as a file.
    #[error("the file cannot be kept: {0}")]
    NotKept(String),
}

impl SendError {
    /// True where no connection came about, so that nothing was sent, or where the server
    /// itself said so. Even a write may be sent again.
    pub const fn certainly_not_processed(&self) -> bool {
        matches!(
            self,
            Self::UnknownName
                | Self::Refused
                | Self::NoRoute
                | Self::ConnectTimeout
                | Self::Tls(_)
                | Self::NoCommonProtocol
                | Self::Denied
                | Self::NotProcessed
                | Self::NoFile(_)
        )
    }
}

/// Why a secret cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("it is not set")]
    NotSet,
    #[error("the place it is kept in failed")]
    Unavailable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    Info,
    /// What a person should know.
    Warn,
}

/// Everything that the connector asks of the outside. Single-threaded, as a
/// component instance is.
#[expect(async_fn_in_trait, reason = "an instance runs on one thread")]
pub trait Host: 'static {
    async fn send(&self, request: Request) -> Result<Response, SendError>;
    async fn sleep(&self, how_long: Duration);
    /// Since some fixed moment; never goes back.
    fn now(&self) -> Duration;
    /// Seconds since 1970 by the host's clock, which may be wrong.
    fn unix_time(&self) -> i64;
    async fn reveal(&self, secret: &str) -> Result<String, SecretError>;
    /// The value and how long it is still good for.
    async fn cache_get(&self, key: &str) -> Option<(String, Duration)>;
    async fn cache_put(&self, key: &str, value: String, ttl: Duration);
    async fn cache_remove(&self, key: &str);
    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, String)]);
}
