//! What the application and the driver bring from outside: every input but answers (L24, L40, L41).

use super::asks::AskKind;
use super::command::Action;
use super::connection::{Link, Outage};
use super::event::{AskError, Event, Ignored, TeardownReason};
use super::input::{
    AskId, Confirmation, Generation, Input, KeyAlgorithm, KeyFacts, ProviderFacts, Start, TokenFacts, TokenId,
};
use super::mechanism::{Key, KeyState};
use super::token::{Base, Inspection, Kind, Token};
use super::{Lifecycle, Mode, Remint};

/// Whether a base token can be used (L11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UpdateCheck {
    Usable,
    /// The server has rejected it.
    Rejected,
    /// It has ended in the server's time.
    Ended,
    /// It is bound to a key that is not ours.
    Foreign,
}

impl Lifecycle {
    /// Takes an input into the state. Decides as little as possible: what follows from it is on the agenda.
    pub(super) fn absorb(&mut self, input: Input) {
        match input {
            Input::Start(start) => self.start(&start),
            Input::Tick => {}
            Input::Done(command, outcome) => self.done(command, &outcome),
            Input::SocketLost { socket } => self.socket_gone(socket, false),
            Input::SocketDead { socket } => self.socket_gone(socket, true),
            Input::ServerRestart { socket, wipe } => {
                if wipe && self.link.socket() == Some(socket) {
                    self.resumable = None;
                }
                self.socket_gone(socket, true);
            }
            Input::ResumeState { socket } => {
                if self.link.socket() == Some(socket) && self.mode == Mode::Running {
                    self.resumable = match &mut self.link {
                        Link::Live { known, .. } => Some(known.state_came()),
                        // What it is made for is not known before the answer.
                        _ => self.resumable.or(Some(Generation(0))),
                    };
                    self.unsaved = true;
                } else {
                    self.tell(Event::Ignored(Ignored::StaleSocket));
                }
            }
            Input::ServerTime(time) => self.server_time(time),
            Input::Rejected { ask, generation } => self.rejected_by_server(ask, generation),
            Input::RefreshNow { ask } => self.ask_for_renewal(ask),
            Input::NewBase { ask, token } => self.update_token(ask, &token),
            Input::NewProvider(provider) => self.set_provider(provider),
            Input::Suspend => self.suspend(),
            Input::Resume => self.resume(),
            Input::NetworkChanged => self.network_changed(),
            Input::Disconnect => self.finish(TeardownReason::Disconnected),
            Input::Leave => self.finish(TeardownReason::Left),
            Input::Destroy => self.finish(TeardownReason::Destroyed),
        }
    }

    fn out_of_place(&mut self) {
        self.tell(Event::Ignored(Ignored::OutOfPlace));
    }

    fn start(&mut self, start: &Start) {
        if self.mode != Mode::Idle {
            return self.out_of_place();
        }
        self.mode = Mode::Running;
        self.provider = start.provider;
        self.durable = start.durable;
        self.key = match start.key {
            // What was proved is remembered, even where the key itself is lost (L46).
            KeyFacts::Auto if self.key.proved => Key { state: KeyState::Wanted, ..self.key },
            KeyFacts::Auto => Key {
                state: KeyState::Wanted,
                algorithm: self.automatic_algorithm(),
                proved: false,
                may_switch: start.provider.can_mint_again,
            },
            KeyFacts::Fixed(algorithm) => {
                Key { state: KeyState::Wanted, algorithm, proved: false, may_switch: false }
            }
            KeyFacts::Held { algorithm, proved } => {
                let known = self.key.algorithm == algorithm;
                let (proved, may_switch) =
                    (proved || (known && self.key.proved), known && self.key.may_switch);
                Key { state: KeyState::Ready, algorithm, proved, may_switch }
            }
            // As before the start: there is none.
            KeyFacts::Unavailable => self.key,
        };
        self.start_restored();
    }

    /// ES256 where a refusal can be recovered from by minting anew, else what the official client uses
    /// (L46).
    const fn automatic_algorithm(&self) -> KeyAlgorithm {
        if self.provider.can_mint_again { KeyAlgorithm::Es256 } else { KeyAlgorithm::Rs256 }
    }

    /// A time stamp that came unasked: sent at some time before now, perhaps before the clocks jumped.
    fn server_time(&mut self, time: crate::time::UnixMillis) {
        let sent = self.clock.now().saturating_sub(self.policy.underway);
        if !(self.clock.has_jumped_since(sent) && self.clock.may_be_old(time, sent, &self.policy)) {
            self.observe(time, sent);
        }
    }

    fn network_changed(&mut self) {
        if self.mode != Mode::Running {
            return self.out_of_place();
        }
        self.probe();
        if let Link::Down { not_before } = &mut self.link {
            *not_before = 0;
        }
        if self.has_nothing_yet() {
            // What has failed may have failed for want of a network; not what the endpoint asked for (L36, L42).
            self.retries.provider.not_before = self.retries.provider.asked;
        }
    }

    // ---- A token of the application's own ----

    pub(super) fn check_new_base(&self, facts: &TokenFacts) -> UpdateCheck {
        let says = &facts.statement;
        let shown = self.clock.server_time(self.clock.now()).filter(|_| self.clock.is_confirmed());
        let passed = says.expires_at.or(says.expiry_hint).zip(shown).is_some_and(|(end, now)| end <= now);
        // Of two ends the later one counts (L8): what is known of the server's clock may be out of date, and
        // without a socket nobody would ever hear of it.
        let ended = says.expires_in.map_or(passed, |life| life == 0);
        if self.rejected.contains(&facts.token) {
            UpdateCheck::Rejected
        } else if says.cnf == Confirmation::Others {
            UpdateCheck::Foreign
        } else if ended {
            UpdateCheck::Ended
        } else {
            UpdateCheck::Usable
        }
    }

    /// `update_token` (L40).
    fn update_token(&mut self, ask: AskId, facts: &TokenFacts) {
        if !self.wait(ask, AskKind::Update(facts.token)) {
            return;
        }
        let now = self.clock.now();
        // In force already, itself or what was exchanged from it: nothing is asked for, and nothing given up.
        let is_it = |held: &Token| held.id == facts.token || held.base_id() == Some(facts.token);
        let in_force = self.in_force.and_then(|id| self.token(id));
        let is_no_news = self.link.is_live() && in_force.is_some_and(is_it);
        let refusal = if self.check_new_base(facts) != UpdateCheck::Usable {
            Some(AskError::InvalidCredentials)
        } else if !is_no_news && self.exchange_budget(0) > now {
            // Each token that is brought costs an inspection and a push (L20).
            Some(AskError::Throttled)
        } else {
            None
        };
        if let Some(error) = refusal {
            self.asks.retain(|waiting| waiting.id != ask);
            self.tell(Event::Failed { ask, error });
            return;
        }
        // By the period that the budget was asked with: what goes now may change it.
        if !is_no_news {
            self.exchanges.take(now, self.exchange_period());
        }
        self.supersede_updates(ask, facts.token);
        if is_no_news {
            self.asks.retain(|waiting| waiting.id != ask);
            self.tell(Event::Recovered { ask, generation: self.generation });
            return;
        }
        self.retire(|pending| pending.is_exchange());
        self.stop_reminting();
        let kind = match self.token(facts.token).map(|known| &known.kind) {
            // Our own bound token does not become a base: who renewed it before renews it still.
            Some(Kind::Bound { of }) => Kind::Bound { of: *of },
            Some(Kind::Base(base)) => Kind::Base(base.again()),
            None => Kind::Base(Base::default()),
        };
        self.hold(facts, kind, now, None, false);
        // Who waits for a renewal has one in this.
        self.serve_renewal_asks();
        if let Link::Down { not_before } = &mut self.link {
            *not_before = (*not_before).min(now);
        }
    }

    /// A newer call takes the place of older ones, and their tokens go unless one is in force or brought again.
    fn supersede_updates(&mut self, newest: AskId, again: TokenId) {
        let asks = core::mem::take(&mut self.asks);
        for ask in asks {
            match ask.kind {
                AskKind::Update(token) if ask.id != newest => {
                    // One that is being offered stays until the server has said what it thinks of it.
                    let offered = self.is_pending(
                        |action| matches!(action, Action::Authenticate { token: offered, .. } if *offered == token),
                    );
                    if self.in_force != Some(token) && token != again && !offered {
                        self.keep_held(|held| held.id != token);
                        self.retire(|pending| {
                            matches!(pending.action, Action::Reauthenticate { token: pushed, .. } if pushed == token)
                        });
                    }
                    self.tell(Event::Failed { ask: ask.id, error: AskError::Superseded });
                }
                _ => self.asks.push(ask),
            }
        }
    }

    fn set_provider(&mut self, provider: ProviderFacts) {
        if matches!(self.mode, Mode::Ending(..) | Mode::Over(_)) {
            return self.out_of_place();
        }
        self.provider = provider;
        let first = self.held.is_empty();
        self.retire(|pending| matches!(pending.action, Action::Mint { .. } | Action::Refresh));
        if first && self.mode == Mode::Running {
            self.minted = false;
        }
        self.retries.provider = super::governor::Retry::default();
        self.told_fallback.clear();
        for base in self.held.iter_mut().filter_map(Token::base_mut) {
            base.rejected = false;
            base.declined = None;
            base.told_no_mechanism = false;
        }
    }

    // ---- Rest and end ----

    fn suspend(&mut self) {
        if self.mode != Mode::Running {
            return self.out_of_place();
        }
        self.close_socket();
        // The first mint may be a person signing in: it is let finish, and its token kept (L41, L42).
        let minting = self.held.is_empty();
        self.retire(|pending| match pending.action {
            Action::Mint { .. } => !minting,
            // Its answer is awaited, and of no consequence.
            Action::Close { .. } => false,
            _ => true,
        });
        self.forget_write();
        for base in self.held.iter_mut().filter_map(Token::base_mut) {
            if base.inspection == Inspection::Asked {
                base.inspection = Inspection::Again;
            }
        }
        self.link = Link::Down { not_before: 0 };
        self.run_stopwatch();
        for ask in core::mem::take(&mut self.asks) {
            self.tell(Event::Failed { ask: ask.id, error: AskError::Suspended });
        }
        self.mode = Mode::Suspended;
        self.tell(Event::Suspended);
    }

    fn resume(&mut self) {
        if self.mode != Mode::Suspended {
            return self.out_of_place();
        }
        self.mode = Mode::Running;
        let minting = self.is_pending(|action| matches!(action, Action::Mint { .. }));
        // One that has failed is repeated in its time.
        if self.held.is_empty() && !minting && self.retries.provider.failures == 0 {
            self.minted = false;
        }
        self.outage = Outage::default();
        self.link = Link::Down { not_before: self.clock.now() };
        self.spread_work();
    }

    /// The application is done with it, as it says. Who leaves keeps what the next process resumes with.
    fn finish(&mut self, reason: TeardownReason) {
        match self.mode {
            Mode::Ending(..) | Mode::Over(_) => self.out_of_place(),
            Mode::Idle | Mode::Running | Mode::Suspended => {
                if reason != TeardownReason::Left {
                    self.resumable = None;
                }
                self.remint = Remint::No;
                self.end(reason, None);
            }
        }
    }
}
