//! Who waits for a renewal or for a token of their own, and what they are told: each exactly one outcome
//! (L24, L40).

use super::command::Action;
use super::event::{AskError, Cause, Event, Mechanism};
use super::input::{AskId, Generation, TokenId};
use super::outlook::Outlook;
use super::token::{Kind, Token};
use super::wake::Wake;
use super::{Lifecycle, Mode, Pending};

/// Most asks that wait at once.
const MOST_ASKS: usize = 64;

/// Somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) id: AskId,
    pub(super) kind: AskKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskKind {
    /// For a renewal. `served`: a token is on its way to the server for it.
    Renewal { served: bool },
    /// For this token, or one exchanged from it, to be in force.
    Update(TokenId),
}

impl Lifecycle {
    /// Registers somebody who waits; refuses when that is impossible.
    pub(super) fn wait(&mut self, ask: AskId, kind: AskKind) -> bool {
        let refusal = match self.mode {
            Mode::Running => (self.asks.len() >= MOST_ASKS).then_some(AskError::Throttled),
            Mode::Idle | Mode::Suspended => Some(AskError::Suspended),
            Mode::Ending(..) | Mode::Over(_) => Some(AskError::SessionOver),
        };
        match refusal {
            Some(error) => self.tell(Event::Failed { ask, error }),
            None => self.asks.push(Ask { id: ask, kind }),
        }
        refusal.is_none()
    }

    pub(super) fn ask_for_renewal(&mut self, ask: AskId) {
        if self.wait(ask, AskKind::Renewal { served: false }) {
            self.demand_renewal(ask);
        }
    }

    /// The application's own request was refused for its credential (L24).
    pub(super) fn rejected_by_server(&mut self, ask: AskId, generation: Generation) {
        if self.mode == Mode::Running && generation < self.generation {
            // A newer token has come into force since that request was sent.
            self.tell(Event::Recovered { ask, generation: self.generation });
        } else {
            // The server may not have known of the token in force; it is being told (L28).
            let served = self.is_pending(|action| action.pushes(self.in_force));
            if self.wait(ask, AskKind::Renewal { served }) && !served {
                self.demand_renewal(ask);
            }
        }
    }

    /// Shares the exchange or the push that is under way, else asks for one (L24).
    fn demand_renewal(&mut self, ask: AskId) {
        let id = self.newest_base().map(|base| base.id);
        if let Some(base) = id.and_then(|id| self.token_mut(id)).and_then(Token::base_mut) {
            base.rejected = false;
        }
        let is_push = |action: &Action| matches!(action, Action::Reauthenticate { .. });
        if self.is_pending(|action| is_push(action) && !action.pushes(self.in_force)) {
            return self.serve_renewal_asks();
        }
        let alone =
            self.asks.iter().all(|other| other.id == ask || other.kind != AskKind::Renewal { served: false });
        if alone && !self.pending.iter().any(Pending::is_exchange) && self.on_demand_is_too_soon() {
            self.asks.retain(|waiting| waiting.id != ask);
            self.tell(Event::Failed { ask, error: AskError::Throttled });
        }
    }

    /// The request budget keeps its last permits for due renewals (L20), and an endpoint that asked us to
    /// wait is not asked on demand either (L18).
    fn on_demand_is_too_soon(&self) -> bool {
        let now = self.clock.now();
        let asked = match self.next_exchange(&self.outlook()) {
            Some((_, Wake::Activate)) => self.retries.activate.asked,
            Some((_, Wake::Renew)) => self.retries.renew.asked,
            Some(_) => self.retries.provider.asked,
            None => 0,
        };
        self.exchange_budget(self.policy.exchange_reserve).max(asked) > now
    }

    /// Somebody waits for a renewal that no exchange has brought yet (L24).
    pub(super) fn renewal_is_demanded(&self) -> bool {
        self.asks.iter().any(|ask| ask.kind == AskKind::Renewal { served: false })
    }

    /// Somebody waits for this token to be in force (L40).
    pub(super) fn awaits(&self, token: TokenId) -> bool {
        self.asks.iter().any(|ask| ask.kind == AskKind::Update(token))
    }

    /// Somebody waits for a renewal, and nobody can renew (L24).
    pub(super) fn demand_is_vain(&self, look: &Outlook<'_>) -> bool {
        self.renewal_is_demanded()
            && !self.held.is_empty()
            && look.mechanism == Mechanism::None
            && !self.pending.iter().any(Pending::is_exchange)
    }

    /// Somebody waits for a token that cannot take effect any more (L40).
    pub(super) fn an_update_is_vain(&self) -> bool {
        self.asks.iter().any(|ask| matches!(ask.kind, AskKind::Update(token) if self.is_vain(token)))
    }

    /// The token, and whatever was exchanged from it, has ended or has gone.
    fn is_vain(&self, token: TokenId) -> bool {
        let is_it = |held: &&Token| held.id == token || held.base_id() == Some(token);
        !self.unsure && !self.held.iter().filter(is_it).any(|held| self.is_valid(held))
    }

    /// Who waits in vain is told.
    pub(super) fn deny_vain_asks(&mut self) {
        let demand = self.demand_is_vain(&self.outlook());
        for ask in core::mem::take(&mut self.asks) {
            let error = match ask.kind {
                AskKind::Renewal { served: false } if demand => AskError::NoMechanism,
                AskKind::Update(token) if self.is_vain(token) => AskError::InvalidCredentials,
                AskKind::Renewal { .. } | AskKind::Update(_) => {
                    self.asks.push(ask);
                    continue;
                }
            };
            self.tell(Event::Failed { ask: ask.id, error });
        }
    }

    /// An exchange has brought what was waited for: it remains to be acknowledged.
    pub(super) fn serve_renewal_asks(&mut self) {
        for ask in &mut self.asks {
            if let AskKind::Renewal { served } = &mut ask.kind {
                *served = true;
            }
        }
    }

    /// A token is in force: those who waited for it have what they wanted, and those who waited for any, if that is
    /// news or what they shared.
    pub(super) fn settle_asks(&mut self, token: TokenId, news: bool) {
        let generation = self.generation;
        let base = match self.token(token).map(|held| &held.kind) {
            Some(Kind::Bound { of }) => *of,
            _ => token,
        };
        let newest = self.newest_valid().is_none_or(|newest| newest.id == token);
        let asks = core::mem::take(&mut self.asks);
        for ask in asks {
            let settled = match ask.kind {
                AskKind::Renewal { served } => newest && (news || served),
                AskKind::Update(wanted) => wanted == token || wanted == base,
            };
            if settled {
                self.tell(Event::Recovered { ask: ask.id, generation });
            } else {
                self.asks.push(ask);
            }
        }
    }

    /// The attempt that they shared failed.
    pub(super) fn fail_renewal_asks(&mut self, cause: Cause) {
        self.fail_asks(cause, |kind| matches!(kind, AskKind::Renewal { .. }));
    }

    /// What they shared was this token's way to the server, unless a newer one is on its way.
    pub(super) fn fail_served_asks(&mut self, token: TokenId, cause: Cause) {
        if self.newest_valid().is_none_or(|newest| newest.id == token) {
            self.fail_asks(cause, |kind| kind == AskKind::Renewal { served: true });
        }
    }

    fn fail_asks(&mut self, cause: Cause, which: impl Fn(AskKind) -> bool) {
        let asks = core::mem::take(&mut self.asks);
        for ask in asks {
            if which(ask.kind) {
                self.tell(Event::Failed { ask: ask.id, error: AskError::Exchange(cause) });
            } else {
                self.asks.push(ask);
            }
        }
    }

    /// The server refused a token that the application brought, or one exchanged from it: which one it
    /// brought; `None`: nobody waits for it.
    pub(super) fn fail_update(&mut self, token: TokenId, cause: Cause) -> Option<TokenId> {
        let base = match self.token(token).map(|held| &held.kind) {
            Some(Kind::Bound { of }) => *of,
            _ => token,
        };
        let (id, brought) = self.asks.iter().find_map(|ask| match ask.kind {
            AskKind::Update(brought) if brought == token || brought == base => Some((ask.id, brought)),
            _ => None,
        })?;
        self.asks.retain(|other| other.id != id);
        self.tell(Event::Failed { ask: id, error: AskError::Exchange(cause) });
        Some(brought)
    }
}
