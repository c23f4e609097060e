//! What is known of a held token, above all of its end (L7, L8, L9).

use serde::{Deserialize, Serialize};

use crate::time::{Millis, UnixMillis};

use super::clock::{At, Clock, moved};
use super::event::{FallbackReason, Mechanism};
use super::governor::doubled;
use super::input::{Confirmation, Statement, TokenId};
use super::policy::Policy;
use super::random::share;
use super::stopwatch::Stopwatch;

/// Longest lifetime that is believed (L6): a hundred years.
const LONGEST_LIFE: Millis = 100 * 366 * 86_400_000;

/// Last second of the year 9999.
const LAST_TIME: UnixMillis = UnixMillis(253_402_300_799_999);

/// One token that the session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) id: TokenId,
    pub(super) kind: Kind,
    /// When it was asked for and when it came.
    pub(super) sent: At,
    pub(super) received: At,
    pub(super) stated: Stated,
    /// Who brought it; `None`: the application.
    pub(super) by: Option<Mechanism>,
    /// It came of a mint or an activation, not of a renewal: a whole fleet may have one from this second.
    pub(super) first: bool,
    /// What its jitter is made of.
    pub(super) draw: u32,
    #[serde(skip)]
    pub(super) saved: Saved,
    /// It came from a record, and no server has told its time since: what was anchored then ends nothing (L9).
    #[serde(skip)]
    pub(super) restored: bool,
    /// It came after a restart or a jump of the wall clock, and was written down before a server had told its time:
    /// all that is known for sure is that it came before this process (L9).
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) undated: bool,
    /// What its exchange must have gained; `None`: it is nobody's renewal.
    pub(super) gain: Option<Gain>,
    /// Its push to the live socket was refused; a fresh connect will decide (L27).
    pub(super) awaits_verdict: bool,
}

/// A renewal that does not extend the end doubles the least interval to the next (L20). Judged by what is
/// known of the end at any time, since some say one thing at the exchange and another at the connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Gain {
    pub(super) since: At,
    /// The end that was to be extended.
    pub(super) before: At,
    /// How many in a row have gained nothing, if this one has not.
    pub(super) streak: u32,
}

/// Whether the record holds it (L25).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Saved {
    #[default]
    No,
    /// The write that is under way holds it.
    Underway,
    Yes,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    /// From the provider or the application.
    Base(Base),
    /// Exchanged from a base.
    Bound {
        /// Which.
        of: TokenId,
    },
}

/// What is known of a base token, and what its renewal has come to. All flags of the choice of mechanism
/// live here: with the next base everything is open again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    pub(super) scope: Option<bool>,
    pub(super) cnf: Confirmation,
    pub(super) inspection: Inspection,
    /// The client-bound mechanism is declined until then (L17).
    pub(super) declined: Option<Declined>,
    /// Connected time that its activation has used (L15).
    pub(super) activation: Stopwatch,
    /// The provider will not renew it (L17).
    pub(super) rejected: bool,
    /// Of the bound tokens that came of it, the longest life that their exchange has stated.
    pub(super) longest_bound_life: Option<Millis>,
    /// The same by what connects and pushes have stated: lives are compared with lives of the same source only (L17).
    #[serde(default)]
    pub(super) longest_bound_life_elsewhere: Option<Millis>,
    /// Bound tokens of it grow shorter: its own end limits them (L17).
    pub(super) limits_bound: bool,
    /// The application was told that nobody renews.
    pub(super) told_no_mechanism: bool,
    /// Its first bound token has been in force.
    pub(super) has_been_bound: bool,
}

impl Base {
    /// The application brings the same bytes again: what is known of them need not be asked again (L14), and
    /// what its renewal has come to is open again.
    pub(super) fn again(&self) -> Self {
        let Self { scope, cnf, inspection, has_been_bound, .. } = *self;
        Self { scope, cnf, inspection, has_been_bound, ..Self::default() }
    }
}

/// Whether subscriber/info has been asked about a base: once per base (L14).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Inspection {
    #[default]
    Wanted,
    /// It was given up half-way: it goes with the next socket, whose number is bounded (L20).
    Again,
    Asked,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Declined {
    pub(super) reason: FallbackReason,
    pub(super) until: At,
}

/// The ends that were stated. A source may contradict others and itself: the earliest plans the renewal, the
/// latest ends the session (L8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stated {
    /// The earliest and the latest end that the server named.
    pub(super) server: Option<(UnixMillis, UnixMillis)>,
    pub(super) life: Option<Millis>,
    pub(super) hint: Option<Hint>,
    pub(super) assumed: Option<Millis>,
}

/// The provider's `expiry_at`, in a clock that nobody knows: read in both (L9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hint {
    pub(super) server: UnixMillis,
    pub(super) local: At,
}

/// Which answer a statement came with: two answers of one kind can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The exchange that brought the token, or the application.
    Exchange,
    /// subscriber/info, a connect or reauthenticate result.
    Elsewhere,
}

/// What came of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Noted {
    /// A value was absurd and was clamped.
    pub(super) clamped: bool,
    /// It put the end earlier by this much.
    pub(super) shortened: Option<Millis>,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct End {
    /// `None`: nobody said, or the server's clock is not known yet.
    pub(super) at: Option<At>,
    /// Nobody stated it: it is what was asked for or is documented. Past it the token counts as valid
    /// until it is refused (L8).
    pub(super) assumed: bool,
}

impl End {
    /// Whether the token counts as valid at `at`.
    pub(super) fn is_ahead(&self, at: At) -> bool {
        self.assumed || self.at.is_none_or(|end| at < end)
    }

    /// How far the token puts the session's end off; without a known end, for ever.
    pub(super) fn reach(&self) -> At {
        self.at.unwrap_or(At::MAX)
    }
}

/// The earlier of two moments; of one that is not known, the other.
fn earlier(one: Option<At>, other: Option<At>) -> Option<At> {
    one.zip(other).map(|(one, other)| one.min(other)).or(one).or(other)
}

impl Token {
    pub(super) const fn is_bound(&self) -> bool {
        matches!(self.kind, Kind::Bound { .. })
    }

    /// What it was exchanged from.
    pub(super) const fn base_id(&self) -> Option<TokenId> {
        match self.kind {
            Kind::Base(_) => None,
            Kind::Bound { of } => Some(of),
        }
    }

    pub(super) const fn base(&self) -> Option<&Base> {
        match &self.kind {
            Kind::Base(base) => Some(base),
            Kind::Bound { .. } => None,
        }
    }

    pub(super) const fn base_mut(&mut self) -> Option<&mut Base> {
        match &mut self.kind {
            Kind::Base(base) => Some(base),
            Kind::Bound { .. } => None,
        }
    }

    /// Until when the next renewal waits because the one that brought this token gained nothing.
    pub(super) fn barren_until(&self, clock: &Clock, policy: &Policy) -> Option<At> {
        let gain = self.gain?;
        let by = self.renew_by(clock)?;
        // At most half of what is left is waited away: that one source puts the end in the past must not cost a
        // session that another gives more time.
        let left = self.end(clock).at.map_or(Millis::MAX, |end| end.saturating_sub(gain.since));
        let most = (left / 2).max(policy.barren_near_end).min(policy.barren_max);
        let interval = doubled(policy.barren_min, gain.streak).min(most);
        (by <= gain.before.saturating_add(policy.barren_min)).then(|| gain.since.saturating_add(interval))
    }

    /// What a renewal of this token must gain.
    pub(super) fn renewed(&self, clock: &Clock, policy: &Policy) -> Gain {
        let streak =
            self.barren_until(clock, policy).and(self.gain).map_or(0, |gain| gain.streak.saturating_add(1));
        let before = self.renew_by(clock).unwrap_or(0).max(clock.now());
        Gain { since: clock.now(), before, streak }
    }

    /// Takes in what an answer says of this token.
    pub(super) fn note(&mut self, source: Source, says: &Statement, clock: &Clock, policy: &Policy) -> Noted {
        let before = self.stated_by(clock);
        let mut clamped = false;
        if let Some(at) = says.expires_at {
            clamped |= at > LAST_TIME;
            let at = at.min(LAST_TIME);
            let (first, last) = self.stated.server.unwrap_or((at, at));
            self.stated.server = Some((first.min(at), last.max(at)));
        }
        if let Some(life) = says.expires_in {
            clamped |= life > LONGEST_LIFE;
            self.stated.life = Some(life.min(LONGEST_LIFE));
        }
        if let Some(hint) = says.expiry_hint {
            clamped |= hint > LAST_TIME;
            let server = hint.min(LAST_TIME);
            self.stated.hint = Some(Hint { server, local: clock.when_wall_shows(server) });
        }
        if let Some(life) = says.assumed_life {
            self.stated.assumed = Some(life.min(LONGEST_LIFE));
        }
        if let Some(base) = self.base_mut() {
            base.scope = says.scope.or(base.scope);
            if says.cnf != Confirmation::Unknown {
                base.cnf = says.cnf;
            }
        }
        let shortened = before
            .zip(self.stated_by(clock))
            .map(|(before, after)| before.saturating_sub(after))
            .filter(|by| *by > policy.shortened && source == Source::Elsewhere);
        Noted { clamped, shortened }
    }

    /// The earliest end that anybody stated or assumed: what renewal is planned by (L8). Before the
    /// server's clock is known its absolute times are read on the wall clock.
    pub(super) fn renew_by(&self, clock: &Clock) -> Option<At> {
        let assumed = self.stated.assumed.map(|life| self.sent.saturating_add(life));
        earlier(self.stated_by(clock), assumed)
    }

    /// The earliest end that anybody stated.
    fn stated_by(&self, clock: &Clock) -> Option<At> {
        let Stated { server, life, hint, .. } = &self.stated;
        let absolute = server.map(|(first, _)| {
            clock.when_server_shows(first).unwrap_or_else(|| clock.when_first_wall_shows(first))
        });
        let relative = life.map(|life| self.sent.saturating_add(life));
        let hinted =
            hint.map(|hint| clock.when_server_shows(hint.server).map_or(hint.local, |at| at.min(hint.local)));
        earlier(earlier(absolute, relative), hinted)
    }

    /// The end that counts: the latest that the server stated; the provider's only while there is none, an
    /// assumed one only while there is neither (L8).
    pub(super) fn end(&self, clock: &Clock) -> End {
        let Stated { server, life, hint, assumed } = &self.stated;
        if server.is_some() || life.is_some() {
            let absolute = server.and_then(|(_, last)| clock.when_server_surely_shows(last));
            let sure = life.filter(|_| !self.restored);
            let relative = sure.map(|life| self.received.saturating_add(life));
            return End { at: absolute.max(relative), assumed: false };
        }
        if let Some(hint) = hint {
            let at = clock.when_server_surely_shows(hint.server).map(|at| at.max(hint.local));
            return End { at, assumed: false };
        }
        End { at: assumed.map(|life| self.received.saturating_add(life)), assumed: true }
    }

    /// The whole life that this answer states, from receipt: a slow answer must not look like a short life. What is
    /// merely assumed states none.
    pub(super) fn stated_life(&self, says: &Statement, clock: &Clock) -> Option<Millis> {
        let until = says.expires_at.and_then(|at| clock.when_server_surely_shows(at));
        let span = until.map(|at| at.saturating_sub(self.received));
        says.expires_in.map_or(span, |life| Some(span.map_or(life, |span| span.min(life))))
    }

    /// The end as far as it can be reckoned, surely or not (L11).
    pub(super) fn reckoned_end(&self, clock: &Clock) -> Option<At> {
        let Stated { server, life, hint, .. } = &self.stated;
        let absolute = server.iter().map(|(_, last)| {
            clock.when_server_shows(*last).unwrap_or_else(|| clock.when_first_wall_shows(*last))
        });
        let stated = absolute.chain(life.iter().map(|life| self.received.saturating_add(*life))).max();
        stated
            .or(hint
                .map(|hint| clock.when_server_shows(hint.server).map_or(hint.local, |at| at.max(hint.local))))
    }

    /// The same token on a clock whose moments are this much later.
    pub(super) fn moved(&self, by: i64) -> Self {
        let mut token = self.clone();
        token.sent = moved(token.sent, by);
        token.received = moved(token.received, by);
        if let Some(hint) = &mut token.stated.hint {
            hint.local = moved(hint.local, by);
        }
        if let Some(gain) = &mut token.gain {
            gain.since = moved(gain.since, by);
            gain.before = moved(gain.before, by);
        }
        if let Some(declined) = token.base_mut().and_then(|base| base.declined.as_mut()) {
            declined.until = moved(declined.until, by);
        }
        token
    }

    /// The same token of a record, once a server has told its time: it came so much later than was reckoned, and
    /// not later than now. What nobody has dated is renewed as early as it can be reckoned, and ends as late.
    pub(super) fn dated(&self, later: i64, now: At) -> Self {
        let mut token = self.moved(later);
        token.sent = token.sent.min(now);
        token.received = token.received.min(now);
        if token.undated {
            token.sent = token.sent.min(self.sent);
            token.received = now;
        }
        token.restored = false;
        token.undated = false;
        if let Some(gain) = &mut token.gain {
            gain.since = gain.since.min(now);
        }
        token
    }

    /// Whether it counts as valid at `at`.
    pub(super) fn is_valid(&self, clock: &Clock, at: At) -> bool {
        self.end(clock).is_ahead(at)
    }

    /// Its whole life, as renewal is planned by.
    pub(super) fn life(&self, clock: &Clock) -> Option<Millis> {
        self.renew_by(clock).map(|by| by.saturating_sub(self.received))
    }

    pub(super) fn lead(&self, clock: &Clock, policy: &Policy) -> Option<Millis> {
        Some(self.lead_of(self.life(clock)?, policy))
    }

    fn lead_of(&self, life: Millis, policy: &Policy) -> Millis {
        if self.is_bound() { policy.lead(life) } else { policy.provider_lead(life) }
    }

    /// How much earlier than the lead its renewal is due, as drawn (L18).
    pub(super) fn jitter(&self, clock: &Clock, policy: &Policy) -> Option<Millis> {
        let life = self.life(clock)?;
        Some(self.jitter_of(life, self.lead_of(life, policy), policy))
    }

    fn jitter_of(&self, life: Millis, lead: Millis, policy: &Policy) -> Millis {
        let early = life.saturating_sub(life / 4).saturating_sub(lead).min(life / 2);
        let range = if self.first { early } else { lead / 2 };
        if policy.jitter { share(self.draw, range) } else { 0 }
    }

    /// When its renewal is due (L18).
    pub(super) fn due(&self, clock: &Clock, policy: &Policy) -> Option<At> {
        let by = self.renew_by(clock)?;
        let life = by.saturating_sub(self.received);
        let lead = self.lead_of(life, policy);
        Some(by.saturating_sub(lead.saturating_add(self.jitter_of(life, lead, policy))))
    }
}
