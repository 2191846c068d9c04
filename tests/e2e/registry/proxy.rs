//! A TCP proxy in front of a registry that breaks connections off, and keeps what
//! was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub struct Proxy {
    pub address: String,
    asked: Arc<Mutex<Vec<u8>>>,
    /// Bytes that came from the registry.
    pub answered: Arc<AtomicUsize>,
    /// After how many bytes of answers a connection is broken off.
    pub cut_at: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self {
            address: format!("oci+http://{}/connectors", listener.local_addr().unwrap()),
            asked: Arc::default(),
            answered: Arc::default(),
            cut_at: Arc::new(AtomicUsize::new(usize::MAX)),
        };
        let (asked, answered, cut_at) = (
            Arc::clone(&proxy.asked),
            Arc::clone(&proxy.answered),
            Arc::clone(&proxy.cut_at),
        );
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&to).await else {
                    continue;
                };
                let (asked, answered, cut_at) = (
                    Arc::clone(&asked),
                    Arc::clone(&answered),
                    Arc::clone(&cut_at),
                );
                tokio::spawn(async move {
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let up = async {
                        let mut bytes = vec![0; 16 * 1024];
                        loop {
                            let read = from_client.read(&mut bytes).await.unwrap_or(0);
                            if read == 0 {
                                break;
                            }
                            asked.lock().unwrap().extend_from_slice(&bytes[..read]);
                            if to_server.write_all(&bytes[..read]).await.is_err() {
                                break;
                            }
                        }
                    };
                    let down = async {
                        let mut bytes = vec![0; 16 * 1024];
                        let mut sent = 0;
                        loop {
                            let read = from_server.read(&mut bytes).await.unwrap_or(0);
                            sent += read;
                            answered.fetch_add(read, Ordering::SeqCst);
                            if read == 0 || to_client.write_all(&bytes[..read]).await.is_err() {
                                break;
                            }
                            if sent >= cut_at.load(Ordering::SeqCst) {
                                break;
                            }
                        }
                    };
                    tokio::select! {
                        () = up => {}
                        () = down => {}
                    }
                });
            }
        });
        proxy
    }

    /// All that was asked since the last time, as text.
    pub fn asked(&self) -> String {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        String::from_utf8_lossy(&asked).into_owned()
    }
}
