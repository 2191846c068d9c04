//! What a front of the tests does in the end: it hands a request on to the plain server
//! that it stands before.

use axum::body::Bytes;
use axum::http::{HeaderMap, Request, Response, header};
use reqwest::redirect::Policy;

/// The server behind a front.
#[derive(Clone)]
pub struct Behind {
    client: reqwest::Client,
    url: String,
}

impl Behind {
    /// The one at this URL, which ends without a slash.
    pub fn at(url: &str) -> Self {
        // Whichever comes first in the process decides.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy();
        Self {
            client: client.build().unwrap(),
            url: url.to_owned(),
        }
    }

    /// Its whole answer; none where it broke off.
    pub async fn forward(&self, request: Request<Bytes>) -> Option<Response<Bytes>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        end_at_the_next_hop(&mut head.headers);
        let sent = self
            .client
            .request(head.method, format!("{}{path}", self.url))
            .headers(head.headers)
            .body(body);
        let answer = sent.send().await.ok()?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        end_at_the_next_hop(response.headers_mut());
        *response.body_mut() = answer.bytes().await.ok()?;
        Some(response)
    }
}

/// Takes out what is said of one connection alone.
fn end_at_the_next_hop(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
}
