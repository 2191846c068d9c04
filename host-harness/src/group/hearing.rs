//! Hearing that something was told of a job, in place of asking over and over.
//!
//! Reports are read from their stream; what is heard here only says when to look. A
//! report that was told while the connection was down is not heard, so whoever waits
//! looks now and then all the same.

use super::error::GroupError;
use super::streams::Group;
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OnceCell, watch};
use tokio::task::AbortHandle;

/// Those who wait to hear of a job, by job.
type Waiting = Arc<Mutex<HashMap<String, watch::Sender<()>>>>;

/// What a group hears with: one subscription for all jobs, from the first time that
/// somebody listens.
#[derive(Default)]
pub(super) struct Ears {
    waiting: Waiting,
    listening: OnceCell<Listening>,
}

/// A subscription that ends with the group.
struct Listening(AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hears of one job.
pub struct Hearing {
    waiting: Waiting,
    job: String,
    heard: watch::Receiver<()>,
}

impl Hearing {
    /// Waits until something was told of the job, since the last time.
    pub async fn something(&mut self) {
        if self.heard.changed().await.is_err() {
            // Nothing is heard any more.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Hearing {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        let is_last = waiting
            .get(&self.job)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if is_last {
            waiting.remove(&self.job);
        }
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<String, watch::Sender<()>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    /// Hears what is told of a job from now on.
    ///
    /// # Errors
    /// If the server cannot be asked for it.
    pub async fn hear(&self, job: &str) -> Result<Hearing, GroupError> {
        let ears = self.ears();
        ears.listening
            .get_or_try_init(|| self.listen(Arc::clone(&ears.waiting)))
            .await?;
        let heard = lock(&ears.waiting)
            .entry(job.to_owned())
            .or_insert_with(|| watch::channel(()).0)
            .subscribe();
        Ok(Hearing {
            waiting: Arc::clone(&ears.waiting),
            job: job.to_owned(),
            heard,
        })
    }

    async fn listen(&self, waiting: Waiting) -> Result<Listening, GroupError> {
        let mut told = self
            .client()
            .subscribe(self.run_subject(">"))
            .await
            .map_err(GroupError::server("tell of reports"))?;
        let listening = tokio::spawn(async move {
            while let Some(message) = told.next().await {
                let job = message.subject.rsplit('.').next().unwrap_or_default();
                if let Some(sender) = lock(&waiting).get(job) {
                    sender.send_replace(());
                }
            }
        });
        Ok(Listening(listening.abort_handle()))
    }
}
