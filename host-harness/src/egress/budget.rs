//! Requests per second, for everything that one process sends to one remote
//! system at one rate: whichever connection, session or run it is of.

use super::Origin;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How much slower it can become where the remote system asks to slow down.
const SLOWEST: u32 = 16;
/// Answers that go well after which half of a slow-down is taken back.
const TRUST: u32 = 25;

/// A leaky bucket (the generic cell rate algorithm): `burst` requests may go at
/// once after a pause, and `per_second` keep going. Where the remote system asks to
/// slow down all the same, the rate is halved, and comes back as answers go well.
pub struct Budget {
    interval: Duration,
    burst: u32,
    state: Mutex<State>,
    /// Where several processes share it: theirs, in place of the state.
    shared: Option<Arc<dyn SharedBudget>>,
}

/// A budget that several processes share.
pub trait SharedBudget: Send + Sync {
    /// Waits until a request may go, and answers how long that took.
    fn take(&self) -> BoxFuture<'_, Duration>;

    /// Hears that the remote system asked to slow down.
    fn slow_down(&self);

    /// Hears of an answer that went well.
    fn went_well(&self);
}

/// Makes the budgets that several processes share.
pub trait BudgetSource: Send + Sync {
    /// The budget called `name`: one for all who ask for it, in any process.
    fn budget(&self, name: &str, per_second: u32, burst: u32) -> Arc<dyn SharedBudget>;
}

#[derive(Debug)]
struct State {
    /// When the bucket is empty again.
    empty_at: Instant,
    /// How many times slower than it could be.
    slower: u32,
    /// Answers that went well since that changed.
    well: u32,
}

/// What a budget is for: the origins, requests per second, and how many at once.
type Key = (Vec<Origin>, u32, u32);

/// The budgets of a process.
#[derive(Clone, Default)]
pub struct Budgets {
    made: Arc<Mutex<HashMap<Key, Weak<Budget>>>>,
    source: Option<Arc<dyn BudgetSource>>,
}

impl Budgets {
    /// Budgets that are shared with other processes.
    pub fn shared(source: Arc<dyn BudgetSource>) -> Self {
        Self {
            made: Arc::default(),
            source: Some(source),
        }
    }

    /// The budget for these origins at this rate: one for all who ask, as long as
    /// one of them holds it.
    pub fn of(&self, mut origins: Vec<Origin>, per_second: u32, burst: u32) -> Arc<Budget> {
        origins.sort();
        let mut budgets = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.retain(|_, budget| budget.strong_count() > 0);
        let key = (origins, per_second, burst);
        if let Some(budget) = budgets.get(&key).and_then(Weak::upgrade) {
            return budget;
        }
        let mut budget = Budget::new(per_second, burst);
        if let Some(source) = &self.source {
            let origins: Vec<String> = key.0.iter().map(|origin| format!("{origin:?}")).collect();
            let name = format!("{} {per_second} {burst}", origins.join(" "));
            budget.shared = Some(source.budget(&name, per_second, burst));
        }
        let budget = Arc::new(budget);
        budgets.insert(key, Arc::downgrade(&budget));
        budget
    }
}

impl Budget {
    fn new(per_second: u32, burst: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second.max(1),
            burst: burst.max(1),
            state: Mutex::new(State {
                empty_at: Instant::now(),
                slower: 1,
                well: 0,
            }),
            shared: None,
        }
    }

    /// Takes one request from the budget and answers how long that took. How long it
    /// will take is told before.
    pub(super) async fn take(&self, told: impl FnOnce(Duration)) -> Duration {
        if let Some(shared) = &self.shared {
            return shared.take().await;
        }
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            told(wait);
            tokio::time::sleep(wait).await;
        }
        wait
    }

    /// Hears that the remote system asked to slow down.
    pub(super) fn slow_down(&self) {
        if let Some(shared) = &self.shared {
            return shared.slow_down();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Answers to what was sent at once before come in together.
        if state.well > 0 || state.slower == 1 {
            state.slower = (state.slower * 2).min(SLOWEST);
        }
        state.well = 0;
    }

    /// Hears of an answer that went well.
    pub(super) fn went_well(&self) {
        if let Some(shared) = &self.shared {
            return shared.went_well();
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.well += 1;
        if state.well >= TRUST && state.slower > 1 {
            state.slower /= 2;
            state.well = 0;
        }
    }

    /// Reserves the next request that is free, and answers how long after `now` it is.
    fn reserve(&self, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // Somebody who was asked to slow down sends nothing at once.
        let (interval, burst) = match state.slower {
            1 => (self.interval, self.burst),
            slower => (self.interval * slower, 1),
        };
        state.empty_at = state.empty_at.max(now) + interval;
        let full = interval * burst;
        state
            .empty_at
            .saturating_duration_since(now)
            .saturating_sub(full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let budget = Budget::new(25, 20);
        let start = Instant::now();
        for _ in 0..20 {
            assert_eq!(budget.reserve(start), Duration::ZERO);
        }
        let last = (0..50).map(|_| budget.reserve(start)).last().unwrap();
        assert!((1999..=2001).contains(&last.as_millis()), "{last:?}");
        // After a pause the burst is there again.
        let later = start + Duration::from_secs(10);
        assert_eq!(budget.reserve(later), Duration::ZERO);
    }

    #[test]
    fn it_gives_way_and_comes_back() {
        let budget = Budget::new(10, 1);
        let start = Instant::now();
        let each = |budget: &Budget| {
            let far = start + Duration::from_secs(100);
            let first = budget.reserve(far);
            budget.reserve(far).saturating_sub(first).as_millis()
        };
        assert_eq!(each(&budget), 100);
        budget.slow_down();
        // Of several that were refused together, one counts.
        budget.slow_down();
        assert_eq!(each(&budget), 200);
        for _ in 0..TRUST {
            budget.went_well();
        }
        assert_eq!(each(&budget), 100);
    }

    #[test]
    fn one_tenant_has_one_budget() {
        let budgets = Budgets::default();
        let origin = |url: &str| vec![Origin::of(&url.parse().unwrap()).unwrap()];
        let one = budgets.of(origin("https://a.example"), 25, 20);
        let same = budgets.of(origin("https://a.example:443/x"), 25, 20);
        let other = budgets.of(origin("https://b.example"), 25, 20);
        assert!(Arc::ptr_eq(&one, &same) && !Arc::ptr_eq(&one, &other));
    }
}
