//! Ending the runs whose process has died.
//!
//! A run is dead when its process is: when the lock that it holds is free. That it says
//! nothing for a while is no reason: it may be paused, and goes on writing. Only where no
//! lock tells, a run is taken for dead when its process has said nothing for a while,
//! measured on the monotonic clock of this one; then it is fenced off, too:
//! its requests wait at a [gate](crate::egress::Gate) since before that, and what it
//! keeps is refused, so that it hands nothing over any more. A request may have passed the
//! gate and not be sent when it was paused: what was handed over without an answer is
//! rejected as uncertain then, and whoever goes on does not send it again.

use super::observe::rejection;
use super::process::Fate;
use super::{Run, RunState, one, save};
use crate::run::{Rejected, RunError, SqliteJournal};
use crate::workspace::Workspace;
use crate::workspace::database::{all, to_json};
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a process has to say nothing to be dead, where no lock tells.
pub(super) const SILENT_FOR: Duration = Duration::from_secs(15);
/// How often it is listened meanwhile.
const LISTENED_EVERY: Duration = Duration::from_millis(250);

/// Since when nothing was heard of runs, as this process has heard it.
#[derive(Default)]
pub(in crate::workspace) struct Silences(Mutex<BTreeMap<RunId, Silence>>);

struct Silence {
    beat: i64,
    since: Instant,
}

impl Silences {
    /// Takes down how often the process of a run has said that it lives, and answers
    /// whether it has said nothing for too long.
    fn is_dead(&self, run: RunId, beat: i64, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = all.entry(run).or_insert(Silence { beat, since: now });
        if silence.beat != beat {
            *silence = Silence { beat, since: now };
        }
        now.duration_since(silence.since) >= SILENT_FOR
    }

    fn forget_all_but(&self, running: impl Fn(RunId) -> bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|run, _| running(*run));
    }
}

/// A run that is said to be under way.
struct Running {
    id: RunId,
    beat: i64,
    process: Option<String>,
}

impl Workspace {
    /// Ends the runs whose process has died. Where they were is saved, so they
    /// can be resumed.
    pub(in crate::workspace) fn bury(&self) -> Result<(), WorkspaceError> {
        let running: Vec<Running> = self.database().read(|t| {
            all(
                t,
                "SELECT id, heartbeat, process FROM runs
                 WHERE state = 'running' AND job IS NULL",
                [],
                |row| {
                    Ok(Running {
                        id: row.get(0)?,
                        beat: row.get(1)?,
                        process: row.get(2)?,
                    })
                },
            )
        })?;
        // Each process is looked at once: it may have thousands of runs.
        let mut fates: BTreeMap<&str, Fate> = BTreeMap::new();
        let now = Instant::now();
        for run in &running {
            let fate = match run.process.as_deref() {
                Some(name) => *fates.entry(name).or_insert_with(|| self.fate(name)),
                None => Fate::Unknown,
            };
            let is_dead = match fate {
                Fate::Lives => false,
                Fate::Died => true,
                Fate::Unknown => self.0.silences.is_dead(run.id, run.beat, now),
            };
            if is_dead {
                self.bury_one(run, fate)?;
            }
        }
        let ids: std::collections::BTreeSet<RunId> = running.iter().map(|run| run.id).collect();
        self.0.silences.forget_all_but(|run| ids.contains(&run));
        Ok(())
    }

    fn bury_one(&self, dead: &Running, fate: Fate) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            // Another process may have been quicker, or it lives after all.
            let begun: Option<bool> = t
                .query_row(
                    "SELECT begun FROM runs WHERE id = ? AND state = 'running'
                     AND process IS ? AND heartbeat = ?",
                    params![dead.id, dead.process, dead.beat],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(begun) = begun else {
                return Ok(());
            };
            let mut run = one(t, dead.id)?;
            run.state = RunState::Interrupted;
            run.waiting = None;
            run.ended_at = Some(Timestamp::now().to_string());
            let why = match begun {
                true => "the program that ran it has ended",
                false => "the program that was to run it has ended before its turn came",
            };
            run.error = Some(why.to_owned());
            if fate == Fate::Unknown {
                reject_unanswered(t, &mut run)?;
            }
            save(t, &run)
        })
    }

    /// A run as it stands once that is known: where no lock tells whether its process
    /// lives, that takes a while.
    pub(super) async fn certain(&self, id: RunId) -> Result<Run, WorkspaceError> {
        let until = Instant::now() + SILENT_FOR + 2 * LISTENED_EVERY;
        loop {
            let run = self.run(id)?;
            let is_open = run.state == RunState::Running
                && self.fate_of(id)? == Fate::Unknown
                && Instant::now() < until;
            if !is_open {
                return Ok(run);
            }
            tokio::time::sleep(LISTENED_EVERY).await;
        }
    }

    fn fate_of(&self, id: RunId) -> Result<Fate, WorkspaceError> {
        let process: Option<Option<String>> = self.database().read(|t| {
            let process = t.query_row(
                "SELECT process FROM runs WHERE id = ? AND job IS NULL",
                [id],
                |row| row.get(0),
            );
            Ok(process.optional()?)
        })?;
        Ok(match process {
            // Agents of a group have leases.
            None => Fate::Lives,
            Some(process) => process.map_or(Fate::Unknown, |name| self.fate(&name)),
        })
    }
}

/// Rejects what a run has handed over without an answer: it may be sent yet.
fn reject_unanswered(t: &Transaction<'_>, run: &mut Run) -> Result<(), WorkspaceError> {
    let unanswered = SqliteJournal::unanswered(t, run.id.0)?;
    let last: u64 = t.query_row(
        "SELECT coalesce(max(seq), 0) FROM rejected WHERE run_id = ?",
        [run.id],
        |row| row.get(0),
    )?;
    for (seq, handed) in (last + 1..).zip(unanswered) {
        let rejection = rejection(
            seq,
            Rejected {
                key: handed.key,
                source_record: handed.source_record,
                record: handed.record,
                error: crate::run::unanswered(),
                uncertain: true,
            },
        );
        t.execute(
            "INSERT INTO rejected (run_id, seq, record) VALUES (?, ?, ?)",
            params![run.id, seq, to_json(&rejection)?],
        )?;
        run.counts.rejected += 1;
        run.counts.uncertain += 1;
    }
    Ok(())
}

/// That a run is still under way, and this process's: asked in the transaction that
/// keeps something of it.
pub(super) fn is_own(
    t: &Transaction<'_>,
    run: RunId,
    process: &str,
) -> Result<bool, WorkspaceError> {
    Ok(crate::run::is_owned(t, run.0, process)?)
}

/// Why nothing more is kept of a run that is not.
pub(super) fn lost() -> WorkspaceError {
    WorkspaceError::Run(RunError::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_when_it_was_heard_and_ends_with_any_sound() {
        let (silences, start) = (Silences::default(), Instant::now());
        let dead =
            |beat, seconds| silences.is_dead(RunId(1), beat, start + Duration::from_secs(seconds));
        // However long ago it was said: nobody has listened.
        assert!(!dead(1, 0));
        assert!(!dead(1, 14));
        assert!(!dead(2, 15));
        assert!(!dead(2, 29));
        // A number is no time: a smaller one is a sound as well.
        assert!(!dead(1, 30));
        assert!(!dead(1, 44));
        assert!(dead(1, 45));
        silences.forget_all_but(|_| false);
        assert!(!dead(1, 46));
    }

    #[test]
    fn a_run_whose_lock_is_held_lives_however_long_ago_it_was_heard_of() {
        let folder = tempfile::tempdir().unwrap();
        let conducts = Workspace::open(folder.path(), None).unwrap();
        let looks = Workspace::open(folder.path(), None).unwrap();
        let process = conducts.process().unwrap();
        let record = serde_json::json!({
            "id": 1, "operation": null, "operation-name": "Copy", "project": 1,
            "environment": 1, "environment-name": "Development", "agent": "Agent 1",
            "trigger": "started", "of-run": null, "state": "running",
            "started-at": "2026-01-01T00:00:00Z", "ended-at": null, "connectors": [],
            "counts": super::super::RunCounts::default(), "rate": 0.0, "requests": 0,
            "retries": 0, "waited-ms": 0, "waiting": null, "warnings": [], "error": null,
            "resumable": false, "output": null, "log": [],
        });
        let inserted = conducts.database().write(|t| {
            t.execute(
                "INSERT INTO runs (id, project_id, state, record, heartbeat, process)
                 VALUES (1, 1, 'running', ?, 0, ?)",
                params![record.to_string(), process],
            )?;
            Ok(())
        });
        inserted.unwrap();
        let state = || looks.run(RunId(1)).unwrap().state;
        assert_eq!(state(), RunState::Running);
        // As clocks would have it that stepped back or ahead.
        for beat in [i64::MIN, i64::MAX] {
            let stepped = conducts.database().write(|t| {
                t.execute("UPDATE runs SET heartbeat = ?", [beat])?;
                Ok(())
            });
            stepped.unwrap();
            assert_eq!(state(), RunState::Running);
        }
        drop(conducts);
        assert_eq!(state(), RunState::Interrupted);
    }
}
