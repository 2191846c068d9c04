//! The files that a run into a target makes.

use super::Results;
use super::input::Invalid;
use crate::records::{Format, OutputFile, RecordWriter};
use crate::run::aside::Aside;
use crate::run::handover::{Handover, Shared, refuse_left_over};
use crate::run::journal::Written;
use crate::run::report::{Counts, Report};
use crate::run::{Handed, RunError, unanswered_before};
use crate::runtime::types::{Answer, ErrorKind, Rejection};
use std::path::PathBuf;

/// The files of a run, as its journal names them.
const ANSWERS: &str = "answers";
const REJECTED: &str = "rejected";
const DIFFERING: &str = "differing";
const ANSWERS_LEFT: &str = "a run that was broken off has left this, and it says what that run \
     has written: keep it, and move it away before another run goes into the same file";

/// What is written while a target runs. The first failure is kept, and does not
/// keep the run from waiting for what is under way.
pub(super) struct Outputs {
    answers: Option<(PathBuf, RecordWriter<OutputFile>)>,
    rejected: Aside,
    differing: Aside,
    dry_run: bool,
    handover: Option<Shared>,
    pub(super) counts: Counts,
    pub(super) failed: Option<RunError>,
    /// Records that were taken, and whose answers are not in the output, with why.
    unwritable: Vec<(String, String)>,
    /// A key that the connector answered though it was not asked, or twice.
    pub(super) miscounted: Option<String>,
}

impl Outputs {
    pub(super) fn create(
        results: Results,
        handover: Option<&Handover>,
        dry_run: bool,
    ) -> Result<Self, RunError> {
        // What was begun and is not settled is told again.
        let reopened = |file, format| match handover {
            Some(handover) => handover.reopened(file, format),
            None => Ok(None),
        };
        let aside = |file, path| -> Result<Aside, RunError> {
            let begun = match handover {
                Some(handover) => handover.begun(file)?,
                None => None,
            };
            if let Some(path) = begun {
                // Nothing of it counts, so that there may be nothing at all.
                return Aside::new(path);
            }
            Ok(match reopened(file, Format::Ndjson)? {
                Some((path, writer)) => Aside::going_on(path, writer),
                None => Aside::new(path)?,
            })
        };
        let answers = match results.answers {
            Some((path, format)) => match reopened(ANSWERS, format)? {
                Some(answers) => Some(answers),
                // They have their name.
                None if handover.is_some_and(Handover::had_ended) && path.exists() => None,
                None => {
                    if !handover.is_some_and(Handover::is_resumed) {
                        refuse_left_over(&path, ANSWERS_LEFT)?;
                    }
                    let file = OutputFile::create(&path, format)?;
                    Some((path, RecordWriter::new(file, format)))
                }
            },
            None => None,
        };
        Ok(Self {
            answers,
            rejected: aside(REJECTED, results.rejected)?,
            differing: aside(DIFFERING, results.differing)?,
            dry_run,
            handover: None,
            counts: Counts::default(),
            failed: None,
            unwritable: Vec::new(),
            miscounted: None,
        })
    }

    /// Says in this journal how far the files are, from now on.
    pub(super) fn keep_in(&mut self, handover: Shared) {
        self.handover = Some(handover);
    }

    /// How far the files are. A run that dies must not take what they have with it.
    fn written(&mut self) -> Result<Vec<Written>, RunError> {
        let mut all = Vec::new();
        let mut add = |file, path, bytes| all.push(Written { file, path, bytes });
        if let Some((path, writer)) = &mut self.answers {
            add(ANSWERS, path.clone(), writer.position()?);
        }
        for (file, aside) in [
            (REJECTED, &mut self.rejected),
            (DIFFERING, &mut self.differing),
        ] {
            if let Some((path, bytes)) = aside.position()? {
                add(file, path, bytes);
            }
        }
        Ok(all)
    }

    /// What was just written is where it is to stay, and these were dealt with. Where
    /// something could not be written, they were not, and are told when it is gone on.
    pub(super) fn settle(&mut self, ids: &[u64], put_aside: &[Handed]) {
        if self.failed.is_some() {
            return;
        }
        let settled = self.written().and_then(|written| match &self.handover {
            Some(handover) if !ids.is_empty() || !put_aside.is_empty() => {
                handover.with(|handover| handover.settle(ids, put_aside, &written))
            }
            _ => Ok(()),
        });
        if let Err(error) = settled {
            self.failed.get_or_insert(error);
        }
    }

    /// Says in the journal which file is about to be made, unless it is there.
    fn begin(&mut self, file: &'static str) {
        let aside = match file {
            REJECTED => &mut self.rejected,
            _ => &mut self.differing,
        };
        if let (Some(path), Some(handover)) = (aside.begun_as(), &self.handover) {
            let begun = [Written {
                file,
                path,
                bytes: 0,
            }];
            if let Err(error) = handover.with(|handover| handover.settle(&[], &[], &begun)) {
                self.failed.get_or_insert(error);
            }
        }
    }

    /// Rejects what is no record.
    pub(super) fn put_aside(&mut self, invalid: &Invalid) {
        self.reject(&invalid.rejection);
        self.settle(&[], std::slice::from_ref(&invalid.handed));
    }

    /// Rejects what the run before has handed over without an answer, and is not in the
    /// input any more.
    pub(super) fn reject_left(&mut self) {
        let left = self.handover.as_ref();
        let left = match left.map(|handover| handover.with(Handover::left)) {
            Some(Ok(left)) => left,
            Some(Err(error)) => {
                self.failed.get_or_insert(error);
                return;
            }
            None => return,
        };
        for handed in left {
            self.reject(&Rejection {
                key: handed.key,
                data: handed.source_record,
                error: unanswered_before(),
            });
            self.settle(&[handed.id], &[]);
        }
    }

    pub(super) fn withdraw(&mut self, ids: &[u64]) {
        if let Some(handover) = &self.handover
            && !ids.is_empty()
            && let Err(error) = handover.with(|handover| handover.withdrawn(ids))
        {
            self.failed.get_or_insert(error);
        }
    }

    pub(super) fn answer(&mut self, answer: &Answer) {
        self.counts.count(answer);
        if self.dry_run || !answer.differences.is_empty() {
            self.begin(DIFFERING);
            if let Err(error) = self.differing.differ(answer) {
                self.failed.get_or_insert(error);
            }
        }
        if let Some((_, writer)) = &mut self.answers
            && !answer.data.is_empty()
            && let Err(error) = writer.write(&answer.data)
        {
            match error.is_about_the_record() {
                true => self
                    .unwritable
                    .push((answer.key.clone(), error.to_string())),
                false => {
                    self.failed.get_or_insert(error.into());
                }
            }
        }
    }

    pub(super) fn reject(&mut self, rejection: &Rejection) {
        let uncertain = rejection.error.kind == ErrorKind::Uncertain;
        self.counts.rejected += 1;
        self.counts.uncertain += u64::from(uncertain);
        self.begin(REJECTED);
        if let Err(error) = self.rejected.reject(rejection, uncertain) {
            self.failed.get_or_insert(error);
        }
    }

    /// Gives the files their names, where the run is not gone on with, and tells them and
    /// what failed.
    pub(super) fn finish(mut self, report: &mut Report, is_whole: bool) {
        let handover = self.handover.take().and_then(|handover| handover.take());
        let (kept, done) = self.kept_for_later(is_whole, handover);
        if let Some((_, writer)) = self.answers.take() {
            let finished = writer.finish().map_err(RunError::from);
            let named = finished.and_then(|(file, _)| match kept {
                Some(_) => Ok(file.keep_partial()?),
                None => Ok(file.commit()?),
            });
            match named {
                Ok(path) => report.output = Some(path),
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        for (file, named) in [
            (self.rejected, &mut report.rejected),
            (self.differing, &mut report.differing),
        ] {
            let path = match kept {
                Some(_) => file.keep(),
                None => file.finish(),
            };
            match path {
                Ok(path) => *named = path,
                Err(error) => {
                    self.failed.get_or_insert(error);
                }
            }
        }
        report.journal = kept;
        if let Some(handover) = done
            && self.failed.is_none()
            && let Err(error) = handover.remove()
        {
            self.failed = Some(error);
        }
        if let Some(error) = self.failed {
            report.fail(error.to_string());
        }
        if let Some((key, why)) = self.unwritable.first() {
            report.fail(format!(
                "{} records were taken, and their answers are not in the output; of “{key}”: {why}",
                self.unwritable.len()
            ));
        }
        if let Some(key) = self.miscounted {
            report.fail(format!(
                "the connector answered “{key}”, which it was not given, or twice"
            ));
        }
    }

    /// The journal, where the run is to be gone on with: its file; and where everything
    /// was dealt with, so that it is taken away when the files have their names.
    fn kept_for_later(
        &mut self,
        is_whole: bool,
        handover: Option<Handover>,
    ) -> (Option<PathBuf>, Option<Handover>) {
        let Some(mut handover) = handover else {
            return (None, None);
        };
        let decided = match is_whole && self.failed.is_none() {
            true => handover.ended().map(|()| false),
            // Where nothing was handed over, the command can be repeated as it is.
            false => handover.is_needed(),
        };
        match decided {
            Ok(false) => (None, Some(handover)),
            Ok(true) => (Some(handover.keep()), None),
            Err(error) => {
                self.failed.get_or_insert(error);
                (Some(handover.keep()), None)
            }
        }
    }
}
