//! An HTTP proxy that knows `CONNECT` and asks who is there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a client asked of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Such as `CONNECT acme.example:443 HTTP/1.1`.
    pub line: String,
    /// Who it said to be: `user:password`.
    pub credentials: Option<String>,
}

pub struct ConnectProxy {
    pub url: String,
    seen: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl ConnectProxy {
    /// Opens ways to `routes` alone, to who has these credentials.
    pub async fn start(credentials: &'static str, routes: &[(String, SocketAddr)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let routes: BTreeMap<_, _> = routes.iter().cloned().collect();
        let seen = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = Arc::clone(&seen);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (kept, routes) = (Arc::clone(&kept), routes.clone());
                tokio::spawn(async move { serve(client, credentials, &routes, &kept).await });
            }
        });
        Self {
            url,
            seen,
            accepting,
        }
    }

    /// What was asked since this was last called.
    pub fn seen(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// From now on nobody listens there.
    pub async fn stop(self) -> String {
        self.accepting.abort();
        let _ = self.accepting.await;
        self.url
    }
}

async fn serve(
    mut client: TcpStream,
    credentials: &str,
    routes: &BTreeMap<String, SocketAddr>,
    seen: &Mutex<Vec<Asked>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().to_owned();
    let said = lines
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| {
            let value = value.strip_prefix("Basic ")?;
            name.eq_ignore_ascii_case("proxy-authorization")
                .then(|| String::from_utf8(STANDARD.decode(value).unwrap()).unwrap())
        });
    let target = line
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"))
        .map(str::to_owned);
    let known = said.as_deref() == Some(credentials);
    seen.lock().unwrap().push(Asked {
        line,
        credentials: said,
    });
    let refusal = match target.map(|target| routes.get(&target)) {
        None => "405 Method Not Allowed",
        Some(_) if !known => {
            "407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm=\"agents\""
        }
        Some(None) => "403 Forbidden",
        Some(Some(address)) => {
            let mut server = TcpStream::connect(address).await.unwrap();
            client
                .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                .await
                .unwrap();
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            return;
        }
    };
    let answer = format!("HTTP/1.1 {refusal}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = client.write_all(answer.as_bytes()).await;
}
