//! What goes into a call and what comes out of it.

use crate::bindings::wit_stream;
use crate::{Answer, Difference, Effect, Error, Event, Item, Rejection, Summary};
use wit_bindgen::{StreamReader, StreamWriter};

/// The records that a target is given.
pub struct Input(pub(crate) StreamReader<Item>);

impl Input {
    /// The next record; none when there are no more.
    pub async fn next(&mut self) -> Option<Item> {
        self.0.next().await
    }
}

/// Nobody listens any more: start nothing new, and end.
#[derive(Debug, Clone, Copy)]
pub struct Stopped;

/// Why a call ended before it was through.
#[derive(Debug)]
pub enum Ended {
    /// It was asked to; what was done stands.
    Stopped,
    /// It could not go on.
    Failed(Error),
}

impl From<Stopped> for Ended {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What a target did with a record, or in a dry run would do.
#[derive(Debug)]
pub struct Taken {
    /// What was done.
    pub effect: Effect,
    /// What identifies the record in the remote system, where that is known.
    pub id: Option<String>,
    /// The record as the remote system answered it, a JSON object; may be empty.
    pub data: String,
    /// Fields that are not the same on both sides.
    pub differences: Vec<Difference>,
}

impl Taken {
    /// What was done, and how the remote system answered the record.
    pub fn new(effect: Effect, data: String) -> Self {
        Self {
            effect,
            id: None,
            data,
            differences: Vec::new(),
        }
    }

    /// Says what identifies the record in the remote system.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
}

/// The events of a call, which are counted as they go. A host that reads slowly
/// slows the connector down.
pub struct Events {
    writer: StreamWriter<Event>,
    summary: Summary,
}

impl Events {
    pub(crate) fn new() -> (Self, StreamReader<Event>) {
        let (writer, stream) = wit_stream::new();
        let summary = Summary {
            succeeded: 0,
            rejected: 0,
            requests: 0,
            retries: 0,
            stopped_early: false,
        };
        (Self { writer, summary }, stream)
    }

    pub(crate) fn end(self, outcome: Result<(), Ended>) -> Result<Summary, Error> {
        let mut summary = self.summary;
        match outcome {
            Ok(()) => {}
            Err(Ended::Stopped) => summary.stopped_early = true,
            Err(Ended::Failed(error)) => return Err(error),
        }
        Ok(summary)
    }

    /// Counts a request that was sent.
    pub fn count_request(&mut self) {
        self.summary.requests += 1;
    }

    /// Counts a request that was sent once more.
    pub fn count_retry(&mut self) {
        self.summary.requests += 1;
        self.summary.retries += 1;
    }

    /// Emits events, in order.
    ///
    /// # Errors
    /// If nobody takes them.
    pub async fn emit(&mut self, events: Vec<Event>) -> Result<(), Stopped> {
        for event in &events {
            match event {
                Event::Item(_) | Event::Answered(_) => self.summary.succeeded += 1,
                Event::Rejected(_) => self.summary.rejected += 1,
                Event::Checkpoint(_) | Event::Notice(_) => {}
            }
        }
        let left = self.writer.write_all(events).await;
        for event in &left {
            match event {
                Event::Item(_) | Event::Answered(_) => self.summary.succeeded -= 1,
                Event::Rejected(_) => self.summary.rejected -= 1,
                Event::Checkpoint(_) | Event::Notice(_) => {}
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(Stopped)
        }
    }

    /// Emits records that a source has read, and where it can go on after them.
    ///
    /// # Errors
    /// If nobody takes them.
    pub async fn page(&mut self, items: Vec<Item>, checkpoint: String) -> Result<(), Stopped> {
        let mut events: Vec<Event> = items.into_iter().map(Event::Item).collect();
        events.push(Event::Checkpoint(checkpoint));
        self.emit(events).await
    }

    /// Answers a record that a target was given: with what was done, or why it was
    /// not taken.
    ///
    /// # Errors
    /// If nobody takes the answer.
    pub async fn answer(
        &mut self,
        given: Item,
        outcome: Result<Taken, Error>,
    ) -> Result<(), Stopped> {
        let event = match outcome {
            Ok(taken) => Event::Answered(Answer {
                key: given.key,
                id: taken.id,
                effect: taken.effect,
                data: taken.data,
                differences: taken.differences,
            }),
            Err(error) => Event::Rejected(Rejection {
                key: given.key,
                data: given.data,
                error,
            }),
        };
        self.emit(vec![event]).await
    }
}
