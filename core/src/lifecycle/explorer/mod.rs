//! What a search over all states needs of the machine, behind the feature `model`: the state up to what can
//! not matter ([`Lifecycle::canonical`]), draws that branch ([`Lifecycle::script_draws`]), small numbers
//! ([`Policy::model`]), and what is seen from outside. Nothing in here decides anything.

mod canonical;
pub(crate) mod draws;

use alloc::vec::Vec;

use crate::lifecycle::attempts::Attempt;
use crate::lifecycle::{Action, AskId, CommandId, Lifecycle, Mode, Policy, SocketId, TokenId};
use crate::time::Tick;

/// What can still come of a state in a search, and so what of it can matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// A server may yet say something else of a token's end: what has passed may turn out not to have.
    pub ends_move: bool,
    /// Servers tell their time.
    pub clocks: bool,
    /// The host sleeps.
    pub jumps: bool,
    /// The process may die and go on from its record, with another key.
    pub deaths: bool,
    /// The application asks for renewals.
    pub asks: bool,
    /// What has yielded its place is answered all the same.
    pub late_answers: bool,
    /// Failures are told apart by what they said, although that decides nothing.
    pub causes: bool,
}

/// Something that was asked and is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub id: CommandId,
    /// What was asked.
    pub action: Action,
    /// When.
    pub at: Tick,
    /// When it yields its place.
    pub deadline: Tick,
    /// It has done so.
    pub late: bool,
}

impl Policy {
    /// The shortest spans at which everything still happens one after the other, in units: what can be searched whole.
    /// Budgets that are never used up; a slice that wants to see them at work makes them small.
    #[must_use]
    pub const fn model() -> Self {
        const NEVER: u64 = 1 << 40;
        Self {
            tick_counts_sleep: true,
            jitter: true,
            lead_share: 2,
            lead_min: 3,
            lead_max: 3,
            attempt_min: 1,
            attempt_max: 1,
            provider_max: 3,
            provider_min: 1,
            place: 3,
            wait_min: 2,
            wait_upgrade: 2,
            wait_served: 2,
            wait_unanswered: 2,
            wait_unanswered_idle: 2,
            wait_refused: 3,
            wait_refused_idle: 3,
            retry_after: 4,
            expiring_notice: 2,
            patience: 4,
            unreached: NEVER,
            awaited: 3,
            reopen_margin: 1,
            device_life: 8,
            reconnect_early: 2,
            early_outage: 2,
            reconnect_middle: 2,
            middle_outage: 3,
            reconnect: 3,
            stable: 2,
            network: 2,
            push: 1,
            local: 1,
            shown_again: 1,
            shown_again_max: 2,
            show_after_call: 1,
            show_interval: 3,
            sleep: 4,
            skew: 2,
            witness: 1,
            clock_grain: 1,
            shortened: 2,
            gain: 0,
            on_its_way: 1,
            second_look: 1,
            spread: 2,
            herd_resume: 2,
            herd_fresh: 2,
            parting: 1,
            incompatible: 3,
            cut_by_push: 1,
            network_hint: 2,
            ask_patience: 4,
            write_interval: 1,
            exchange_burst: u32::MAX,
            exchange_reserve: 4,
            exchange_refill_min: 1,
            exchange_refill_max: 1,
            socket_burst: u32::MAX,
            socket_refill: 1,
        }
    }
}

impl Lifecycle {
    /// From now on draws branch: the next ones are the greatest value where `wanted` says so, else the least.
    pub fn script_draws(&mut self, wanted: Vec<bool>) {
        self.random.follow(wanted);
    }

    /// How many draws there were since [`Lifecycle::script_draws`].
    #[must_use]
    pub fn draws_used(&self) -> usize {
        self.random.used()
    }

    /// What has no answer yet, oldest first.
    #[must_use]
    pub fn unanswered(&self) -> Vec<Asked> {
        let asked = |attempt: &Attempt| Asked {
            id: attempt.id,
            action: attempt.action,
            at: self.clock.tick_of(attempt.asked),
            deadline: self.clock.tick_of(attempt.deadline),
            late: attempt.late,
        };
        self.attempts.iter().map(asked).collect()
    }

    /// Who waits for an outcome.
    #[must_use]
    pub fn waiting(&self) -> Vec<AskId> {
        self.waiters.iter().map(|waiter| waiter.id).collect()
    }

    /// The newest base that is held.
    #[must_use]
    pub fn last_base(&self) -> Option<TokenId> {
        self.tokens.newest_base().map(|base| base.id)
    }

    /// The tokens that are held and were refused.
    #[must_use]
    pub fn refused(&self) -> Vec<TokenId> {
        self.tokens.held().iter().filter(|token| token.refused).map(|token| token.id).collect()
    }

    /// A token is held that can be used.
    #[must_use]
    pub fn has_good(&self) -> bool {
        self.tokens.good(self.clock.now()).next().is_some()
    }

    /// Whether it may be pushed: it is in the record, or no record can be written (R13).
    #[must_use]
    pub fn may_push(&self, token: TokenId) -> bool {
        let saved = self
            .tokens
            .get(token)
            .is_some_and(|held| held.saved == crate::lifecycle::tokens::token::Saved::Yes);
        saved || self.record.holds_up_nothing()
    }

    /// The socket that is coming.
    #[must_use]
    pub fn coming(&self) -> Option<SocketId> {
        self.link.coming().map(|coming| coming.socket)
    }

    /// The socket that was replaced, or is about to be, and is still read.
    #[must_use]
    pub fn parting(&self) -> Option<SocketId> {
        self.link.parting().map(|parting| parting.socket)
    }

    /// Somebody else holds the session.
    #[must_use]
    pub const fn is_handed_over(&self) -> bool {
        use crate::lifecycle::TeardownReason::HandedOver;
        matches!(self.mode, Mode::Ending(HandedOver, _) | Mode::Over(HandedOver))
    }
}
