//! Draws that a search decides: in a build with the feature `model` this stands in the place of the seeded ones.

use alloc::vec::Vec;

use crate::lifecycle::limits::random::{self, Domain};
use crate::secret::Seed;
use crate::time::Millis;

/// Seeded draws, until a script is given: each is then a branch over the least and the greatest value.
#[derive(Clone)]
pub(crate) struct Random {
    seeded: random::Random,
    script: Option<Script>,
}

#[derive(Clone)]
struct Script {
    wanted: Vec<bool>,
    used: usize,
}

impl Random {
    pub(crate) fn new(seed: &Seed) -> Self {
        Self { seeded: random::Random::new(seed), script: None }
    }

    pub(crate) fn resumed(seed: &Seed, drawn: [u64; 4]) -> Self {
        Self { seeded: random::Random::resumed(seed, drawn), script: None }
    }

    pub(crate) const fn drawn(&self) -> [u64; 4] {
        self.seeded.drawn()
    }

    /// The next draws are the greatest value where `wanted` says so, else the least.
    pub(crate) fn follow(&mut self, wanted: Vec<bool>) {
        self.script = Some(Script { wanted, used: 0 });
    }

    /// How many draws there were since.
    pub(crate) fn used(&self) -> usize {
        self.script.as_ref().map_or(0, |script| script.used)
    }

    pub(crate) fn draw(&mut self, domain: Domain) -> u32 {
        let Some(Script { wanted, used }) = &mut self.script else { return self.seeded.draw(domain) };
        let greatest = wanted.get(*used).copied().unwrap_or(false);
        *used = used.saturating_add(1);
        if greatest { u32::MAX } else { 0 }
    }

    pub(crate) fn below(&mut self, domain: Domain, range: Millis) -> Millis {
        if self.script.is_none() {
            return self.seeded.below(domain, range);
        }
        // Of no more than one value both branches are one.
        if range <= 1 { 0 } else { random::share(self.draw(domain), range) }
    }
}
