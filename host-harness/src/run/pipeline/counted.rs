//! Counts runs and records into the numbers of the process.

use super::{Journal, Observer, Place, Progress, Receiver, Rejected};
use crate::observability::{self, Ended, Fate, metrics};
use crate::run::report::{Counts, Outcome, Report};
use crate::run::{RunError, Taken};
use crate::runtime::types::{Answer, Notice, NoticeKind};

/// An observer that counts what another one hears.
pub(super) struct Counted<'a> {
    observer: &'a mut dyn Observer,
    counted: Counts,
    _running: observability::Counted,
}

impl<'a> Counted<'a> {
    pub(super) fn new(observer: &'a mut dyn Observer) -> Self {
        Self {
            observer,
            counted: Counts::default(),
            _running: observability::Counted::up(&metrics().running),
        }
    }

    /// Counts how the run ended; no report where it could not start.
    pub(super) fn end(mut self, report: Option<&Report>) {
        if let Some(report) = report {
            self.count(report.counts);
            if let Some(message) = report.counts.blank_rows() {
                self.observer.notice(&Notice {
                    kind: NoticeKind::Warning,
                    message,
                    wait: None,
                });
            }
        }
        metrics().run_ended(match report.map(|report| report.outcome) {
            Some(Outcome::Success) => Ended::Success,
            Some(Outcome::Partial) => Ended::Partial,
            Some(Outcome::Interrupted) => Ended::Interrupted,
            Some(Outcome::Failure) | None => Ended::Failure,
        });
    }

    fn count(&mut self, now: Counts) {
        let before = std::mem::replace(&mut self.counted, now);
        for (fate, before, now) in [
            (Fate::Read, before.read, now.read),
            (Fate::Written, before.written, now.written),
            (Fate::Rejected, before.rejected, now.rejected),
            (Fate::Uncertain, before.uncertain, now.uncertain),
            (Fate::Skipped, before.skipped, now.skipped),
        ] {
            metrics().records(fate, now.saturating_sub(before));
        }
    }
}

impl Observer for Counted<'_> {
    fn progress(&mut self, progress: Progress) {
        self.count(progress.counts);
        self.observer.progress(progress);
    }

    fn notice(&mut self, notice: &Notice) {
        self.observer.notice(notice);
    }

    fn rejected(&mut self, rejected: Rejected) -> Result<(), RunError> {
        self.observer.rejected(rejected)
    }

    fn differs(&mut self, answer: &Answer) {
        self.observer.differs(answer);
    }

    fn reached(&mut self, place: Place, number: u64) -> Result<(), RunError> {
        self.observer.reached(place, number)
    }

    fn journal(&mut self) -> Option<&mut dyn Journal> {
        self.observer.journal()
    }

    fn taken(&mut self) -> Option<&mut Taken> {
        self.observer.taken()
    }

    fn receiver(&mut self) -> Option<&mut dyn Receiver> {
        self.observer.receiver()
    }
}
