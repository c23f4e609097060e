//! What ends, and what must not: expiries, losses, sessions that go on too long or do not come back.

use satkeeper_core::lifecycle::{KeyAlgorithm, Mechanism, Phase, TeardownReason};

use super::{LEAD, Scene, Watch};
use crate::server::{Minted, Server};
use crate::setting::Says;

/// From 5 s before its end a refused token counts as ended; a server's clock is known to 2 s.
const UNCERTAINTY: u64 = 9_000;

/// A driver that steps late, perhaps twice, makes the machine wait for a probe before it ends anything (L23).
const LATE: u64 = 60_000;

/// A life counts from when it was told of, and an answer may be delayed by as much (L8).
const OVERTIME: u64 = UNCERTAINTY + LATE + 60_000;

impl Watch {
    /// The server closes a socket for the end of an older token than the one in force: it was not told (L28).
    pub(crate) fn judge_closing(&self, now: u64, server: &Server) -> Result<(), &'static str> {
        let well_since = self.well_since.max(server.crooked_until);
        if self.live.is_some() && !self.insists && now.saturating_sub(well_since) > 120_000 {
            return Err("L28: the server was not told of the token in force");
        }
        Ok(())
    }

    /// Nothing ends while a token is held that the server would accept, unless the server has said
    /// otherwise.
    pub(super) fn judge_expiry(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let slack = UNCERTAINTY + 2 * scene.setting.latency;
        let good = |token: &Minted| {
            token.honest
                && !token.refused
                && scene.machine.holds(token.id)
                && scene.server.left(token, scene.clocks) > slack
        };
        if !self.misled && !self.enlightened && scene.server.tokens.iter().any(good) {
            return Err("L22: the session expired while it held a valid token");
        }
        Ok(())
    }

    /// Nothing goes on after its end: once every token that is held has ended, as the server has said and the
    /// machine can know, the session is not live any more.
    pub(super) fn judge_overtime(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let told = matches!(scene.setting.says, Says::Lifetime | Says::Time | Says::Both);
        let knows = told && self.clock_faults == 0 && !self.misled && !self.unsure;
        if !knows || scene.server.forgetful || scene.after.phase != Phase::Live {
            return Ok(());
        }
        let now = scene.clocks.server_now();
        let ended = |token: &Minted| token.honest && token.ends + OVERTIME < now;
        let mut held = scene.server.tokens.iter().filter(|token| scene.machine.holds(token.id)).peekable();
        if held.peek().is_some() && held.all(ended) {
            return Err("L22: the session goes on after its end");
        }
        Ok(())
    }

    /// With a mechanism and a healthy server throughout the lead, no credential nears its end (L18).
    pub(super) fn judge_loss(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let able = scene.before.mechanism != Mechanism::None && !self.is_doomed(scene);
        // Nobody has said that bound tokens end with their base, and what is assumed is no evidence of it (L17): a
        // session that is given assumptions, and no more, as true as these are here, hears of it by a refusal.
        let untold = scene.setting.caps && scene.setting.says == Says::Assumed;
        if able && !untold && self.shortest_life >= 60_000 && self.well_for(scene) > LEAD {
            return Err("L18: a credential neared its end although all was well");
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
        // Nobody has told it that its base may not be exchanged: it tries to the end (L14, L15).
        let unscoped = scene.server.is_unscoped(|token| scene.machine.holds(token));
        scene.before.mechanism == Mechanism::Bound
            && (scene.setting.caps || refused || lied_to || broken || unscoped)
    }

    /// What the state comes to.
    pub(super) fn judge_rest(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let well = self.well_for(scene);
        if matches!(self.over, Some(TeardownReason::Expired | TeardownReason::InvalidCredentials))
            && scene.before.mechanism != Mechanism::None
            && !self.is_doomed(scene)
            && well > 2 * LEAD
        {
            return Err("L22: a session was lost although all was well");
        }
        let able = scene.after.mechanism != Mechanism::None;
        if let Some(since) = self.down_since
            && self.over.is_none()
            && able
            && well > LEAD
            && scene.clocks.now - since > LEAD
        {
            return Err("L36: nobody brings the session back");
        }
        Ok(())
    }
}
