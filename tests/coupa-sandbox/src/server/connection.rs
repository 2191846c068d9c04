//! Connections that can be reset on demand: with a TCP reset and not a tidy
//! end, as when a machine in between gives up. And on which bytes can be sent
//! that the HTTP library would not send.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Shared;

/// Steers the connection that a request came on.
#[derive(Debug, Clone, Default)]
pub struct ConnectionHandle(Arc<Steered>);

#[derive(Debug, Default)]
struct Steered {
    reset: AtomicBool,
    first: Mutex<Bytes>,
}

impl ConnectionHandle {
    /// Lets the next write fail, which ends the connection.
    pub fn reset(&self) {
        self.0.reset.store(true, Ordering::Release);
    }

    /// Whether it was told to.
    pub fn is_reset(&self) -> bool {
        self.0.reset.load(Ordering::Acquire)
    }

    /// Sends this as it is, before what is written next.
    pub fn send_first(&self, text: String) {
        *self.first() = text.into();
    }

    fn first(&self) -> MutexGuard<'_, Bytes> {
        self.0.first.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts connections and makes them resettable.
pub struct CountingListener {
    listener: TcpListener,
    shared: Arc<Shared>,
}

impl CountingListener {
    pub fn new(listener: TcpListener, shared: Arc<Shared>) -> Self {
        Self { listener, shared }
    }
}

impl Listener for CountingListener {
    type Io = Connection;
    type Addr = ConnectionHandle;

    async fn accept(&mut self) -> (Connection, ConnectionHandle) {
        let (stream, _) = Listener::accept(&mut self.listener).await;
        // Without it small answers wait for the other side's acknowledgement.
        let _ = stream.set_nodelay(true);
        self.shared.observed.connected();
        let reset = ConnectionHandle::default();
        let connection = Connection {
            stream,
            reset: reset.clone(),
        };
        (connection, reset)
    }

    fn local_addr(&self) -> io::Result<ConnectionHandle> {
        Ok(ConnectionHandle::default())
    }
}

impl Connected<IncomingStream<'_, CountingListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, CountingListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A connection that ends with a reset when it is told to.
pub struct Connection {
    stream: TcpStream,
    reset: ConnectionHandle,
}

impl Connection {
    fn check(&self) -> io::Result<()> {
        if self.reset.is_reset() {
            self.stream.set_zero_linger()?;
            return Err(ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }

    /// Writes what has to be sent first.
    fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut first = self.reset.first();
        while !first.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &first))?;
            first.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        ready!(self.poll_first(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        ready!(self.poll_first(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
