//! What a process leaves behind, and how another goes on with it (R13, R36).

use alloc::sync::Arc;

use crate::lifecycle::clock::{At, Clock, moved};
use crate::lifecycle::limits::pace::{Pace, Paces};
use crate::lifecycle::record::snapshot::Snapshot;
use crate::lifecycle::tokens::token::{Base, Inspection, Kind, Saved, Token, Undated, Word};
use crate::lifecycle::{Generation, Lifecycle, Policy, Random};
use crate::secret::Seed;
use crate::time::{Now, UnixMillis};

/// The greatest of numbers that only grow which is believed of a snapshot: there must be others after it.
const GREATEST: u64 = u64::MAX / 2;

fn shifted(token: &Token, by: i64) -> Token {
    let mut token = token.clone();
    token.due = moved(token.due, by);
    token.sent = moved(token.sent, by);
    token.received = moved(token.received, by);
    token.renew_by = token.renew_by.map(|at| moved(at, by));
    token.ends = token.ends.map(|at| moved(at, by));
    token
}

fn paced(pace: Pace, by: i64) -> Pace {
    let at = |at: At| if at == 0 { 0 } else { moved(at, by) };
    Pace { not_before: at(pace.not_before), asked: at(pace.asked), sent: 0, ..pace }
}

impl Lifecycle {
    /// What a restart must not lose.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let by = self.clock.frame();
        // What may have been slept through lies before what has come since.
        let slept = self.clock.suspect(0);
        let dated = |token: &Token| {
            let since = slept.saturating_sub(self.clock.suspect(token.received));
            shifted(token, by.saturating_add_unsigned(since))
        };
        let Paces { mint, refresh, activate, renew } = self.renewal.paces;
        Snapshot {
            dated: self.clock.is_told(),
            taken: UnixMillis(moved(self.clock.now(), by.saturating_add_unsigned(slept))),
            drawn: self.random.drawn(),
            held: self.tokens.held().iter().map(dated).collect(),
            in_force: self.tokens.in_force_id(),
            generation: self.tokens.generation(),
            state: self.link.resumption.state(),
            next: self.attempts.next(),
            assumed: self.tokens.assumed(),
            spans: self.attempts.spans(),
            paces: Paces {
                mint: paced(mint, by),
                refresh: paced(refresh, by),
                activate: paced(activate, by),
                renew: paced(renew, by),
            },
            key: self.renewal.key,
            ever_live: self.hope.ever_live(),
            hopeless: self.hope.since().map(|_| self.hope.reach.shown()),
            round: self.link.refusals.round(),
        }
    }

    /// A machine that holds what another one held, and has not started: it goes on as that one would have after losing
    /// its socket. Give it a new seed, or in a replay the recorded one. A snapshot comes from a file: what no machine would
    /// have written there is brought within bounds (R36).
    #[must_use]
    pub fn restore(policy: impl Into<Arc<Policy>>, seed: &Seed, snapshot: &Snapshot, now: Now) -> Self {
        let mut machine = Self::new(policy, seed);
        machine.clock = Clock::restored(now, snapshot.taken);
        machine.random = Random::resumed(seed, snapshot.drawn);
        let (now, policy) = (machine.clock.now(), Arc::clone(&machine.policy));
        let tokens = &mut machine.tokens;
        for token in &snapshot.held {
            if tokens.get(token.id).is_some() {
                continue;
            }
            let mut token = token.clone();
            token.order = token.order.min(GREATEST);
            token.saved = Saved::Yes;
            match token.word {
                // The wall clock of now is not the one that it was dated by: what it says is a hint, and it is no later
                // than the record's word (R2).
                Word::Told if snapshot.dated => {
                    token.undated = token.ends.map(UnixMillis).map(Undated::Servers);
                    token.word = Word::Hinted;
                }
                // In whose time its end is nobody can say: it is good until it is refused, which tells nothing of its life,
                // and renewed at once (R13).
                Word::Told => (token.word, token.renew_by) = (Word::Nobody, Some(now)),
                Word::Hinted if snapshot.dated && token.undated.is_none() => {
                    token.undated = token.ends.map(UnixMillis).map(Undated::Hint);
                }
                _ => {}
            }
            if let Kind::Base(Base { inspection, .. }) = &mut token.kind
                && *inspection == Inspection::Asked
            {
                *inspection = Inspection::Wanted;
            }
            tokens.hold(token);
        }
        let generation = snapshot.generation.min(Generation(GREATEST));
        let assumed = snapshot.assumed.map(|life| life.filter(|life| *life >= policy.attempt_max));
        tokens.restore(snapshot.in_force, generation, assumed);
        let newest = tokens.held().last().map_or(0, |token| token.order.saturating_add(1));
        machine.link.resumption.restore(snapshot.state.filter(|_| machine.tokens.in_force_id().is_some()));
        machine.attempts.restore(snapshot.next.min(GREATEST).max(newest), snapshot.spans);
        machine.renewal.paces = snapshot.paces;
        for pace in machine.renewal.paces.all() {
            // No wait is longer.
            pace.not_before = pace.not_before.min(now.saturating_add(policy.wait_refused));
            pace.asked = pace.asked.min(now.saturating_add(policy.retry_after));
            pace.sent = 0;
        }
        machine.renewal.key = snapshot.key.restored();
        machine.hope.restore(snapshot.ever_live, snapshot.hopeless, now);
        machine.link.refusals.restore(snapshot.round);
        machine
    }
}
