//! Bodies that are kept while they pass.

use super::recorder::Kept;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// A body of which what passed is kept; `done` is called once, when it has ended,
/// failed or been dropped.
pub(crate) struct Captured<B, F: FnOnce(Option<String>) + Unpin> {
    body: B,
    kept: Arc<Mutex<Kept>>,
    done: Option<F>,
}

impl<B, F: FnOnce(Option<String>) + Unpin> Captured<B, F> {
    pub(crate) fn new(body: B, kept: Arc<Mutex<Kept>>, done: F) -> Self {
        Self {
            body,
            kept,
            done: Some(done),
        }
    }

    fn end(&mut self, failed: Option<String>) {
        if let Some(done) = self.done.take() {
            done(failed);
        }
    }
}

impl<B, E, F> Body for Captured<B, F>
where
    B: Body<Data = Bytes, Error = E> + Unpin,
    E: std::fmt::Display,
    F: FnOnce(Option<String>) + Unpin,
{
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.end(None),
            Poll::Ready(Some(Err(error))) => {
                let error = error.to_string();
                self.end(Some(error));
            }
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                    kept.push(data);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B, F: FnOnce(Option<String>) + Unpin> Drop for Captured<B, F> {
    fn drop(&mut self) {
        // Dropped at its end, or because nobody wants the rest.
        self.end(None);
    }
}
