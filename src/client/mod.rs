//! Talks to Coupa: signs in, sends, retries what may be retried, and turns
//! every kind of answer into a body or an [`Error`].

mod answer;
mod backoff;
mod disposition;
mod fate;
mod front;
mod multipart;
mod retry_after;
#[cfg(test)]
mod tests;
mod token;
mod unsent;

pub use answer::{is_about_the_question, messages_per_field, not_json, refusal};
pub use backoff::Backoff;
pub use disposition::file_name;
pub use front::refusal as refusal_by_a_front;
pub use multipart::Multipart;
use token::{Next, Patience};
pub use token::{Token, TokenStore, mint};
pub use unsent::not_sent as unreachable;

use crate::contract::{Error, ErrorKind, Notice, NoticeKind};
use crate::host::{Body, Host, Keep, Method, Request, Response, SendError};
use crate::settings::{Authentication, Settings, name};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// An answer larger than this is broken off. Coupa's largest records are some
/// megabytes, and a page has at most fifty.
const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Tries of one request, the first included: about eight seconds.
const MAX_TRIES: u32 = 6;
/// The same where Coupa asks to slow down, which lasts as long as others are
/// busy: about two minutes.
const MAX_TRIES_WHEN_LIMITED: u32 = 12;
/// A longer wait than this is not sat out: the call fails and says when to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// How a request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// A read, or a write that has the same effect twice: whenever it failed.
    Freely,
    /// A write: only when it certainly did not reach Coupa or Coupa certainly
    /// did not process it.
    IfNotProcessed,
}

/// What to send.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub method: Method,
    /// Starts with `/api/`.
    pub path_and_query: String,
    /// JSON, or empty.
    pub body: String,
    pub repeat: Repeat,
}

/// What goes along with an exchange that is not JSON both ways.
#[derive(Clone, Copy)]
enum Transfer<'a> {
    Json,
    Upload(&'a Multipart),
    Download(fn(&Response) -> String),
}

/// Where a try failed.
enum Failure {
    /// Nothing of the request itself was processed.
    BeforeSending(Error),
    /// It may have been.
    AfterSending(Error),
    /// It was, and what Coupa answered cannot be read.
    Taken(Error),
}

impl Failure {
    const fn error(&self) -> &Error {
        match self {
            Self::BeforeSending(error) | Self::AfterSending(error) | Self::Taken(error) => error,
        }
    }

    fn into_error(self) -> Error {
        match self {
            Self::BeforeSending(error) | Self::AfterSending(error) | Self::Taken(error) => error,
        }
    }
}

/// What a call has sent, and what it wants to tell.
#[derive(Debug, Default)]
pub struct Ledger {
    pub requests: Cell<u64>,
    pub retries: Cell<u64>,
    notices: RefCell<Vec<Notice>>,
}

/// Notices beyond this many that nobody has taken yet are dropped.
const MOST_NOTICES: usize = 64;

impl Ledger {
    /// The notices since the last time.
    pub fn take_notices(&self) -> Vec<Notice> {
        self.notices.take()
    }

    fn notice(&self, kind: NoticeKind, message: String, wait: Option<Duration>) {
        let mut notices = self.notices.borrow_mut();
        if notices.len() < MOST_NOTICES {
            notices.push(Notice {
                kind,
                message,
                wait_ms: wait.map(milliseconds),
            });
        }
    }

    fn count_request(&self) {
        self.requests.set(self.requests.get() + 1);
    }
}

/// A signed-in line to one Coupa, for one call.
pub struct Client<H> {
    host: Rc<H>,
    settings: Settings,
    tokens: Rc<TokenStore>,
    ledger: Ledger,
}

impl<H: Host> Client<H> {
    /// A client for one call. `tokens` is shared by the calls of an instance.
    pub fn new(host: Rc<H>, settings: Settings, tokens: Rc<TokenStore>) -> Self {
        Self {
            host,
            settings,
            tokens,
            ledger: Ledger::default(),
        }
    }

    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub fn host(&self) -> &H {
        &self.host
    }

    /// Reads a path, retrying as long as that makes sense. `judge` turns a
    /// successful response into what is wanted; a passing error from it is
    /// retried like one of the line.
    pub async fn get<T>(
        &self,
        path_and_query: String,
        judge: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let exchange = Exchange {
            method: Method::Get,
            path_and_query,
            body: String::new(),
            repeat: Repeat::Freely,
        };
        self.exchange(exchange, judge).await
    }

    /// Sends a form with a file. What is not to be repeated freely is sent again
    /// as any other write.
    ///
    /// # Errors
    /// As [`Client::exchange`].
    pub async fn upload<T>(
        &self,
        exchange: Exchange,
        form: &Multipart,
        judge: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.judged(exchange, Transfer::Upload(form), judge).await
    }

    /// Reads a path into a file of the run, whose name is made of the answer.
    ///
    /// # Errors
    /// As [`Client::exchange`].
    pub async fn download(
        &self,
        path_and_query: String,
        name: fn(&Response) -> String,
    ) -> Result<Response, Error> {
        let exchange = Exchange {
            method: Method::Get,
            path_and_query,
            body: String::new(),
            repeat: Repeat::Freely,
        };
        self.judged(exchange, Transfer::Download(name), Ok).await
    }

    /// Waits, and says why.
    pub async fn settle(&self, why: &str, wait: Duration) {
        self.ledger
            .notice(NoticeKind::Retrying, why.to_owned(), Some(wait));
        self.host.sleep(wait).await;
    }

    /// What the connection may use, where it said so or Coupa does; none for an
    /// API key.
    ///
    /// # Errors
    /// If no token is granted.
    pub async fn scopes(&self) -> Result<Option<Vec<String>>, Error> {
        if self.settings.authentication == Authentication::ApiKey {
            return Ok(None);
        }
        let (_, token) = self.credentials().await?;
        let said = token.and_then(|token| token.scope);
        Ok(said.map(|said| said.split_whitespace().map(str::to_owned).collect()))
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request until it succeeds or it makes no sense to try again.
    ///
    /// # Errors
    /// With the kind and code of what went wrong the last time. For a request
    /// that is not to be repeated freely, [`ErrorKind::Uncertain`] where it may
    /// have been processed.
    pub async fn exchange<T>(
        &self,
        exchange: Exchange,
        judge: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.judged(exchange, Transfer::Json, judge).await
    }

    async fn judged<T>(
        &self,
        exchange: Exchange,
        transfer: Transfer<'_>,
        judge: impl Fn(Response) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut answer = None;
        let mut keep = |response| {
            answer = Some(judge(response)?);
            Ok(())
        };
        self.transfer(exchange, transfer, &mut keep).await?;
        answer.ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "internal.no-answer",
                "a request succeeded without an answer",
            )
        })
    }

    /// One body for all kinds of answers: it is large, and there are many.
    async fn transfer(
        &self,
        exchange: Exchange,
        transfer: Transfer<'_>,
        judge: &mut dyn FnMut(Response) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let is_write = exchange.method != Method::Get;
        let mut backoff = Backoff::new(self.host.now());
        let mut patience = Patience::default();
        // Whether an earlier try of a write may have been processed.
        let mut in_doubt = false;
        loop {
            let failure = match self.credentials().await {
                Err(error) => Failure::BeforeSending(error),
                Ok((header, token)) => {
                    let sent = self.send_once(&exchange, transfer, header).await;
                    let status = sent.as_ref().ok().map(|response| response.status);
                    if let Some(token) = &token
                        && self.is_to_try_again(token, status, &mut patience).await
                    {
                        continue;
                    }
                    match sent {
                        Ok(response) if response.status == 401 => {
                            Failure::BeforeSending(answer::unauthorized(&self.settings))
                        }
                        Ok(response) if (200..300).contains(&response.status) => {
                            match judge(response) {
                                Ok(()) => return Ok(()),
                                Err(error) => Failure::Taken(error),
                            }
                        }
                        Ok(response) => {
                            Failure::AfterSending(answer::refusal(&response, exchange.method))
                        }
                        Err(error) if error.certainly_not_processed() => {
                            Failure::BeforeSending(unsent::not_sent(&error, &self.settings))
                        }
                        Err(error) => {
                            Failure::AfterSending(unsent::not_sent(&error, &self.settings))
                        }
                    }
                }
            };
            // Whoever is next may try while this one waits.
            patience.step_aside();
            let may_repeat = match (&failure, exchange.repeat) {
                (Failure::AfterSending(error), Repeat::IfNotProcessed) => {
                    error.kind == ErrorKind::RateLimited
                }
                // A write that was taken is not sent again for its answer's sake.
                (Failure::Taken(_), _) if is_write => false,
                _ => fate::is_passing(failure.error()),
            };
            let wait = if may_repeat {
                self.wait(&mut backoff, failure.error())
            } else {
                None
            };
            let uncertain = match &failure {
                Failure::BeforeSending(_) => false,
                Failure::AfterSending(error) => fate::may_have_been_processed(error),
                Failure::Taken(_) => true,
            };
            in_doubt |= is_write && uncertain;
            let error = failure.into_error();
            let Some(wait) = wait else {
                return Err(if in_doubt {
                    fate::uncertain(error, exchange.repeat)
                } else {
                    error
                });
            };
            let kind = match error.kind {
                ErrorKind::RateLimited => NoticeKind::Throttled,
                _ => NoticeKind::Retrying,
            };
            self.pause(kind, &error.message, wait).await;
        }
    }

    /// Whether a request is to be sent once more because of its token, having waited for
    /// it where it has to be.
    async fn is_to_try_again<'a>(
        &'a self,
        token: &Token,
        status: Option<u16>,
        patience: &mut Patience<'a>,
    ) -> bool {
        let (host, settings) = (&*self.host, &self.settings);
        match status {
            Some(401) => {
                let refused = self.tokens.refused(host, settings, token, patience);
                match refused.await {
                    Next::Again => self.count_retry(),
                    Next::After(wait) => {
                        let why = "Coupa does not accept a new token yet";
                        self.pause(NoticeKind::Retrying, why, wait).await;
                    }
                    Next::GiveUp => return false,
                }
                true
            }
            // What Coupa answers only to those that it knows.
            Some(200..300 | 400 | 403 | 404 | 409 | 422) => {
                self.tokens.accepted(host, settings, token).await;
                false
            }
            _ => {
                self.tokens.undecided();
                false
            }
        }
    }

    /// How long to wait before the next try; none where there is to be none.
    fn wait(&self, backoff: &mut Backoff, error: &Error) -> Option<Duration> {
        let most = match error.kind {
            ErrorKind::RateLimited => MAX_TRIES_WHEN_LIMITED,
            _ => MAX_TRIES,
        };
        if backoff.tries() + 1 >= most {
            return None;
        }
        let asked = error.retry_after_ms.map(Duration::from_millis);
        if asked.is_some_and(|asked| asked > LONGEST_WAIT) {
            return None;
        }
        let own = backoff.next(self.host.now());
        Some(asked.map_or(own, |asked| asked.max(own)))
    }

    async fn pause(&self, kind: NoticeKind, why: &str, wait: Duration) {
        self.count_retry();
        self.ledger.notice(kind, why.to_owned(), Some(wait));
        self.host.sleep(wait).await;
    }

    fn count_retry(&self) {
        self.ledger.retries.set(self.ledger.retries.get() + 1);
    }

    /// The header that signs in, and the token where it is one.
    async fn credentials(&self) -> Result<((&'static str, String), Option<Token>), Error> {
        match &self.settings.authentication {
            Authentication::ApiKey => {
                let key = reveal(&*self.host, name::API_KEY).await?;
                Ok((("x-coupa-api-key", key), None))
            }
            Authentication::OAuth { .. } => {
                let token = self
                    .tokens
                    .valid(&*self.host, &self.settings, || self.ledger.count_request())
                    .await?;
                let header = format!("Bearer {}", token.access_token);
                Ok((("authorization", header), Some(token)))
            }
        }
    }

    async fn send_once(
        &self,
        exchange: &Exchange,
        transfer: Transfer<'_>,
        credentials: (&'static str, String),
    ) -> Result<Response, SendError> {
        let accept = match transfer {
            // Coupa answers a file as what it is; what it refuses, as JSON.
            Transfer::Download(_) => "application/json, */*;q=0.8",
            Transfer::Json | Transfer::Upload(_) => "application/json",
        };
        let mut headers = vec![("accept", accept.to_owned()), credentials];
        let body = match transfer {
            Transfer::Upload(form) => {
                headers.push(("content-type", form.content_type()));
                form.body()
            }
            Transfer::Json | Transfer::Download(_) => {
                if !exchange.body.is_empty() {
                    headers.push(("content-type", "application/json".to_owned()));
                }
                Body::Bytes(exchange.body.clone().into_bytes())
            }
        };
        self.ledger.count_request();
        self.host
            .send(Request {
                method: exchange.method,
                secure: self.settings.origin.secure,
                authority: self.settings.origin.authority.clone(),
                path_and_query: exchange.path_and_query.clone(),
                headers,
                body,
                timeout: self.settings.timeout,
                keep: match transfer {
                    Transfer::Download(name) => Keep::File(name),
                    Transfer::Json | Transfer::Upload(_) => Keep::Whole(MAX_ANSWER_BYTES),
                },
            })
            .await
    }
}

/// A secret of the connection.
///
/// # Errors
/// Says which secret is missing and where it belongs.
pub async fn reveal<H: Host>(host: &H, secret: &'static str) -> Result<String, Error> {
    use crate::host::SecretError;
    let value = host.reveal(secret).await.map_err(|error| match error {
        SecretError::NotSet => missing_secret(secret),
        SecretError::Unavailable => Error::setting(
            "settings.secret-unavailable",
            format!("the secret “{secret}” could not be read"),
        )
        .remedy(
            "Check where the connection says that this secret is kept: that it is still \
             there, and that the host may read it.",
        ),
    })?;
    let value = value.trim();
    if value.is_empty() {
        return Err(missing_secret(secret));
    }
    if !value.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(Error::setting(
            "settings.secret-malformed",
            format!("the secret “{secret}” has a blank or a character that no such secret has"),
        )
        .remedy("Copy it again from Coupa, without anything around it."));
    }
    Ok(value.to_owned())
}

fn missing_secret(secret: &str) -> Error {
    Error::setting(
        "settings.secret-missing",
        format!("the secret “{secret}” is not set"),
    )
    .remedy(format!("Set “{secret}” in the connection."))
}

pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
