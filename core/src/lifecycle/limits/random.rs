//! Seeded draws, each domain on a stream of its own (R30).

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::secret::Seed;
use crate::time::Millis;

/// What a draw is for. A new draw in one domain shifts no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// When a renewal is due.
    Schedule = 0,
    /// How long to wait after a failed attempt.
    Backoff = 1,
    /// How long to wait before a reconnect.
    Reconnect = 2,
    /// How work that came due together is spread.
    Spread = 3,
}

/// Draws by domain and count, so that a run can be repeated from the middle.
#[derive(Clone)]
pub(crate) struct Random {
    seed: Seed,
    drawn: [u64; 4],
}

impl Random {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self { seed: seed.clone(), drawn: [0; 4] }
    }

    /// Goes on after this many draws.
    pub(crate) fn resumed(seed: &Seed, drawn: [u64; 4]) -> Self {
        Self { drawn, ..Self::new(seed) }
    }

    /// How many draws there were, by domain.
    pub(crate) const fn drawn(&self) -> [u64; 4] {
        self.drawn
    }

    /// A number uniform over all of `u32`.
    pub(crate) fn draw(&mut self, domain: Domain) -> u32 {
        let Some(count) = self.drawn.get_mut(domain as usize) else { return 0 };
        let mut stream = ChaCha20Rng::from_seed(*self.seed.bytes());
        stream.set_stream(domain as u64);
        stream.set_word_pos(u128::from(*count));
        *count = count.wrapping_add(1);
        stream.next_u32()
    }

    /// A time uniform in `[0, range)`; zero for an empty range.
    pub(crate) fn below(&mut self, domain: Domain, range: Millis) -> Millis {
        share(self.draw(domain), range)
    }
}

/// The part of `range` that a draw names: `range · draw / 2³²`.
pub(crate) const fn share(draw: u32, range: Millis) -> Millis {
    #[allow(clippy::cast_possible_truncation, reason = "the quotient is below range")]
    {
        ((range as u128 * draw as u128) >> 32) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_in_one_domain_shifts_no_other() {
        // proves R30.2
        let seed = Seed::from_bytes([7; 32]);
        let mut one = Random::new(&seed);
        let mut two = Random::new(&seed);
        two.draw(Domain::Backoff);
        assert_eq!(one.draw(Domain::Schedule), two.draw(Domain::Schedule));
        assert_ne!(one.draw(Domain::Schedule), one.draw(Domain::Schedule));
    }

    #[test]
    fn shares_stay_below_their_range() {
        assert_eq!(share(u32::MAX, 1_000), 999);
        assert_eq!(share(0, 1_000), 0);
        assert_eq!(share(u32::MAX, 0), 0);
        assert!(share(u32::MAX, u64::MAX) < u64::MAX);
    }
}
