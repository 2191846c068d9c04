//! A running activity, seen from the host: batches of events as they come, and
//! in the end its totals.

use super::bindings::types::{Call, Event, Item, Notice, NoticeKind, Summary};
use super::error::{Breach, ConnectorError, RuntimeError};
use super::guest::Guest;
use super::limits::Usage;
use super::recording::Recorder;
use super::redaction::Redactor;
use super::run_log::RunLog;
use super::session::{Session, clean};
use crate::egress::Traffic;
use crate::observability::SPANS;
use futures::channel::{mpsc, oneshot};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::task::JoinHandle;
use tracing::Instrument;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureConsumer, FutureReader, Source, StreamConsumer, StreamProducer,
    StreamReader, StreamResult,
};

/// Batches that wait to be taken. A batch is what the connector writes at once,
/// a page for instance; when none is taken, the connector waits.
const BATCHES_AHEAD: usize = 1;
/// Bytes of a checkpoint: what the contract says.
const MOST_CHECKPOINT: usize = 4096;
/// Characters of a key that are shown.
const MOST_SHOWN: usize = 200;

/// A run under way. Dropping it ends the run at once.
pub struct Execution {
    events: mpsc::Receiver<Vec<Event>>,
    ended: JoinHandle<Result<Summary, RuntimeError>>,
    usage: Usage,
    log: RunLog,
    traffic: Traffic,
    redactor: Redactor,
    recorder: Option<Recorder>,
}

impl Execution {
    /// The next events, in order; none when the run has ended. Among them are the
    /// host's own notices of what a request is about to wait for, where that is a
    /// second or more: the connector knows nothing of them. May be given up and called
    /// again.
    pub async fn next(&mut self) -> Option<Vec<Event>> {
        let mut events = tokio::select! {
            biased;
            wait = self.traffic.next_wait() => return Some(vec![Event::Notice(Notice {
                kind: NoticeKind::Throttled,
                message: wait.message().to_owned(),
                wait: Some(u64::try_from(wait.long.as_millis()).unwrap_or(u64::MAX)),
            })]),
            events = self.events.next() => events?,
        };
        if let Some(recorder) = &self.recorder {
            recorder.events(&events);
        }
        for event in &mut events {
            match event {
                // Data is the user's own and passes as it is.
                Event::Item(_) | Event::Answered(_) | Event::Checkpoint(_) => {}
                Event::Rejected(rejection) => {
                    clean(&mut rejection.error, &self.redactor, &self.traffic)
                }
                Event::Notice(notice) => {
                    if notice.kind != NoticeKind::Warning {
                        self.traffic.count_repeated();
                    }
                    self.redactor.clean(&mut notice.message);
                }
            }
        }
        Some(events)
    }

    /// How the run ended. Events that nobody took are lost; the connector is
    /// told that nobody listens, and stops.
    ///
    /// # Errors
    /// What the connector says, or how it broke down. What was delivered stands.
    pub async fn finish(mut self) -> Result<Summary, RuntimeError> {
        self.events.close();
        self.ended().await
    }

    /// Waits for the end once no more events come, and may be given up and
    /// called again until it answers; not after that.
    pub(crate) async fn ended(&mut self) -> Result<Summary, RuntimeError> {
        let ended = match (&mut self.ended).await {
            Ok(ended) => ended,
            Err(error) if error.is_cancelled() => Err(RuntimeError::Cancelled),
            Err(_) => Err(RuntimeError::Trap("the host itself panicked".to_owned())),
        };
        if let Some(recorder) = &self.recorder {
            recorder.end(&ended);
        }
        ended
    }

    /// What the run has used so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The run's log.
    pub fn log(&self) -> &RunLog {
        &self.log
    }

    /// What went over the network so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Execution {
    fn drop(&mut self) {
        // Dropping the store is the only way to cancel a guest.
        self.ended.abort();
    }
}

/// Starts an activity in a task of its own.
pub(super) fn start(
    mut session: Session,
    call: Call,
    input: BoxStream<'static, Item>,
) -> Execution {
    let (sender, events) = mpsc::channel(BATCHES_AHEAD);
    let (usage, log) = (session.usage().clone(), session.log().clone());
    let (traffic, redactor) = (session.traffic().clone(), session.redactor().clone());
    let (connector, digest) = session.connector();
    let recorder = session.recorder().cloned();
    let input = match recorder.clone() {
        Some(recorder) => {
            recorder.call(connector, &digest, &session.connection(), &call);
            input.inspect(move |item| recorder.input(item)).boxed()
        }
        None => input,
    };
    let span = tracing::info_span!(
        target: SPANS,
        "execute",
        otel.name = %call.activity,
        connector,
        %digest,
        connection = session.connection_name(),
        activity = %call.activity,
        object = %call.object,
    );
    let running = async move { run(&mut session, call, input, sender).await };
    let ended = tokio::spawn(running.instrument(span));
    Execution {
        events,
        ended,
        usage,
        log,
        traffic,
        redactor,
        recorder,
    }
}

async fn run(
    session: &mut Session,
    call: Call,
    input: BoxStream<'static, Item>,
    events: mpsc::Sender<Vec<Event>>,
) -> Result<Summary, RuntimeError> {
    let connection = session.connection();
    let (redactor, traffic) = (session.redactor().clone(), session.traffic().clone());
    let asked = Asked::default();
    let consumed = asked.clone();
    let ended = session
        .call(async |accessor, instance| {
            let input = accessor.with(|access| StreamReader::new(access, Input(input, asked)))?;
            let started = instance
                .integration_connector_connector()
                .call_execute(accessor, connection, call, input)
                .await?;
            let (stream, future): (StreamReader<Event>, FutureReader<Result<Summary, _>>) =
                match started {
                    Ok(running) => running,
                    Err(error) => return Ok(Some(Err(error))),
                };
            let (end, ended) = oneshot::channel();
            let (last, all_taken) = oneshot::channel();
            accessor.with(|mut access| {
                stream.pipe(
                    &mut access,
                    Events {
                        taken: events,
                        asked: consumed,
                        _last: last,
                    },
                )?;
                future.pipe(&mut access, End(Some(end)))
            })?;
            let ended = ended.await.ok();
            // Events may still be on their way when the end is told.
            let _ = all_taken.await;
            Ok(ended)
        })
        .await?;
    match ended {
        Some(Ok(summary)) => Ok(summary),
        Some(Err(mut error)) => {
            clean(&mut error, &redactor, &traffic);
            Err(ConnectorError(error).into())
        }
        None => {
            let error = RuntimeError::from(Breach::NoEnd);
            session.tell(&error);
            Err(error)
        }
    }
}

/// Keys of records that the guest has taken and not answered.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<HashSet<String>>>);

impl Asked {
    fn ask(&self, key: &str) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.to_owned());
    }

    /// Holds an event against the contract.
    fn check(&self, event: &Event) -> Result<(), Breach> {
        let key = match event {
            Event::Answered(answer) => &answer.key,
            Event::Rejected(rejection) => &rejection.key,
            Event::Checkpoint(checkpoint) if checkpoint.len() > MOST_CHECKPOINT => {
                return Err(Breach::Checkpoint {
                    bytes: checkpoint.len(),
                    most: MOST_CHECKPOINT,
                });
            }
            Event::Item(_) | Event::Checkpoint(_) | Event::Notice(_) => return Ok(()),
        };
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.remove(key) {
            return Ok(());
        }
        let key = key.chars().take(MOST_SHOWN).collect();
        Err(Breach::Unasked { key })
    }
}

/// Gives the guest its input, one record at a time.
struct Input(BoxStream<'static, Item>, Asked);

impl StreamProducer<Guest> for Input {
    type Item = Item;
    type Buffer = Option<Item>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _: StoreContextMut<'a, Guest>,
        mut destination: Destination<'a, Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match Pin::new(&mut self.0).poll_next(context) {
            Poll::Ready(Some(item)) => {
                self.1.ask(&item.key);
                destination.set_buffer(Some(item));
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Poll::Ready(None) => Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Takes the guest's events, a batch at a time, as fast as they are taken from
/// the other side.
struct Events {
    taken: mpsc::Sender<Vec<Event>>,
    asked: Asked,
    /// Dropped together with this, when the stream has ended.
    _last: oneshot::Sender<()>,
}

impl StreamConsumer<Guest> for Events {
    type Item = Event;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, Guest>,
        mut source: Source<'_, Event>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.taken.poll_ready(context) {
            Poll::Ready(Ok(())) => {}
            // Nobody listens any more: the guest learns it and stops.
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let count = source.remaining(&mut store);
        if count > 0 {
            let mut events = Vec::with_capacity(count);
            let mut breach = None;
            source.read(&mut store, &mut events)?;
            // What was told before the breach stands.
            let sound = events
                .iter()
                .map(|event| self.asked.check(event))
                .position(|checked| {
                    breach = checked.err();
                    breach.is_some()
                });
            events.truncate(sound.unwrap_or(events.len()));
            if self.taken.start_send(events).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
            if let Some(breach) = breach {
                return Poll::Ready(Err(breach.into()));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Takes the guest's end.
struct End(Option<oneshot::Sender<Result<Summary, super::bindings::types::Error>>>);

impl FutureConsumer<Guest> for End {
    type Item = Result<Summary, super::bindings::types::Error>;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, Guest>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut ended = Vec::with_capacity(1);
        source.read(&mut store, &mut ended)?;
        if let (Some(sender), Some(ended)) = (self.0.take(), ended.pop()) {
            // The run may have been dropped meanwhile.
            let _ = sender.send(ended);
        }
        Poll::Ready(Ok(()))
    }
}
