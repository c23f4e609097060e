//! One look at the state: who renews, and for which tokens. The whole agenda asks for little else, again and
//! again; it is worked out once for all of it, and never kept.

use super::Lifecycle;
use super::clock::At;
use super::ends::Ends;
use super::event::Mechanism;
use super::token::Token;

/// What the machine sees.
pub(super) struct Outlook<'a> {
    /// The newest base.
    pub(super) base: Option<&'a Token>,
    /// The newest bound token of that base.
    pub(super) bound: Option<&'a Token>,
    /// The token in force.
    pub(super) in_force: Option<&'a Token>,
    /// A third of its lead before its end: what has not come by then is late (L7, L21, L27).
    pub(super) last_call: Option<At>,
    /// When what is held ends.
    pub(super) ends: Ends<'a>,
    pub(super) provider_can: bool,
    pub(super) mechanism: Mechanism,
    /// The base that is to be exchanged for a bound token.
    pub(super) activation: Option<&'a Token>,
    /// When that has used up its budget.
    pub(super) overdue: Option<At>,
    /// When the provider takes over (L15, L17).
    pub(super) handover: Option<At>,
}

impl Lifecycle {
    pub(super) fn outlook(&self) -> Outlook<'_> {
        let base = self.newest_base();
        let bound = base.and_then(|base| self.bound_of(base.id));
        let fresh = bound.is_some_and(|bound| self.is_valid(bound));
        let provider_can = self.provider_can();
        let mechanism = self.choose(base, fresh);
        let activation = base.filter(|base| self.is_to_be_activated(base, fresh));
        let overdue = activation.and_then(|base| self.activation_overdue(base));
        // A client-bound mechanism that does not deliver has until half its lead. What has not been tried, because
        // nobody was there to try, has not failed.
        let half = || {
            let tried = self.retries.renew.failures > 0;
            let bound = bound.filter(|_| mechanism == Mechanism::Bound && tried)?;
            let by = bound.renew_by(&self.clock)?;
            Some(by.saturating_sub(bound.lead(&self.clock, &self.policy)? / 2))
        };
        let handover = if provider_can { overdue.or_else(half) } else { None };
        let in_force = self.in_force.and_then(|id| self.token(id));
        let last_call = in_force.and_then(|token| {
            let end = token.end(&self.clock).at?;
            Some(end.saturating_sub(token.lead(&self.clock, &self.policy)? / 3))
        });
        Outlook {
            base,
            bound,
            in_force,
            last_call,
            ends: self.ends(),
            provider_can,
            mechanism,
            activation,
            overdue,
            handover,
        }
    }
}
