//! A small generator of numbers (splitmix64), so that one seed gives the same
//! records everywhere and for ever.

/// The generator.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// A generator for one purpose: seed, name and number give its stream.
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let name = purpose
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        let mut random = Self(seed ^ name ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, or 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.next() % end }
    }

    /// One of these; the first where that fails.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.below(choices.len() as u64);
        choices.get(usize::try_from(at).unwrap_or(0)).copied()
    }

    /// One of these words.
    pub fn word(&mut self, choices: &[&'static str]) -> &'static str {
        self.pick(choices).unwrap_or_default()
    }

    /// Whether something happens that happens so many times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn streams_are_their_own_and_repeatable() {
        let draw = |purpose, number| Random::new(7, purpose, number).next();
        assert_eq!(draw("suppliers", 1), draw("suppliers", 1));
        assert_ne!(draw("suppliers", 1), draw("suppliers", 2));
        assert_ne!(draw("suppliers", 1), draw("users", 1));
    }
}
