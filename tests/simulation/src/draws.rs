//! The simulation's own random numbers: `SplitMix64`, the same on every machine.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    /// The stream of one session: it depends on nothing but these two numbers.
    pub(crate) const fn of(seed: u64, session: u64) -> Self {
        Self(mixed(seed ^ mixed(session.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Uniform in `[0, range)`; zero for an empty range.
    pub(crate) const fn below(&mut self, range: u64) -> u64 {
        ((self.next() as u128 * range as u128) >> 64) as u64
    }

    pub(crate) const fn bit(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// True once in `n`.
    pub(crate) const fn once_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// In `[-range, range]`.
    pub(crate) const fn around(&mut self, range: u64) -> i64 {
        self.below(range * 2 + 1) as i64 - range as i64
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        bytes
    }
}

pub(crate) const fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
