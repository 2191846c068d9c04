//! The runs that a process does itself: how many at the same time, and ending the
//! process without breaking them off.

use super::error::WorkspaceError;
use super::id::RunId;
use super::{RunState, Workspace};
use crate::run::Stop;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

/// How long a run is given to finish what is under way once it is asked to stop.
const TO_STOP: Duration = Duration::from_secs(20);
/// How long it is given to break off.
const TO_BREAK_OFF: Duration = Duration::from_secs(5);
const LOOKED_EVERY: Duration = Duration::from_millis(50);

/// Instances of connectors that one run may need at the same time.
const INSTANCES: usize = 3;

/// The runs of this process, and whether it takes more.
pub(super) struct OwnRuns {
    own: Mutex<Own>,
    places: Arc<Semaphore>,
    /// Whether those that wait for their turn are to wait no longer.
    set_aside: watch::Sender<bool>,
}

#[derive(Default)]
struct Own {
    draining: bool,
    running: BTreeSet<RunId>,
    /// Of these, those that wait for their turn.
    waiting: BTreeSet<RunId>,
}

/// How the runs of a process ended when it was drained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drained {
    /// Those that came to their own end.
    pub finished: usize,
    /// Those that were stopped; each can be resumed.
    pub stopped: Vec<RunId>,
    /// Those whose turn had not come: [`Workspace::begin_set_aside`] begins them again.
    pub set_aside: Vec<RunId>,
}

impl OwnRuns {
    /// For a process in which so many instances of connectors may live. It does no more
    /// runs at the same time than surely have all their instances: one that has some of
    /// them would wait for the rest in vain where all are taken by others in its position.
    pub(super) fn of(instances: usize) -> Self {
        Self {
            own: Mutex::default(),
            places: Arc::new(Semaphore::new((instances / INSTANCES).max(1))),
            set_aside: watch::Sender::new(false),
        }
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// # Errors
    /// Where the process takes no more runs.
    pub(super) fn refuse_when_draining(&self) -> Result<(), WorkspaceError> {
        if self.own().draining {
            return Err(WorkspaceError::Refused(
                "this process is about to end and takes no more runs: start it again when the \
                 host is back"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    pub(super) fn is_draining(&self) -> bool {
        self.own().draining
    }

    /// A place for a run, where one is free.
    pub(super) fn free_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place for a run, once its turn has come; none where it is to stop before.
    pub(super) async fn place(
        &self,
        run: RunId,
        stop: &mut watch::Receiver<Stop>,
    ) -> Option<OwnedSemaphorePermit> {
        self.own().waiting.insert(run);
        let mut set_aside = self.set_aside.subscribe();
        let place = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop > Stop::No) => None,
            _ = set_aside.wait_for(|set_aside| *set_aside) => None,
            place = Arc::clone(&self.places).acquire_owned() => place.ok(),
        };
        if place.is_some() {
            self.own().waiting.remove(&run);
        }
        place
    }

    /// Whether those that wait for their turn wait no longer.
    pub(super) fn sets_aside(&self) -> bool {
        *self.set_aside.borrow()
    }

    pub(super) fn begun(&self, run: RunId) {
        self.own().running.insert(run);
    }

    pub(super) fn ended(&self, run: RunId) {
        let mut own = self.own();
        own.running.remove(&run);
        own.waiting.remove(&run);
    }

    fn running(&self) -> BTreeSet<RunId> {
        self.own().running.clone()
    }

    async fn all_ended(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        while !self.running().is_empty() {
            if Instant::now() >= until {
                return false;
            }
            tokio::time::sleep(LOOKED_EVERY).await;
        }
        true
    }
}

impl Workspace {
    /// Takes no more runs, gives those of this process `grace` to come to their
    /// end, and stops the others at the next place where they can be resumed. Those whose
    /// turn has not come by then are set aside.
    ///
    /// # Errors
    /// If a run cannot be asked to stop.
    pub async fn drain(&self, grace: Duration) -> Result<Drained, WorkspaceError> {
        let runs = self.own_runs();
        runs.own().draining = true;
        let all = runs.running();
        let mut patience = grace;
        // Asked to stop first, and to break off then.
        for next in [TO_STOP, TO_BREAK_OFF, Duration::ZERO] {
            if runs.all_ended(patience).await {
                break;
            }
            runs.set_aside.send_replace(true);
            let waiting = runs.own().waiting.clone();
            for run in runs.running().difference(&waiting).copied() {
                match self.cancel_run(run) {
                    // It has ended just now.
                    Ok(()) | Err(WorkspaceError::Refused(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            patience = next;
        }
        let (mut stopped, mut set_aside) = (Vec::new(), Vec::new());
        for id in &all {
            if matches!(
                self.run(*id)?.state,
                RunState::Interrupted | RunState::Running
            ) {
                match self.is_set_aside(*id)? {
                    true => set_aside.push(*id),
                    false => stopped.push(*id),
                }
            }
        }
        Ok(Drained {
            finished: all.len() - stopped.len() - set_aside.len(),
            stopped,
            set_aside,
        })
    }
}
