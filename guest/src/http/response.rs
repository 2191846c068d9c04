//! A whole answer, and what it means where it is a refusal.

use super::Failure;
use crate::{Error, ErrorKind};
use wasip3::http::types::Response as Incoming;
use wit_bindgen::StreamResult;

/// How much is read at a time.
const READ: usize = 64 * 1024;
/// An announced length beyond this is believed only as the bytes come.
const MOST_TRUSTED: usize = 1024 * 1024;
/// Longer texts of others are cut.
const MOST_CHARACTERS: usize = 500;

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(super) async fn read(response: Incoming, most: usize) -> Result<Self, Failure> {
        let status = response.get_status_code();
        let headers: Vec<(String, String)> = response
            .get_headers()
            .copy_all()
            .into_iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(&value).into_owned();
                (name.to_ascii_lowercase(), value)
            })
            .collect();
        // The body ends only once this is settled, too.
        let (settled, read) = wasip3::wit_future::new(|| Ok(()));
        drop(settled);
        let (mut stream, ended) = Incoming::consume_body(response, read);
        let mut answer = Self {
            status,
            headers,
            body: Vec::new(),
        };
        let announced = answer
            .header("content-length")
            .and_then(|length| length.parse::<usize>().ok());
        if announced.is_some_and(|length| length > most) {
            return Err(Failure::TooLarge(most));
        }
        let mut body = Vec::with_capacity(announced.unwrap_or(READ).min(MOST_TRUSTED) + 1);
        loop {
            if body.len() == body.capacity() {
                body.reserve(READ);
            }
            let (result, filled) = stream.read(body).await;
            body = filled;
            if body.len() > most {
                return Err(Failure::TooLarge(most));
            }
            if !matches!(result, StreamResult::Complete(_)) {
                break;
            }
        }
        // An answer had begun, so the request did arrive, whatever the error's name.
        ended.await.map_err(|error| match Failure::of(error) {
            failure if failure.certainly_not_processed() => Failure::Interrupted,
            failure => failure,
        })?;
        answer.body = body;
        Ok(answer)
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The answer itself where its status is a success, else the error that it
    /// stands for. A write that a server failed at may have been done all the
    /// same: with `writes` that is uncertain.
    ///
    /// # Errors
    /// `answer.redirect` for a redirect, which is not followed, or
    /// `answer.refused` with the status.
    pub fn success(self, writes: bool) -> Result<Self, Error> {
        let status = self.status;
        let kind = match status {
            200..300 => return Ok(self),
            300..400 => {
                let to = self.header("location").unwrap_or("nowhere");
                return Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "answer.redirect",
                    format!("the server leads elsewhere: “{}”", cut(to)),
                )
                .remedy(
                    "Use the address that the server has now; redirects are not followed, so \
                     that credentials go nowhere else.",
                )
                .status(status));
            }
            401 => ErrorKind::Authentication,
            403 => ErrorKind::Permission,
            404 => ErrorKind::NotFound,
            408 | 504 if !writes => ErrorKind::TimedOut,
            429 => ErrorKind::RateLimited,
            400..500 if status != 408 => ErrorKind::InvalidInput,
            _ if writes => ErrorKind::Uncertain,
            _ => ErrorKind::RemoteFailure,
        };
        let text = self.text();
        let message = format!("the server answered {status}: {}", cut(text.trim()));
        let mut error = Error::new(kind, "answer.refused", message).status(status);
        error.retry_after = self
            .header("retry-after")
            .and_then(|seconds| seconds.trim().parse::<u64>().ok())
            .map(|seconds| seconds.saturating_mul(1000));
        Err(error)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_CHARACTERS).collect()
}
