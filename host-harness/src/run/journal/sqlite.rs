//! The journal in a SQLite file.

mod alone;

pub(in crate::run) use alone::{NO_RECORD, Offered, Written};

use super::{Handed, Journal, Known};
use crate::blocking::blocking;
use crate::run::RunError;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};
use std::path::Path;
use std::time::Duration;

/// The table, for a file that has none. `number` is absent of what an earlier run
/// has handed over and this one has not met yet; `source_record` where it is the
/// record itself. An answered record keeps its digest only.
pub(crate) const SCHEMA: &str = include_str!("schema.sql");

/// How long to wait while another process writes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A journal of one run. Others may be in the same file.
pub struct SqliteJournal {
    connection: Connection,
    run: i64,
    /// The process that the run has to be of, by the row that the same file has of it.
    owner: Option<String>,
    /// Records of earlier runs that were not met yet.
    earlier: u64,
}

impl SqliteJournal {
    /// The journal of run number `run` in a file, which gets the table where it has
    /// none.
    ///
    /// # Errors
    /// If the file cannot be opened, or is none of SQLite's.
    pub fn open(path: &Path, run: i64) -> Result<Self, RunError> {
        let open = || -> rusqlite::Result<Self> {
            let connection = Connection::open(path)?;
            connection.busy_timeout(PATIENCE)?;
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")?;
            connection.execute_batch(SCHEMA)?;
            let earlier = connection.query_row(
                "SELECT count(*) FROM handed WHERE run_id = ? AND number IS NULL",
                [run],
                |row| row.get(0),
            )?;
            Ok(Self {
                connection,
                run,
                owner: None,
                earlier,
            })
        };
        open().map_err(|error| failed(path.display(), error))
    }

    /// Keeps something only while the run is under way, and `process` conducts it: a
    /// process that has lost it hands nothing over any more. Its row lies in the same
    /// file, so that both hold at the same moment.
    pub(crate) fn owned_by(self, process: String) -> Self {
        Self {
            owner: Some(process),
            ..self
        }
    }

    /// Makes everything that run `from` has handed over known to run `to`, which
    /// goes on with it.
    pub(crate) fn pass_on(
        transaction: &Transaction<'_>,
        from: i64,
        to: i64,
    ) -> rusqlite::Result<()> {
        transaction.execute(
            "UPDATE handed SET run_id = ?, number = NULL WHERE run_id = ?",
            params![to, from],
        )?;
        Ok(())
    }

    /// What a run has handed over without an answer: it counts as dealt with from now on.
    pub(crate) fn unanswered(
        transaction: &Transaction<'_>,
        run: i64,
    ) -> rusqlite::Result<Vec<Handed>> {
        let mut statement = transaction.prepare(
            "SELECT id, key, coalesce(source_record, record), record FROM handed
             WHERE run_id = ? AND answered = 0 ORDER BY id",
        )?;
        let rows = statement.query_map([run], of_row)?;
        let unanswered = rows.collect::<rusqlite::Result<Vec<Handed>>>()?;
        let ids: Vec<u64> = unanswered.iter().map(|handed| handed.id).collect();
        answered(transaction, run, &ids)?;
        Ok(unanswered)
    }

    /// Forgets the records up to a place that a run has reached, by their number.
    pub(crate) fn reached(
        transaction: &Transaction<'_>,
        run: i64,
        number: u64,
    ) -> rusqlite::Result<()> {
        transaction.execute(
            "DELETE FROM handed WHERE run_id = ? AND number <= ?",
            params![run, number],
        )?;
        Ok(())
    }

    /// Forgets all of a run that has come to its end.
    pub(crate) fn ended(transaction: &Transaction<'_>, run: i64) -> rusqlite::Result<()> {
        transaction.execute("DELETE FROM handed WHERE run_id = ?", [run])?;
        Ok(())
    }

    /// Writes all of it, or nothing. `durably`: it outlives the machine, too.
    fn write<T>(
        &mut self,
        durably: bool,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, RunError> {
        let (run, owner) = (self.run, self.owner.clone());
        let write = || -> rusqlite::Result<Option<T>> {
            let level = if durably { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", level)?;
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)?;
            if let Some(owner) = owner
                && !is_owned(&transaction, run, &owner)?
            {
                return Ok(None);
            }
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(Some(done))
        };
        blocking(write)
            .map_err(|error| failed("the journal", error))?
            .ok_or(RunError::Lost)
    }
}

/// That a run is under way, and conducted by a process.
pub(crate) fn is_owned(
    transaction: &Transaction<'_>,
    run: i64,
    process: &str,
) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM runs
                 WHERE id = ? AND state = 'running' AND process = ?)",
        )?
        .query_row(params![run, process], |row| row.get(0))
}

fn failed(what: impl std::fmt::Display, error: rusqlite::Error) -> RunError {
    RunError::Observer(format!("{what}: {error}"))
}

fn digest(record: &str) -> Vec<u8> {
    Sha256::digest(record.as_bytes()).to_vec()
}

/// The record as the source gave it, where it is another one.
fn source_record(record: &Handed) -> Option<&str> {
    (record.source_record != record.record).then_some(record.source_record.as_str())
}

/// Looks for a record among those of earlier runs, and makes it this run's.
fn meet(t: &Transaction<'_>, run: i64, record: &Handed) -> rusqlite::Result<Known> {
    let digest = digest(&record.record);
    let found: Option<(u64, Vec<u8>, bool)> = t
        .prepare_cached(
            "SELECT id, digest, answered FROM handed
             WHERE run_id = ? AND key = ? AND number IS NULL ORDER BY id LIMIT 1",
        )?
        .query_row(params![run, record.key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((id, before, answered)) = found else {
        return Ok(Known::Nothing);
    };
    if answered && before == digest {
        t.prepare_cached("UPDATE handed SET number = ? WHERE run_id = ? AND id = ?")?
            .execute(params![record.number, run, id])?;
        return Ok(Known::Answered);
    }
    t.prepare_cached(
        "UPDATE handed SET number = ?, digest = ?, answered = 0, source_record = ?,
             record = ? WHERE run_id = ? AND id = ?",
    )?
    .execute(params![
        record.number,
        digest,
        source_record(record),
        record.record,
        run,
        id
    ])?;
    Ok(Known::Uncertain(id))
}

fn begin(t: &Transaction<'_>, run: i64, record: &Handed) -> rusqlite::Result<()> {
    t.prepare_cached(
        "INSERT INTO handed
             (run_id, id, number, key, digest, answered, source_record, record)
         VALUES (?, ?, ?, ?, ?, 0, ?, ?)",
    )?
    .execute(params![
        run,
        record.id,
        record.number,
        record.key,
        digest(&record.record),
        source_record(record),
        record.record
    ])?;
    Ok(())
}

/// A row of id, key, record of the source, and record.
fn of_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Handed> {
    Ok(Handed {
        id: row.get(0)?,
        number: 0,
        key: row.get(1)?,
        source_record: row.get(2)?,
        record: row.get(3)?,
    })
}

fn answered(t: &Transaction<'_>, run: i64, ids: &[u64]) -> rusqlite::Result<()> {
    let mut update = t.prepare_cached(
        "UPDATE handed SET answered = 1, source_record = NULL, record = NULL
         WHERE run_id = ? AND id = ?",
    )?;
    for id in ids {
        update.execute(params![run, id])?;
    }
    Ok(())
}

impl Journal for SqliteJournal {
    fn earlier(&mut self) -> Result<Vec<u64>, RunError> {
        let read = || -> rusqlite::Result<Vec<u64>> {
            let mut statement = self
                .connection
                .prepare("SELECT id FROM handed WHERE run_id = ? AND number IS NULL ORDER BY id")?;
            let rows = statement.query_map([self.run], |row| row.get(0))?;
            rows.collect()
        };
        blocking(read).map_err(|error| failed("the journal", error))
    }

    fn last_id(&mut self) -> Result<u64, RunError> {
        let last = self.connection.query_row(
            "SELECT coalesce(max(id), 0) FROM handed WHERE run_id = ?",
            [self.run],
            |row| row.get(0),
        );
        last.map_err(|error| failed("the journal", error))
    }

    fn meet(&mut self, record: &Handed) -> Result<Known, RunError> {
        if self.earlier == 0 {
            return Ok(Known::Nothing);
        }
        let run = self.run;
        let known = self.write(true, |t| meet(t, run, record))?;
        self.earlier -= u64::from(known != Known::Nothing);
        Ok(known)
    }

    fn begin(&mut self, records: &[Handed]) -> Result<(), RunError> {
        let run = self.run;
        self.write(true, |t| {
            for record in records {
                begin(t, run, record)?;
            }
            Ok(())
        })
    }

    fn answered(&mut self, ids: &[u64]) -> Result<(), RunError> {
        let run = self.run;
        self.write(false, |t| {
            answered(t, run, ids)?;
            Ok(())
        })
    }

    fn withdrawn(&mut self, ids: &[u64]) -> Result<(), RunError> {
        let run = self.run;
        self.write(false, |t| {
            let mut delete = t.prepare_cached("DELETE FROM handed WHERE run_id = ? AND id = ?")?;
            for id in ids {
                delete.execute(params![run, id])?;
            }
            Ok(())
        })
    }

    fn left(&mut self) -> Result<Vec<Handed>, RunError> {
        let read = || -> rusqlite::Result<Vec<Handed>> {
            let mut statement = self.connection.prepare(
                "SELECT id, key, coalesce(source_record, record), record FROM handed
                 WHERE run_id = ? AND number IS NULL AND answered = 0 ORDER BY id",
            )?;
            let rows = statement.query_map([self.run], of_row)?;
            rows.collect()
        };
        blocking(read).map_err(|error| failed("the journal", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u64, key: &str, text: &str) -> Handed {
        Handed {
            id: 100 + number,
            number,
            key: key.to_owned(),
            source_record: text.to_owned(),
            record: text.to_owned(),
        }
    }

    fn passed_on(path: &Path, from: i64, to: i64) -> SqliteJournal {
        let mut journal = SqliteJournal::open(path, from).unwrap();
        let pass_on = |t: &Transaction<'_>| SqliteJournal::pass_on(t, from, to);
        journal.write(true, pass_on).unwrap();
        SqliteJournal::open(path, to).unwrap()
    }

    #[test]
    fn what_was_handed_over_is_known_to_the_runs_that_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut first = SqliteJournal::open(&path, 1).unwrap();
        let handed: Vec<Handed> = (1..=5)
            // The same key stands for several records: what a mapping made of one.
            .map(|n| {
                record(
                    n,
                    if n > 3 { "k" } else { "abc" },
                    &format!("{{\"n\":{n}}}"),
                )
            })
            .collect();
        first.begin(&handed).unwrap();
        first.answered(&[101, 103, 104]).unwrap();
        first.withdrawn(&[105]).unwrap();
        drop(first);

        let mut second = passed_on(&path, 1, 2);
        assert_eq!(second.earlier().unwrap(), [101, 102, 103, 104]);
        let mut meet =
            |number: u64, key: &str, text: &str| second.meet(&record(number, key, text)).unwrap();
        assert_eq!(meet(1, "abc", "{\"n\":1}"), Known::Answered);
        assert_eq!(meet(2, "abc", "{\"n\":2}"), Known::Uncertain(102));
        // Otherwise than it was: it may be another record by now.
        assert_eq!(meet(3, "abc", "{\"n\":33}"), Known::Uncertain(103));
        assert_eq!(meet(4, "abc", "{\"n\":6}"), Known::Nothing);
        // A place behind the first two, and another death.
        second
            .write(true, |t| SqliteJournal::reached(t, 2, 2))
            .unwrap();
        drop(second);

        let mut third = passed_on(&path, 2, 3);
        assert_eq!(third.earlier().unwrap(), [103, 104]);
        let left: Vec<u64> = third.left().unwrap().iter().map(|one| one.id).collect();
        assert_eq!(left, [103]);
        assert_eq!(third.left().unwrap()[0].record, "{\"n\":33}");
        assert_eq!(
            third.meet(&record(1, "k", "{\"n\":4}")).unwrap(),
            Known::Answered
        );
        third.write(true, |t| SqliteJournal::ended(t, 3)).unwrap();
        assert_eq!(third.last_id().unwrap(), 0);
    }

    #[test]
    fn a_process_that_has_lost_its_run_hands_nothing_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let others = Connection::open(&path).unwrap();
        others
            .execute_batch(
                "CREATE TABLE runs (id INTEGER, state TEXT, process TEXT);
                 INSERT INTO runs VALUES (1, 'running', 'this');",
            )
            .unwrap();
        let journal = SqliteJournal::open(&path, 1).unwrap();
        let mut journal = journal.owned_by("this".to_owned());
        journal.begin(&[record(1, "a", "{}")]).unwrap();
        for lost in [
            "process = 'other'",
            "process = 'this', state = 'interrupted'",
        ] {
            others
                .execute(&format!("UPDATE runs SET {lost}"), [])
                .unwrap();
            let refused = journal.begin(&[record(2, "b", "{}")]);
            assert!(matches!(refused, Err(RunError::Lost)), "{lost}");
            assert!(matches!(journal.answered(&[101]), Err(RunError::Lost)));
        }
        assert_eq!(journal.last_id().unwrap(), 101);
    }
}
