//! A journal in a file of its own, which one process has at a time: that of a run
//! which has no workspace. It says as well what it is the journal of, and how far the
//! files of the run were, so that going on repeats none of their lines.

use super::{SCHEMA, SqliteJournal, answered, begin, digest, failed, meet};
use crate::blocking::blocking;
use crate::run::RunError;
use crate::run::journal::{Handed, Known};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What such a file has beside the journal. There is at most one row in `run_of`.
const ALONE: &str = "
    CREATE TABLE IF NOT EXISTS run_of (what TEXT NOT NULL, ended INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS written (
        file TEXT PRIMARY KEY,
        path TEXT NOT NULL,
        bytes INTEGER NOT NULL
    );";
/// The only run of the file.
const RUN: i64 = 1;

/// What the input has, to be handed over unless that was done.
#[derive(Debug, Clone)]
pub(in crate::run) struct Offered {
    pub(in crate::run) handed: Handed,
    /// Or something that is no record, and is never handed over.
    pub(in crate::run) is_record: bool,
}

/// A file of the run, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) struct Written {
    /// Which of the run's files.
    pub(in crate::run) file: &'static str,
    pub(in crate::run) path: PathBuf,
    pub(in crate::run) bytes: u64,
}

impl SqliteJournal {
    /// The journal of a file, which is made where it is missing; none where another
    /// process has it.
    ///
    /// # Errors
    /// If the file cannot be opened, or is none of SQLite's.
    pub(in crate::run) fn open_alone(path: &Path) -> Result<Option<Self>, RunError> {
        let open = || -> rusqlite::Result<Self> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Duration::ZERO)?;
            // The lock is held until the file is closed, or the process is dead.
            connection.execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = NORMAL;",
            )?;
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch(ALONE)?;
            // Whatever an earlier run has met, this one has not.
            connection.execute("UPDATE handed SET number = NULL", [])?;
            let earlier =
                connection.query_row("SELECT count(*) FROM handed", [], |row| row.get(0))?;
            Ok(Self {
                connection,
                run: RUN,
                owner: None,
                earlier,
            })
        };
        match blocking(open) {
            Ok(journal) => Ok(Some(journal)),
            Err(error) if is_busy(&error) => Ok(None),
            Err(error) => Err(failed(path.display(), error)),
        }
    }

    /// What it is the journal of, and whether that run had come to its end.
    pub(in crate::run) fn run_of(&self) -> Result<Option<(String, bool)>, RunError> {
        let row = self
            .connection
            .query_row("SELECT what, ended FROM run_of", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            });
        row.optional().map_err(|error| failed("the journal", error))
    }

    /// Whether anything was handed over.
    pub(in crate::run) fn has_handed(&self) -> Result<bool, RunError> {
        // What is no record has no digest.
        let found = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM handed WHERE key NOT LIKE ?)",
            [format!("{NO_RECORD}%")],
            |row| row.get(0),
        );
        found.map_err(|error| failed("the journal", error))
    }

    /// Makes it the journal of a new run.
    pub(in crate::run) fn begin_run(&mut self, what: &str) -> Result<(), RunError> {
        self.earlier = 0;
        self.write(false, |t| {
            t.execute("DELETE FROM handed", [])?;
            t.execute("DELETE FROM written", [])?;
            t.execute("DELETE FROM run_of", [])?;
            t.execute("INSERT INTO run_of (what, ended) VALUES (?, 0)", [what])?;
            Ok(())
        })
    }

    /// Says that all was dealt with.
    pub(in crate::run) fn end_run(&mut self) -> Result<(), RunError> {
        self.write(true, |t| {
            t.execute("UPDATE run_of SET ended = 1", [])?;
            Ok(())
        })
    }

    /// How far a file of the run was.
    pub(in crate::run) fn written(&self, file: &'static str) -> Result<Option<Written>, RunError> {
        let row = self.connection.query_row(
            "SELECT path, bytes FROM written WHERE file = ?",
            [file],
            |row| {
                let path: String = row.get(0)?;
                Ok(Written {
                    file,
                    path: path.into(),
                    bytes: row.get(1)?,
                })
            },
        );
        row.optional().map_err(|error| failed("the journal", error))
    }

    /// The keys of what was handed over, and was not met yet.
    pub(in crate::run) fn earlier_keys(&self) -> Result<Vec<String>, RunError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare(
                "SELECT key FROM handed WHERE number IS NULL AND key NOT LIKE ? ORDER BY id",
            )?;
            let rows = statement.query_map([format!("{NO_RECORD}%")], |row| row.get(0))?;
            rows.collect()
        };
        blocking(read).map_err(|error| failed("the journal", error))
    }

    /// Looks up what is known of these, and begins those of which nothing is: they are
    /// on the disk when this returns.
    pub(in crate::run) fn hand_over(
        &mut self,
        offered: &[Offered],
    ) -> Result<Vec<Known>, RunError> {
        let run = self.run;
        let known = self.knows_all(offered)?;
        let known = self.write(!known, |t| {
            let mut all = Vec::with_capacity(offered.len());
            for Offered { handed, is_record } in offered {
                let known = meet(t, run, handed)?;
                if known == Known::Nothing && *is_record {
                    begin(t, run, handed)?;
                }
                all.push(known);
            }
            Ok(all)
        })?;
        let met = known.iter().filter(|known| **known != Known::Nothing);
        self.earlier -= met.count() as u64;
        Ok(known)
    }

    /// Whether all of these were dealt with, so that nothing is handed over, and nothing
    /// has to be on the disk before.
    fn knows_all(&self, offered: &[Offered]) -> Result<bool, RunError> {
        if self.earlier == 0 {
            return Ok(false);
        }
        let look = || -> rusqlite::Result<bool> {
            let mut find = self.connection.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM handed WHERE run_id = ? AND key = ?
                     AND number IS NULL AND answered = 1 AND digest = ?)",
            )?;
            for Offered { handed, .. } in offered {
                let known: bool = find.query_row(
                    params![self.run, handed.key, digest(&handed.record)],
                    |row| row.get(0),
                )?;
                if !known {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        blocking(look).map_err(|error| failed("the journal", error))
    }

    /// These were dealt with, and the files of the run are so far.
    pub(in crate::run) fn settle(
        &mut self,
        ids: &[u64],
        put_aside: &[Handed],
        files: &[Written],
    ) -> Result<(), RunError> {
        let run = self.run;
        self.write(false, |t| {
            for handed in put_aside {
                t.execute(
                    "DELETE FROM handed WHERE run_id = ? AND id = ?",
                    params![run, handed.id],
                )?;
                begin(t, run, handed)?;
                answered(t, run, &[handed.id])?;
            }
            answered(t, run, ids)?;
            for Written { file, path, bytes } in files {
                t.prepare_cached(
                    "INSERT OR REPLACE INTO written (file, path, bytes) VALUES (?, ?, ?)",
                )?
                .execute(params![file, path.to_string_lossy(), bytes])?;
            }
            Ok(())
        })
    }
}

/// What stands before the key of what is no record.
pub(in crate::run) const NO_RECORD: &str = "no record: ";

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}
