//! How a story opens: who renews, what its tokens are like, what the server does at first.

use std::collections::{BTreeMap, VecDeque};

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

use super::{EPOCH, ES256, Story, Treatment, World};

/// A policy without jitter, so that times can be told beforehand.
pub fn exact() -> Policy {
    Policy::default().with(|it| it.jitter = false)
}

/// A session that has not started yet. What is not said is so: nobody renews but the session itself, its key is
/// made by the driver, nothing is kept, nothing jitters, and the server behaves.
#[must_use = "it has not begun"]
pub struct Opening {
    policy: Policy,
    seed: u32,
    world: World,
    /// Once it begins.
    pub start: Start,
    wall: i64,
    /// In order, and whether it is for all commands of that name or the next one.
    first: Vec<(&'static str, Treatment, bool)>,
}

/// Base tokens carry `sat:refresh`: client-bound.
pub fn scoped() -> Opening {
    let provider = ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false };
    let start = Start { provider, key: ES256, durable: false };
    Opening { policy: exact(), seed: 42, world: World::default(), start, wall: 0, first: Vec::new() }
}

/// They do not: the provider's to renew, if it can.
pub fn unscoped() -> Opening {
    scoped().scope(false)
}

/// A session whose provider renews, live for a while.
pub fn provided() -> Story {
    let mut story = unscoped().refreshes().begin();
    story.until(20_000);
    story
}

impl Opening {
    /// The provider refreshes.
    pub fn refreshes(mut self) -> Self {
        self.start.provider.can_refresh = true;
        self
    }

    /// The provider may be asked to mint again.
    pub fn mints(mut self) -> Self {
        self.start.provider.can_mint_again = true;
        self
    }

    pub fn provider(mut self, can_refresh: bool, can_mint_again: bool) -> Self {
        self.start.provider = ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: false };
        self
    }

    pub fn key(mut self, key: KeyFacts) -> Self {
        self.start.key = key;
        self
    }

    /// No key is to be had.
    pub fn keyless(self) -> Self {
        self.key(KeyFacts::Unavailable)
    }

    /// There is a store.
    pub fn durable(mut self) -> Self {
        self.start.durable = true;
        self
    }

    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The host's tick stands while it sleeps: only its wall clock tells.
    pub fn ticks_stand_asleep(mut self) -> Self {
        self.policy.tick_counts_sleep = false;
        self
    }

    pub fn seed(mut self, seed: u32) -> Self {
        self.seed = seed;
        self
    }

    /// With jitter, drawn from this seed.
    pub fn jittered(mut self, seed: u32) -> Self {
        self.policy.jitter = true;
        self.seed(seed)
    }

    pub fn scope(self, scope: bool) -> Self {
        self.world(|world| world.scope = scope)
    }

    pub fn base_life(self, life: u64) -> Self {
        self.world(|world| world.base_life = life)
    }

    pub fn bound_life(self, life: u64) -> Self {
        self.world(|world| world.bound_life = life)
    }

    /// The server's clock is ahead of ours by this.
    pub fn skew(self, skew: i64) -> Self {
        self.world(|world| world.skew = skew)
    }

    pub fn world(mut self, change: impl FnOnce(&mut World)) -> Self {
        change(&mut self.world);
        self
    }

    /// Our wall clock is ahead by this.
    pub fn wall(mut self, by: i64) -> Self {
        self.wall = by;
        self
    }

    /// The first command of this name is treated so; several calls queue up.
    pub fn next(mut self, name: &'static str, treatment: Treatment) -> Self {
        self.first.push((name, treatment, false));
        self
    }

    /// All commands of this name are treated so.
    pub fn always(mut self, name: &'static str, treatment: Treatment) -> Self {
        self.first.push((name, treatment, true));
        self
    }

    /// The stage, with nobody on it yet.
    pub fn stage(&self) -> Story {
        let mut bytes = [42; 32];
        bytes[..4].copy_from_slice(&self.seed.to_le_bytes());
        let mut story = Story {
            machine: Lifecycle::new(self.policy, &Seed::from_bytes(bytes)),
            now: 0,
            wall: EPOCH as i64 + self.wall,
            world: self.world,
            script: String::new(),
            events: Vec::new(),
            commands: Vec::new(),
            wake_at: None,
            underway: Vec::new(),
            treatments: BTreeMap::<_, VecDeque<_>>::new(),
            always: BTreeMap::new(),
            next_token: 1,
            socket: None,
            lives: BTreeMap::new(),
            slept: 0,
            boot: 0,
            asks: 0,
        };
        for (name, treatment, for_all) in self.first.clone() {
            if for_all {
                story.always(name, treatment)
            } else {
                story.next(name, treatment)
            };
        }
        story
    }

    /// The session starts now.
    pub fn begin(self) -> Story {
        let mut story = self.stage();
        story.input(Input::Start(self.start));
        story
    }
}
