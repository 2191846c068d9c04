//! Telling a source that what it gave has been taken for good.

use super::report::Measured;
use crate::runtime::Session;
use crate::runtime::types::{Call, Notice, NoticeKind};
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
    measured: Measured,
}

/// How telling a source went.
pub(crate) struct Acknowledged {
    /// Why not all could be told.
    pub(crate) failed: Option<String>,
    /// What it has used and said.
    pub(crate) measured: Measured,
}

impl Acknowledged {
    /// What a person should know of it, where there is no stream of events to say so: what
    /// the connector logged as a warning.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = Notice> + use<> {
        let warnings = self.measured.warnings().into_iter();
        warnings.map(|message| Notice {
            kind: NoticeKind::Warning,
            message,
            wait: None,
        })
    }
}

impl Acknowledger {
    /// Starts with an instance of the source's connector and its call. `before` is
    /// the checkpoint that an earlier run reached last, which may not have been
    /// told any more.
    pub(crate) fn start(mut session: Session, call: Call, before: Option<String>) -> Self {
        let (checkpoints, mut waiting) = mpsc::channel::<String>(WAITING);
        let measured = Measured::of_session(&session);
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
        Self {
            checkpoints,
            ended,
            measured,
        }
    }

    /// Everything before this checkpoint has been taken for good.
    pub(crate) async fn tell(&self, checkpoint: String) {
        // A task that broke down says so at the end.
        let _ = self.checkpoints.send(checkpoint).await;
    }

    /// Waits until all have been told.
    pub(crate) async fn finish(self) -> Acknowledged {
        drop(self.checkpoints);
        let failed = match self.ended.await {
            Ok(None) => None,
            Ok(Some(why)) => Some(format!(
                "not all of what was taken could be acknowledged, and will come again: {why}"
            )),
            Err(error) => Some(format!("acknowledging broke down: {error}")),
        };
        Acknowledged {
            failed,
            measured: self.measured,
        }
    }
}
