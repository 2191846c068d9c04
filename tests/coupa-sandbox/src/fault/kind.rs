//! What can go wrong.
//!
//! Faults that change JSON leave an answer in XML as it is.

use serde::{Deserialize, Serialize};
use strum::EnumCount;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, EnumCount)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Another status: 401, 429, 500, 502, 503, 504 …
    Status {
        /// The status.
        status: u16,
        /// Seconds to say in `Retry-After`.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Whether the request was processed all the same, as a gateway's
        /// time-out does not tell.
        #[serde(default)]
        processed: bool,
    },
    /// A page of HTML in place of the answer; nothing is processed.
    Html {
        /// The status, 200 as well.
        status: u16,
    },
    /// A redirect elsewhere; nothing is processed.
    Redirect {
        /// Where to.
        location: String,
    },
    /// All living tokens expire before the request is looked at.
    ExpireTokens,
    /// The answer comes late.
    Slow {
        /// How late.
        milliseconds: u64,
    },
    /// The body comes in small pieces.
    SlowBody {
        /// How many bytes at once.
        bytes: usize,
        /// How long before each piece.
        milliseconds: u64,
    },
    /// The connection is reset, and nothing is processed.
    ResetBefore,
    /// The request is processed, and then the connection is reset.
    ResetAfter,
    /// The body ends before its announced length, and the connection closes.
    Truncated,
    /// A well-formed answer with the first half of the body.
    HalfBody,
    /// An answer without its body.
    EmptyBody,
    /// The body is announced as something else.
    WrongContentType {
        /// As what.
        content_type: String,
    },
    /// The body has no `Content-Type`.
    NoContentType,
    /// A page of HTML that is announced as JSON, status 200; nothing is processed.
    HtmlAsJson,
    /// A redirect with a status of its choice; nothing is processed. Without
    /// end (`times` unset) it is a loop.
    RedirectTo {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        target: RedirectTarget,
    },
    /// The answer comes with cookies. Whether a client sends one back is
    /// counted: see [`Counters::cookies`](crate::Counters::cookies).
    SetCookie,
    /// Status 204 without a body; the request is processed.
    NoContent,
    /// An interim answer comes before the real one: 102 or 103, or 100 though
    /// nobody waits for it.
    Informational {
        /// From 100 to 199, and not 101.
        status: u16,
    },
    /// The answer has this many more headers.
    HeaderFlood {
        /// How many.
        headers: u32,
        /// How many bytes the value of each has.
        bytes: usize,
    },
    /// A body of so many bytes in place of the answer's, or one without end.
    /// It is made while it is sent; nothing is processed.
    HugeBody {
        /// What it is made of.
        filler: Filler,
        /// How many bytes, about; without end where it does not say.
        #[serde(default)]
        bytes: Option<u64>,
    },
    /// Lists in lists in a record, so many levels deep; nothing is processed.
    DeepNesting {
        /// How many.
        levels: u64,
    },
    /// So many zeros, compressed with gzip though nobody asked for it; nothing
    /// is processed. They are a JSON list of one text, so that no parser gives
    /// up early.
    GzipBomb {
        /// How many, uncompressed.
        bytes: u64,
    },
    /// The answer is compressed with gzip though nobody asked for it.
    UnaskedGzip,
    /// Each record of a JSON answer has its `id` twice, 0 first.
    DuplicateKeys,
    /// Each record of a JSON answer has the numbers `NaN` and `Infinity` in it.
    NotANumber,
    /// Each record of a JSON answer has half a surrogate pair in a text.
    LoneSurrogate,
    /// The first text in the body has bytes in it that are not UTF-8.
    InvalidUtf8,
    /// The body begins with a byte order mark.
    ByteOrderMark,
    /// The records of a page of JSON come last first.
    ReversedPage,
    /// A list begins at its first record, whatever `offset` and conditions on
    /// the id say: the same page for ever.
    SamePage,
    /// A page has so many records at most, though more exist and more were
    /// asked for.
    ShortPage {
        /// How many.
        records: u64,
    },
    /// A list with an `offset` begins elsewhere, as if rows had come (below 0:
    /// records are seen twice) or gone (above 0: records are missed) meanwhile.
    OffsetDrift {
        /// How many records later.
        rows: i64,
    },
}

impl Fault {
    /// This status, at once: nothing is processed.
    pub const fn status(status: u16) -> Self {
        Self::Status {
            status,
            retry_after: None,
            processed: false,
        }
    }
}

/// Where a redirect leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedirectTarget {
    /// To the same URL.
    Itself,
    /// To the same path with another query each time, so that no URL is met twice.
    Onward,
    /// To this URL.
    Url(String),
}

/// What a body that is too large is made of. Each is JSON as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filler {
    /// A list of small records.
    Records,
    /// One record with one text.
    Text,
    /// White space after the opening bracket of a list.
    Spaces,
}
