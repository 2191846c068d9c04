//! The file that is made of the records which agents over NATS report.
//!
//! Reports become part of the file and of the run's record in step: the record says how
//! many bytes of the file the reports up to there have made, and whoever goes on, after
//! this process has died, cuts off what is beyond and reads the reports after them once
//! more. What an agent reported after its last place is cut off when another goes on
//! with the run, which gives it again.
//!
//! Of several processes that follow a run, one holds the file locked; the others wait
//! until it lets go.

use super::joined::{JobRecord, followed, keep_job};
use crate::blocking::blocking;
use crate::group::{Batch, Report};
use crate::records::{Claimed, Format, OutputError, OutputFile, RecordWriter, part_of};
use crate::run::{Outcome, RunError};
use crate::workspace::Workspace;
use crate::workspace::error::WorkspaceError;
use crate::workspace::id::RunId;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a run's row has of its file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct FileRecord {
    /// Its name in the workspace's folder.
    pub(super) name: String,
    /// How records lie in it.
    pub(super) format: Format,
    /// How many bytes the reports have made that are part of the run's record.
    pub(super) bytes: u64,
    /// How many it has as a whole, once it is about to get its name.
    pub(super) whole: Option<u64>,
    /// Why it cannot be written any more.
    pub(super) failed: Option<String>,
}

impl FileRecord {
    pub(super) fn new(name: String, format: Format) -> Self {
        Self {
            name,
            format,
            bytes: 0,
            whole: None,
            failed: None,
        }
    }
}

/// Who writes the file of a run.
pub(super) enum Claim {
    /// This follower, from where the record says.
    Ours(Box<RecordWriter<OutputFile>>),
    /// Another one.
    Anothers,
    /// It is whole, and has its name: only the record of that is missing.
    Named,
}

impl Workspace {
    /// Takes the file of a run to write it, if nobody else does.
    pub(super) fn claim_file(&self, id: RunId, file: &FileRecord) -> Result<Claim, WorkspaceError> {
        let path = self.file_path(&file.name)?;
        let claimed = match Claimed::existing(path.clone()) {
            Ok(claimed) => claimed,
            Err(OutputError::Busy { .. }) => return Ok(Claim::Anothers),
            Err(OutputError::NothingToResume { .. }) if is_named(&path, file) => {
                return Ok(Claim::Named);
            }
            Err(error) => return Err(RunError::from(error).into()),
        };
        // Whoever had it until now may have gone further.
        let now = self.database().read(|t| followed(t, id))?;
        let Some(file) = now.and_then(|followed| followed.job.file) else {
            return Ok(Claim::Anothers);
        };
        let opened = blocking(|| claimed.go_on_at(file.format, file.bytes));
        let writer = RecordWriter::resume(opened.map_err(RunError::from)?);
        Ok(Claim::Ours(Box::new(writer)))
    }
}

fn is_named(path: &Path, file: &FileRecord) -> bool {
    let length = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
    file.whole.is_some() && file.whole == length
}

/// A file under way.
pub(super) struct Writing<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) id: RunId,
    /// Of the run's row; none where the file has its name already.
    pub(super) writer: Option<RecordWriter<OutputFile>>,
    /// Up to where it is told to be kept, by the last place.
    pub(super) at_place: u64,
}

impl Writing<'_> {
    /// Makes reports part of the file, and says in them and in the job's record how many
    /// bytes it has then. Answers the file's name where the run has ended.
    ///
    /// What cannot be written fails the run, and no place counts after it.
    pub(super) fn take(&mut self, job: &mut JobRecord, batch: &mut Batch) -> Option<String> {
        let mut file = job.file.clone()?;
        let mut name = None;
        let reports = std::mem::take(&mut batch.reports);
        let mut taken = Vec::with_capacity(reports.len());
        for mut report in reports {
            if file.failed.is_none() {
                let done = blocking(|| self.take_one(&mut report, &file));
                if let Err(error) = done {
                    file.failed = Some(error.to_string());
                    self.give_up();
                }
            }
            if file.failed.is_some() && matches!(report, Report::Reached(..)) {
                continue;
            }
            if let Report::Ended(end) = &report {
                let whole = matches!(end.outcome, Outcome::Success | Outcome::Partial);
                let closed = self.close(whole && file.failed.is_none(), job, &mut file);
                match closed {
                    Ok(path) => name = path,
                    Err(error) => {
                        file.failed.get_or_insert(error.to_string());
                    }
                }
            }
            taken.push(report);
        }
        batch.reports = taken;
        if let (Some(writer), None) = (&mut self.writer, &file.failed) {
            match blocking(|| writer.sync()) {
                Ok(bytes) => file.bytes = bytes,
                Err(error) => {
                    file.failed = Some(RunError::from(error).to_string());
                    batch
                        .reports
                        .retain(|report| !matches!(report, Report::Reached(..)));
                    self.give_up();
                }
            }
        }
        job.file = Some(file);
        name
    }

    fn take_one(&mut self, report: &mut Report, file: &FileRecord) -> Result<(), RunError> {
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        match report {
            Report::Taken => {
                if writer.position()? != self.at_place
                    && let Some(writer) = self.writer.take()
                {
                    let claimed = writer.finish()?.0.reclaim()?;
                    let cut = claimed.go_on_at(file.format, self.at_place)?;
                    self.writer = Some(RecordWriter::resume(cut));
                }
            }
            Report::Delivered(records) => {
                for record in records {
                    writer.write(record)?;
                }
            }
            Report::Reached(place, _) => {
                self.at_place = writer.position()?;
                place.bytes = Some(self.at_place);
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives the file its name where it is whole. That this is about to be done is kept
    /// before.
    fn close(
        &mut self,
        whole: bool,
        job: &JobRecord,
        file: &mut FileRecord,
    ) -> Result<Option<String>, WorkspaceError> {
        let path = self.workspace.file_path(&file.name)?;
        let Some(writer) = self.writer.take() else {
            let part = part_of(&path);
            let there = if is_named(&path, file) { path } else { part };
            return Ok(there.exists().then(|| file_name(&there)).flatten());
        };
        let (output, _) = writer.finish().map_err(RunError::from)?;
        let path = if whole {
            file.whole = Some(output.bytes());
            let before = JobRecord {
                file: Some(file.clone()),
                ..job.clone()
            };
            self.workspace
                .database()
                .write(|t| keep_job(t, self.id, &before))?;
            blocking(|| output.commit())
        } else {
            blocking(|| output.keep_partial())
        };
        Ok(file_name(&path.map_err(RunError::from)?))
    }

    /// Leaves what there is of it for a person to look at.
    fn give_up(&mut self) {
        if let Some(writer) = self.writer.take()
            && let Ok((output, _)) = writer.finish()
        {
            // Why it cannot be written is known already.
            let _ = output.keep_partial();
        }
    }
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// Bytes of the records among reports.
pub(super) fn bytes_of(batch: &Batch) -> u64 {
    let of_one = |report: &Report| match report {
        Report::Delivered(records) => records.iter().map(|record| record.len() as u64).sum(),
        _ => 0,
    };
    batch.reports.iter().map(of_one).sum()
}
