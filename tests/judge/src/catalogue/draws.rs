//! The catalogue's random numbers: `SplitMix64`, the same on every machine.

use crate::timeline::Ms;

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The stream of one world: it depends on nothing but these numbers.
    #[must_use]
    pub const fn of(seed: u64, row: u8, index: u64) -> Self {
        Self(mixed(mixed(mixed(seed) ^ row as u64) ^ index))
    }

    /// The next number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Uniform in `[0, range)`; 0 for an empty range.
    pub const fn below(&mut self, range: u64) -> u64 {
        ((self.next() as u128 * range as u128) >> 64) as u64
    }

    /// Uniform in `[from, to]`.
    pub const fn between(&mut self, from: u64, to: u64) -> u64 {
        if from >= to { from } else { from + self.below(to - from + 1) }
    }

    /// In `[from, to]`, each doubling as probable as the next: a time-out of 10 s is as interesting as one of 10 min.
    pub const fn span(&mut self, from: Ms, to: Ms) -> Ms {
        if from >= to || from == 0 {
            return from;
        }
        let doublings = (to / from).ilog2() as u64;
        let low = from << self.below(doublings + 1);
        let high = if low > to / 2 { to } else { low * 2 };
        self.between(low, high)
    }

    /// True once in `n`.
    pub const fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// In `[-range, range]`.
    pub const fn around(&mut self, range: Ms) -> i64 {
        self.below(range * 2 + 1) as i64 - range as i64
    }
}

const fn mixed(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
