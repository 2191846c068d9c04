//! The screen, and the HTTP API under it.
//!
//! The screen is a few static files that speak to the API; the API is a thin
//! layer over the [`Workspace`], described by an OpenAPI document that it
//! serves. Nothing but the login page answers without a session or a token.

mod access;
mod api;
mod assets;
mod guard;

pub use access::{Access, AccessError};

use crate::workspace::Workspace;
use axum::Router;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Why the screen cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Who may enter.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The address.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A server that listens, and waits to be run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    access: Arc<Access>,
    router: Router,
}

impl Server {
    /// Listens on `address`. Anything but loopback needs a password in `access`.
    ///
    /// # Errors
    /// If that is missing, or the address cannot be listened on.
    pub async fn bind(
        address: SocketAddr,
        access: Access,
        workspace: Workspace,
    ) -> Result<Self, ServeError> {
        access.suits(address)?;
        let failed = |source| ServeError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let access = Arc::new(access);
        let router = assets::router()
            .merge(access::router(Arc::clone(&access)))
            .nest("/api/v1", api::router(workspace));
        Ok(Self {
            router: guard::around(router, Arc::clone(&access), address),
            listener,
            address,
            access,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser. With a login token in it, where there is one:
    /// it is as good as a password.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.access.entry())
    }

    /// Serves until `stop` is ready.
    ///
    /// # Errors
    /// If the listener breaks down.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        // Open streams of events must not keep it from ending.
        let served = axum::serve(self.listener, self.router);
        tokio::select! {
            served = async move { served.await } => served,
            () = stop => Ok(()),
        }
    }
}
