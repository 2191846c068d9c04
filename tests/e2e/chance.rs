//! Chance in tests: from which seed, and through how many rounds.
//!
//! Every day it is another seed, and few rounds; `cargo xtask test --soak` goes through
//! many. The seed is said, and `CHANCE=7 cargo xtask test crash` begins from it again.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::time::{SystemTime, UNIX_EPOCH};

/// Holds a seed to begin from.
const SEED: &str = "CHANCE";
/// Set by `cargo xtask test --soak`.
const SOAK: &str = "SOAK";

/// What a test leaves to chance. Where it fails, the seed is told with it.
pub struct Chance {
    drawn: TestRng,
    pub seed: u64,
}

impl Chance {
    pub fn new() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().unwrap(),
            Err(_) => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap()
                .subsec_nanos()
                .into(),
        };
        println!("{SEED}={seed}");
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&u64::to_le_bytes(seed));
        let drawn = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self { drawn, seed }
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.drawn.next_u64() % end
    }

    /// So many of these, in their order.
    pub fn some<T>(&mut self, of: Vec<T>, count: usize) -> Vec<T> {
        let (mut left, mut wanted) = (of.len() as u64, count as u64);
        let mut chosen = Vec::new();
        for one in of {
            if self.below(left) < wanted {
                chosen.push(one);
                wanted -= 1;
            }
            left -= 1;
        }
        chosen
    }
}

/// How many rounds a test goes.
pub fn rounds(every_day: u64, in_soak: u64) -> u64 {
    match std::env::var_os(SOAK) {
        Some(_) => in_soak,
        None => every_day,
    }
}
