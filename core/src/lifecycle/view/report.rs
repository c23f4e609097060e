//! What the machine says of itself, and what must hold after every step.

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::pace::Paces;
use crate::lifecycle::tokens::token::Token;
use crate::lifecycle::{Lifecycle, Mode, Phase, Policy, SocketId, Status, TokenId, Wake, Why};
use crate::time::Tick;

impl Lifecycle {
    /// Where the session stands, as of the last step.
    #[must_use]
    pub fn status(&self) -> Status {
        let token = self.tokens.in_force();
        let now = self.clock.now();
        let tick = |at| self.clock.tick_of(at);
        let session_ends = self.tokens.end(now, true);
        let mut status = Status::new(self.phase(), self.mechanism(&self.look()));
        status.generation = self.tokens.generation();
        status.in_force = self.tokens.in_force_id();
        status.bound = token.is_some_and(Token::is_bound);
        status.token_ends = token.and_then(|token| token.ends).map(tick);
        status.session_ends = session_ends.map(tick);
        status.time_left = session_ends.map(|at| at.saturating_sub(now));
        status.clock_offset = self.clock.offset();
        status
    }

    /// The socket that serves, if one does.
    #[must_use]
    pub fn socket(&self) -> Option<SocketId> {
        self.link.serving().map(|serving| serving.socket())
    }

    /// A third of the lead before the end of the token in force: what has not come by then is late (R16).
    #[must_use]
    pub fn last_call(&self) -> Option<Tick> {
        self.look().last_call.map(|at| self.clock.tick_of(at))
    }

    fn phase(&self) -> Phase {
        let now = self.clock.now();
        let ended = || !self.tokens.held().iter().any(|token| token.lasts(now));
        match self.mode {
            Mode::Idle => Phase::Idle,
            Mode::Suspended => Phase::Suspended,
            Mode::Ending(..) => Phase::Ending,
            Mode::Over(reason) => Phase::Over(reason),
            Mode::Running if self.tokens.are_none() => Phase::Minting,
            Mode::Running if self.is_served() => Phase::Live,
            Mode::Running if ended() && (!self.is_unsure() || self.hope.is_lost()) => Phase::Expired,
            Mode::Running if self.link.is_live() && self.is_unsure() && !self.hope.is_lost() => Phase::Live,
            Mode::Running if self.hope.ever_live() => Phase::Reconnecting,
            Mode::Running => Phase::Connecting,
        }
    }

    /// The next deadline, what it is for, and from which numbers it was computed; `None` at rest.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        let (at, wake) = self.wake?;
        let look = self.look();
        let Paces { mint, refresh, activate, renew } = self.renewal.paces;
        let (token, failures) = match wake {
            Wake::Mint => (look.subject, mint.failures),
            Wake::Refresh => (look.subject, refresh.failures),
            Wake::Activate => (look.base, activate.failures),
            Wake::Renew => (look.bound, renew.failures),
            Wake::Persist => (None, self.record.failures()),
            Wake::Expiring => (self.tokens.in_force(), 0),
            Wake::Push => {
                let pushed = self.next_push(&look).and_then(|(_, token)| self.tokens.get(token));
                (pushed, self.link.serving().map_or(0, |serving| serving.push.failures))
            }
            _ => (None, 0),
        };
        let lead = token.and_then(|token| self.lead(token));
        let mut why = Why::new(self.tick(at), wake);
        why.token = token.map(|token| token.id);
        why.renew_by = token.and_then(|token| token.renew_by).map(|at| self.clock.tick_of(at));
        why.ends = token.and_then(|token| token.ends).map(|at| self.clock.tick_of(at));
        why.jitter = token.zip(lead).map(|(token, lead)| token.jitter(lead, &self.policy));
        (why.lead, why.failures) = (lead, failures);
        Some(why)
    }

    pub(in crate::lifecycle) fn tick(&self, at: At) -> Tick {
        self.clock.tick_of(at.max(self.clock.now()))
    }

    /// The numbers that it decides with.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What must hold after every step, in each part and between them; the first thing that does not, if any.
    ///
    /// # Errors
    /// A sentence naming the broken invariant.
    pub fn check(&self) -> Result<(), &'static str> {
        self.tokens.check()?;
        self.attempts.check()?;
        self.link.check()?;
        self.hope.check()?;
        self.waiters.check()?;
        self.record.check()?;
        self.told.check()?;
        if let Some((at, _)) = self.wake
            && at <= self.clock.now()
            && self.mode != Mode::Idle
        {
            return Err("something that is due was not done");
        }
        if self.mode == Mode::Running && self.wake.is_none() && self.attempts.is_empty() && !self.rests() {
            return Err("nothing is awaited and nothing is due");
        }
        if let Some(coming) = self.link.coming()
            && !self.attempts.iter().any(|attempt| attempt.socket() == Some(coming.socket))
        {
            return Err("a socket is coming that nobody waits for");
        }
        Ok(())
    }

    /// A session rightly waits for nothing but inputs where it is live without a known end.
    fn rests(&self) -> bool {
        self.link.is_live() && self.tokens.end(self.clock.now(), false).is_none()
    }

    /// Whether the machine may still ask for something to be done with this token.
    #[must_use]
    pub fn holds(&self, token: TokenId) -> bool {
        self.tokens.get(token).is_some()
    }
}
