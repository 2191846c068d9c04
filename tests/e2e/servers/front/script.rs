//! What a front does beside handing requests on: as data, so that a test says it in a
//! line.

use std::ops::Range;

/// What a front does. By default it hands all on, over HTTP/2 and HTTP/1.1.
#[derive(Debug, Clone)]
pub struct Script {
    /// The protocols that it takes.
    pub alpn: &'static [&'static str],
    /// What its certificate is for.
    pub names: &'static [&'static str],
    /// In which years it is.
    pub years: Range<i32>,
    /// The authority by which a client has to show a certificate; none: it asks for none.
    pub clients: Option<String>,
    /// It speaks no newer TLS than 1.2.
    pub tls12: bool,
    /// It speaks no HTTP, whatever it is asked.
    pub gibberish: bool,
    /// It answers everything with this status and a page of its own.
    pub page: Option<u16>,
    /// It takes nothing over HTTP/2, though it offers it.
    pub wants_http1: bool,
    /// After how many requests a connection ends, and how.
    pub ends: Option<(u32, End)>,
    /// Of the streams of all connections it refuses each that many comes to.
    pub refuses: Option<u32>,
    /// Bytes of a stream that it takes before it asks for more. It answers in pieces of
    /// that size too.
    pub window: Option<u32>,
    /// It answers 103 and 100 before the answer proper.
    pub informational: bool,
    /// Over HTTP/1.1 its answers come in chunks, and their length is not told.
    pub chunked: bool,
    /// It sends trailers after each answer.
    pub trailers: bool,
    /// It breaks off at the first request below `/api/` of this method, which it has
    /// handed on.
    pub breaks_off: Option<(&'static str, Break)>,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// As it is agreed: GOAWAY, which names the last stream that is answered, or
    /// `connection: close`. Of what comes later on the connection nothing is looked at,
    /// as nginx does it. GOAWAY is sent when something did come later, so that what is
    /// sent between is always met, and otherwise after the last answer.
    Agreed,
    /// Closed without a word after the last answer.
    Silent,
}

/// How it breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The connection is closed.
    Closed,
    /// GOAWAY names the request's stream among those that are looked at; then the
    /// connection is closed.
    Goaway,
    /// The stream is reset as having failed.
    Reset,
}

pub const HTTP2: &str = "h2";
pub const HTTP1: &str = "http/1.1";

impl Default for Script {
    fn default() -> Self {
        Self {
            alpn: &[HTTP2, HTTP1],
            names: &[super::NAME, "127.0.0.1"],
            years: 2000..3000,
            clients: None,
            tls12: false,
            gibberish: false,
            page: None,
            wants_http1: false,
            ends: None,
            refuses: None,
            window: None,
            informational: false,
            chunked: false,
            trailers: false,
            breaks_off: None,
        }
    }
}

impl Script {
    /// It takes HTTP/1.1 alone.
    pub fn http1() -> Self {
        Self {
            alpn: &[HTTP1],
            ..Self::default()
        }
    }
}
