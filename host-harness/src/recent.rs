//! What was made a short while ago, at hand for whoever needs it next.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A few values that took long to make, the one that was used last at the front.
pub(crate) struct Recent<K, V> {
    most: usize,
    age: Option<Duration>,
    kept: Mutex<VecDeque<Kept<K, V>>>,
}

struct Kept<K, V> {
    key: K,
    value: V,
    made: Instant,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    /// Keeps `most` values, those that were used last.
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            most,
            age: None,
            kept: Mutex::new(VecDeque::new()),
        }
    }

    /// The same, each for so long.
    pub(crate) const fn for_as_long_as(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Kept<K, V>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(age) = self.age {
            kept.retain(|kept| kept.made.elapsed() < age);
        }
        kept
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        let mut kept = self.kept();
        let place = kept.iter().position(|kept| kept.key == *key)?;
        let found = kept.remove(place)?;
        let value = found.value.clone();
        kept.push_front(found);
        Some(value)
    }

    pub(crate) fn put(&self, key: K, value: V) {
        let mut kept = self.kept();
        // Several may have made it at the same time.
        kept.retain(|kept| kept.key != key);
        kept.push_front(Kept {
            key,
            value,
            made: Instant::now(),
        });
        kept.truncate(self.most);
    }

    pub(crate) fn clear(&self) {
        self.kept().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_used_last_are_kept() {
        let recent = Recent::new(2);
        recent.put("a", 1);
        recent.put("b", 2);
        assert_eq!(recent.get(&"a"), Some(1));
        recent.put("c", 3);
        assert_eq!(
            [recent.get(&"a"), recent.get(&"b"), recent.get(&"c")],
            [Some(1), None, Some(3)]
        );
        recent.put("a", 4);
        assert_eq!((recent.get(&"a"), recent.get(&"c")), (Some(4), Some(3)));
        recent.clear();
        assert_eq!((recent.get(&"a"), recent.get(&"c")), (None, None));
    }

    #[test]
    fn what_is_too_old_is_gone() {
        let recent = Recent::new(2).for_as_long_as(Duration::from_millis(40));
        recent.put("a", 1);
        assert_eq!(recent.get(&"a"), Some(1));
        // Using it makes it no younger.
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(recent.get(&"a"), None);
    }
}
