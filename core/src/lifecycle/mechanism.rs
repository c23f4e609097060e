//! Who renews: exactly one of bound, provider, none, derived from what is held each time it is asked
//! (L12 to L17).

use crate::time::Millis;

use super::Lifecycle;
use super::clock::At;
use super::command::Action;
use super::event::{FallbackReason, Mechanism};
use super::input::{Confirmation, KeyAlgorithm, TokenId};
use super::outlook::Outlook;
use super::token::{Declined, Inspection, Kind, Token};

/// The proof-of-possession key, as far as decisions depend on it (L46, L48).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) state: KeyState,
    pub(super) algorithm: KeyAlgorithm,
    /// A server has accepted a proof of this kind.
    pub(super) proved: bool,
    /// The kind may be changed, once.
    pub(super) may_switch: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    /// To be made.
    Wanted,
    /// At hand.
    Ready,
    /// None was wanted.
    Declined,
    /// None could be had.
    Failed,
}

impl Lifecycle {
    pub(super) fn token(&self, id: TokenId) -> Option<&Token> {
        self.held.iter().find(|token| token.id == id)
    }

    pub(super) fn token_mut(&mut self, id: TokenId) -> Option<&mut Token> {
        self.held.iter_mut().find(|token| token.id == id)
    }

    /// Lets go of what is not to be kept; the base of a bound token that stays stays with it, since without it
    /// nobody would renew that (L13). What is asked about a base goes with it: a bound token without one is of no
    /// use, and nobody cares what the server thinks of it.
    pub(super) fn keep_held(&mut self, keep: impl Fn(&Token) -> bool) {
        let is_base = |id, held: &[Token]| held.iter().any(|it| it.base_id() == Some(id) && keep(it));
        while let Some(gone) = self.held.iter().position(|it| !keep(it) && !is_base(it.id, &self.held)) {
            self.held.remove(gone);
        }
        let holds = |id| self.held.iter().any(|token| token.id == id);
        self.pending.retain(|pending| {
            !matches!(pending.action, Action::Activate { base, .. } | Action::Inspect { base } if !holds(base))
        });
    }

    /// The base that the choice of mechanism is about: the newest.
    pub(super) fn newest_base(&self) -> Option<&Token> {
        self.held.iter().rev().find(|token| !token.is_bound())
    }

    /// The newest bound token that came of this base.
    pub(super) fn bound_of(&self, base: TokenId) -> Option<&Token> {
        self.held.iter().rev().find(|token| token.kind == Kind::Bound { of: base })
    }

    /// What this mechanism brought last, be it valid or not.
    pub(super) fn latest_by(&self, mechanism: Mechanism) -> Option<&Token> {
        self.held.iter().rev().find(|token| token.by == Some(mechanism))
    }

    /// The newest bound token, of whatever base.
    pub(super) fn newest_bound(&self) -> Option<&Token> {
        self.held.iter().rev().find(|token| token.is_bound())
    }

    pub(super) fn is_valid(&self, token: &Token) -> bool {
        token.is_valid(&self.clock, self.clock.now())
    }

    /// The newest token that counts as valid.
    pub(super) fn newest_valid(&self) -> Option<&Token> {
        self.held.iter().rev().find(|token| self.is_valid(token))
    }

    /// A provider that can renew, by whatever means (L42), and has not said that it will not.
    pub(super) fn provider_can(&self) -> bool {
        let able = self.provider.can_refresh || self.provider.can_mint_again;
        able && !self.newest_base().and_then(Token::base).is_some_and(|base| base.rejected)
    }

    /// Whether anything speaks against client-bound renewal for good.
    fn bound_possible(&self, base: &Token, fresh: bool) -> bool {
        let Some(facts) = base.base() else { return false };
        let key = matches!(self.key.state, KeyState::Wanted | KeyState::Ready);
        let alive = fresh || self.is_valid(base);
        key && facts.scope != Some(false) && facts.cnf != Confirmation::Others && alive
    }

    /// Whether a bound token of this base is valid.
    fn is_bound_afresh(&self, base: &Token) -> bool {
        self.bound_of(base.id).is_some_and(|bound| self.is_valid(bound))
    }

    /// The table of seed 004 (L12), with L15 and L17.
    pub(super) fn mechanism(&self) -> Mechanism {
        let base = self.newest_base();
        self.choose(base, base.is_some_and(|base| self.is_bound_afresh(base)))
    }

    /// The same for the newest base, with or without a `fresh` bound token: one that has ended is no success
    /// any more, its base is activated anew, within its budget (L15, L17).
    pub(super) fn choose(&self, base: Option<&Token>, fresh: bool) -> Mechanism {
        let provider = self.provider_can();
        let Some(base) = base else {
            return if provider { Mechanism::Provider } else { Mechanism::None };
        };
        let possible = self.bound_possible(base, fresh);
        match (possible, provider) {
            (true, false) => Mechanism::Bound,
            (true, true) if fresh && self.declined(base).is_none() => Mechanism::Bound,
            (_, true) => Mechanism::Provider,
            (false, false) => Mechanism::None,
        }
    }

    /// A decline counts only while a provider is there to decline in favour of.
    pub(super) fn declined(&self, base: &Token) -> Option<Declined> {
        if self.provider_can() { base.base()?.declined } else { None }
    }

    /// The base that is to be exchanged for a bound token, if that is wanted now (L14, L15).
    pub(super) fn wants_activation(&self) -> Option<&Token> {
        self.newest_base().filter(|base| self.is_to_be_activated(base, self.is_bound_afresh(base)))
    }

    /// Whether that is so for the newest base, with or without a `fresh` bound token.
    pub(super) fn is_to_be_activated(&self, base: &Token, fresh: bool) -> bool {
        let Some(facts) = base.base() else { return false };
        let known = match facts.scope {
            Some(scope) => scope,
            // Unknown, and a provider can renew: that one is armed, silently. Unknown and it cannot: try.
            None => !self.provider_can() && facts.inspection == Inspection::Over,
        };
        let wanted = known && !fresh && self.key.state == KeyState::Ready;
        let able = wanted && self.is_valid(base) && self.bound_possible(base, false);
        able && self.declined(base).is_none()
    }

    /// Connected time that an activation may use before the provider takes over (L15).
    pub(super) fn activation_budget(&self, base: &Token) -> Millis {
        base.life(&self.clock)
            .map_or(self.policy.activation_budget, |life| (life / 3).min(self.policy.activation_budget))
    }

    /// When the running activation of this base has used up its budget.
    pub(super) fn activation_overdue(&self, base: &Token) -> Option<At> {
        base.base()?.activation.reaches(self.activation_budget(base))
    }

    /// A base whose bound token, not the base itself, is to take effect (L26, L40); past its budget it is
    /// no longer waited for.
    pub(super) fn awaits_activation(&self, look: &Outlook<'_>, token: &Token) -> bool {
        let Some(facts) = token.base() else { return false };
        if look.base.is_none_or(|base| base.id != token.id) {
            return false;
        }
        let bound_in_force = look.in_force.is_some_and(Token::is_bound);
        let undecided = facts.scope.is_none() && facts.inspection != Inspection::Over && bound_in_force;
        let overdue = look.overdue.is_some_and(|at| at <= self.clock.now());
        undecided || (look.activation.is_some() && !overdue)
    }

    /// Gives client-bound renewal up in favour of the provider, for a while (L15, L17).
    pub(super) fn decline(&mut self, reason: FallbackReason) {
        let until = self.clock.now().saturating_add(self.policy.promotion);
        let Some(id) = self.newest_base().map(|base| base.id) else { return };
        if let Some(base) = self.token_mut(id).and_then(Token::base_mut) {
            base.declined = Some(Declined { reason, until });
            base.activation.reset();
        }
        self.retire_bound_exchange();
    }

    /// Why the provider renews although client-bound renewal was wanted (L16).
    pub(super) fn fallback_reason(&self, look: &Outlook<'_>) -> Option<FallbackReason> {
        let base = look.base?;
        if !look.provider_can {
            return None;
        }
        match self.key.state {
            KeyState::Failed => return Some(FallbackReason::NoDpopSupport),
            KeyState::Declined => return None,
            KeyState::Wanted | KeyState::Ready => {}
        }
        match base.base()?.scope {
            Some(false) => Some(FallbackReason::NoScope),
            _ => self.declined(base).map(|declined| declined.reason),
        }
    }

    /// The nobody-renews warning of the newest base is due: its scope is known, or cannot matter (L16).
    pub(super) fn lacks_mechanism(&self, look: &Outlook<'_>) -> bool {
        let Some(facts) = look.base.and_then(Token::base) else { return false };
        let settled = facts.inspection == Inspection::Over || facts.scope.is_some();
        let due = settled && !facts.told_no_mechanism && look.mechanism == Mechanism::None;
        // The warning names the end: a connect result is waited for where nobody has stated one.
        due && (self.ever_live || look.ends.presumed.is_some())
    }
}
