//! What is known of one token, above all of its end (R6).

use serde::{Deserialize, Serialize};

use crate::lifecycle::attempts::Endpoint;
use crate::lifecycle::clock::{At, Clock, YEAR_9999};
use crate::lifecycle::limits::random::share;
use crate::lifecycle::{Confirmation, Policy, Statement, TokenId};
use crate::time::{Millis, UnixMillis};

/// Longest lifetime that is believed: a hundred years.
const LONGEST_LIFE: Millis = 100 * 366 * 86_400_000;

/// A life that is shorter by one of two clocks is that of a clock that is wrong.
const SHORTEST_HINT: Millis = 10_000;

/// One token that the session holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) id: TokenId,
    pub(crate) kind: Kind,
    /// Which was asked for later: greater.
    pub(crate) order: u64,
    /// When it should have been asked for.
    pub(crate) due: At,
    /// When it was asked for and when it came.
    pub(crate) sent: At,
    pub(crate) received: At,
    /// Who brought it; `None`: the application.
    pub(crate) by: Option<Endpoint>,
    /// It began a session, or what that is renewed by: a whole fleet may have one from this second.
    pub(crate) first: bool,
    /// What its jitter is made of.
    pub(crate) draw: u32,
    /// The earliest end that anybody has named: renewal is planned by it.
    pub(crate) renew_by: Option<At>,
    /// The end that counts.
    pub(crate) ends: Option<At>,
    pub(crate) word: Word,
    /// An end that was read by the local clock; it is read once more when a server tells its time (R2, R7).
    pub(crate) undated: Option<Undated>,
    /// A fresh connect with it was refused (R10).
    pub(crate) refused: bool,
    /// Its life has been told: by connects and pushes, by its exchange.
    pub(crate) life_told: [bool; 2],
    /// A server has accepted it.
    pub(crate) accepted: bool,
    /// It had ended when it came, or is bound to another key: kept as the last resort (R9).
    pub(crate) barren: bool,
    pub(crate) saved: Saved,
}

/// Whose word a token's end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Word {
    /// Nobody has said anything.
    Nobody,
    /// It was asked for or is documented: past it the token is good until it is refused (R8).
    Assumed,
    /// The provider's `expiry_at`, or a server's time read by the local clock.
    Hinted,
    /// The server's.
    Told,
}

/// An end as it was named, while no server has told its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Undated {
    /// In the server's time.
    Servers(UnixMillis),
    /// In a clock that nobody knows.
    Anybodys(UnixMillis),
    /// In the server's time, as a process of before has read a hint in it: a hint it remains.
    Hint(UnixMillis),
}

/// Whether the record holds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Saved {
    #[default]
    No,
    /// The write that is under way holds it.
    Underway,
    Yes,
}

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// From the provider or the application.
    Base(Base),
    /// Exchanged from a base.
    Bound {
        /// Which.
        of: TokenId,
    },
}

/// What is known of a base besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Base {
    pub(crate) scope: Option<bool>,
    pub(crate) cnf: Confirmation,
    pub(crate) inspection: Inspection,
    /// The provider will not renew it.
    pub(crate) rejected: bool,
    /// The longest life that has been told of its bound tokens: by connects and pushes, by their exchanges.
    pub(crate) longest_bound: [Option<Millis>; 2],
    /// They grow shorter: its own end limits them.
    pub(crate) limits_bound: bool,
    /// The application was told that nobody renews.
    pub(crate) told_no_mechanism: bool,
    /// Its first bound token has been in force.
    pub(crate) has_been_bound: bool,
}

impl Base {
    /// Nobody knows yet what it can do: that is being asked.
    pub(crate) fn is_undecided(&self) -> bool {
        self.scope.is_none() && self.inspection != Inspection::Over
    }
}

/// Whether subscriber/info has been asked about a base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Inspection {
    #[default]
    Wanted,
    Asked,
    Over,
}

/// In which answer something was said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// When it was asked for.
    pub(crate) sent: At,
    /// The `Date` of that answer, where it is a server's own.
    pub(crate) told: Option<UnixMillis>,
    /// It is the exchange that brought the token.
    pub(crate) exchange: bool,
}

/// What came of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    /// A value was absurd, and is as if absent.
    pub(crate) absurd: bool,
    /// It put the end earlier by this much.
    pub(crate) shortened: Option<Millis>,
}

impl Token {
    /// One of which nothing is known yet.
    pub(crate) const fn new(id: TokenId, kind: Kind, order: u64) -> Self {
        Self {
            id,
            kind,
            order,
            due: 0,
            sent: 0,
            received: 0,
            by: None,
            first: false,
            draw: 0,
            renew_by: None,
            ends: None,
            word: Word::Nobody,
            undated: None,
            refused: false,
            life_told: [false; 2],
            accepted: false,
            barren: false,
            saved: Saved::No,
        }
    }

    pub(crate) const fn is_bound(&self) -> bool {
        matches!(self.kind, Kind::Bound { .. })
    }

    /// What it was exchanged from.
    pub(crate) const fn base_id(&self) -> Option<TokenId> {
        match self.kind {
            Kind::Base(_) => None,
            Kind::Bound { of } => Some(of),
        }
    }

    pub(crate) const fn base(&self) -> Option<&Base> {
        match &self.kind {
            Kind::Base(base) => Some(base),
            Kind::Bound { .. } => None,
        }
    }

    pub(crate) const fn base_mut(&mut self) -> Option<&mut Base> {
        match &mut self.kind {
            Kind::Base(base) => Some(base),
            Kind::Bound { .. } => None,
        }
    }

    /// When it ends for sure: what is merely assumed ends nothing.
    pub(crate) fn sure_end(&self) -> Option<At> {
        self.ends.filter(|_| self.word > Word::Assumed)
    }

    /// Whether it lasts beyond `at`, as far as anybody has said.
    pub(crate) fn lasts(&self, at: At) -> bool {
        self.sure_end().is_none_or(|end| at < end)
    }

    /// Whether it may be used (R6): it has not ended, was not refused, and is bound to no other key.
    pub(crate) fn is_good(&self, now: At) -> bool {
        !self.refused && !self.barren && self.lasts(now)
    }

    /// How far it puts the session's end off; without a known end, for ever.
    pub(crate) fn reach(&self) -> At {
        self.ends.unwrap_or(At::MAX)
    }

    /// Takes in what an answer says of this token.
    pub(crate) fn note(&mut self, says: &Statement, heard: Heard, clock: &Clock, policy: &Policy) -> Noted {
        let now = clock.now();
        let before = self.renew_by.filter(|_| self.word == Word::Told);
        let mut noted = Noted::default();
        if let Some(base) = self.base_mut() {
            base.scope = says.scope.or(base.scope);
            if says.cnf != Confirmation::Unknown {
                base.cnf = says.cnf;
            }
        }
        let life = says.expires_in.map(|life| life.min(LONGEST_LIFE));
        noted.absurd |= life != says.expires_in;
        // By when it has ended in any case, as this answer has it.
        let mut named = None::<At>;
        if let Some(life) = life {
            let late = now.saturating_add(life);
            self.told(heard.sent.saturating_add(life), late);
            named = Some(late);
        }
        match says.expires_at {
            Some(time) if time > YEAR_9999 => noted.absurd = true,
            Some(time) => match clock.when(time, heard.told.map(|told| (told, heard.sent)), policy) {
                // A life that the same answer names has not passed when it comes: one of two clocks is wrong.
                Some((_, late)) if life.is_some_and(|life| life > 0) && late <= now => noted.absurd = true,
                Some((early, late)) => {
                    // What was long on its way has been used up meanwhile; a lead must not be.
                    let way = now.saturating_sub(heard.sent);
                    let early = if way > policy.on_its_way { early.saturating_sub(way) } else { early };
                    self.told(early, late);
                    named = Some(named.map_or(late, |named| named.min(late)));
                }
                None if life.is_none() && self.word < Word::Told => {
                    let local = clock.when_wall_shows(time);
                    // Of several that servers have named, the earliest plans the renewal and the latest ends it, as of
                    // those that can be dated.
                    let before = self.undated_by_server();
                    let named = before.is_some();
                    let (by, end) = (self.renew_by.filter(|_| named), self.ends.filter(|_| named));
                    self.undated = before.max(Some(time)).map(Undated::Servers);
                    // What the server has just spoken of has not ended, whatever the local clock makes of it.
                    if local > now {
                        self.renew_by = Some(by.map_or(local, |by| by.min(local)));
                        self.ends = Some(end.map_or(local, |end| end.max(local)));
                        self.word = Word::Hinted;
                    } else {
                        noted.absurd = true;
                    }
                }
                None => {}
            },
            None => {}
        }
        if self.word < Word::Hinted {
            noted.absurd |= !self.hinted(says.expiry_hint, clock, policy);
        }
        if self.word < Word::Hinted
            && let Some(life) = says.assumed_life.map(|life| life.min(LONGEST_LIFE))
        {
            self.renew_by = Some(heard.sent.saturating_add(life));
            self.ends = Some(now.saturating_add(life));
            self.word = Word::Assumed;
        } else if self.is_bound()
            && heard.exchange
            && let Some(life) = says.assumed_life
        {
            // That much was asked for: a later end that is told is perhaps that of the session.
            self.renew_by = self.renew_by.map(|by| by.min(heard.sent.saturating_add(life)));
        }
        // What a slow answer leaves open is no contradiction.
        noted.shortened = before
            .zip(named)
            .map(|(before, named)| before.saturating_sub(named))
            .filter(|by| *by > policy.shortened && !heard.exchange);
        noted
    }

    /// A server has named an end: early and late. Of several the earliest plans the renewal, the latest ends it.
    fn told(&mut self, early: At, late: At) {
        if self.word == Word::Told {
            self.renew_by = self.renew_by.map(|by| by.min(early));
            self.ends = self.ends.map(|end| end.max(late));
        } else {
            let planned = self.word == Word::Assumed || self.undated_by_server().is_some();
            let asked = self.renew_by.filter(|_| self.is_bound() && planned);
            self.renew_by = Some(asked.map_or(early, |asked| asked.min(early)));
            self.ends = Some(late);
        }
        (self.word, self.undated) = (Word::Told, None);
    }

    /// The provider's own idea of the end, in a clock that nobody knows: read in both (R7). Whether it makes sense.
    fn hinted(&mut self, hint: Option<UnixMillis>, clock: &Clock, policy: &Policy) -> bool {
        let Some(hint) = hint else { return true };
        let local = clock.when_wall_shows(hint);
        let server = clock.when(hint, None, policy).map_or(local, |(early, _)| early);
        let (early, late) = (local.min(server), local.max(server));
        if hint > YEAR_9999 || late <= clock.now() {
            return false;
        }
        (self.renew_by, self.ends, self.word) = (Some(early), Some(late), Word::Hinted);
        self.undated = (!clock.is_told()).then_some(Undated::Anybodys(hint));
        true
    }

    fn undated_by_server(&self) -> Option<UnixMillis> {
        match self.undated? {
            Undated::Servers(time) => Some(time),
            Undated::Anybodys(_) | Undated::Hint(_) => None,
        }
    }

    /// What is only hinted brings no renewal before a quarter of the life: as the clock reads it that makes it the
    /// shorter, or where that leaves next to nothing, the longer (R7).
    pub(crate) fn floor(&self) -> At {
        let life = |end: Option<At>| end.map_or(0, |end| end.saturating_sub(self.received));
        if self.word != Word::Hinted {
            return 0;
        }
        let (short, long) = (life(self.renew_by), life(self.ends));
        self.received.saturating_add(if short < SHORTEST_HINT { long } else { short } / 4)
    }

    /// A server has told its time: what was read by the local clock is read by that, once (R2), or by both (R7).
    pub(crate) fn date(&mut self, clock: &Clock, policy: &Policy) {
        let Some(undated) = self.undated else { return };
        let (Undated::Servers(time) | Undated::Anybodys(time) | Undated::Hint(time)) = undated;
        let Some((early, late)) = clock.when(time, None, policy) else { return };
        // Renewal was planned for before the end; it stays so long before.
        let before = self.ends.zip(self.renew_by).map_or(0, |(end, by)| end.saturating_sub(by));
        let (early, late) = match undated {
            Undated::Servers(_) => {
                self.word = Word::Told;
                (early, late)
            }
            Undated::Hint(_) => (early, late),
            Undated::Anybodys(_) => {
                let local = self.ends.unwrap_or(late);
                (early.min(local), late.max(local))
            }
        };
        (self.renew_by, self.ends, self.undated) = (Some(early.saturating_sub(before)), Some(late), None);
    }

    /// It came so much later than the clock of then showed, at least and at most: the earlier plans the renewal, the later
    /// ends it.
    pub(crate) fn move_by(&mut self, (least, most): (Millis, Millis)) {
        self.sent = self.sent.saturating_add(least);
        self.renew_by = self.renew_by.map(|by| by.saturating_add(least));
        self.received = self.received.saturating_add(most);
        self.ends = self.ends.map(|end| end.saturating_add(most));
    }

    /// Its whole life, as renewal is planned by; where a hint leaves next to nothing of it by one clock, as the other reads
    /// it (R7).
    pub(crate) fn life(&self) -> Option<Millis> {
        let life = self.renew_by?.saturating_sub(self.sent);
        let longer = self.ends.filter(|_| self.word == Word::Hinted && life < SHORTEST_HINT);
        Some(longer.map_or(life, |end| end.saturating_sub(self.sent)))
    }

    /// How long before its end its renewal begins, where that takes perhaps as long as `takes` (R16).
    pub(crate) fn lead(&self, takes: Millis, policy: &Policy) -> Option<Millis> {
        let life = self.life()?;
        let usual = (life / policy.lead_share.max(1)).max(policy.lead_min).min(policy.lead_max);
        Some(usual.max(takes).min(life / 2))
    }

    /// How much earlier than the lead its renewal is due, as drawn.
    pub(crate) fn jitter(&self, lead: Millis, policy: &Policy) -> Millis {
        let life = if self.first { self.life().unwrap_or(0) } else { 0 };
        let early = life.saturating_sub(life / 4).saturating_sub(lead).min(life / 2);
        let range = if self.first { early } else { lead / 2 };
        if policy.jitter { share(self.draw, range) } else { 0 }
    }

    /// From this long before its end it opens no socket (R21).
    pub(crate) fn margin(&self, policy: &Policy) -> Millis {
        let life = self.ends.map_or(Millis::MAX, |end| end.saturating_sub(self.received));
        policy.reopen_margin.min(life / 10)
    }
}

#[cfg(test)]
mod tests;
