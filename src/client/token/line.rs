//! A line, in which one after the other has its turn, in the order they came.
//!
//! A mutex would not do: one that is free goes to whoever asks first, so that who gives it
//! back to stand at the end of the line would have it again.

use crate::host::Host;
use futures::channel::oneshot;
use futures::future::{Either, select};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

#[derive(Default)]
pub struct Line {
    taken: Cell<bool>,
    /// How often a turn has ended.
    passed: Cell<u64>,
    waiting: RefCell<VecDeque<oneshot::Sender<Turn>>>,
}

/// The turn of the first. Dropping it makes it that of the next, also where that one has
/// it and does not know yet.
pub struct Turn(Option<Rc<Line>>);

impl Line {
    /// Waits for its turn, but no longer than this in a line that stands still: whoever is
    /// before may be part of a call that nobody goes on with, because its events are not
    /// taken.
    pub async fn turn<H: Host>(self: &Rc<Self>, host: &H, at_most: Duration) -> Option<Turn> {
        if !self.taken.replace(true) {
            return Some(Turn(Some(Rc::clone(self))));
        }
        let (sender, mut turn) = oneshot::channel();
        self.waiting.borrow_mut().push_back(sender);
        loop {
            let passed = self.passed.get();
            match select(turn, pin!(host.sleep(at_most))).await {
                Either::Left((turn, _)) => return turn.ok(),
                Either::Right((_, still)) if self.passed.get() != passed => turn = still,
                Either::Right(_) => return None,
            }
        }
    }

    fn pass_on(self: &Rc<Self>) {
        self.passed.set(self.passed.get() + 1);
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(next) = next else {
                self.taken.set(false);
                return;
            };
            match next.send(Turn(Some(Rc::clone(self)))) {
                Ok(()) => return,
                // That one went away.
                Err(mut turn) => turn.0 = None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(line) = self.0.take() {
            line.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, Remote};
    use crate::host::{Request, Response, SendError};
    use futures::future::{join_all, poll_immediate};

    struct Nobody;

    impl Remote for Nobody {
        fn respond(&mut self, _: &Request, _: Duration) -> Result<Response, SendError> {
            Err(SendError::Refused)
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_has_its_turn_in_the_order_they_came() {
        let host = Fake::new(Nobody);
        let line = Rc::<Line>::default();
        let seen = RefCell::new(Vec::new());
        let waiting = (0..4).map(|n| {
            let (line, host, seen) = (&line, &host, &seen);
            async move {
                for _ in 0..2 {
                    let turn = line.turn(host, SECOND * 2).await;
                    assert!(turn.is_some());
                    seen.borrow_mut().push(n);
                    host.sleep(SECOND).await;
                }
            }
        });
        host.run(join_all(waiting));
        assert_eq!(seen.take(), [0, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(host.now(), SECOND * 8);
        assert!(!line.taken.get());
    }

    #[test]
    fn who_goes_away_is_passed_over_and_nobody_waits_where_the_line_stands_still() {
        let host = Fake::new(Nobody);
        let line = Rc::<Line>::default();
        let first = host.run(line.turn(&host, SECOND)).unwrap();
        let mut second = Box::pin(line.turn(&host, SECOND * 9));
        let mut third = Box::pin(line.turn(&host, SECOND * 9));
        for waiting in [&mut second, &mut third] {
            assert!(host.run(poll_immediate(waiting)).is_none());
        }
        assert!(host.run(line.turn(&host, SECOND)).is_none());
        drop(first);
        // It is the second's now, who does not know it yet.
        drop(second);
        assert!(host.run(third).is_some());
        assert!(!line.taken.get());
    }
}
