//! HTTP through `wasi:http`.

use super::files;
use super::outside::nanoseconds;
use crate::host::{Body, Keep, Method, Request, Response, SendError};
use crate::tls_alert;
use wasip3::http::types::{
    ErrorCode, Fields, Method as HttpMethod, Request as HttpRequest, RequestOptions,
    Response as HttpResponse, Scheme,
};
use wit_bindgen::{StreamReader, StreamResult};

/// An announced length beyond this is believed only as the bytes come.
const MOST_TRUSTED: usize = 1024 * 1024;
/// How much of an answer is read at a time.
const READ: usize = 64 * 1024;
/// The answer to a request whose answer was to be kept as a file, where it is
/// none: what Coupa has to say is short.
const MOST_OF_A_REFUSAL: usize = 1024 * 1024;

pub async fn send(request: Request) -> Result<Response, SendError> {
    let keep = request.keep;
    let outgoing = outgoing(request).await?;
    let response = wasip3::http::client::send(outgoing)
        .await
        .map_err(send_error)?;
    let mut answer = Response {
        status: response.get_status_code(),
        headers: headers(&response),
        came_at: wasip3::clocks::system_clock::now().seconds,
        ..Response::default()
    };
    let (settled, read_to_the_end) = wasip3::wit_future::new(|| Ok(()));
    drop(settled);
    let (stream, ended) = HttpResponse::consume_body(response, read_to_the_end);
    // An answer had begun, so the request did arrive, whatever the error's name.
    let ended = async move {
        ended
            .await
            .map(drop)
            .map_err(|error| match send_error(error) {
                error if error.certainly_not_processed() => SendError::Interrupted,
                error => error,
            })
    };
    let most = match keep {
        Keep::File(name) if (200..300).contains(&answer.status) => {
            let name = name(&answer);
            answer.kept = Some(files::keep(name, stream, ended).await?);
            return Ok(answer);
        }
        Keep::File(_) => MOST_OF_A_REFUSAL,
        Keep::Whole(most) => most,
    };
    answer.body = read_whole(stream, &answer, most).await?;
    ended.await?;
    Ok(answer)
}

fn headers(response: &HttpResponse) -> Vec<(String, String)> {
    response
        .get_headers()
        .copy_all()
        .into_iter()
        .map(|(name, value)| {
            (
                name.to_ascii_lowercase(),
                // Whatever is no UTF-8 is meant as the older ISO-8859-1.
                String::from_utf8(value).unwrap_or_else(|bytes| {
                    bytes.as_bytes().iter().copied().map(char::from).collect()
                }),
            )
        })
        .collect()
}

async fn read_whole(
    mut stream: StreamReader<u8>,
    answer: &Response,
    most: usize,
) -> Result<Vec<u8>, SendError> {
    let announced = answer
        .header("content-length")
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(SendError::TooLarge(most));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(READ).min(MOST_TRUSTED) + 1);
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
            StreamResult::Dropped | StreamResult::Cancelled => return Ok(body),
        }
    }
}

async fn outgoing(request: Request) -> Result<HttpRequest, SendError> {
    let protocol = |_| SendError::Protocol("the host refused the request's form".to_owned());
    let mut headers: Vec<(String, Vec<u8>)> = request
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into_bytes()))
        .collect();
    let (length, contents) = contents(request.body).await?;
    if contents.is_some() {
        headers.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
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
    let (outgoing, _transmitted) = HttpRequest::new(headers, contents, trailers, Some(options));
    let method = match request.method {
        Method::Get => HttpMethod::Get,
        Method::Post => HttpMethod::Post,
        Method::Put => HttpMethod::Put,
        Method::Patch => HttpMethod::Patch,
        Method::Delete => HttpMethod::Delete,
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
    Ok(outgoing)
}

/// A body as a stream, and its length.
async fn contents(body: Body) -> Result<(u64, Option<StreamReader<u8>>), SendError> {
    match body {
        Body::Bytes(bytes) if bytes.is_empty() => Ok((0, None)),
        Body::Bytes(bytes) => {
            let length = bytes.len() as u64;
            let (mut writer, reader) = wasip3::wit_stream::new();
            wit_bindgen::spawn_local(async move {
                // What the other side did not take shows in the answer.
                let _ = writer.write_all(bytes).await;
            });
            Ok((length, Some(reader)))
        }
        Body::File {
            before,
            name,
            after,
        } => {
            let file = files::open(&name).await?;
            let length = before.len() as u64 + file.size + after.len() as u64;
            let (mut writer, reader) = wasip3::wit_stream::new();
            wit_bindgen::spawn_local(async move {
                // A body that ends early is shorter than announced, and refused.
                if writer.write_all(before).await.is_empty() && file.write_to(&mut writer).await {
                    let _ = writer.write_all(after).await;
                }
            });
            Ok((length, Some(reader)))
        }
    }
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
        ErrorCode::TlsAlertReceived(alert) => {
            tls_alert::received(alert.alert_id, alert.alert_message)
        }
        // A limit of the host's own, or the server's: GOAWAY, REFUSED_STREAM.
        ErrorCode::ConnectionLimitReached => SendError::NotProcessed,
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
        ErrorCode::HttpProtocolError => SendError::NotHttp,
        other => SendError::Protocol(other.to_string()),
    }
}
