//! The clock of a session that is recorded, or replayed.

use super::{Recording, Replay};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wasmtime_wasi::clocks::HostWallClock;

/// Tells the time, and writes down what it told; or tells it again.
pub(in crate::runtime) struct Clock(pub(in crate::runtime) Recording);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        let now = match self.0.replay().and_then(Replay::clock) {
            Some(then) => then,
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        };
        if let Some(recorder) = self.0.recorder() {
            recorder.clock(now);
        }
        now
    }
}
