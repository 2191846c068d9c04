//! Requests that a good connector does not make.

use std::collections::HashMap;
use wasip3::http::client;
use wasip3::http::types::{Fields, Method, Request, Response, Scheme};

/// Makes the request that the options describe, by `scheme`, `authority`, `path`,
/// `method`, and headers as `header:NAME` or by the thousand; answers what came of
/// it: `sent STATUS` or the error.
pub async fn request(options: &HashMap<String, String>) -> String {
    let option = |name: &str| options.get(name).map(String::as_str);
    let fields = Fields::new();
    for (name, value) in options {
        if let Some(name) = name.strip_prefix("header:") {
            let value = value
                .replace("\\r", "\r")
                .replace("\\n", "\n")
                .replace("\\0", "\0");
            if let Err(error) = fields.append(name, &value.into_bytes()) {
                return format!("header refused: {error:?}");
            }
        }
    }
    let many: usize = option("headers")
        .and_then(|many| many.parse().ok())
        .unwrap_or(0);
    for place in 0..many {
        if let Err(error) = fields.append(&format!("x-{place}"), &vec![b'x'; 1000]) {
            return format!("header refused: {error:?}");
        }
    }
    let (done, trailers) = wasip3::wit_future::new(|| Ok(None));
    drop(done);
    let (request, _) = Request::new(fields, None, trailers, None);
    let scheme = match option("scheme") {
        Some("http") => Some(Scheme::Http),
        Some("https") => Some(Scheme::Https),
        Some(other) => Some(Scheme::Other(other.to_owned())),
        None => None,
    };
    let method = match option("method") {
        Some("CONNECT") => Method::Connect,
        Some(other) => Method::Other(other.to_owned()),
        None => Method::Get,
    };
    if request.set_method(&method).is_err() {
        return "method refused".to_owned();
    }
    if request.set_scheme(scheme.as_ref()).is_err() {
        return "scheme refused".to_owned();
    }
    if request.set_authority(option("authority")).is_err() {
        return "authority refused".to_owned();
    }
    let path = option("path").map(|path| path.replace("\\r", "\r").replace("\\n", "\n"));
    if request.set_path_with_query(path.as_deref()).is_err() {
        return "path refused".to_owned();
    }
    match client::send(request).await {
        Ok(answer) => {
            let status = answer.get_status_code();
            let (settled, read) = wasip3::wit_future::new(|| Ok(()));
            drop(settled);
            drop(Response::consume_body(answer, read));
            format!("sent {status}")
        }
        Err(error) => format!("{error:?}"),
    }
}
