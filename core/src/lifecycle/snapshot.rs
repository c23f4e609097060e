//! What of a machine outlives its process, and going on from it (L5).

use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::secret::Seed;
use crate::time::{Now, UnixMillis};

use super::answers::MOST_HELD;
use super::clock::Clock;
use super::command::{Action, ClockOffset};
use super::connection::Outage;
use super::event::FallbackReason;
use super::input::{Generation, KeyAlgorithm, TokenId};
use super::mechanism::{Key, KeyState};
use super::policy::Policy;
use super::random::Random;
use super::token::{Inspection, Saved, Token};
use super::{Lifecycle, MOST_REJECTED};

/// What of a [`Lifecycle`] outlives its process: tokens by their numbers, what is known of them and of the
/// server, how many draws were made. No secret, nothing of sockets, of commands under way, of who waits.
///
/// Times in it are the server's, or the local wall clock's while the server's is not known. Any value of it
/// can be restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The time now, as all others here.
    taken: UnixMillis,
    offset: ClockOffset,
    drawn: [u64; 4],
    held: Vec<Token>,
    rejected: Vec<TokenId>,
    in_force: Option<TokenId>,
    generation: Generation,
    resumable: Option<Generation>,
    key: KeyMemory,
    told_fallback: Vec<FallbackReason>,
    told_expiring: Option<Generation>,
}

/// What is remembered of the proof key's kind (L46).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeyMemory {
    algorithm: KeyAlgorithm,
    proved: bool,
    may_switch: bool,
}

impl Snapshot {
    /// Counts acknowledgements (L7).
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// When it was taken: the server's time, or the local one while the server's is not known.
    #[must_use]
    pub const fn taken(&self) -> UnixMillis {
        self.taken
    }

    /// The tokens in it, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = TokenId> + '_ {
        self.held.iter().map(|token| token.id)
    }

    /// The newest token that came from the provider.
    #[must_use]
    pub fn newest_base(&self) -> Option<TokenId> {
        self.held.iter().rev().find(|token| !token.is_bound()).map(|token| token.id)
    }

    /// The same without the tokens that `keep` does not know.
    #[must_use]
    pub fn only(mut self, keep: impl Fn(TokenId) -> bool) -> Self {
        self.held.retain(|token| keep(token.id));
        self
    }
}

impl Lifecycle {
    /// What a restart must not lose.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (by, taken, offset) = self.clock.frame();
        // As all of the frame, this takes a suspected sleep for one.
        let slept =
            |token: &Token| i64::try_from(self.clock.suspected_by(token.received)).unwrap_or(i64::MAX);
        let written = |token: &Token| {
            let moved = token.moved(by.saturating_add(slept(token)));
            // By when a server may come to say that a clock was set.
            let doubted = !self.clock.is_told() || self.clock.suspected_by(token.received) > 0;
            let undated = token.undated || (doubted && !token.restored);
            Token { saved: Saved::No, restored: false, undated, ..moved }
        };
        Snapshot {
            taken,
            offset,
            drawn: self.random.drawn(),
            held: self.held.iter().map(written).collect(),
            rejected: self.rejected.clone(),
            in_force: self.in_force,
            generation: self.generation,
            resumable: self.resumable,
            key: KeyMemory {
                algorithm: self.key.algorithm,
                proved: self.key.proved,
                may_switch: self.key.may_switch,
            },
            told_fallback: self.told_fallback.clone(),
            told_expiring: self.told_expiring,
        }
    }

    /// A machine that holds what another one held, and has not started: on
    /// [`Input::Start`](super::Input::Start) it goes on as that one would have after losing its socket. Give
    /// it a new seed, or in a replay the recorded one (L5).
    ///
    /// Its times are reckoned by the wall clock; until a server has told its time they end nothing (L9).
    #[must_use]
    pub fn restore(policy: impl Into<Arc<Policy>>, seed: &Seed, snapshot: &Snapshot, now: Now) -> Self {
        let (clock, by) = Clock::restored(now, snapshot.taken, snapshot.offset);
        let mut machine = Self::new(policy, seed);
        machine.clock = clock;
        machine.random = Random::resumed(seed, snapshot.drawn);
        machine.rejected = snapshot.rejected.iter().rev().take(MOST_REJECTED).rev().copied().collect();
        for token in &snapshot.held {
            // A base that the server has refused stays for the sake of a bound token that it has not (L13).
            let refused = |token: &Token| machine.rejected.contains(&token.id);
            let is_base = snapshot.held.iter().any(|it| it.base_id() == Some(token.id) && !refused(it));
            if is_base || !refused(token) {
                machine.take_over(&token.moved(by));
            }
        }
        // Not before all are there: a base that was brought again stands behind what came of it.
        let all: Vec<TokenId> = machine.held.iter().map(|token| token.id).collect();
        machine.held.retain(|token| token.base_id().is_none_or(|base| all.contains(&base)));
        machine.in_force = snapshot.in_force.filter(|id| machine.holds(*id));
        machine.generation = snapshot.generation;
        machine.resumable = snapshot.resumable.filter(|_| machine.in_force.is_some());
        let KeyMemory { algorithm, proved, may_switch } = snapshot.key;
        machine.key = Key { state: KeyState::Declined, algorithm, proved, may_switch };
        machine.told_fallback = snapshot.told_fallback.iter().take(8).copied().collect();
        machine.told_expiring = snapshot.told_expiring;
        machine.restored = !machine.held.is_empty();
        machine
    }

    /// Holds a token of the record, if it is of use.
    fn take_over(&mut self, token: &Token) {
        if self.holds(token.id) || self.held.len() >= MOST_HELD {
            return;
        }
        let mut token = token.clone();
        token.saved = Saved::Yes;
        token.restored = true;
        if let Some(base) = token.base_mut() {
            base.activation.reset();
            if base.inspection == Inspection::Asked {
                base.inspection = Inspection::Again;
            }
        }
        self.held.reserve_exact(1);
        self.held.push(token);
    }

    /// What was restored has perhaps ended long ago: then the machine begins anew (L11). Reckoned by the wall
    /// clock, which at worst costs a mint.
    pub(super) fn start_restored(&mut self) {
        let now = self.clock.now();
        let ended = |token: &Token| token.reckoned_end(&self.clock).is_some_and(|end| end <= now);
        let can_resume = self.resumable.is_some() && self.provider_can();
        if self.held.iter().all(ended) && !can_resume {
            self.begin_anew();
        } else if self.restored {
            self.spread_work();
        }
    }

    /// What came from the record is of no use, and has never been in this process: the machine begins as if it
    /// had held nothing, with a first mint. Returns whether that is so.
    pub(super) fn begin_anew(&mut self) -> bool {
        if !self.restored {
            return false;
        }
        self.restored = false;
        self.resumable = None;
        self.drop_link(Some(0));
        self.retire(|pending| pending.is_exchange() || matches!(pending.action, Action::Inspect { .. }));
        self.held.clear();
        self.minted = false;
        self.in_force = None;
        self.outage = Outage::default();
        self.unsaved = true;
        true
    }
}
