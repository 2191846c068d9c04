//! One HTTP request with the connection's token.

use crate::bindings::integration::connector::secrets;
use crate::bindings::integration::connector::types::{Error, ErrorKind};
use crate::error;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// Asks, or sends `body` where there is one.
pub async fn send(url: &str, path: &str, body: Option<&str>) -> Result<Answer, Error> {
    let malformed = || {
        error(
            ErrorKind::InvalidSettings,
            "settings.url",
            format!("“{url}” is no URL of a server"),
        )
    };
    let (scheme, authority) = url.split_once("://").ok_or_else(malformed)?;
    let scheme = if scheme == "https" {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let token = secrets::reveal("token".to_owned()).await;
    let token = token.map_err(|_| {
        error(
            ErrorKind::InvalidSettings,
            "settings.token",
            "the Access Token is not set".to_owned(),
        )
    })?;
    let headers = [
        (
            "authorization".to_owned(),
            format!("Bearer {token}").into_bytes(),
        ),
        ("content-type".to_owned(), b"application/json".to_vec()),
    ];
    let headers = Fields::from_list(&headers).map_err(|_| malformed())?;
    let contents = body.map(|body| {
        let (mut writer, reader) = wasip3::wit_stream::new();
        let body = body.as_bytes().to_vec();
        wit_bindgen::spawn_local(async move {
            // What the other side did not take shows in the answer.
            let _ = writer.write_all(body).await;
        });
        reader
    });
    // A request ends only once its trailers are settled: there are none.
    let (no_trailers, trailers) = wasip3::wit_future::new(|| Ok(None));
    drop(no_trailers);
    let (request, _sent) = Request::new(headers, contents, trailers, None);
    let method = if body.is_some() {
        Method::Post
    } else {
        Method::Get
    };
    let path = format!("/{path}");
    request.set_method(&method).map_err(|_| malformed())?;
    request.set_scheme(Some(&scheme)).map_err(|_| malformed())?;
    request
        .set_authority(Some(authority.trim_end_matches('/')))
        .map_err(|_| malformed())?;
    request
        .set_path_with_query(Some(&path))
        .map_err(|_| malformed())?;
    let response = wasip3::http::client::send(request)
        .await
        .map_err(|code| failed(&code, body.is_some()))?;
    let status = response.get_status_code();
    let (settled, read) = wasip3::wit_future::new(|| Ok(()));
    drop(settled);
    let (stream, ended) = Response::consume_body(response, read);
    let bytes = stream.collect().await;
    ended.await.map_err(|code| failed(&code, body.is_some()))?;
    Ok(Answer {
        status,
        body: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// Whether a request that failed was done all the same is only certain where no
/// connection came about.
fn failed(code: &ErrorCode, writes: bool) -> Error {
    let kind = match code {
        ErrorCode::ConnectionRefused | ErrorCode::DnsError(_) | ErrorCode::HttpRequestDenied => {
            ErrorKind::Unreachable
        }
        _ if writes => ErrorKind::Uncertain,
        _ => ErrorKind::RemoteFailure,
    };
    error(
        kind,
        "request.failed",
        format!("the server did not answer: {code}"),
    )
}

/// The error for an answer that is a refusal.
pub fn refused(answer: &Answer) -> Error {
    let kind = match answer.status {
        401 => ErrorKind::Authentication,
        403 => ErrorKind::Permission,
        404 => ErrorKind::NotFound,
        400..500 => ErrorKind::InvalidInput,
        _ => ErrorKind::RemoteFailure,
    };
    let mut refused = error(
        kind,
        "request.refused",
        format!("the server answered {}: {}", answer.status, answer.body),
    );
    refused.status = Some(answer.status);
    refused
}
