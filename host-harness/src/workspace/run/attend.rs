//! Looking after all runs of a process at once: that they are alive is said for all of
//! them together, and whether one is to stop, or is another's by now, is looked up for
//! all of them together. There may be thousands that wait for their turn.
//!
//! With each time that it is said, the gates of the runs are kept open for another
//! while: shorter than the silence after which a run is taken for dead where no lock
//! tells, and measured on a monotonic clock. A process that was paused finds them closed.

use super::bury::SILENT_FOR;
use crate::egress::{Gate, GateKeeper};
use crate::run::Stop;
use crate::workspace::Workspace;
use crate::workspace::database::all;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often it is looked whether somebody asked a run to stop, in whichever process.
const LOOKED_EVERY: Duration = Duration::from_millis(200);
/// How often it is said that the runs of this process are alive.
const ALIVE_EVERY: Duration = Duration::from_secs(3);

/// How long requests may pass after it was said that their run is alive. What is left
/// of the silence is for what was sent just before.
fn open_for() -> Duration {
    SILENT_FOR - SILENT_FOR / 4
}

/// The runs that this process looks after.
#[derive(Default)]
pub(in crate::workspace) struct Attendance(Mutex<Attended>);

#[derive(Default)]
struct Attended {
    runs: BTreeMap<RunId, Run>,
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
        if let Some(run) = self.attended().runs.get(&id) {
            stop.tell(&run.stop);
        }
    }

    /// The runs that this process conducts.
    fn conducted(&self) -> Vec<RunId> {
        let attended = self.attended();
        let runs = attended.runs.iter();
        runs.filter(|(_, run)| run.keeper.is_some())
            .map(|(id, _)| *id)
            .collect()
    }

    /// Of these runs, those that are still its own have their gates kept open; the
    /// others send nothing more.
    fn keep_open(&self, conducted: &[RunId], own: &BTreeSet<RunId>, until: Instant) {
        let attended = self.attended();
        for id in conducted {
            match attended.runs.get(id) {
                Some(Run {
                    keeper: Some(keeper),
                    ..
                }) if own.contains(id) => keeper.keep_open_until(until),
                Some(run) => run.end(),
                None => {}
            }
        }
    }
}

/// One of them.
struct Run {
    stop: watch::Sender<Stop>,
    /// Of its gate, where this process conducts it.
    keeper: Option<GateKeeper>,
}

impl Run {
    /// It is another's, or has ended.
    fn end(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.keep_open_until(Instant::now());
        }
        Stop::Now.tell(&self.stop);
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
            .is_some_and(|run| run.stop.receiver_count() <= 1);
        if is_last {
            attended.runs.remove(&self.id);
        }
    }
}

impl Workspace {
    /// Looks after a run from now on that this process conducts: its requests pass the
    /// gate while it does.
    pub(super) fn attend_own(&self, id: RunId) -> (Attending, Gate) {
        let (keeper, gate) = Gate::until(Instant::now() + open_for());
        (self.attend_with(id, Some(keeper)), gate)
    }

    /// Looks after a run from now on that agents of a group do.
    pub(super) fn attend(&self, id: RunId) -> Attending {
        self.attend_with(id, None)
    }

    /// A run is another's: it sends nothing more.
    pub(super) fn give_up(&self, id: RunId) {
        if let Some(run) = self.0.attendance.attended().runs.get(&id) {
            run.end();
        }
    }

    fn attend_with(&self, id: RunId, keeper: Option<GateKeeper>) -> Attending {
        let mut attended = self.0.attendance.attended();
        let stop = attended
            .runs
            .entry(id)
            .or_insert_with(|| Run {
                stop: watch::channel(Stop::No).0,
                keeper,
            })
            .stop
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

    /// Says that the runs of this process are alive, and answers which those are.
    fn say_alive(&self) -> Result<BTreeSet<RunId>, WorkspaceError> {
        let process = self.process()?;
        let own = self.database().write(|t| {
            // A count: what is said is heard as a change, whatever the clocks say.
            t.execute(
                "UPDATE runs SET heartbeat = heartbeat + 1
                 WHERE state = 'running' AND process = ?",
                [&process],
            )?;
            all(
                t,
                "SELECT id FROM runs WHERE state = 'running' AND process = ?",
                [&process],
                |row| Ok(row.get(0)?),
            )
        })?;
        Ok(own.into_iter().collect())
    }

    /// Looks once.
    fn attend_once(&self, alive_at: &mut Option<Instant>) -> Result<(), WorkspaceError> {
        let asked = Instant::now();
        if alive_at.is_none_or(|at| asked.duration_since(at) >= ALIVE_EVERY) {
            // Before: what is begun meanwhile may not be among those that are its own.
            let conducted = self.0.attendance.conducted();
            let own = self.say_alive()?;
            let until = asked + open_for();
            self.0.attendance.keep_open(&conducted, &own, until);
            *alive_at = Some(asked);
        }
        for (id, times) in self.asked_to_stop()? {
            self.0.attendance.tell(id, Stop::asked(times));
        }
        Ok(())
    }

    /// Which runs somebody asked to stop, and how often.
    fn asked_to_stop(&self) -> Result<Vec<(RunId, u32)>, WorkspaceError> {
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
    // A process that was paused need not make up for it.
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut alive_at: Option<Instant> = None;
    while !workspace.0.attendance.is_over() {
        look.tick().await;
        if let Err(error) = workspace.attend_once(&mut alive_at) {
            tracing::warn!(%error, "runs could not be looked after");
        }
    }
}
