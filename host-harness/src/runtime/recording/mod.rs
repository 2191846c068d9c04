//! A call as it went, kept so that it can be run again without the remote system.
//!
//! A recording holds everything that a component was given: its connection
//! without secrets, the call, its input, each answer to its HTTP requests and
//! each reading of the clock; and what it made of them. A replay gives the same
//! to a component and looks whether the same comes of it.
//!
//! Not recorded are files that an activity reads or keeps, and the cache: a call
//! that is recorded finds it empty.

mod body;
mod clock;
mod entry;
mod masking;
mod recorder;
mod replay;

pub(crate) use body::Captured;
pub(in crate::runtime) use clock::Clock;
pub use entry::{Entry, EventSign, Exchange, RecordedBody, RecordedCall};
pub(crate) use recorder::Kept;
pub use recorder::{MOST_BYTES, Recorder, RecordingError};
pub(crate) use replay::bytes;
pub use replay::{Difference, Replay, ReplayError, Replayed, replay};

/// Whether a session is recorded, or is itself a replay.
#[derive(Clone, Default)]
pub enum Recording {
    /// Neither.
    #[default]
    Off,
    /// What happens is written down.
    On(Recorder),
    /// The network and the clock are a recording.
    Replayed(Replay),
}

impl Recording {
    pub(crate) fn recorder(&self) -> Option<&Recorder> {
        match self {
            Self::On(recorder) => Some(recorder),
            Self::Off | Self::Replayed(_) => None,
        }
    }

    pub(crate) fn replay(&self) -> Option<&Replay> {
        match self {
            Self::Replayed(replay) => Some(replay),
            Self::Off | Self::On(_) => None,
        }
    }
}
