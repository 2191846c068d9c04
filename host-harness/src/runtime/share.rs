//! Who may compute when processors are wanted by several guests.
//!
//! A guest that works with a remote system computes a moment and waits. One that
//! computes on and on would take a whole processor from the others. So a guest
//! may compute in long stretches a tenth of the time, and [`ALLOWANCE`] at once;
//! beyond that it steps back, as long as others want to get on: all that do so
//! together are then given a tenth of one processor. Alone it is not held up: the
//! guests that work for one run, its two ends, are no others to each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A stretch of computing as long as this is a long one: half an epoch's tick. A
/// page of records takes a tenth of it.
const LONG: Duration = Duration::from_millis(5);
/// What a guest may compute in long stretches without stepping back.
const ALLOWANCE: Duration = Duration::from_millis(200);
/// Long stretches are given one part of so many of a processor.
const PARTS: u32 = 10;
/// Others want to get on as long as one of them did within this time.
const RECENT: Duration = Duration::from_millis(200);
/// How often one who has stepped back looks whether it still must.
const LOOKS: Duration = Duration::from_millis(20);

/// What all guests of a process share.
#[derive(Debug, Clone)]
pub(super) struct Share(Arc<State>);

#[derive(Debug)]
struct State {
    parties: AtomicU64,
    moments: Mutex<Moments>,
    /// When the part that long stretches are given is free again.
    free_at: Mutex<Instant>,
}

/// Guests that are no others to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Party(u64);

/// Who last computed a moment only, and who did of those that are not of its party.
/// Whoever asks is not of one of the two.
#[derive(Debug, Default)]
struct Moments {
    last: Option<(Party, Instant)>,
    another: Option<(Party, Instant)>,
}

impl Moments {
    fn heard(&mut self, party: Party, now: Instant) {
        if self.last.is_some_and(|(before, _)| before != party) {
            self.another = self.last;
        }
        self.last = Some((party, now));
    }

    fn others(&self, than: Party) -> Option<Instant> {
        [self.last, self.another]
            .into_iter()
            .flatten()
            .find(|(party, _)| *party != than)
            .map(|(_, at)| at)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self(Arc::new(State {
            parties: AtomicU64::new(0),
            moments: Mutex::default(),
            free_at: Mutex::new(Instant::now()),
        }))
    }
}

impl Share {
    fn party(&self) -> Party {
        Party(self.0.parties.fetch_add(1, Ordering::Relaxed))
    }

    /// Hears that a guest of this party computed a moment, and waits.
    fn moment(&self, party: Party) {
        self.moments().heard(party, Instant::now());
    }

    fn others_wait(&self, than: Party) -> bool {
        let last = self.moments().others(than);
        last.is_some_and(|at| at.elapsed() < RECENT)
    }

    fn moments(&self) -> std::sync::MutexGuard<'_, Moments> {
        self.0
            .moments
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// When one who has computed so long may go on.
    fn reserve(&self, now: Instant, computed: Duration) -> Instant {
        let mut free_at = self
            .0
            .free_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free_at = (*free_at).max(now) + computed * PARTS;
        *free_at
    }

    /// Waits for its turn, or until nobody else wants to get on.
    async fn turn(&self, party: Party, computed: Duration) {
        if !self.others_wait(party) {
            return tokio::task::yield_now().await;
        }
        let until = self.reserve(Instant::now(), computed);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !self.others_wait(party) {
                return;
            }
            tokio::time::sleep(left.min(LOOKS)).await;
        }
    }
}

/// One guest's part in it.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    share: Share,
    own: Arc<Mutex<Own>>,
}

#[derive(Debug)]
struct Own {
    party: Party,
    /// Computed since it last waited for something, ticks notwithstanding: on a busy
    /// machine a guest gets little done from one to the next.
    stretch: Duration,
    /// It has been interrupted by a tick, and will go on by itself.
    interrupted: bool,
    /// What was computed in long stretches, less a tenth of the time since.
    debt: Duration,
    at: Instant,
}

impl Turn {
    pub(super) fn of(share: Share) -> Self {
        let party = share.party();
        Self {
            share,
            own: Arc::new(Mutex::new(Own {
                party,
                stretch: Duration::ZERO,
                interrupted: false,
                debt: Duration::ZERO,
                at: Instant::now(),
            })),
        }
    }

    /// From now on this guest and that one work for the same.
    pub(super) fn join(&self, other: &Self) {
        let party = other.own().party;
        self.own().party = party;
    }

    /// At a tick, after so much was computed since the guest was last let on: what
    /// to wait for before it goes on.
    pub(super) fn tick(&self, computed: Duration) -> impl Future<Output = ()> + Send + use<> {
        let mut own = self.own();
        own.interrupted = true;
        own.stretch += computed;
        let mut steps_back = false;
        if own.stretch >= LONG {
            let now = Instant::now();
            let paid = now.saturating_duration_since(own.at) / PARTS;
            own.debt = own.debt.saturating_sub(paid).saturating_add(computed);
            own.at = now;
            steps_back = own.debt > ALLOWANCE;
        }
        let party = own.party;
        let turn = self.clone();
        async move {
            match steps_back {
                true => turn.share.turn(party, computed).await,
                false => tokio::task::yield_now().await,
            }
            turn.own().interrupted = false;
        }
    }

    /// When the guest cannot go on by itself, or was interrupted, after so much was
    /// computed since it was last let on.
    pub(super) fn ended(&self, computed: Duration) {
        let mut own = self.own();
        if own.interrupted {
            return;
        }
        if own.stretch + computed < LONG {
            self.share.moment(own.party);
        }
        own.stretch = Duration::ZERO;
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Own> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_stretches_of_all_together_are_given_a_tenth() {
        let share = Share::default();
        let now = Instant::now();
        let ten = Duration::from_millis(10);
        for others in 1..=20_u32 {
            assert_eq!(share.reserve(now, ten) - now, ten * PARTS * others);
        }
    }

    #[tokio::test]
    async fn who_is_alone_is_not_held_up() {
        let turn = Turn::of(Share::default());
        let started = Instant::now();
        for _ in 0..200 {
            turn.tick(Duration::from_millis(10)).await;
        }
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn short_stretches_of_its_own_run_hold_nobody_up() {
        let share = Share::default();
        let (source, target) = (Turn::of(share.clone()), Turn::of(share));
        target.join(&source);
        let started = Instant::now();
        for _ in 0..200 {
            source.tick(Duration::from_millis(10)).await;
            source.ended(Duration::from_millis(1));
            source.ended(Duration::from_micros(400));
            target.ended(Duration::from_micros(400));
        }
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[test]
    fn another_is_heard_whoever_was_last() {
        let share = Share::default();
        let [busy, quiet] = [share.party(), share.party()];
        assert!(!share.others_wait(busy));
        share.moment(busy);
        assert!(!share.others_wait(busy) && share.others_wait(quiet));
        share.moment(quiet);
        for _ in 0..3 {
            share.moment(busy);
            assert!(share.others_wait(busy) && share.others_wait(quiet));
        }
    }

    #[tokio::test]
    async fn who_computes_on_and_on_steps_back_for_one_who_waits() {
        let share = Share::default();
        let (busy, other) = (Turn::of(share.clone()), Turn::of(share));
        let started = Instant::now();
        for _ in 0..30 {
            other.ended(Duration::from_micros(400));
            // The other goes on meanwhile.
            let going_on = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    other.ended(Duration::from_micros(400));
                }
            };
            tokio::select! {
                () = busy.tick(Duration::from_millis(10)) => {}
                () = going_on => {}
            }
        }
        // The allowance is used up after 20 of them; the rest cost ten times as much.
        assert!(
            started.elapsed() > Duration::from_millis(700),
            "{:?}",
            started.elapsed()
        );
    }
}
