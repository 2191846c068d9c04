//! What is sent of a guest's request: the headers that HTTP allows, and a body that can
//! be sent again.

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use http_body::Body as _;
use http_body_util::{BodyDataStream, BodyExt};
use wasmtime_wasi_http::{Error, WasiBody};

/// A body up to this size, in bytes, is kept until its answer comes, so that it can be
/// sent again where the server certainly did not process it. As many as there are
/// requests at a time lie in memory.
const MOST_KEPT: usize = 1024 * 1024;

/// Headers that speak of the connection or of how a body is framed (RFC 9110, 7.6.1;
/// RFC 9113, 8.2.2): those are the client's, which writes them for the protocol that is
/// spoken. `host` beside HTTP/2's `:authority` is refused by nginx 1.17.9 to 1.29.2 and
/// by others.
const CLIENTS_OWN: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A request's body.
pub(super) enum Outgoing {
    /// There is none.
    Nothing,
    /// All of it.
    Kept(Bytes),
    /// It is read while it is sent, once.
    Streamed {
        body: Option<reqwest::Body>,
        /// As the guest announced it.
        length: Option<u64>,
    },
}

impl Outgoing {
    /// Reads a body, as far as it is kept.
    ///
    /// # Errors
    /// If the guest breaks it off, or it is not as long as announced: nothing was sent.
    pub(super) async fn read(mut body: WasiBody) -> Result<Self, Error> {
        let length = body.size_hint().exact();
        if length == Some(0) || body.is_end_stream() {
            return Ok(Self::Nothing);
        }
        if length.is_some_and(|length| length > MOST_KEPT as u64) {
            return Ok(Self::streamed(Bytes::new(), body, length));
        }
        let mut kept = BytesMut::new();
        while let Some(frame) = body.frame().await {
            // A request of ours has no trailers.
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if kept.len() + data.len() > MOST_KEPT {
                kept.extend_from_slice(&data);
                return Ok(Self::streamed(kept.freeze(), body, length));
            }
            kept.extend_from_slice(&data);
        }
        Ok(match kept.is_empty() {
            true => Self::Nothing,
            false => Self::Kept(kept.freeze()),
        })
    }

    fn streamed(begun: Bytes, rest: WasiBody, length: Option<u64>) -> Self {
        let begun = (!begun.is_empty()).then_some(Ok(begun));
        let body = stream::iter(begun).chain(BodyDataStream::new(rest));
        Self::Streamed {
            body: Some(reqwest::Body::wrap_stream(body)),
            length,
        }
    }

    /// Whether it can be sent once more.
    pub(super) const fn can_be_sent_again(&self) -> bool {
        matches!(self, Self::Nothing | Self::Kept(_))
    }

    /// Puts headers and body into a request. A body that is streamed goes into the first.
    pub(super) fn put_into(
        &mut self,
        request: reqwest::RequestBuilder,
        method: &Method,
        mut headers: HeaderMap,
    ) -> reqwest::RequestBuilder {
        for name in &CLIENTS_OWN {
            headers.remove(name);
        }
        let length = match self {
            // The client says the length of what it has whole.
            Self::Kept(_) => None,
            Self::Streamed { length, .. } => *length,
            // Without it, some servers wait for a body or answer 411 (RFC 9110, 8.6).
            Self::Nothing if has_a_body_by_definition(method) => Some(0),
            Self::Nothing => None,
        };
        if let Some(length) = length {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let request = request.headers(headers);
        match self {
            Self::Nothing => request,
            Self::Kept(body) => request.body(body.clone()),
            Self::Streamed { body, .. } => match body.take() {
                Some(body) => request.body(body),
                None => request,
            },
        }
    }
}

fn has_a_body_by_definition(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};

    fn chunks(sizes: &[usize]) -> WasiBody {
        let frames: Vec<_> = sizes
            .iter()
            .map(|size| Ok::<_, Error>(Frame::data(Bytes::from(vec![b'x'; *size]))))
            .collect();
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    fn sent(outgoing: &mut Outgoing, method: Method, headers: HeaderMap) -> reqwest::Request {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().build().unwrap();
        let request = client.request(method.clone(), "https://acme.example/");
        outgoing
            .put_into(request, &method, headers)
            .build()
            .unwrap()
    }

    #[tokio::test]
    async fn a_body_is_kept_up_to_a_mebibyte() {
        let half = MOST_KEPT / 2;
        for (sizes, kept) in [
            (&[1][..], true),
            (&[half, half], true),
            (&[half, half, 1], false),
            (&[MOST_KEPT + 1], false),
        ] {
            let body = Outgoing::read(chunks(sizes)).await.unwrap();
            assert_eq!(body.can_be_sent_again(), kept, "{sizes:?}");
            if let Outgoing::Kept(bytes) = body {
                assert_eq!(bytes.len(), sizes.iter().sum::<usize>());
            }
        }
        let announced = Full::new(Bytes::from(vec![0; MOST_KEPT + 1]));
        let announced = announced.map_err(|never| match never {}).boxed_unsync();
        let mut body = Outgoing::read(announced).await.unwrap();
        let request = sent(&mut body, Method::POST, HeaderMap::new());
        assert_eq!(request.headers()[header::CONTENT_LENGTH], "1048577");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_not_sent() {
        let frames = [
            Ok(Frame::data(Bytes::from_static(b"half"))),
            Err(Error::HttpRequestBodySize(None)),
        ];
        let body = StreamBody::new(stream::iter(frames)).boxed_unsync();
        assert!(Outgoing::read(body).await.is_err());
    }

    #[tokio::test]
    async fn no_body_has_a_length_only_where_one_is_expected() {
        let headers: HeaderMap = CLIENTS_OWN
            .into_iter()
            .map(|name| (name, HeaderValue::from_static("7")))
            .chain([(header::ACCEPT, HeaderValue::from_static("application/json"))])
            .collect();
        for (method, length) in [
            (Method::GET, None),
            (Method::DELETE, None),
            (Method::POST, Some("0")),
            (Method::PUT, Some("0")),
        ] {
            let none = Empty::new().map_err(|never| match never {}).boxed_unsync();
            for body in [none, chunks(&[])] {
                let mut body = Outgoing::read(body).await.unwrap();
                assert!(matches!(body, Outgoing::Nothing));
                let request = sent(&mut body, method.clone(), headers.clone());
                let mut expected = HeaderMap::new();
                expected.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
                if let Some(length) = length {
                    expected.insert(header::CONTENT_LENGTH, HeaderValue::from_static(length));
                }
                assert_eq!(request.headers(), &expected, "{method}");
                assert!(request.body().is_none());
            }
        }
    }
}
