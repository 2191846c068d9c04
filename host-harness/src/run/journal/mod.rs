//! What was handed to a target, so that a run that is gone on with repeats no
//! write.
//!
//! Records that came after the last place of a run that died fall in three
//! classes: answered (not handed over again), never begun (handed over), and begun
//! without an answer. What became of these the connector has to find out: they are
//! handed over under an id that its call names in `resume`.

mod sqlite;

pub(crate) use sqlite::SCHEMA;
pub use sqlite::SqliteJournal;
pub(crate) use sqlite::is_owned;
pub(super) use sqlite::{NO_RECORD, Offered, Written};

use super::RunError;

/// A record that goes to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The key of its item, unique in the run and in those that it goes on with.
    pub id: u64,
    /// Its number among the records of this run, in the source's order, from 1.
    pub number: u64,
    /// The source's key of it. Several records of a run may have the same.
    pub key: String,
    /// As the source gave it.
    pub source_record: String,
    /// As it is handed over.
    pub record: String,
}

/// What the runs that this one goes on with know of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it was never handed over.
    Nothing,
    /// The target answered it, or its rejection was kept.
    Answered,
    /// It was handed over under this id, and no answer came; or one came, and the
    /// source gives the record otherwise now.
    Uncertain(u64),
}

/// Remembers what was handed to a target. What it cannot keep ends the run.
///
/// It survives the death of the process. [`Journal::begin`] survives that of the
/// machine, too; an answer that is lost with the machine leaves its record
/// uncertain, and nothing worse.
pub trait Journal: Send {
    /// The ids under which records were handed over in the runs that this one goes
    /// on with, and that it has not met yet.
    ///
    /// # Errors
    /// If they cannot be read.
    fn earlier(&mut self) -> Result<Vec<u64>, RunError>;

    /// The greatest id that was ever given; 0 where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    fn last_id(&mut self) -> Result<u64, RunError>;

    /// Looks for the next record that comes out of the source among those of the
    /// runs that this one goes on with: the first of the same key that was not met
    /// yet. It is this run's from now on, under its number.
    ///
    /// # Errors
    /// If that cannot be read or kept.
    fn meet(&mut self, record: &Handed) -> Result<Known, RunError>;

    /// Records are about to be handed over. They are on the disk when this returns.
    ///
    /// # Errors
    /// If they cannot be kept; then none is handed over.
    fn begin(&mut self, records: &[Handed]) -> Result<(), RunError>;

    /// The target has answered the records of these ids, or their rejections were
    /// kept.
    ///
    /// # Errors
    /// If that cannot be kept.
    fn answered(&mut self, ids: &[u64]) -> Result<(), RunError>;

    /// The records of these ids were certainly not handed over.
    ///
    /// # Errors
    /// If that cannot be kept.
    fn withdrawn(&mut self, ids: &[u64]) -> Result<(), RunError>;

    /// The records of unknown fate that the source did not give again. To be asked
    /// for when it has come to its end.
    ///
    /// # Errors
    /// If they cannot be read.
    fn left(&mut self) -> Result<Vec<Handed>, RunError>;
}
