//! One request, and how it is sent.

use super::{Failure, Method, Response, Server};
use std::time::Duration;
use wasip3::http::client;
use wasip3::http::types::{Fields, Request as Outgoing, RequestOptions, Scheme};

/// Where nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of an answer, where nothing else is said.
const MOST: usize = 32 * 1024 * 1024;

/// A request, made by [`Server`].
#[derive(Debug, Clone)]
pub struct Request {
    server: Server,
    method: Method,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    timeout: Duration,
    most: usize,
}

impl Request {
    pub(super) fn new(server: Server, method: Method, path: &str) -> Self {
        let path = format!("{}/{}", server.path, path.trim_start_matches('/'));
        Self {
            server,
            method,
            path,
            headers: Vec::new(),
            body: Vec::new(),
            timeout: TIMEOUT,
            most: MOST,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends a body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// How long to wait for the connection, for the first byte of the answer, and
    /// between bytes; 60 s unless said otherwise.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many bytes of an answer are read at most; 32 MiB unless said otherwise.
    #[must_use]
    pub fn at_most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Sends it, once, and reads the whole answer.
    ///
    /// # Errors
    /// Why no whole answer came. An answer that is a refusal is an answer.
    pub async fn send(self) -> Result<Response, Failure> {
        let most = self.most;
        let outgoing = self.outgoing()?;
        let response = client::send(outgoing).await.map_err(Failure::of)?;
        Response::read(response, most).await
    }

    fn outgoing(mut self) -> Result<Outgoing, Failure> {
        let refused = |_| Failure::Malformed;
        let contents = if self.body.is_empty() {
            None
        } else {
            let length = self.body.len().to_string();
            self = self.header("content-length", &length);
            let (mut writer, reader) = wasip3::wit_stream::new();
            let body = std::mem::take(&mut self.body);
            wit_bindgen::spawn_local(async move {
                // What the other side did not take shows in its answer.
                let _ = writer.write_all(body).await;
            });
            Some(reader)
        };
        let headers = Fields::from_list(&self.headers).map_err(|_| Failure::Malformed)?;
        // A request ends only once its trailers are settled: there are none.
        let (no_trailers, trailers) = wasip3::wit_future::new(|| Ok(None));
        drop(no_trailers);
        let options = RequestOptions::new();
        let timeout = u64::try_from(self.timeout.as_nanos()).ok();
        // A host that does not take a time-out has its own.
        let _ = options.set_connect_timeout(timeout);
        let _ = options.set_first_byte_timeout(timeout);
        let _ = options.set_between_bytes_timeout(timeout);
        let (outgoing, _sent) = Outgoing::new(headers, contents, trailers, Some(options));
        let scheme = if self.server.secure {
            Scheme::Https
        } else {
            Scheme::Http
        };
        outgoing.set_method(&self.method).map_err(refused)?;
        outgoing.set_scheme(Some(&scheme)).map_err(refused)?;
        outgoing
            .set_authority(Some(&self.server.authority))
            .map_err(refused)?;
        outgoing
            .set_path_with_query(Some(&self.path))
            .map_err(refused)?;
        Ok(outgoing)
    }
}
