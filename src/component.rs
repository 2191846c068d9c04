//! The glue: the contract's WIT on one side, the connector on the other.

use crate::activities::{self, Events, Gone, Input};
use crate::client::{Client, TokenStore};
use crate::contract as own;
use crate::host::{Host, LogLevel, Method, Request, Response, SecretError, SendError};
use crate::settings::Settings;
use crate::{design, test_connection};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use wasip3::clocks::monotonic_clock;
use wasip3::http::types::{ErrorCode, Fields, Method as HttpMethod, RequestOptions, Scheme};
use wit_bindgen::{StreamReader, StreamResult, StreamWriter};

wit_bindgen::generate!({
    world: "connector-component",
    path: "wit",
});

use exports::integration::connector::connector::Guest as Connector;
use exports::integration::connector::design as wit_design;
use integration::connector::types as wit;
use integration::connector::{cache, log, secrets};

struct Component;
export!(Component);

thread_local! {
    /// The tokens of this instance, by connection: shared by all its calls.
    static TOKENS: RefCell<Vec<(Settings, Rc<TokenStore>)>> = const { RefCell::new(Vec::new()) };
}

fn tokens_of(settings: &Settings) -> Rc<TokenStore> {
    TOKENS.with_borrow_mut(|all| {
        if let Some((_, tokens)) = all.iter().find(|(known, _)| known == settings) {
            return Rc::clone(tokens);
        }
        let tokens = Rc::new(TokenStore::default());
        all.push((settings.clone(), Rc::clone(&tokens)));
        tokens
    })
}

impl Connector for Component {
    async fn test_connection(connection: wit::Connection) -> Vec<wit::Check> {
        test_connection::test_connection(Rc::new(Outside), &connection.into())
            .await
            .into_iter()
            .map(Into::into)
            .collect()
    }

    async fn list_activities(
        _connection: wit::Connection,
    ) -> Result<Vec<wit::Activity>, wit::Error> {
        Ok(activities::all().into_iter().map(Into::into).collect())
    }

    async fn execute(
        connection: wit::Connection,
        call: wit::Call,
        input: StreamReader<wit::Item>,
    ) -> Result<
        (
            StreamReader<wit::Event>,
            wit_bindgen::FutureReader<Result<wit::Summary, wit::Error>>,
        ),
        wit::Error,
    > {
        let settings = Settings::check(&connection.into())?;
        let prepared = activities::prepare(&call.into())?;
        let tokens = tokens_of(&settings);
        let client = Client::new(Rc::new(Outside), settings, tokens);
        let (writer, events) = wit_stream::new();
        // A dying instance must never read as success.
        let (ended, end) = wit_future::new(|| {
            Err(own::Error::new(
                own::ErrorKind::Internal,
                "internal.broken-off",
                "the connector broke off without saying why",
            )
            .into())
        });
        wit_bindgen::spawn_local(async move {
            let mut sink = Sink(writer);
            let outcome = prepared.run(&client, Source(input), &mut sink).await;
            drop(sink);
            // Nobody waits for the end of a call that was dropped whole.
            let _ = ended
                .write(outcome.map(Into::into).map_err(Into::into))
                .await;
        });
        Ok((events, end))
    }
}

impl wit_design::Guest for Component {
    fn describe() -> wit_design::Descriptor {
        let descriptor = design::describe();
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        wit_design::Descriptor {
            id: descriptor.id.to_owned(),
            title: descriptor.title.to_owned(),
            description: descriptor.description.to_owned(),
            version: descriptor.version.to_owned(),
            properties: descriptor.properties.into_iter().map(Into::into).collect(),
            reauthentication: descriptor
                .reauthentication
                .into_iter()
                .map(|rule| wit_design::Reauthentication {
                    changed: owned(rule.changed),
                    clear: owned(rule.clear),
                })
                .collect(),
            reaches: owned(descriptor.reaches),
            rate: Some(wit_design::Rate {
                per_second: descriptor.requests_per_second,
                burst: descriptor.burst,
            }),
        }
    }

    async fn list_objects(
        _connection: wit::Connection,
        search: Option<String>,
    ) -> Result<Vec<wit_design::Object>, wit::Error> {
        Ok(design::objects(search.as_deref())
            .into_iter()
            .map(|object| wit_design::Object {
                name: object.name.to_owned(),
                title: object.title,
                activities: object.activities.into_iter().map(str::to_owned).collect(),
            })
            .collect())
    }

    async fn describe_object(
        _connection: wit::Connection,
        activity: String,
        object: String,
    ) -> Result<wit_design::Shape, wit::Error> {
        let shape = design::shape(&activity, &object)?;
        Ok(wit_design::Shape {
            request: shape.request,
            response: shape.response,
        })
    }
}

/// The stream of events, seen from inside.
struct Sink(StreamWriter<wit::Event>);

impl Events for Sink {
    async fn emit(&mut self, events: Vec<own::Event>) -> Result<(), Gone> {
        let events = events.into_iter().map(Into::into).collect();
        let left = self.0.write_all(events).await;
        if left.is_empty() { Ok(()) } else { Err(Gone) }
    }
}

/// The stream of input, seen from inside.
struct Source(StreamReader<wit::Item>);

impl Input for Source {
    async fn next(&mut self) -> Option<own::Item> {
        let item = self.0.next().await?;
        Some(own::Item {
            key: item.key,
            data: item.data,
        })
    }
}

/// The host that runs this component.
struct Outside;

impl Host for Outside {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        send(request).await
    }

    async fn sleep(&self, how_long: Duration) {
        monotonic_clock::wait_for(nanoseconds(how_long)).await;
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn reveal(&self, secret: &str) -> Result<String, SecretError> {
        secrets::reveal(secret.to_owned())
            .await
            .map_err(|error| match error {
                secrets::SecretError::NotSet => SecretError::NotSet,
                secrets::SecretError::Unavailable => SecretError::Unavailable,
            })
    }

    async fn cache_get(&self, key: &str) -> Option<(String, Duration)> {
        let (value, ttl) = cache::get(key.to_owned()).await?;
        Some((value, Duration::from_millis(ttl)))
    }

    async fn cache_put(&self, key: &str, value: String, ttl: Duration) {
        cache::put(key.to_owned(), value, crate::client::milliseconds(ttl)).await;
    }

    async fn cache_remove(&self, key: &str) {
        cache::remove(key.to_owned()).await;
    }

    fn log(&self, level: LogLevel, message: &str, fields: &[(&str, String)]) {
        let level = match level {
            LogLevel::Warn => log::Level::Warn,
            LogLevel::Info => log::Level::Info,
            LogLevel::Debug => log::Level::Debug,
        };
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        log::write(level, message, &fields);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// How much of an answer is read at a time.
const READ: usize = 64 * 1024;

async fn send(request: Request) -> Result<Response, SendError> {
    let protocol = |_| SendError::Protocol("the host refused the request's form".to_owned());
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let contents = if request.body.is_empty() {
        None
    } else {
        headers.push((
            "content-length".to_owned(),
            request.body.len().to_string().into_bytes(),
        ));
        let (mut writer, reader) = wasip3::wit_stream::new();
        let body = request.body;
        wit_bindgen::spawn_local(async move {
            // What the other side did not take shows in the answer.
            let _ = writer.write_all(body).await;
        });
        Some(reader)
    };
    let headers = Fields::from_list(&headers)
        .map_err(|_| SendError::Protocol("a header was refused".to_owned()))?;
    // The request only ends once its trailers are settled, so the writer goes
    // right away: no trailers.
    let (no_trailers, trailers) = wasip3::wit_future::new(|| Ok(None));
    drop(no_trailers);
    let options = RequestOptions::new();
    let timeout = Some(nanoseconds(request.timeout));
    // A host that does not take a time-out has its own.
    let _ = options.set_connect_timeout(timeout);
    let _ = options.set_first_byte_timeout(timeout);
    let _ = options.set_between_bytes_timeout(timeout);
    let (outgoing, _transmitted) =
        wasip3::http::types::Request::new(headers, contents, trailers, Some(options));
    let method = match request.method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
    };
    let scheme = if request.secure {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing.set_method(&method).map_err(protocol)?;
    outgoing.set_scheme(Some(&scheme)).map_err(protocol)?;
    outgoing
        .set_authority(Some(&request.authority))
        .map_err(protocol)?;
    outgoing
        .set_path_with_query(Some(&request.path_and_query))
        .map_err(protocol)?;

    let response = wasip3::http::client::send(outgoing)
        .await
        .map_err(send_error)?;
    let status = response.get_status_code();
    let headers: Vec<(String, String)> = response
        .get_headers()
        .copy_all()
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                String::from_utf8_lossy(&value).into_owned(),
            )
        })
        .collect();
    let announced = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .and_then(|(_, value)| value.parse::<usize>().ok());
    let (settled, read_to_the_end) = wasip3::wit_future::new(|| Ok(()));
    drop(settled);
    let (mut stream, ended) =
        wasip3::http::types::Response::consume_body(response, read_to_the_end);
    let most = request.max_answer_bytes;
    if announced.is_some_and(|length| length > most) {
        return Err(SendError::TooLarge(most));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(READ).min(most) + 1);
    loop {
        if body.len() == body.capacity() {
            body.reserve(READ);
        }
        let (result, filled) = stream.read(body).await;
        body = filled;
        if body.len() > most {
            return Err(SendError::TooLarge(most));
        }
        match result {
            StreamResult::Complete(_) => {}
            StreamResult::Dropped | StreamResult::Cancelled => break,
        }
    }
    ended.await.map_err(send_error)?;
    Ok(Response {
        status,
        headers,
        body,
    })
}

fn send_error(error: ErrorCode) -> SendError {
    match error {
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            SendError::UnknownName
        }
        ErrorCode::ConnectionRefused => SendError::Refused,
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            SendError::NoRoute
        }
        ErrorCode::ConnectionTimeout => SendError::ConnectTimeout,
        ErrorCode::TlsProtocolError => {
            SendError::Tls("the other side does not speak TLS as it should".to_owned())
        }
        ErrorCode::TlsCertificateError => {
            SendError::Tls("its certificate is not one to trust".to_owned())
        }
        ErrorCode::TlsAlertReceived(alert) => SendError::Tls(
            alert
                .alert_message
                .unwrap_or_else(|| "it broke off the handshake".to_owned()),
        ),
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => SendError::Denied,
        ErrorCode::HttpResponseTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout => SendError::AnswerTimeout,
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            SendError::Interrupted
        }
        ErrorCode::HttpResponseBodySize(size) => {
            SendError::TooLarge(usize::try_from(size.unwrap_or_default()).unwrap_or(usize::MAX))
        }
        other => SendError::Protocol(other.to_string()),
    }
}

// The contract's types, from WIT to plain Rust and back.

impl From<wit::Setting> for own::Setting {
    fn from(setting: wit::Setting) -> Self {
        Self {
            name: setting.name,
            value: setting.value,
        }
    }
}

impl From<wit::Connection> for own::Connection {
    fn from(connection: wit::Connection) -> Self {
        Self {
            name: connection.name,
            settings: connection.settings.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<wit::Call> for own::Call {
    fn from(call: wit::Call) -> Self {
        Self {
            activity: call.activity,
            object: call.object,
            options: call.options.into_iter().map(Into::into).collect(),
            resume: call.resume,
        }
    }
}

impl From<own::ErrorKind> for wit::ErrorKind {
    fn from(kind: own::ErrorKind) -> Self {
        match kind {
            own::ErrorKind::InvalidSettings => Self::InvalidSettings,
            own::ErrorKind::InvalidInput => Self::InvalidInput,
            own::ErrorKind::Unreachable => Self::Unreachable,
            own::ErrorKind::Authentication => Self::Authentication,
            own::ErrorKind::Permission => Self::Permission,
            own::ErrorKind::NotFound => Self::NotFound,
            own::ErrorKind::RateLimited => Self::RateLimited,
            own::ErrorKind::TimedOut => Self::TimedOut,
            own::ErrorKind::RemoteFailure => Self::RemoteFailure,
            own::ErrorKind::UnexpectedAnswer => Self::UnexpectedAnswer,
            own::ErrorKind::Uncertain => Self::Uncertain,
            own::ErrorKind::Internal => Self::Internal,
        }
    }
}

impl From<own::Error> for wit::Error {
    fn from(error: own::Error) -> Self {
        Self {
            kind: error.kind.into(),
            code: error.code.to_owned(),
            message: error.message,
            remedy: error.remedy,
            status: error.status,
            retry_after: error.retry_after_ms,
            fields: error
                .fields
                .into_iter()
                .map(|entry| wit::FieldError {
                    field: entry.field,
                    message: entry.message,
                })
                .collect(),
        }
    }
}

impl From<own::Item> for wit::Item {
    fn from(item: own::Item) -> Self {
        Self {
            key: item.key,
            data: item.data,
        }
    }
}

impl From<own::Event> for wit::Event {
    fn from(event: own::Event) -> Self {
        match event {
            own::Event::Item(item) => Self::Item(item.into()),
            own::Event::Rejected(rejection) => Self::Rejected(wit::Rejection {
                key: rejection.key,
                data: rejection.data,
                error: rejection.error.into(),
            }),
            own::Event::Checkpoint(text) => Self::Checkpoint(text),
            own::Event::Notice(notice) => Self::Notice(wit::Notice {
                kind: match notice.kind {
                    own::NoticeKind::Throttled => wit::NoticeKind::Throttled,
                    own::NoticeKind::Retrying => wit::NoticeKind::Retrying,
                    own::NoticeKind::Warning => wit::NoticeKind::Warning,
                },
                message: notice.message,
                wait: notice.wait_ms,
            }),
        }
    }
}

impl From<own::Summary> for wit::Summary {
    fn from(summary: own::Summary) -> Self {
        Self {
            succeeded: summary.succeeded,
            rejected: summary.rejected,
            requests: summary.requests,
            retries: summary.retries,
            stopped_early: summary.stopped_early,
        }
    }
}

impl From<own::Check> for wit::Check {
    fn from(check: own::Check) -> Self {
        let (outcome, detail, error) = match check.outcome {
            own::Outcome::Passed(detail) => (wit::CheckOutcome::Passed, Some(detail), None),
            own::Outcome::Failed(error) => (wit::CheckOutcome::Failed, None, Some(error.into())),
            own::Outcome::Skipped => (wit::CheckOutcome::Skipped, None, None),
        };
        Self {
            name: check.name.to_owned(),
            title: check.title.to_owned(),
            outcome,
            elapsed: check.elapsed_ms,
            detail,
            error,
        }
    }
}

impl From<own::Property> for wit::Property {
    fn from(property: own::Property) -> Self {
        Self {
            name: property.name.to_owned(),
            title: property.title.to_owned(),
            description: property.description.to_owned(),
            kind: match property.kind {
                own::PropertyKind::Text => wit::PropertyKind::Text,
                own::PropertyKind::Secret => wit::PropertyKind::Secret,
                own::PropertyKind::Choice(choices) => wit::PropertyKind::Choice(
                    choices
                        .iter()
                        .map(|choice| wit::Choice {
                            value: choice.value.to_owned(),
                            title: choice.title.to_owned(),
                        })
                        .collect(),
                ),
                own::PropertyKind::WholeNumber(least, most) => {
                    wit::PropertyKind::WholeNumber((least, most))
                }
                own::PropertyKind::Fixed => wit::PropertyKind::Fixed,
            },
            required: property.required,
            default: property.default.map(str::to_owned),
            repeatable: property.repeatable,
            accepts_variables: property.accepts_variables,
            shown_when: property.shown_when.map(|condition| wit::Condition {
                property: condition.property.to_owned(),
                values: condition
                    .values
                    .iter()
                    .map(|value| (*value).to_owned())
                    .collect(),
            }),
        }
    }
}

impl From<own::Activity> for wit::Activity {
    fn from(activity: own::Activity) -> Self {
        Self {
            name: activity.name.to_owned(),
            title: activity.title.to_owned(),
            description: activity.description.to_owned(),
            role: match activity.role {
                own::Role::Source => wit::Role::Source,
                own::Role::Target => wit::Role::Target,
            },
            options: activity.options.into_iter().map(Into::into).collect(),
        }
    }
}
