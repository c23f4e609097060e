//! One look at the state: who renews, and for which tokens. The whole agenda asks for little else, again and
//! again; it is worked out once for all of it, and never kept.

use super::Lifecycle;
use super::clock::At;
use super::event::Mechanism;
use super::token::Token;

/// What the machine sees.
pub(super) struct Outlook<'a> {
    /// The newest base.
    pub(super) base: Option<&'a Token>,
    /// The newest bound token of that base.
    pub(super) bound: Option<&'a Token>,
    /// The newest token that counts as valid.
    pub(super) valid: Option<&'a Token>,
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
        let provider_can = self.provider_can();
        let mechanism = self.mechanism();
        let activation = self.wants_activation();
        let overdue = activation.and_then(|base| self.activation_overdue(base));
        // A client-bound mechanism that does not deliver has until half its lead.
        let half = || {
            let bound = bound.filter(|_| mechanism == Mechanism::Bound)?;
            let by = bound.renew_by(&self.clock)?;
            Some(by.saturating_sub(bound.lead(&self.clock, &self.policy)? / 2))
        };
        let handover = if provider_can { overdue.or_else(half) } else { None };
        let valid = self.newest_valid();
        Outlook { base, bound, valid, provider_can, mechanism, activation, overdue, handover }
    }
}
