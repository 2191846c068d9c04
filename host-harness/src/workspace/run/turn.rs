//! Runs that wait for their turn: a process does no more at the same time than it has
//! room for. What waits when its process ends has handed nothing over, and is begun again
//! when there is one that serves.

use super::attend::Attending;
use super::bury::{is_own, lost};
use super::start::{Begin, Conducting};
use super::{Run, RunState};
use crate::run::{RunError, Stop};
use crate::workspace::database::all;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use crate::workspace::{Operation, Workspace};
use jiff::Timestamp;
use std::time::Duration;

/// Why a run that waits is set aside.
const SET_ASIDE: &str = "the program that was to run it has ended before its turn came: it is \
     begun again when the program serves again";

/// How long to wait for a database that others hold locked.
const AGAIN: Duration = Duration::from_secs(1);

/// Those that are set aside, as a condition in SQL. What somebody cancelled is not wanted
/// any more.
const SET_ASIDE_ROWS: &str = "state = 'interrupted' AND begun = 0 AND resumed = 0
    AND cancel = 0 AND job IS NULL AND operation_id IS NOT NULL";

impl Workspace {
    /// Runs it once there is a place for it, unless it is to stop before.
    pub(super) async fn conduct_in_turn(
        self,
        operation: Operation,
        mut run: Run,
        conducting: Conducting,
        begin: Begin,
        attending: &Attending,
    ) {
        let mut stop = attending.stop.clone();
        let place = match self.own_runs().free_place() {
            Some(place) => Some(place),
            None => {
                run.waiting = Some("waiting for other runs to end".to_owned());
                if let Err(error) = self.keep_turn(&run, &conducting.process, false) {
                    tracing::warn!(run = run.id.0, %error, "that a run waits could not be kept");
                }
                self.own_runs().place(run.id, &mut stop).await
            }
        };
        run.waiting = None;
        let has_turn = place.is_some();
        if !has_turn {
            run.state = RunState::Interrupted;
            run.ended_at = Some(Timestamp::now().to_string());
            let is_set_aside = self.own_runs().sets_aside() && *stop.borrow() == Stop::No;
            run.error = is_set_aside.then(|| SET_ASIDE.to_owned());
        }
        // Until that is kept, nothing is done that nobody would know of.
        while let Err(error) = self.keep_turn(&run, &conducting.process, has_turn) {
            tracing::error!(run = run.id.0, %error, "that a run has its turn is not kept yet");
            if matches!(error, WorkspaceError::Run(RunError::Lost)) {
                return;
            }
            tokio::time::sleep(AGAIN).await;
        }
        if let Some(_place) = place {
            self.conduct(operation, run, conducting, begin, stop).await;
        }
    }

    fn keep_turn(&self, run: &Run, process: &str, begun: bool) -> Result<(), WorkspaceError> {
        self.database().write(|t| {
            if !is_own(t, run.id, process)? {
                return Err(lost());
            }
            t.execute(
                "UPDATE runs SET begun = max(begun, ?) WHERE id = ?",
                rusqlite::params![begun, run.id],
            )?;
            super::save(t, run)
        })
    }

    /// Whether the turn of a run had not come when it ended.
    pub(in crate::workspace) fn is_set_aside(&self, id: RunId) -> Result<bool, WorkspaceError> {
        self.database().read(|t| {
            let sql = format!("SELECT {SET_ASIDE_ROWS} FROM runs WHERE id = ?");
            Ok(t.query_row(&sql, [id], |row| row.get(0))?)
        })
    }

    /// Begins the runs again whose turn had not come when their program ended, in their
    /// order, and answers each with the number that it has now, or why it was not begun.
    /// To be called once, inside a runtime, by whoever serves.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn begin_set_aside(
        &self,
    ) -> Result<Vec<(RunId, Result<RunId, WorkspaceError>)>, WorkspaceError> {
        self.bury()?;
        let waiting: Vec<RunId> = self.database().read(|t| {
            all(
                t,
                &format!("SELECT id FROM runs WHERE {SET_ASIDE_ROWS} ORDER BY id"),
                [],
                |row| Ok(row.get(0)?),
            )
        })?;
        let mut begun = Vec::new();
        for run in waiting {
            begun.push((run, self.resume_run(run).await));
        }
        Ok(begun)
    }
}
