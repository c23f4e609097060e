//! Who can bring a token, and what is known of that; how long renewal may take (R16, R17).

use crate::lifecycle::renewal::key::KeyState;
use crate::lifecycle::tokens::token::{Base, Inspection, Token};
use crate::lifecycle::view::look::Look;
use crate::lifecycle::{Action, Confirmation, FallbackReason, Lifecycle, Mechanism, TokenId};
use crate::time::Millis;

impl Lifecycle {
    /// A provider that is asked but once at a time needs time for several (R14).
    pub(in crate::lifecycle) fn lead(&self, token: &Token) -> Option<Millis> {
        let once = !token.is_bound() && !self.renewal.provider().may_be_asked_twice && self.provider_can();
        let room = if once { self.policy.provider_max.saturating_mul(15) / 4 } else { 0 };
        token.lead(self.attempts.longest().saturating_mul(3).max(room), &self.policy)
    }

    /// A provider that can renew, by whatever means, and has not said that it will not.
    pub(in crate::lifecycle) fn provider_can(&self) -> bool {
        let able = self.renewal.provider().can_refresh || self.renewal.provider().can_mint_again;
        able && !self.tokens.newest_base().and_then(Token::base).is_some_and(|base| base.rejected)
    }

    /// Whether this base is to be exchanged for a bound token.
    pub(in crate::lifecycle) fn is_bindable(&self, token: &Token, provider_can: bool) -> bool {
        let Some(base) = token.base() else { return false };
        let known = match base.scope {
            Some(scope) => scope,
            // Nobody knows yet: where a provider renews that one is armed; else it is tried.
            None => !provider_can && base.inspection == Inspection::Over,
        };
        let key = self.renewal.key.is_to_be_had();
        known
            && key
            && !self.renewal.is_rekeyed()
            && base.cnf != Confirmation::Others
            && token.is_good(self.clock.now())
    }

    /// Who renews.
    pub(in crate::lifecycle) fn mechanism(&self, look: &Look<'_>) -> Mechanism {
        let bound = look.bound.is_some() && self.renewal.key.is_ready();
        if bound || (look.bindable && !look.provider_can) {
            Mechanism::Bound
        } else if look.provider_can {
            Mechanism::Provider
        } else {
            Mechanism::None
        }
    }

    pub(in crate::lifecycle) fn is_demanded(&self) -> bool {
        let Some(order) = self.waiters.wanted() else { return false };
        let asked =
            |attempt: &crate::lifecycle::attempts::Attempt| attempt.is_exchange() && attempt.id.0 >= order;
        !self.attempts.iter().any(|attempt| asked(attempt) && !attempt.late)
            && !self.tokens.held().iter().any(|token| token.order >= order)
    }

    /// The base that the application or a renewal has brought waits for its activation: not it but what comes of it is to
    /// be in force, up to the last call.
    pub(in crate::lifecycle) fn awaits_activation(&self, look: &Look<'_>, token: &Token) -> bool {
        let is_it = look.base.is_some_and(|base| base.id == token.id) && !token.is_bound();
        let undecided = token.base().is_some_and(Base::is_undecided);
        let bound = look.bound.is_some_and(|bound| bound.base_id() != Some(token.id));
        is_it && bound && (look.bindable || undecided) && self.renewal.paces.activate.failures == 0
    }

    /// Nobody knows yet what the base can do: that is being asked.
    pub(in crate::lifecycle) fn is_undecided(&self, look: &Look<'_>) -> bool {
        let key = self.renewal.key.is_to_be_had();
        let undecided = |it: &Token| it.is_good(look.now) && it.base().is_some_and(Base::is_undecided);
        key && look.base.is_some_and(undecided)
    }

    /// Somebody can still bring a token that is not held.
    pub(in crate::lifecycle) fn can_be_brought(&self, look: &Look<'_>) -> bool {
        look.provider_can || look.bindable || (look.bound.is_some() && self.renewal.key.is_ready())
    }

    /// Why the provider renews although client-bound renewal was wanted.
    pub(in crate::lifecycle) fn fallback_reason(&self, look: &Look<'_>) -> Option<FallbackReason> {
        let base = look.base.filter(|_| look.provider_can)?;
        match self.renewal.key.state() {
            KeyState::Failed => return Some(FallbackReason::NoDpopSupport),
            KeyState::Declined => return None,
            KeyState::Wanted | KeyState::Ready => {}
        }
        if base.base()?.scope == Some(false) {
            return Some(FallbackReason::NoScope);
        }
        let failed = self.renewal.paces.activate.failures.max(self.renewal.paces.renew.failures) > 0;
        let asked = |action: &Action| matches!(action, Action::Mint { .. } | Action::Refresh);
        (failed && look.bindable && self.attempts.any(asked)).then_some(FallbackReason::EndpointFailed)
    }

    /// Nobody renews, and the application has not been told.
    pub(in crate::lifecycle) fn lacks_mechanism(&self, look: &Look<'_>) -> bool {
        let Some(base) = look.base.and_then(Token::base) else { return false };
        let settled = base.inspection == Inspection::Over || base.scope.is_some();
        let due = settled && !base.told_no_mechanism && self.mechanism(look) == Mechanism::None;
        // The warning names the end: a connect result is waited for where nobody has named one.
        due && (self.hope.ever_live() || self.tokens.end(look.now, true).is_some())
    }

    /// It has been shown to the server, which has not answered.
    pub(in crate::lifecycle) fn is_judged(&self, id: TokenId) -> bool {
        self.attempts.any(|action| match action {
            Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => *token == id,
            _ => false,
        })
    }
}
