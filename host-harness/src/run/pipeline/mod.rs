//! From a source, by way of a mapping, to a target.
//!
//! No record is lost, and none is written twice without somebody knowing: a
//! source's checkpoint is told only when every record before it has been
//! written and synced, or answered by the target, or its rejection was kept.

mod counted;
mod deliver;
mod source;
mod store;

pub(crate) use store::open_output;

use super::report::{Counts, Report};
use super::{ContentDigest, Journal, RunError, Taken, columns, rejection};
use crate::mapping::{Mapper, Mapping, MappingError};
use crate::records::Format;
use crate::runtime::Session;
use crate::runtime::types::{Answer, Call, Error, ErrorKind, Notice};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;
use tokio::sync::watch;

/// Where records come from.
pub enum Source {
    /// A source activity.
    Activity {
        /// An instance of its connector.
        session: Box<Session>,
        /// What to read.
        call: Call,
        /// Another instance, where the source's checkpoints are to be
        /// acknowledged.
        acknowledging: Option<Box<Session>>,
    },
    /// A file or a text.
    Records {
        /// Its bytes.
        reader: Box<dyn Read + Send>,
        /// How records lie in it.
        format: Format,
    },
}

/// Where records go.
pub enum Target {
    /// A target activity.
    Activity {
        /// An instance of its connector.
        session: Box<Session>,
        /// What to write.
        call: Call,
    },
    /// A file that has its name only once it is whole.
    File {
        /// Its name.
        path: PathBuf,
        /// How records lie in it.
        format: Format,
    },
    /// The [`Receiver`] of whoever looks on.
    Received,
}

/// An operation, ready to run.
pub struct Pipeline {
    /// Where records come from.
    pub source: Source,
    /// What is made of them.
    pub mapping: Option<Mapping>,
    /// Where they go.
    pub target: Target,
    /// Go on here, where an earlier run of the same operation was broken off.
    pub resume: Option<Place>,
}

/// A place in a source up to which every record has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Place {
    /// The source's own.
    pub checkpoint: String,
    /// Of a target that is a file: its bytes up to there.
    pub bytes: Option<u64>,
}

/// A record that was not taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rejected {
    /// The source's key of the record.
    pub key: String,
    /// The record as the source gave it.
    pub source_record: String,
    /// What the mapping made of it; the same where there is no mapping.
    pub record: String,
    /// Why it was not taken.
    #[serde(with = "crate::runtime::serialized::ErrorJson")]
    pub error: Error,
    /// Whether it may have been written all the same.
    pub uncertain: bool,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Records.
    pub counts: Counts,
    /// HTTP requests.
    pub requests: u64,
    /// HTTP requests that were sent again.
    pub retries: u64,
    /// Milliseconds that requests waited for the rate budget, added up.
    pub waited_ms: u64,
}

/// Hears how a run goes. What it cannot keep ends the run.
pub trait Observer: Send {
    /// How far the run is.
    fn progress(&mut self, progress: Progress);

    /// Something worth showing.
    fn notice(&mut self, notice: &Notice);

    /// A record was not taken.
    ///
    /// # Errors
    /// If that cannot be kept.
    fn rejected(&mut self, rejected: Rejected) -> Result<(), RunError>;

    /// The target took a record otherwise than it was given.
    fn differs(&mut self, answer: &Answer);

    /// Everything before this place has been dealt with. `number` is that of the
    /// last record before it, as the [`Journal`] was told it; 0 of a target that is
    /// a file. Where there is a journal, it forgets the records up to there
    /// together with the place being kept, or not at all.
    ///
    /// # Errors
    /// If that cannot be kept.
    fn reached(&mut self, place: Place, number: u64) -> Result<(), RunError>;

    /// What knows the records that were taken before, where those that have not
    /// changed since are to be left out.
    fn taken(&mut self) -> Option<&mut Taken>;

    /// What remembers the records that are handed to a target activity. Without
    /// one, a run that is gone on with hands over again whatever came after its
    /// last place.
    fn journal(&mut self) -> Option<&mut dyn Journal>;

    /// What takes the records of a run whose target is [`Target::Received`].
    fn receiver(&mut self) -> Option<&mut dyn Receiver>;
}

/// Takes the records of a run, in order, and puts them somewhere.
pub trait Receiver {
    /// One of them. A place that is [reached](Observer::reached) later comes after it.
    ///
    /// # Errors
    /// If it cannot be taken.
    fn deliver(&mut self, record: &str) -> Result<(), RunError>;

    /// Waits until everything so far is where it is to stay: only then is the source
    /// told of it. It is not where the run is to stop before.
    ///
    /// # Errors
    /// If it cannot come there.
    fn settled(&mut self) -> Result<bool, RunError>;
}

/// Whether a run is to end before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// It is not.
    No,
    /// Nothing new is begun, and what is under way is finished.
    Gently,
    /// What is under way is given up.
    Now,
}

impl Stop {
    /// What it means to have been asked so often.
    pub(crate) fn asked(times: u32) -> Self {
        match times {
            0 => Self::No,
            1 => Self::Gently,
            _ => Self::Now,
        }
    }

    /// Tells it, where nothing more urgent was told before.
    pub(crate) fn tell(self, stopping: &watch::Sender<Self>) {
        stopping.send_if_modified(|stop| {
            let more = self > *stop;
            *stop = self.max(*stop);
            more
        });
    }
}

impl Source {
    fn is_acknowledged(&self) -> bool {
        matches!(
            self,
            Self::Activity {
                acknowledging: Some(_),
                ..
            }
        )
    }
}

impl Pipeline {
    /// Runs to the end, or until `stop` says so.
    ///
    /// # Errors
    /// If the operation cannot start: its files cannot be used. All else is in
    /// the report.
    pub async fn run(
        self,
        stop: watch::Receiver<Stop>,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let mut counted = counted::Counted::new(observer);
        let ended = self.run_observed(stop, &mut counted).await;
        counted.end(ended.as_ref().ok());
        ended
    }

    async fn run_observed(
        self,
        stop: watch::Receiver<Stop>,
        observer: &mut dyn Observer,
    ) -> Result<Report, RunError> {
        let mapper = match &self.mapping {
            Some(mapping) => Some(Mapper::start(mapping)?),
            None => None,
        };
        match self.target {
            Target::File { path, format } => {
                let acknowledged = self.source.is_acknowledged();
                let writer = open_output(&path, format, self.resume.as_ref(), acknowledged)?;
                let output = store::Output::to(store::Records::File(writer));
                let source = source::start(self.source, self.resume, stop.clone()).await?;
                store::run(source, mapper, output, stop, observer).await
            }
            Target::Received => {
                let output = store::Output::to(store::Records::Received);
                let source = source::start(self.source, self.resume, stop.clone()).await?;
                store::run(source, mapper, output, stop, observer).await
            }
            Target::Activity { mut session, call } => {
                if let Source::Activity { session: other, .. } = &self.source {
                    session.works_beside(other);
                }
                let source = source::start(self.source, self.resume, stop.clone()).await?;
                // What a mapping makes of them has other names.
                if let (Some(columns), None) = (&source.columns, &mapper)
                    && let Some(notice) = columns::check(&mut session, &call, columns).await?
                {
                    observer.notice(&notice);
                }
                deliver::run(source, mapper, session, call, stop, observer).await
            }
        }
    }
}

/// What is to be done with a record of the source.
enum Content {
    /// It is as it was when it was last taken.
    Unchanged,
    /// It is not, or nobody asks.
    Changed(Option<ContentDigest>),
}

/// Whether a record is to be left out, because it has not changed.
fn content(observer: &mut dyn Observer, key: &str, json: &str) -> Result<Content, RunError> {
    let Some(taken) = observer.taken() else {
        return Ok(Content::Changed(None));
    };
    let digest = taken.changed(key, json)?;
    Ok(digest.map_or(Content::Unchanged, |digest| Content::Changed(Some(digest))))
}

/// What a mapping makes of a record: records to go on with, or why it is
/// rejected. Only a mapping that can run no longer is an error.
async fn map(
    mapper: Option<&Mapper>,
    json: &str,
) -> Result<Result<Vec<String>, Error>, MappingError> {
    let Some(mapper) = mapper else {
        return Ok(Ok(vec![json.to_owned()]));
    };
    match mapper.map(json.to_owned()).await {
        Ok(outputs) => Ok(Ok(outputs)),
        Err(error @ (MappingError::TooLong(_) | MappingError::Unusable(_))) => Err(error),
        Err(error) => Ok(Err(rejection(
            ErrorKind::InvalidInput,
            "mapping.failed",
            error.to_string(),
            "Change the mapping, or the record, and run the rejected records again.",
        ))),
    }
}
