//! What a run from a file into a target keeps of the records that it hands over, where
//! it has no workspace: in a journal beside its input. A run that was broken off,
//! however it was, is gone on with by that, and is not begun again: its records would be
//! written twice.

use super::journal::{NO_RECORD, Offered, Written};
use super::{Handed, Known, RunError, SqliteJournal};
use crate::records::{Claimed, Format, OutputFile, RecordWriter, part_of};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Runs that may be under way at the same time in one place.
const MOST_AT_A_TIME: u32 = 1000;

/// Where a run into a target keeps what it hands over.
#[derive(Debug, Clone)]
pub struct JournalPlace {
    /// The file.
    pub path: PathBuf,
    /// What the run is of, in words that are the same for the same run.
    pub of: String,
    /// Go on with the run that has left the file.
    pub resume: bool,
    /// Whether others of the kind may be under way meanwhile: their input is a stream,
    /// and nobody knows whether it is the same.
    pub shared: bool,
}

/// The journal of a run, while it is under way.
pub(super) struct Handover {
    journal: SqliteJournal,
    path: PathBuf,
    /// The greatest id that was given.
    last_id: u64,
    /// Whether the run that it goes on with had come to its end.
    had_ended: bool,
    resumed: bool,
}

impl Handover {
    /// Opens it.
    ///
    /// # Errors
    /// Where a run was broken off that is not to be gone on with, or the other way
    /// round; where another process has it; where it cannot be used.
    pub(super) fn open(place: &JournalPlace) -> Result<Self, RunError> {
        for number in 1..=MOST_AT_A_TIME {
            let path = numbered(&place.path, number);
            if place.resume && !path.exists() {
                break;
            }
            match SqliteJournal::open_alone(&path)? {
                Some(journal) => return Self::of(journal, path, place),
                None if place.shared => {}
                None => {
                    return Err(left_over(
                        &path,
                        "another run of this input is under way: wait for it, or stop it",
                    ));
                }
            }
        }
        Err(left_over(
            &place.path,
            "there is nothing to resume here: no run of this input was broken off. Start it \
             without --resume",
        ))
    }

    fn of(
        mut journal: SqliteJournal,
        path: PathBuf,
        place: &JournalPlace,
    ) -> Result<Self, RunError> {
        let before = journal.run_of()?;
        let has_handed = journal.has_handed()?;
        match before.filter(|_| has_handed) {
            Some(_) if !place.resume => Err(left_over(
                &path,
                "a run of this input was broken off, and this file says what it has handed over: \
                 go on with the same command and --resume. To begin anew, and write all of it \
                 once more, move the file away first",
            )),
            Some((what, _)) if what != place.of => Err(left_over(
                &path,
                "the run that was broken off was another one: go on with the same connection, \
                 options and --output",
            )),
            Some((_, had_ended)) => Ok(Self {
                last_id: super::Journal::last_id(&mut journal)?,
                journal,
                path,
                had_ended,
                resumed: true,
            }),
            // Nothing was handed over: it is begun anew.
            None => {
                journal.begin_run(&place.of)?;
                Ok(Self {
                    journal,
                    path,
                    last_id: 0,
                    had_ended: false,
                    resumed: false,
                })
            }
        }
    }

    /// What the connector is told of the run before: the keys of what that has handed
    /// over.
    pub(super) fn earlier(&self) -> Result<Option<String>, RunError> {
        let keys = self.journal.earlier_keys()?;
        let keys = serde_json::Value::from(keys);
        Ok((keys != serde_json::json!([])).then(|| keys.to_string()))
    }

    /// Opens a file that the run before had begun, where it was; none where it had not.
    pub(super) fn reopened(
        &self,
        file: &'static str,
        format: Format,
    ) -> Result<Option<(PathBuf, RecordWriter<OutputFile>)>, RunError> {
        let Some(written) = self.journal.written(file)? else {
            return Ok(None);
        };
        let part = part_of(&written.path);
        let Ok(metadata) = part.metadata() else {
            return Ok(None);
        };
        // Where the machine died, too, it may be shorter.
        let bytes = written.bytes.min(metadata.len());
        let file = Claimed::existing(written.path.clone())?.go_on_at(format, bytes)?;
        Ok(Some((written.path, RecordWriter::resume(file))))
    }

    /// What a file was to be called of which nothing counts that the run before has
    /// written: it is taken away.
    pub(super) fn begun(&self, file: &'static str) -> Result<Option<PathBuf>, RunError> {
        let Some(written) = self
            .journal
            .written(file)?
            .filter(|written| written.bytes == 0)
        else {
            return Ok(None);
        };
        let part = part_of(&written.path);
        match std::fs::remove_file(&part) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(RunError::Io { path: part, source })
            }
            _ => Ok(Some(written.path)),
        }
    }

    /// Whether the run that it goes on with had dealt with everything, so that its files
    /// may have their names already.
    pub(super) fn had_ended(&self) -> bool {
        self.had_ended
    }

    /// Whether it goes on with another run.
    pub(super) fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// An id that no record has.
    pub(super) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Looks up what is known of these, and keeps that the others are handed over.
    pub(super) fn hand_over(&mut self, offered: &[Offered]) -> Result<Vec<Known>, RunError> {
        self.journal.hand_over(offered)
    }

    /// These were dealt with, and the files of the run are so far.
    pub(super) fn settle(
        &mut self,
        ids: &[u64],
        put_aside: &[Handed],
        files: &[Written],
    ) -> Result<(), RunError> {
        self.journal.settle(ids, put_aside, files)
    }

    /// These were certainly not handed over, or certainly not taken.
    pub(super) fn withdrawn(&mut self, ids: &[u64]) -> Result<(), RunError> {
        super::Journal::withdrawn(&mut self.journal, ids)
    }

    /// What the run before has handed over without an answer, and is not in the input
    /// any more.
    pub(super) fn left(&mut self) -> Result<Vec<Handed>, RunError> {
        super::Journal::left(&mut self.journal)
    }

    /// Everything was dealt with: what is left to do is to give files their names.
    pub(super) fn ended(&mut self) -> Result<(), RunError> {
        self.journal.end_run()
    }

    /// Whether there is anything to go on with.
    pub(super) fn is_needed(&self) -> Result<bool, RunError> {
        self.journal.has_handed()
    }

    /// Takes the file away unless it is needed: the run has not begun.
    pub(super) fn close(self) -> Result<(), RunError> {
        match self.is_needed()? {
            true => Ok(()),
            false => self.remove(),
        }
    }

    /// Keeps the file for whoever goes on, and answers which it is.
    pub(super) fn keep(self) -> PathBuf {
        self.path
    }

    /// Takes the file away.
    pub(super) fn remove(self) -> Result<(), RunError> {
        let Self { journal, path, .. } = self;
        drop(journal);
        std::fs::remove_file(&path).map_err(|source| RunError::Io { path, source })
    }
}

/// A journal that the input and the files of a run use in turn.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Option<Handover>>>);

impl Shared {
    pub(super) fn of(handover: Handover) -> Self {
        Self(Arc::new(Mutex::new(Some(handover))))
    }

    /// Does something with it.
    ///
    /// # Errors
    /// What that answers, or that the run has ended.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Handover) -> Result<T, RunError>,
    ) -> Result<T, RunError> {
        match &mut *self.lock() {
            Some(handover) => work(handover),
            None => Err(RunError::Observer("the run has ended".to_owned())),
        }
    }

    /// Takes it away from whoever else may use it.
    pub(super) fn take(&self) -> Option<Handover> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Handover>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something of the input, as it is offered to the journal.
pub(super) fn offered(id: u64, key: &str, text: &str, is_record: bool) -> Offered {
    let key = match is_record {
        true => key.to_owned(),
        false => format!("{NO_RECORD}{key}"),
    };
    Offered {
        handed: Handed {
            id,
            number: id,
            key,
            source_record: text.to_owned(),
            record: text.to_owned(),
        },
        is_record,
    }
}

/// `x.journal`, then `x.2.journal`, and so on.
fn numbered(path: &Path, number: u32) -> PathBuf {
    match number {
        1 => path.to_owned(),
        number => path.with_extension(format!("{number}.journal")),
    }
}

/// Refuses a file that a run was to make, where one that was broken off has left what it
/// has of it. One that is being written is told otherwise.
///
/// # Errors
/// If there is one.
pub(super) fn refuse_left_over(path: &Path, why: &'static str) -> Result<(), RunError> {
    let part = part_of(path);
    let Ok(file) = File::open(&part) else {
        return Ok(());
    };
    let is_empty = file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    if is_empty || matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return Ok(());
    }
    Err(left_over(&part, why))
}

fn left_over(path: &Path, why: &str) -> RunError {
    RunError::LeftOver {
        path: path.to_owned(),
        why: why.to_owned(),
    }
}
