//! Looking after all runs of a process at once: that they are alive is said for all of
//! them together, and whether one is to stop is looked up for all of them together.
//! There may be thousands that wait for their turn.

use super::now;
use crate::run::Stop;
use crate::workspace::Workspace;
use crate::workspace::database::all;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use rusqlite::params;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often it is looked whether somebody asked a run to stop, in whichever process.
const LOOKED_EVERY: Duration = Duration::from_millis(200);
/// How often it is said that the runs of this process are alive.
const ALIVE_EVERY: Duration = Duration::from_secs(3);

/// The runs that this process looks after.
#[derive(Default)]
pub(in crate::workspace) struct Attendance(Mutex<Attended>);

#[derive(Default)]
struct Attended {
    runs: BTreeMap<RunId, watch::Sender<Stop>>,
    /// Whether somebody looks after them.
    is_under_way: bool,
}

impl Attendance {
    fn attended(&self) -> MutexGuard<'_, Attended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is nothing left to do, which ends it.
    fn is_over(&self) -> bool {
        let mut attended = self.attended();
        attended.is_under_way = !attended.runs.is_empty();
        !attended.is_under_way
    }

    fn tell(&self, id: RunId, stop: Stop) {
        if let Some(sender) = self.attended().runs.get(&id) {
            stop.tell(sender);
        }
    }
}

/// A run that is looked after until this is dropped.
pub(super) struct Attending {
    workspace: Workspace,
    id: RunId,
    /// Whether it is to stop.
    pub(super) stop: watch::Receiver<Stop>,
}

impl Drop for Attending {
    fn drop(&mut self) {
        let mut attended = self.workspace.0.attendance.attended();
        // Several may follow one run.
        let is_last = attended
            .runs
            .get(&self.id)
            .is_some_and(|sender| sender.receiver_count() <= 1);
        if is_last {
            attended.runs.remove(&self.id);
        }
    }
}

impl Workspace {
    /// Looks after a run from now on.
    pub(super) fn attend(&self, id: RunId) -> Attending {
        let mut attended = self.0.attendance.attended();
        let stop = attended
            .runs
            .entry(id)
            .or_insert_with(|| watch::channel(Stop::No).0)
            .subscribe();
        if !attended.is_under_way {
            attended.is_under_way = true;
            tokio::spawn(attend_all(self.clone()));
        }
        drop(attended);
        Attending {
            workspace: self.clone(),
            id,
            stop,
        }
    }

    /// Which runs somebody asked to stop, and how often.
    fn asked_to_stop(&self, says_alive: bool) -> Result<Vec<(RunId, u32)>, WorkspaceError> {
        if says_alive {
            let process = self.process()?;
            self.database().write(|t| {
                t.execute(
                    "UPDATE runs SET heartbeat = ? WHERE state = 'running' AND process = ?",
                    params![now(), process],
                )?;
                Ok(())
            })?;
        }
        self.database().read(|t| {
            all(
                t,
                "SELECT id, cancel FROM runs WHERE state = 'running' AND cancel > 0",
                [],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
        })
    }
}

async fn attend_all(workspace: Workspace) {
    let mut look = tokio::time::interval(LOOKED_EVERY);
    let mut alive_at: Option<Instant> = None;
    while !workspace.0.attendance.is_over() {
        look.tick().await;
        let says_alive = alive_at.is_none_or(|at| at.elapsed() >= ALIVE_EVERY);
        match workspace.asked_to_stop(says_alive) {
            Ok(asked) => {
                for (id, times) in asked {
                    workspace.0.attendance.tell(id, Stop::asked(times));
                }
                if says_alive {
                    alive_at = Some(Instant::now());
                }
            }
            Err(error) => tracing::warn!(%error, "runs could not be looked after"),
        }
    }
}
