//! What ends, and what must not: expiries, losses, sessions that go on too long or do not come back.

use satkeeper_core::lifecycle::{Action, Cause, Failure, KeyAlgorithm, Mechanism, Phase, TeardownReason};

use super::{LEAD, NEAR, Scene, Watch};
use crate::server::{Minted, Server};
use crate::setting::Says;

/// A server's clock is known to 2 s, an end is no later than it may be, and answers take their time.
const UNCERTAINTY: u64 = 9_000;

/// A driver that steps late, perhaps twice, makes the machine wait for a probe before it ends anything (R1).
const LATE: u64 = 60_000;

/// A life counts from when it was told of, and an answer may be delayed by as much (R2).
const OVERTIME: u64 = UNCERTAINTY + LATE + 60_000;

/// A subscriber who was removed, and what the session has asked for since.
#[derive(Clone, Debug)]
pub(super) struct Removed {
    at: u64,
    connects: u32,
    mints: u32,
}

impl Removed {
    pub(super) const fn count(&mut self, action: &Action) {
        match action {
            Action::Authenticate { .. } => self.connects += 1,
            Action::Mint { .. } | Action::Refresh => self.mints += 1,
            _ => {}
        }
    }
}

impl Watch {
    pub(crate) const fn remove(&mut self, now: u64) {
        self.removed = Some(Removed { at: now, connects: 0, mints: 0 });
    }

    /// The server closes a socket for the end of an older token than the one in force: it was not told (R23).
    pub(crate) fn judge_closing(&self, now: u64, server: &Server) -> Result<(), &'static str> {
        let well_since = self.well_since.max(server.crooked_until);
        if !self.insists && now.saturating_sub(well_since) > 120_000 {
            return Err("R23: the server was not told of the token in force");
        }
        Ok(())
    }

    fn slack(scene: &Scene<'_>) -> u64 {
        UNCERTAINTY + 2 * scene.setting.latency
    }

    /// No end is told while a token is held that the server would accept.
    pub(super) fn judge_expiry(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let slack = Self::slack(scene);
        // Where nobody renews, a hint is the end (R7).
        let hinted = scene.setting.says == Says::Hint && !self.is_able();
        let good = |token: &Minted| {
            token.honest
                && !hinted
                && !self.misread.contains(&token.id)
                && scene.machine.holds(token.id)
                && scene.server.left(token, scene.clocks) > slack
        };
        // After a restart ends are read by the local clock, which may be wrong, until a server tells its time.
        let knows = !self.misled && !self.enlightened && !self.unsure;
        if knows && scene.server.tokens.iter().any(good) {
            return Err("R25: the session expired while it held a valid token");
        }
        Ok(())
    }

    /// The only end: for want of hope, and not before there is none.
    pub(super) fn judge_end(
        &self,
        scene: &Scene<'_>,
        reason: TeardownReason,
        cause: Option<Cause>,
    ) -> Result<(), &'static str> {
        let failure = cause.map(|cause| cause.failure);
        let able = match reason {
            TeardownReason::MintFailed => {
                self.provider.is_some_and(|it| it.can_mint_again) && failure != Some(Failure::Rejected)
            }
            TeardownReason::Expired | TeardownReason::InvalidCredentials => self.is_able(),
            TeardownReason::HandedOver if failure != Some(Failure::Conflict) => {
                return Err("R11: the session was handed over to nobody");
            }
            TeardownReason::Incompatible
                if !matches!(failure, Some(Failure::Rpc { code: -32_001, .. })) || self.generation.0 > 0 =>
            {
                return Err("R24: the session is not incompatible");
            }
            _ => return Ok(()),
        };
        let slack = Self::slack(scene);
        let owed = |token: &Minted| {
            // In a clock that nobody knows an end is a hint, which is one where nobody renews (R7).
            token.honest
                && !token.refused
                && !self.misread.contains(&token.id)
                && !token.is_unprovable(scene.setting)
                && scene.setting.says != Says::Hint
                && scene.machine.holds(token.id)
                && scene.server.left(token, scene.clocks) > slack
        };
        let knows = !self.misled && !self.enlightened && !self.unsure;
        if knows && scene.server.tokens.iter().any(owed) {
            return Err("R25: the session ended while it held a token that was owed");
        }
        let patience = scene.setting.policy.patience;
        if able && self.clock_faults == 0 && scene.clocks.now < self.hoped_at + patience {
            return Err("R25: the session was given up before its patience was over");
        }
        Ok(())
    }

    /// Nothing goes on after its end: once every token that is held has ended, as the server has said and the
    /// machine can know, the session is not live any more; and it is over, if nobody can bring another.
    pub(super) fn judge_overtime(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let told = matches!(scene.setting.says, Says::Lifetime | Says::Time | Says::Both);
        let running = !matches!(scene.after.phase, Phase::Suspended | Phase::Ending | Phase::Over(_));
        if !told || !self.trusts_clocks() || scene.server.forgetful || !running {
            return Ok(());
        }
        let now = scene.clocks.server_now();
        let ended = |since: u64| {
            let held = scene.server.tokens.iter().filter(|token| scene.machine.holds(token.id));
            let mut held = held.peekable();
            held.peek().is_some() && held.all(|token| token.honest && token.ends + since < now)
        };
        if scene.after.phase == Phase::Live && ended(OVERTIME) {
            return Err("R25: the session goes on after its end");
        }
        let able = self.provider.is_some_and(|it| it.can_refresh || it.can_mint_again);
        if !able && scene.before.mechanism == Mechanism::None && ended(OVERTIME + LATE) {
            return Err("R25: nobody can bring another token, and the session goes on");
        }
        Ok(())
    }

    /// A subscriber whom the operator has removed is told so within eleven minutes, and few are asked until then (R25).
    pub(super) fn judge_removal(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let Some(Removed { at, connects, mints }) = self.removed else { return Ok(()) };
        let patience = scene.setting.policy.patience;
        if self.well_since > at || self.clock_faults > 0 || self.over.is_some() || patience > 600_000 {
            return Ok(());
        }
        if self.awaits_first(scene) {
            // Nobody else can be asked: nobody has said anything of the subscriber yet.
            return Ok(());
        }
        if connects > 25 || mints > 15 {
            return Err("R25: too much is asked for a subscriber who was removed");
        }
        let told = matches!(scene.after.phase, Phase::Suspended | Phase::Ending);
        if !told && scene.clocks.now > at + patience + LATE + 2 * NEAR {
            return Err("R25: a subscriber who was removed is not told");
        }
        Ok(())
    }

    /// With a mechanism and a healthy server throughout the lead, no credential nears its end (R16).
    pub(super) fn judge_loss(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let able = scene.before.mechanism != Mechanism::None && !self.is_doomed(scene);
        // Nobody has said that bound tokens end with their base, and what is assumed is no evidence of it (R8): a
        // session that is given assumptions, and no more, as true as these are here, hears of it by a refusal.
        let untold = scene.setting.caps && scene.setting.says == Says::Assumed;
        if able && !untold && self.shortest_life >= 60_000 && self.well_for(scene) > LEAD {
            return Err("R16: a credential neared its end although all was well");
        }
        Ok(())
    }

    /// A client-bound session that nobody can help: its server ends it with its base, which nobody can renew,
    /// or takes no proof with a key like ours, and nobody can mint for another, or exchanges no base that is held,
    /// or has lied to it once: a chain of tokens that is broken stays broken.
    pub(super) fn is_doomed(&self, scene: &Scene<'_>) -> bool {
        let refused = scene.setting.rs256_only && scene.server.key == Some(KeyAlgorithm::Es256);
        let lied_to = scene.server.crooked_until > 0;
        // It broke at a time when not all was well: in a sleep, in an outage.
        let broken = self.accepted_at.saturating_sub(self.well_since) <= LEAD;
        // Nobody has told it that its base may not be exchanged: it tries to the end (R17).
        let unscoped = scene.server.is_unscoped(|token| scene.machine.holds(token));
        let alone = scene.before.mechanism == Mechanism::Bound && !self.is_able();
        scene.server.removed || alone && (scene.setting.caps || refused || lied_to || broken || unscoped)
    }

    /// Who brings the first token, and is asked but once, has all the time there is.
    fn awaits_first(&self, scene: &Scene<'_>) -> bool {
        scene.before.phase == Phase::Minting && self.provider.is_some_and(|it| !it.can_mint_again)
    }

    /// What the state comes to.
    pub(super) fn judge_rest(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let well = self.well_for(scene);
        if matches!(self.over, Some(TeardownReason::Expired | TeardownReason::InvalidCredentials))
            && scene.before.mechanism != Mechanism::None
            && !self.is_doomed(scene)
            && well > 2 * LEAD
        {
            return Err("R25: a session was lost although all was well");
        }
        let first = self.awaits_first(scene);
        let able = scene.after.mechanism != Mechanism::None && !scene.server.removed && !first;
        if let Some(since) = self.down_since
            && self.over.is_none()
            && able
            && well > LEAD
            && scene.clocks.now - since > LEAD
        {
            return Err("R19: nobody brings the session back");
        }
        Ok(())
    }
}
