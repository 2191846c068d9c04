//! Runs a recorded call again, without the remote system.

use super::Recording;
use super::entry::{Entry, EventSign, Exchange, RecordedBody, RecordedCall, ended};
use super::masking::mask;
use crate::runtime::redaction::MASK;
use crate::runtime::types::Item;
use crate::runtime::{Connection, Connector, Redactor, RuntimeError, SecretError, SecretSource};
use base64::Engine;
use futures::StreamExt;
use futures::future::BoxFuture;
use secrecy::SecretString;
use std::collections::{HashMap, VecDeque};
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A line of it.
    #[error("line {line} of the recording cannot be read: {why}")]
    Malformed {
        /// Which.
        line: usize,
        /// Why not.
        why: String,
    },
    /// There is no call in it.
    #[error("the recording is empty")]
    Empty,
    /// The component broke down at once.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// The network and the clock of a recording.
#[derive(Clone, Default)]
pub struct Replay(Arc<Mutex<Given>>);

#[derive(Default)]
struct Given {
    exchanges: HashMap<(String, String), VecDeque<Exchange>>,
    clock: VecDeque<Duration>,
    last: Duration,
    /// What was asked for and is not in the recording.
    missing: Option<String>,
}

impl Replay {
    fn given(&self) -> std::sync::MutexGuard<'_, Given> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next reading of the clock; after the last one, time goes on by a
    /// millisecond a reading.
    pub(super) fn clock(&self) -> Option<Duration> {
        let mut given = self.given();
        let next = match given.clock.pop_front() {
            Some(next) => next,
            None => given.last + Duration::from_millis(1),
        };
        given.last = next;
        Some(next)
    }

    /// The recorded answer to a request: of those that were asked the same way,
    /// the next. None where the recording has no such request.
    pub(crate) fn exchange(
        &self,
        method: &str,
        target: &str,
        content_type: &str,
        body: &[u8],
    ) -> Option<Exchange> {
        let mut given = self.given();
        let asked = (method.to_owned(), target.to_owned());
        let found = given.exchanges.get_mut(&asked).and_then(|queue| {
            // Requests of the same path differ by what they carry.
            let carried = String::from_utf8_lossy(body);
            let carried = mask(&carried, content_type, &Redactor::default());
            let same = |exchange: &Exchange| {
                exchange.request.cut || exchange.request.text.as_deref().unwrap_or("") == carried
            };
            let at = queue.iter().position(same)?;
            queue.remove(at)
        });
        if found.is_none() && given.missing.is_none() {
            given.missing = Some(format!("{method} {target}"));
        }
        found
    }
}

/// The bytes of a recorded body.
pub(crate) fn bytes(body: &RecordedBody) -> Vec<u8> {
    match (&body.text, &body.base64) {
        (Some(text), _) => text.clone().into_bytes(),
        (None, Some(base64)) => base64::engine::general_purpose::STANDARD
            .decode(base64)
            .unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// What a replay has shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// What was called.
    pub call: RecordedCall,
    /// Events that came, notices aside.
    pub events: usize,
    /// The first thing that went otherwise than recorded; none where all was the
    /// same.
    pub difference: Option<Difference>,
}

/// What went otherwise than recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// A request that the recording does not have.
    Request(String),
    /// An event.
    Event {
        /// Counted from 1.
        number: usize,
        /// As recorded; none where there were no more.
        recorded: Option<EventSign>,
        /// As it came; none where no more came.
        replayed: Option<EventSign>,
    },
    /// The end.
    End {
        /// As recorded.
        recorded: Result<String, String>,
        /// As it came.
        replayed: Result<String, String>,
    },
    /// The recording is not whole; everything up to there was the same.
    Incomplete,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = |sign: &Option<EventSign>| match sign {
            Some(sign) => serde_json::to_string(sign).unwrap_or_default(),
            None => "nothing".to_owned(),
        };
        match self {
            Self::Request(request) => {
                write!(f, "it asked {request}, which is not in the recording")
            }
            Self::Event {
                number,
                recorded,
                replayed,
            } => write!(
                f,
                "event {number}: recorded {}, replayed {}",
                sign(recorded),
                sign(replayed)
            ),
            Self::End { recorded, replayed } => {
                let text = |end: &Result<String, String>| match end {
                    Ok(totals) => totals.clone(),
                    Err(error) => format!("error {error}"),
                };
                write!(
                    f,
                    "the end: recorded {}, replayed {}",
                    text(recorded),
                    text(replayed)
                )
            }
            Self::Incomplete => f.write_str("the recording was broken off before its end"),
        }
    }
}

/// A recording as it is read.
struct Recorded {
    call: RecordedCall,
    input: Vec<Item>,
    events: Vec<EventSign>,
    end: Option<Result<String, String>>,
    given: Given,
}

fn read(recording: impl BufRead) -> Result<Recorded, ReplayError> {
    let mut call = None;
    let (mut input, mut events, mut exchanges) = (Vec::new(), Vec::new(), Vec::new());
    let mut given = Given::default();
    let mut end = None;
    for (number, line) in recording.lines().enumerate() {
        let malformed = |why: String| ReplayError::Malformed {
            line: number + 1,
            why,
        };
        let line = line.map_err(|error| malformed(error.to_string()))?;
        let entry = serde_json::from_str(&line).map_err(|error| malformed(error.to_string()))?;
        match entry {
            Entry::Call(called) => call = Some(called),
            Entry::Input { key, data } => input.push(Item { key, data }),
            Entry::Clock { nanoseconds } => {
                let nanoseconds: u64 = nanoseconds
                    .parse()
                    .map_err(|_| malformed("it is no time".to_owned()))?;
                given.clock.push_back(Duration::from_nanos(nanoseconds));
            }
            Entry::Exchange(exchange) => exchanges.push(exchange),
            Entry::Event(sign) => events.push(sign),
            Entry::End(ended) => end = Some(ended),
            Entry::Full => {}
        }
    }
    exchanges.sort_by_key(|exchange| exchange.number);
    for exchange in exchanges {
        let asked = (exchange.method.clone(), exchange.target.clone());
        given
            .exchanges
            .entry(asked)
            .or_default()
            .push_back(exchange);
    }
    Ok(Recorded {
        call: call.ok_or(ReplayError::Empty)?,
        input,
        events,
        end,
        given,
    })
}

/// Gives a component what a recording says that one was given, and compares
/// what comes of it.
///
/// # Errors
/// If the recording cannot be read, or the component breaks down before it is
/// called.
pub async fn replay(
    recording: impl BufRead,
    connector: &Connector,
) -> Result<Replayed, ReplayError> {
    let recorded = read(recording)?;
    let replay = Replay(Arc::new(Mutex::new(recorded.given)));
    let mut connection = Connection::new(recorded.call.connection.clone());
    connection.settings.clone_from(&recorded.call.settings);
    connection.secrets = Arc::new(Masked);
    connection.recording = Recording::Replayed(replay.clone());
    let session = connector.session(connection).await?;
    let input = futures::stream::iter(recorded.input).boxed();
    let mut execution = session.execute(recorded.call.call(), input);
    let mut events = Vec::new();
    while let Some(batch) = execution.next().await {
        events.extend(batch.iter().filter_map(EventSign::of));
    }
    let end = ended(&execution.finish().await);
    let missing = replay.given().missing.take().map(Difference::Request);
    let count = events.len();
    let difference = missing
        .or_else(|| first_difference(recorded.events, events, recorded.end.is_none()))
        .or_else(|| match recorded.end {
            None => Some(Difference::Incomplete),
            Some(recorded) if recorded != end => Some(Difference::End {
                recorded,
                replayed: end,
            }),
            Some(_) => None,
        });
    Ok(Replayed {
        call: recorded.call,
        events: count,
        difference,
    })
}

/// Compares events; of a recording that was broken off, as many as it has.
fn first_difference(
    mut recorded: Vec<EventSign>,
    mut replayed: Vec<EventSign>,
    broken_off: bool,
) -> Option<Difference> {
    if broken_off {
        replayed.truncate(recorded.len());
    }
    for events in [&mut recorded, &mut replayed] {
        events.sort_by(|a, b| a.order().cmp(&b.order()));
    }
    let longest = recorded.len().max(replayed.len());
    (0..longest).find_map(|at| {
        let (recorded, replayed) = (recorded.get(at), replayed.get(at));
        (recorded != replayed).then(|| Difference::Event {
            number: at + 1,
            recorded: recorded.cloned(),
            replayed: replayed.cloned(),
        })
    })
}

/// Reveals the mask as each secret: the recording has it in their places.
struct Masked;

impl SecretSource for Masked {
    fn reveal<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        Box::pin(async { Ok(SecretString::from(MASK)) })
    }
}
