//! When a new connection is made.
//!
//! hyper's pooled client begins to connect whenever no connection is idle at that moment,
//! and ends what it began though one has come back meanwhile. A connection comes back a
//! moment after its answer was read, so that of few requests under way every now and then
//! one makes a connection for nothing, against the number that a server or its proxy
//! allows. Therefore a request for which there are connections enough waits a moment, and
//! connects only if it still has none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tower_layer::Layer;
use tower_service::Service;

/// What a connection needs to come back from an answer that was read, with much room.
const COMES_BACK: Duration = Duration::from_millis(20);

tokio::task_local! {
    /// Set where a request waits for a connection. What hyper goes on with in the background,
    /// once the request has another, is polled outside of it.
    static WAITED_FOR: Arc<Connections>;
}

/// The connections to one server, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// At least as many as are open: some end without a word.
    open: AtomicUsize,
    under_way: AtomicUsize,
}

impl Connections {
    /// Counts a request until its answer has been read.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Runs what sends a request.
    pub(super) async fn serve<F: Future>(self: &Arc<Self>, sending: F) -> F::Output {
        WAITED_FOR.scope(Arc::clone(self), sending).await
    }

    /// Notes that the connection of an answer is not used again.
    pub(super) fn ended(&self) {
        let fewer = |open: usize| open.checked_sub(1);
        // None is open as far as is known: nothing to be noted.
        let _ = self
            .open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer);
    }

    /// Counts one connection more, if there are fewer than requests under way.
    fn open_one(self: &Arc<Self>) -> Option<Opening> {
        let under_way = self.under_way.load(Ordering::Relaxed);
        let more = |open: usize| (open < under_way).then_some(open + 1);
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .ok()?;
        Some(Opening {
            connections: Arc::clone(self),
            has_come_about: false,
        })
    }
}

/// A connection that was counted: no longer, unless it comes about.
struct Opening {
    connections: Arc<Connections>,
    has_come_about: bool,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.has_come_about {
            self.connections.ended();
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Connections>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Puts [`Patient`] around what connects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience;

impl<S> Layer<S> for Patience {
    type Service = Patient<S>;

    fn layer(&self, connects: S) -> Patient<S> {
        Patient { connects }
    }
}

/// Connects where a connection is needed.
#[derive(Debug, Clone)]
pub(super) struct Patient<S> {
    connects: S,
}

impl<S, R> Service<R> for Patient<S>
where
    S: Service<R, Error = Box<dyn std::error::Error + Send + Sync>> + Clone + Send + 'static,
    S::Future: Send,
    R: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.connects.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let next = self.connects.clone();
        // The one that is ready.
        let mut connects = std::mem::replace(&mut self.connects, next);
        Box::pin(async move {
            let mut opening = waited_for()?.open_one();
            if opening.is_none() {
                tokio::time::sleep(COMES_BACK).await;
                // If it still has none, one of those counted has ended without a word.
                waited_for()?;
            }
            let connected = connects.call(request).await?;
            if let Some(opening) = &mut opening {
                opening.has_come_about = true;
            }
            Ok(connected)
        })
    }
}

/// The connections of the request that waits for this one.
fn waited_for() -> Result<Arc<Connections>, NotNeeded> {
    WAITED_FOR.try_with(Arc::clone).map_err(|_| NotNeeded)
}

/// Nobody sees it: it ends what hyper goes on with in the background.
#[derive(Debug, thiserror::Error)]
#[error("the request has another connection by now")]
struct NotNeeded;
