//! The order of writes to one record: as they came, one after the other, while
//! writes to other records go on.

use futures::channel::oneshot;
use std::collections::HashMap;

/// Records looked after before those that are done are forgotten.
const MOST: usize = 64;

/// Who is last in each record's line.
#[derive(Default)]
pub struct Order(HashMap<String, oneshot::Receiver<()>>);

/// A place in a line. Dropping it lets the next one go.
pub struct Turn {
    before: Option<oneshot::Receiver<()>>,
    /// Dropped with this, which the next one sees.
    _done: Option<oneshot::Sender<()>>,
}

impl Order {
    /// The next place in the line of a record; none where order does not matter.
    pub fn turn(&mut self, record: Option<String>) -> Turn {
        let Some(record) = record else {
            return Turn {
                before: None,
                _done: None,
            };
        };
        if self.0.len() >= MOST {
            self.0.retain(|_, last| matches!(last.try_recv(), Ok(None)));
        }
        let (done, last) = oneshot::channel();
        Turn {
            before: self.0.insert(record, last),
            _done: Some(done),
        }
    }
}

impl Turn {
    /// Waits until those before are done.
    pub async fn comes(&mut self) {
        if let Some(before) = self.before.take() {
            // It is never sent, only dropped.
            let _ = before.await;
        }
    }
}
