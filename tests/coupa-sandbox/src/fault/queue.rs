//! The rules that wait for their requests.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fault, FaultRule};

/// The rules, in the order in which they were added. One request meets at most
/// one fault: that of the first rule that is due.
#[derive(Debug, Default)]
pub struct FaultQueue {
    rules: Mutex<Vec<FaultRule>>,
}

impl FaultQueue {
    /// Adds a rule.
    pub fn add(&self, rule: FaultRule) {
        self.lock().push(rule);
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The rules that are left.
    pub fn rules(&self) -> Vec<FaultRule> {
        self.lock().clone()
    }

    /// The fault for a request, and one time less for its rule.
    pub fn take(&self, method: &str, path: &str) -> Option<Fault> {
        let mut rules = self.lock();
        let mut due = None;
        for rule in rules.iter_mut().filter(|rule| rule.matches(method, path)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.times != Some(0) {
                rule.times = rule.times.map(|times| times - 1);
                due = Some(rule.fault.clone());
                break;
            }
        }
        rules.retain(|rule| rule.times != Some(0));
        due
    }

    fn lock(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_wait_hit_and_go() {
        let queue = FaultQueue::default();
        let fault = Fault::ResetBefore;
        queue.add(FaultRule::next(2, fault.clone()).on_method("POST").after(1));
        assert_eq!(queue.take("GET", "/api/suppliers"), None);
        assert_eq!(queue.take("POST", "/oauth2/token"), None);
        assert_eq!(queue.take("POST", "/api/suppliers"), None, "skipped");
        assert_eq!(queue.take("POST", "/api/suppliers"), Some(fault.clone()));
        assert_eq!(queue.take("POST", "/api/suppliers"), Some(fault));
        assert_eq!(queue.take("POST", "/api/suppliers"), None, "used up");
        assert!(queue.rules().is_empty());
    }
}
