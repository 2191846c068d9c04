//! A front as one stands before each Coupa: TLS with a certificate of a private
//! authority, HTTP/2 or HTTP/1.1 as is agreed by ALPN, before a sandbox.
//!
//! A [`Script`] says what it does beside handing on. It keeps what it received as it was
//! sent, and is as strict as fronts in the field are.

mod frame;
mod http1;
mod http2;
mod received;
mod script;

pub use received::{Protocol, Received};
pub use script::{Break, End, HTTP1, HTTP2, Script};

use super::authority::Authority;
use super::forward::Behind;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use coupa_sandbox::Sandbox;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The name that the certificate is for, beside this machine's address.
pub const NAME: &str = "acme.coupahost.com";

/// A front. It ends with the test's runtime.
pub struct Front {
    pub address: SocketAddr,
    /// The certificate of the authority that vouches for it.
    pub authority: String,
    /// That of one of the same name with another key.
    pub renewed: String,
    shared: Arc<Shared>,
}

/// What a front counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections on which TLS came about.
    pub connections: usize,
    /// Requests that were handed on.
    pub processed: usize,
    /// Streams that were refused, or came after the last that was looked at.
    pub unprocessed: usize,
    /// Streams that were reset because what came on them is none of HTTP/2.
    pub malformed: usize,
}

/// What its connections have in common.
struct Shared {
    script: Script,
    behind: Behind,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    counts: Counts,
    received: Vec<Received>,
    streams: u32,
    broke_off: bool,
}

/// What becomes of a request.
enum Reply {
    Answer(Response<Bytes>),
    BreakOff(Break),
}

impl Front {
    /// One that only hands on.
    pub async fn start(sandbox: &Sandbox) -> Self {
        Self::with(Script::default(), sandbox).await
    }

    pub async fn with(script: Script, sandbox: &Sandbox) -> Self {
        let authority = Authority::new();
        let certified = authority.certify_for(script.names, script.years.clone());
        let tls = certified.server(script.alpn, script.clients.as_deref(), script.tls12);
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            script,
            behind: Behind::at(&sandbox.base_url()),
            kept: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (acceptor, shared) = (acceptor.clone(), Arc::clone(&serving));
                tokio::spawn(async move { shared.serve(client, &acceptor).await });
            }
        });
        Self {
            address,
            renewed: authority.renewed().pem,
            authority: authority.pem,
            shared,
        }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// What came so far, in the order in which it was whole.
    pub fn received(&self) -> Vec<Received> {
        self.shared.kept.lock().unwrap().received.clone()
    }

    pub fn counts(&self) -> Counts {
        self.shared.kept.lock().unwrap().counts
    }

    /// Everything that came has the form that it has to have.
    pub fn assert_well_formed(&self) {
        self.assert_well_formed_for(&self.address.to_string());
    }

    /// The same, where it is reached by another name.
    pub fn assert_well_formed_for(&self, authority: &str) {
        let received = self.received();
        assert!(!received.is_empty());
        let faults = received
            .iter()
            .flat_map(|request| request.faults(authority));
        let faults: Vec<String> = faults.collect();
        assert!(faults.is_empty(), "{faults:#?}");
        assert_eq!(self.counts().malformed, 0);
    }
}

impl Shared {
    async fn serve(self: Arc<Self>, client: TcpStream, acceptor: &TlsAcceptor) {
        let _ = client.set_nodelay(true);
        // A client that does not trust the authority goes away.
        let Ok(client) = acceptor.accept(client).await else {
            return;
        };
        let number = self.count(|counts| {
            counts.connections += 1;
            counts.connections
        });
        let spoken = client.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        if self.script.gibberish {
            http1::say_no_http(client).await;
        } else if spoken.as_deref() == Some(HTTP2.as_bytes()) {
            http2::serve(client, self, number).await;
        } else {
            http1::serve(client, &self, number).await;
        }
    }

    fn count<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.kept.lock().unwrap().counts)
    }

    /// Whether the stream that comes next is one of those that are refused.
    fn refuses(&self) -> bool {
        let mut kept = self.kept.lock().unwrap();
        kept.streams += 1;
        let each = self.script.refuses;
        each.is_some_and(|each| kept.streams.is_multiple_of(each))
    }

    fn keep(&self, received: Received) {
        let mut kept = self.kept.lock().unwrap();
        kept.counts.processed += usize::from(received.processed);
        kept.received.push(received);
    }

    /// Hands a request on, or answers it itself.
    async fn reply(&self, mut received: Received, body: Bytes) -> Reply {
        received.length = body.len() as u64;
        received.whole = true;
        let status = self.refusal(&received);
        received.processed = status.is_none();
        self.keep(received.clone());
        if let Some(status) = status {
            return Reply::Answer(page(status));
        }
        let mut request = Request::new(body);
        *request.method_mut() = received.method.parse().unwrap();
        *request.uri_mut() = received.target.parse().unwrap();
        *request.headers_mut() = fields(&received);
        let answer = self.behind.forward(request).await;
        match (self.breaks_off(&received), answer) {
            (Some(how), _) => Reply::BreakOff(how),
            (None, None) => Reply::BreakOff(Break::Closed),
            (None, Some(answer)) => Reply::Answer(answer),
        }
    }

    /// As nginx from 1.17.9 to 1.29.2 does it.
    fn refusal(&self, received: &Received) -> Option<StatusCode> {
        let status = self.script.page;
        let hosts = received.values("host").len() + received.values(":authority").len();
        let status = status.or((hosts != 1).then_some(400))?;
        Some(StatusCode::from_u16(status).unwrap())
    }

    fn breaks_off(&self, received: &Received) -> Option<Break> {
        let (method, how) = self.script.breaks_off?;
        let is_meant = received.method == method && received.target.starts_with("/api/");
        let mut kept = self.kept.lock().unwrap();
        let first = is_meant && !kept.broke_off;
        kept.broke_off |= is_meant;
        first.then_some(how)
    }
}

/// The fields as they are handed on: without those of HTTP/2 alone.
fn fields(received: &Received) -> HeaderMap {
    let fields = received.fields.iter();
    fields
        .filter(|(name, _)| !name.starts_with(':'))
        .map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::try_from(value).unwrap(),
            )
        })
        .collect()
}

/// A page that tells a status, as fronts have them.
fn page(status: StatusCode) -> Response<Bytes> {
    let text = format!(
        "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
         <hr><center>front</center>\r\n</body>\r\n</html>\r\n"
    );
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html");
    response.headers_mut().insert(header::CONTENT_TYPE, html);
    response
}
