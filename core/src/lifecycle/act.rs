//! Doing what is due: one function for each [`Wake`].

use crate::time::Millis;

use super::command::{Action, CommandId};
use super::ends::Ends;
use super::event::{Cause, Event, FallbackReason, Mechanism, TeardownReason, Warning};
use super::input::{Failure, Outcome};
use super::token::{Inspection, Saved, Token};
use super::wake::Wake;
use super::{Expired, Lifecycle, Mode, Pending, Remint};

impl Lifecycle {
    /// Does one thing that is due. Each leaves the state such that it is not due any more.
    pub(super) fn act(&mut self, wake: Wake) {
        match wake {
            Wake::Deadline(command) => self.time_out(command),
            Wake::Expiry => self.expire(None),
            Wake::GraceOver => self.end(TeardownReason::Expired, None),
            Wake::Refused => self.answer_refusal(),
            Wake::SecondRound => self.begin_second_round(),
            Wake::Stable => self.is_stable(),
            Wake::Expiring => self.warn_of_expiry(),
            Wake::Handover => self.hand_over(),
            Wake::Promotion => self.promote(),
            // Time alone has changed what counts as valid: the agenda has been derived anew.
            Wake::TokenEnds => {}
            Wake::Vain => self.deny_vain_asks(),
            Wake::Fallback => self.tell_fallback(),
            Wake::NoMechanism => self.tell_no_mechanism(),
            Wake::MakeKey => {
                let algorithm = self.key.algorithm;
                // Two hundred sessions that start on a small machine wait for two hundred RSA keys.
                self.command(Action::MakeKey { algorithm }, self.policy.first_mint);
            }
            Wake::Mint => self.mint(),
            Wake::Inspect => self.inspect(),
            Wake::Activate => self.activate(),
            Wake::Renew => self.renew(),
            Wake::Refresh => {
                let span = self.attempt_span(self.policy.provider_max);
                self.exchange(Action::Refresh, span);
            }
            Wake::Persist => self.persist(),
            Wake::Push => self.push(),
            Wake::Verdict => self.seek_verdict(),
            Wake::Open => self.open(),
            Wake::Farewell => self.farewell(),
        }
    }

    fn time_out(&mut self, command: CommandId) {
        self.done(command, &Outcome::failed(Failure::Timeout));
    }

    /// A late step first lets go of the commands whose deadlines have passed: their answers are stale,
    /// even one that comes with this very step (L1).
    pub(super) fn expire_commands(&mut self) {
        if !matches!(self.mode, Mode::Running | Mode::Ending(..)) {
            return;
        }
        let now = self.clock.now();
        while let Some(late) = self.pending.iter().find(|pending| pending.deadline <= now).map(|late| late.id)
        {
            self.time_out(late);
        }
    }

    // ---- The end ----

    /// No held token is valid any more (L22).
    pub(super) fn expire(&mut self, cause: Option<Cause>) {
        let renewing = self.provider_can() && self.policy.grace > 0;
        if self.expired.is_some() || (!self.provider_can() && self.begin_anew()) {
            return;
        }
        self.tell(Event::Expired { renewing });
        // What has expired is expiring no more.
        self.told_expiring = Some(self.generation);
        if renewing {
            self.expired = Some(Expired { since: self.clock.now(), attempts: 0 });
            self.drop_link(Some(0));
        } else {
            self.end(TeardownReason::Expired, cause);
        }
    }

    fn farewell(&mut self) {
        if let Mode::Ending(reason, cause) = self.mode {
            self.mode = Mode::Over(reason);
            self.tell(Event::Teardown { reason, cause });
        }
    }

    // ---- What is said ----

    fn warn_of_expiry(&mut self) {
        self.told_expiring = Some(self.generation);
        let Some(token) = self.in_force.and_then(|id| self.token(id)) else { return };
        let end = token.end(&self.clock);
        let Some(at) = end.at else { return };
        let ends = self.clock.tick_of(at);
        self.warn(Warning::Expiring { ends, assumed: end.assumed, mechanism: self.mechanism() });
    }

    fn tell_fallback(&mut self) {
        if let Some(reason) = self.fallback_reason(&self.outlook()) {
            self.told_fallback.push(reason);
            self.warn(Warning::RefreshFallback { reason });
        }
    }

    fn tell_no_mechanism(&mut self) {
        let Ends { presumed, session, .. } = self.ends();
        let ends = presumed.map(|at| self.clock.tick_of(at));
        let assumed = ends.is_some() && session.is_none();
        let Some(id) = self.newest_base().map(|base| base.id) else { return };
        if let Some(base) = self.token_mut(id).and_then(Token::base_mut) {
            base.told_no_mechanism = true;
            self.warn(Warning::NoRefreshHandler { ends, assumed });
        }
    }

    // ---- Who renews ----

    /// The client-bound mechanism has not delivered in time (L15, L17).
    pub(super) fn hand_over(&mut self) {
        let activating = self.wants_activation().is_some();
        let bound = |pending: &&Pending| Self::mechanism_of(&pending.action) == Mechanism::Bound;
        let cut_short = self.pending.iter().filter(|pending| pending.is_exchange()).find(bound).copied();
        self.decline(if activating {
            FallbackReason::ActivationTimeout
        } else {
            FallbackReason::EndpointFailed
        });
        if let Some(pending) = cut_short {
            // Whoever waits for it is served by the provider.
            let attempt = self.count_failure(&pending, Failure::Timeout);
            self.tell_failed_attempt(&pending, attempt, Failure::Timeout);
        }
    }

    pub(super) fn promote(&mut self) {
        let Some(id) = self.newest_base().map(|base| base.id) else { return };
        if let Some(base) = self.token_mut(id).and_then(Token::base_mut) {
            base.declined = None;
            base.activation.reset();
        }
    }

    // ---- Exchanges ----

    fn mint(&mut self) {
        // One that takes the place of a token that the application brought is a renewal (L18), and one that is
        // repeated bothers nobody.
        let first = self.held.is_empty() && self.retries.provider.failures == 0;
        self.minted = true;
        let key = matches!(self.key.state, super::KeyState::Ready).then_some(self.key.algorithm);
        let span = if first { self.policy.first_mint } else { self.attempt_span(self.policy.provider_max) };
        self.exchange(Action::Mint { fingerprint: key }, span);
    }

    fn activate(&mut self) {
        let Some(base) = self.wants_activation().map(|base| base.id) else { return };
        let offset = self.clock.offset();
        self.exchange(Action::Activate { base, offset }, self.attempt_span(self.policy.attempt_max));
    }

    fn renew(&mut self) {
        let Some(bound) = self.newest_base().and_then(|base| self.bound_of(base.id)).map(|bound| bound.id)
        else {
            return;
        };
        let offset = self.clock.offset();
        self.exchange(Action::Renew { bound, offset }, self.attempt_span(self.policy.attempt_max));
    }

    fn exchange(&mut self, action: Action, span: Millis) {
        self.exchanges.take(self.clock.now(), self.exchange_period());
        self.spread = 0;
        self.command(action, span);
    }

    /// How long an attempt to renew may take: a quarter of the time left, within bounds, never past the end
    /// less what the push needs (L18). After the end, its upper bound.
    fn attempt_span(&self, most: Millis) -> Millis {
        let most_after_the_end = most.min(self.policy.attempt_max);
        if self.expired.is_some() {
            return most_after_the_end;
        }
        let ends = self.ends();
        let Some(end) = ends.session else { return most };
        let left = end.saturating_sub(self.clock.now());
        if left == 0 {
            // Slept past it, and nobody has said yet that this is so (L23).
            return most_after_the_end;
        }
        let lead = ends.valid.and_then(|token| token.lead(&self.clock, &self.policy)).unwrap_or(0);
        let reserve = self.policy.push_reserve.min(lead / 6);
        let share = (left / 4).max(self.policy.attempt_min).min(most);
        share.min(left.saturating_sub(reserve)).max(left.min(self.policy.attempt_min)).max(1)
    }

    /// Time until no held token is valid any more; without a known end, the longest back-off.
    pub(super) fn time_left(&self) -> Millis {
        self.ends().presumed.map_or(self.policy.barren_max, |end| end.saturating_sub(self.clock.now()))
    }

    fn inspect(&mut self) {
        let Some(base) = self.wants_inspection().map(|base| base.id) else { return };
        if let Some(facts) = self.token_mut(base).and_then(Token::base_mut) {
            facts.inspection = Inspection::Asked;
        }
        self.command(Action::Inspect { base }, self.policy.network);
    }

    fn persist(&mut self) {
        self.unsaved = false;
        for held in &mut self.held {
            if held.saved == Saved::No {
                held.saved = Saved::Underway;
            }
        }
        let span = (self.time_left() / 10).min(self.policy.local).max(1);
        self.command(Action::Persist, span);
    }

    /// A new base has come, or none is needed any more.
    pub(super) fn stop_reminting(&mut self) {
        self.remint = Remint::No;
    }

    /// The mechanism that an exchange belongs to.
    pub(super) const fn mechanism_of(action: &Action) -> Mechanism {
        match action {
            Action::Activate { .. } | Action::Renew { .. } => Mechanism::Bound,
            _ => Mechanism::Provider,
        }
    }
}
