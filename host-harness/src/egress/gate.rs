//! A gate before every request, for whoever may have lost the right to send any.

use std::time::Instant;
use tokio::sync::watch;

/// Lets requests pass until a moment that its keeper moves on; after it they wait.
#[derive(Debug, Clone)]
pub struct Gate(watch::Receiver<Instant>);

/// Says until when requests may pass a [`Gate`]. Without a keeper it stays as it is.
#[derive(Debug)]
pub struct GateKeeper(watch::Sender<Instant>);

impl Gate {
    /// A gate that is open until `until`.
    pub fn until(until: Instant) -> (GateKeeper, Self) {
        let (sender, receiver) = watch::channel(until);
        (GateKeeper(sender), Self(receiver))
    }

    /// Waits until a request may pass; for ever where it never may again.
    pub(super) async fn pass(&self) {
        let mut until = self.0.clone();
        if until
            .wait_for(|until| *until > Instant::now())
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

impl GateKeeper {
    /// Keeps the gate open until then.
    pub fn keep_open_until(&self, until: Instant) {
        self.0.send_replace(until);
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn it_closes_by_itself_and_opens_again() {
        let soon = |ms| Instant::now() + Duration::from_millis(ms);
        let (keeper, gate) = Gate::until(soon(50));
        gate.pass().await;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let passed = tokio::time::timeout(Duration::from_millis(100), gate.pass()).await;
        assert!(passed.is_err(), "a request passed a closed gate");
        keeper.keep_open_until(soon(1000));
        tokio::time::timeout(Duration::from_secs(1), gate.pass())
            .await
            .unwrap();
        // Nobody keeps it open any more.
        keeper.keep_open_until(soon(0));
        drop(keeper);
        let passed = tokio::time::timeout(Duration::from_millis(100), gate.pass()).await;
        assert!(passed.is_err());
    }
}
