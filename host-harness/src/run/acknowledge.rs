//! Telling a source that what it gave has been taken for good.

use crate::runtime::Session;
use crate::runtime::types::Call;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Checkpoints that wait to be told. Telling may be slower than reading: then the
/// source is slowed down to it.
const WAITING: usize = 32;

/// Tells a source of checkpoints, in their order, in a task of its own. What was
/// not told is given again by a later run.
pub(crate) struct Acknowledger {
    checkpoints: mpsc::Sender<String>,
    ended: JoinHandle<Option<String>>,
}

impl Acknowledger {
    /// Starts with an instance of the source's connector and its call. `before` is
    /// the checkpoint that an earlier run reached last, which may not have been
    /// told any more.
    pub(crate) fn start(mut session: Session, call: Call, before: Option<String>) -> Self {
        let (checkpoints, mut waiting) = mpsc::channel::<String>(WAITING);
        let ended = tokio::spawn(async move {
            let mut first = None;
            let mut next = before;
            loop {
                let checkpoint = match next.take() {
                    Some(checkpoint) => checkpoint,
                    None => match waiting.recv().await {
                        Some(checkpoint) => checkpoint,
                        None => return first,
                    },
                };
                // The others are told all the same: each one told is one less that
                // comes again.
                if let Err(error) = session.acknowledge(call.clone(), checkpoint).await {
                    first.get_or_insert_with(|| error.to_string());
                }
            }
        });
        Self { checkpoints, ended }
    }

    /// Everything before this checkpoint has been taken for good.
    pub(crate) async fn tell(&self, checkpoint: String) {
        // A task that broke down says so at the end.
        let _ = self.checkpoints.send(checkpoint).await;
    }

    /// Waits until all have been told; why one could not be.
    pub(crate) async fn finish(self) -> Option<String> {
        drop(self.checkpoints);
        match self.ended.await {
            Ok(None) => None,
            Ok(Some(why)) => Some(format!(
                "not all of what was taken could be acknowledged, and will come again: {why}"
            )),
            Err(error) => Some(format!("acknowledging broke down: {error}")),
        }
    }
}
