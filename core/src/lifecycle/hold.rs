//! What holds a renewal back, by name (L13).

use super::event::Mechanism;
use super::mechanism::KeyState;
use super::outlook::Outlook;
use super::status::Hold;
use super::token::{Inspection, Token};
use super::wake::Wake;
use super::{Lifecycle, Mode, Pending};

impl Lifecycle {
    /// Why nothing is asked for although somebody could renew, or what has put the next attempt off; `None`
    /// while an exchange is in flight or the schedule alone decides.
    pub(super) fn held_back_by(&self) -> Option<Hold> {
        match self.mode {
            Mode::Suspended => return Some(Hold::Suspended),
            Mode::Running => {}
            Mode::Idle | Mode::Ending(..) | Mode::Over(_) => return None,
        }
        if self.pending.iter().any(Pending::is_exchange) {
            return None;
        }
        let look = self.outlook();
        let base = look.base;
        let facts = base.and_then(Token::base);
        if self.key.state == KeyState::Wanted {
            return Some(Hold::Key);
        }
        if facts.is_some_and(|facts| facts.rejected) && look.mechanism == Mechanism::None {
            return Some(Hold::Rejected);
        }
        if let Some(hold) = self.put_off(&look) {
            return Some(hold);
        }
        if look.ends.valid.is_some_and(|token| token.awaits_verdict) {
            return Some(Hold::Verdict);
        }
        let renewed = match look.mechanism {
            Mechanism::None => return None,
            Mechanism::Bound => look.bound,
            Mechanism::Provider => look.ends.valid,
        };
        if facts.is_some_and(|facts| facts.inspection != Inspection::Over && facts.scope.is_none()) {
            return Some(Hold::Scope);
        }
        if look.activation.is_some() && self.link.is_down() && look.mechanism != Mechanism::Bound {
            return Some(Hold::NoPath);
        }
        let endless = |token: &Token| token.renew_by(&self.clock).is_none();
        renewed.is_some_and(endless).then_some(Hold::NoEnd)
    }

    /// What makes the next exchange wait for longer than the schedule.
    fn put_off(&self, look: &Outlook<'_>) -> Option<Hold> {
        let (at, wake) = self.next_exchange(look).filter(|(at, _)| *at > self.clock.now())?;
        let (retry, by) = match wake {
            Wake::Activate => (self.retries.activate, Mechanism::Bound),
            Wake::Renew => (self.retries.renew, Mechanism::Bound),
            _ => (self.retries.provider, Mechanism::Provider),
        };
        if at == self.exchange_budget(0) || at == self.barren_until(self.latest_by(by)) {
            return Some(Hold::Governor);
        }
        (at == retry.not_before).then_some(Hold::BackOff)
    }
}
