//! Names that the session gives: proof ids and frame ids, drawn from the seed; requests, counted.

use alloc::string::String;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::dpop::jti_from;
use crate::secret::Seed;
use crate::time::Millis;

use super::vocabulary::ids::RequestId;
use crate::session::record::Counters;

/// What an id is for: a stream of its own, so that a draw in one domain shifts no other (R30). The
/// lifecycle's own domains are small numbers.
#[derive(Clone, Copy)]
enum Domain {
    Proof,
    Frame,
    Pause,
}

impl Domain {
    const fn stream(self) -> u64 {
        match self {
            Self::Proof => u64::from_be_bytes(*b"proof id"),
            Self::Frame => u64::from_be_bytes(*b"frame id"),
            Self::Pause => u64::from_be_bytes(*b"pauses  "),
        }
    }
}

pub(crate) struct Ids {
    seed: Seed,
    proofs: u64,
    frames: u64,
    requests: u64,
}

impl Ids {
    pub(crate) const fn new(seed: Seed) -> Self {
        Self { seed, proofs: 0, frames: 0, requests: 0 }
    }

    /// Goes on where another process stopped. A number that no process comes to is of a damaged record: there must be
    /// others after it.
    pub(crate) fn resumed(seed: Seed, counters: Counters) -> Self {
        let Counters { proofs, frames, requests } = counters;
        Self { seed, proofs, frames, requests: requests.min(u64::MAX / 2) }
    }

    pub(crate) const fn counters(&self) -> Counters {
        Counters { proofs: self.proofs, frames: self.frames, requests: self.requests }
    }

    /// A `jti` that no other proof of this seed has (R35).
    pub(crate) fn proof(&mut self) -> String {
        let count = self.proofs;
        self.proofs = count.wrapping_add(1);
        jti_from(self.draw(Domain::Proof, count))
    }

    /// The id of a request of ours, a UUID as in the official client.
    pub(crate) fn frame(&mut self) -> String {
        let count = self.frames;
        self.frames = count.wrapping_add(1);
        jti_from(self.draw(Domain::Frame, count))
    }

    /// At least half of it, so that many sessions do not come at once.
    pub(crate) fn pause(&self, most: Millis, attempt: u32) -> Millis {
        let [byte, ..] = self.draw(Domain::Pause, u64::from(attempt));
        let half = most / 2;
        half.saturating_add(half.saturating_mul(u64::from(byte)) / 255)
    }

    pub(crate) fn request(&mut self) -> RequestId {
        self.requests = self.requests.saturating_add(1);
        RequestId(self.requests)
    }

    fn draw(&self, domain: Domain, count: u64) -> [u8; 16] {
        const WORDS: u128 = 4;
        let mut stream = ChaCha20Rng::from_seed(*self.seed.bytes());
        stream.set_stream(domain.stream());
        stream.set_word_pos(u128::from(count) * WORDS);
        let mut bytes = [0; 16];
        stream.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_with_the_seed_and_do_not_shift_each_other() {
        // proves R30.1, R30.2
        let mut one = Ids::new(Seed::from_bytes([7; 32]));
        let mut two = Ids::new(Seed::from_bytes([7; 32]));
        two.frame();
        two.frame();
        let first = one.proof();
        assert_eq!(first, two.proof());
        assert_ne!(first, one.proof());
        assert_ne!(one.frame(), one.proof());
        assert_ne!(first, Ids::new(Seed::from_bytes([8; 32])).proof());
        assert_eq!(first.len(), 36);
    }

    #[test]
    fn no_two_draws_have_bytes_in_common() {
        // proves R30.2, R35.1
        let mut ids = Ids::new(Seed::from_bytes([7; 32]));
        assert_ne!(ids.frame(), ids.proof(), "each the first of its kind");
        let (first, second) = (ids.draw(Domain::Proof, 0), ids.draw(Domain::Proof, 1));
        assert!(first.windows(4).all(|part| second.windows(4).all(|other| part != other)));
    }

    #[test]
    fn another_process_goes_on_where_one_stopped() {
        // proves R30.4
        let mut before = Ids::new(Seed::from_bytes([7; 32]));
        before.proof();
        before.frame();
        before.request();
        let mut after = Ids::resumed(Seed::from_bytes([7; 32]), before.counters());
        let next = |ids: &mut Ids| (ids.proof(), ids.frame(), ids.request());
        assert_eq!(next(&mut after), next(&mut before));
    }

    #[test]
    fn requests_are_counted() {
        let mut ids = Ids::new(Seed::from_bytes([7; 32]));
        assert!(ids.request() < ids.request());
    }
}
