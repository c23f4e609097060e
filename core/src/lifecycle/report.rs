//! What the machine says of itself (L3), and what must hold after every step (L13).

use super::Lifecycle;
use super::Mode;
use super::Pending;
use super::command::Action;
use super::connection::Link;
use super::event::Mechanism;
use super::input::{SocketId, TokenId};
use super::status::{Phase, Status, Why};
use super::token::Token;
use super::wake::Wake;

impl Lifecycle {
    /// Where the session stands, as of the last step.
    #[must_use]
    pub fn status(&self) -> Status {
        let token = self.in_force.and_then(|id| self.token(id));
        let tick = |at| self.clock.tick_of(at);
        let session_ends = self.ends().presumed;
        Status {
            phase: self.phase(),
            mechanism: self.mechanism(),
            hold: self.held_back_by(),
            generation: self.generation,
            in_force: self.in_force,
            bound: token.is_some_and(Token::is_bound),
            token_ends: token.and_then(|token| token.end(&self.clock).at).map(tick),
            session_ends: session_ends.map(tick),
            time_left: session_ends.map(|at| at.saturating_sub(self.clock.now())),
            clock_offset: self.clock.offset(),
        }
    }

    /// The socket that counts, if there is one.
    #[must_use]
    pub const fn socket(&self) -> Option<SocketId> {
        self.link.socket()
    }

    fn phase(&self) -> Phase {
        match self.mode {
            Mode::Idle => Phase::Idle,
            Mode::Suspended => Phase::Suspended,
            Mode::Ending(..) => Phase::Ending,
            Mode::Over(reason) => Phase::Over(reason),
            Mode::Running if self.expired.is_some() => Phase::Expired,
            Mode::Running if self.held.is_empty() => Phase::Minting,
            Mode::Running if self.link.is_live() => Phase::Live,
            Mode::Running if self.ever_live => Phase::Reconnecting,
            Mode::Running => Phase::Connecting,
        }
    }

    /// The next deadline, what it is for, and from which numbers it was computed; `None` at rest.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        let (at, wake) = self.wake?;
        let (token, failures) = self.subject(wake);
        let about = token.and_then(|id| self.token(id));
        let tick = |at| self.clock.tick_of(at);
        Some(Why {
            at: tick(at.max(self.clock.now())),
            wake,
            token,
            renew_by: about.and_then(|token| token.renew_by(&self.clock)).map(tick),
            ends: about.and_then(|token| token.end(&self.clock).at).map(tick),
            lead: about.and_then(|token| token.lead(&self.clock, &self.policy)),
            jitter: about.and_then(|token| token.jitter(&self.clock, &self.policy)),
            failures,
        })
    }

    /// The token that a deadline is about, and what has failed of late in its way.
    fn subject(&self, wake: Wake) -> (Option<TokenId>, u32) {
        let base = self.newest_base();
        let bound = base.and_then(|base| self.bound_of(base.id));
        let id = |token: Option<&Token>| token.map(|token| token.id);
        match wake {
            Wake::Activate => (id(base), self.retries.activate.failures),
            Wake::Renew => (id(bound), self.retries.renew.failures),
            Wake::Refresh | Wake::Mint => (id(self.newest_valid()), self.retries.provider.failures),
            Wake::Push => {
                (self.next_push(&self.outlook()).map(|(_, token)| token), self.retries.push.failures)
            }
            Wake::Handover => (id(bound.or(base)), self.retries.renew.failures),
            Wake::Persist => (None, self.retries.persist.failures),
            Wake::Expiring | Wake::Verdict => (self.in_force, 0),
            Wake::Expiry => (id(self.held.last()), 0),
            _ => (None, 0),
        }
    }

    /// What must hold after every step; the first thing that does not, if any. For tests, fuzzers and the
    /// simulator.
    ///
    /// # Errors
    /// A sentence naming the broken invariant.
    pub fn check(&self) -> Result<(), &'static str> {
        let exchanges = self.pending.iter().filter(|pending| pending.is_exchange()).count();
        if exchanges > 1 {
            return Err("L13: more than one exchange is unanswered");
        }
        if self
            .held
            .iter()
            .enumerate()
            .any(|(at, token)| self.held.iter().skip(at.saturating_add(1)).any(|other| other.id == token.id))
        {
            return Err("L7: a token is held twice");
        }
        if let Some(id) = self.in_force
            && self.mode == Mode::Running
            && self.token(id).is_none()
        {
            return Err("L7: the token in force is not held");
        }
        if let Some((at, _)) = self.wake
            && at <= self.clock.now()
        {
            return Err("L1: something that is due was not done");
        }
        if self.mode == Mode::Running && self.wake.is_none() && self.pending.is_empty() && !self.rests() {
            return Err("L13: nothing is awaited and nothing is due");
        }
        if self.held.len() > 8 {
            return Err("L7: too many tokens are held");
        }
        if self.mode == Mode::Running && self.expired.is_none() {
            self.check_renewal()?;
            self.check_push()?;
        }
        if let Some(trial) = self.trial {
            let asks = |action: &Action| match *action {
                Action::Open { socket, .. } | Action::Authenticate { socket, .. } => socket == trial.socket,
                _ => false,
            };
            if !self.link.is_live() || !self.is_pending(asks) {
                return Err("L27: a socket beside none that is live, or that nobody is authenticating");
            }
        }
        Ok(())
    }

    /// A mechanism that is selected implies an exchange, its deadline, or a named hold.
    fn check_renewal(&self) -> Result<(), &'static str> {
        let under_way = self.pending.iter().any(Pending::is_exchange);
        let nothing = self.newest_base().or(self.newest_valid()).is_none();
        let look = self.outlook();
        let idle = nothing || look.mechanism == Mechanism::None;
        if idle || under_way || self.next_exchange(&look).is_some() || self.held_back_by().is_some() {
            Ok(())
        } else {
            Err("L13: a mechanism is selected and nothing is due")
        }
    }

    /// A token newer than the one that the server goes on with is on its way to a live socket, or waits for its
    /// activation, its verdict, its record.
    fn check_push(&self) -> Result<(), &'static str> {
        let Some(current) = self.held.iter().position(|token| Some(token.id) == self.in_force) else {
            return Ok(());
        };
        let look = self.outlook();
        let waits = |token: &Token| {
            let refused = token.awaits_verdict || self.rejected.contains(&token.id);
            let in_force = Some(token.id) == self.in_force;
            !self.is_valid(token) || refused || (!in_force && self.awaits_activation(&look, token))
        };
        let Link::Live { known, .. } = self.link else { return Ok(()) };
        let first = current.saturating_add(usize::from(!known.is_behind(self.generation)));
        let newer = self.held.iter().skip(first).any(|token| !waits(token));
        let under_way =
            self.is_pending(|action| matches!(action, Action::Reauthenticate { .. } | Action::Persist));
        if newer && !under_way && self.next_push(&look).is_none() && self.next_persist().is_none() {
            return Err("L26: a newer token is not on its way");
        }
        Ok(())
    }

    /// States of a running session that rightly wait for nothing but inputs: live without a known end, or
    /// parked after it for ever.
    fn rests(&self) -> bool {
        let endless = self.ends().session.is_none();
        (self.link.is_live() && endless)
            || (self.expired.is_some() && self.policy.grace == u64::MAX && !self.provider_can())
    }
}
