//! A world on the drawing board: a calm day of a drawn length of lives, on which rows lay their weather.

use super::bound::Bound;
use super::draws::Draws;
use super::{HOUR, MINUTE, SECOND};
use crate::timeline::{Ms, Timeline};
use crate::world::{Answer, AtEnd, Ends, Facts, Handling, Instant, Outcome, Service, User, World};

/// Who renews.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The provider's `refresh()`.
    Refresh,
    /// `authenticate()`, again and again.
    Mint,
    /// Both.
    RefreshAndMint,
    /// A client-bound token, renewed by itself.
    Bound,
    /// The same, over a provider that can refresh.
    BoundAndRefresh,
    /// The same, over a provider that can mint again.
    BoundAndMint,
    /// Nobody: one token.
    Static,
}

impl Mechanism {
    /// Tokens are client-bound.
    #[must_use]
    pub const fn is_bound(self) -> bool {
        matches!(self, Self::Bound | Self::BoundAndRefresh | Self::BoundAndMint)
    }

    const fn refreshes(self) -> bool {
        matches!(self, Self::Refresh | Self::RefreshAndMint | Self::BoundAndRefresh)
    }

    const fn mints(self) -> bool {
        matches!(self, Self::Mint | Self::RefreshAndMint | Self::BoundAndMint)
    }
}

/// A world, what has been drawn for it, and what it may cost so far.
#[derive(Clone, Debug)]
pub struct Draft {
    /// As it stands.
    pub world: World,
    /// What is drawn next.
    pub draws: Draws,
    /// What it may cost.
    pub bound: Bound,
    /// The life of the token in force.
    pub life: Ms,
    /// Who renews.
    pub mechanism: Mechanism,
    /// How long a connect takes.
    pub c: Ms,
}

impl Draft {
    /// A calm day.
    pub fn calm(row: u8, mut draws: Draws, life: Ms, mechanism: Mechanism) -> Self {
        let length = (24 * HOUR).min(40 * life);
        // Who exchanges tokens for client-bound ones has a base that is longer than they are.
        let base = if mechanism.is_bound() { life.max(2 * HOUR) } else { life };
        let (l, c) = (draws.span(50, SECOND), draws.span(50, SECOND));
        let grants = |life: Ms| {
            Timeline::always(Service { latency: l, outcome: Outcome::Grants { life: life as i64 } })
        };
        let handled = Timeline::always(Handling { takes: c, answer: Answer::Accepts });
        let facts = Facts {
            can_refresh: mechanism.refreshes(),
            can_mint_again: mechanism.mints(),
            scope: mechanism.is_bound(),
            key: mechanism.is_bound() || draws.once_in(2),
            may_be_asked_twice: draws.once_in(2),
            ends: draws.pick(&[Ends::Exchange, Ends::Exchange, Ends::Connect, Ends::Hint(0)]),
            at_end: draws.pick(&[AtEnd::Closes, AtEnd::Refuses]),
            push_renews_state: draws.once_in(2),
            pings: draws.pick(&[0, 15 * SECOND, 30 * SECOND]),
            date_on_sockets: draws.once_in(2),
            ..Facts::default()
        };
        let world = World {
            row,
            seed: draws.next(),
            length,
            facts,
            mint: grants(base),
            refresh: grants(base),
            inspect: grants(0),
            activate: grants(life),
            renew: grants(life),
            connect: handled.clone(),
            resume: handled.clone(),
            push: handled,
            ..World::default()
        };
        Self { world, draws, bound: Bound::default(), life, mechanism, c }
    }

    /// How many tokens the session needs at least.
    pub const fn lives(&self) -> u64 {
        self.world.length.div_ceil(self.life)
    }

    /// Spells of weather of such a length, all through the session once it is under way, close enough together that some
    /// of them meet what happens once in a life.
    pub fn spells(&mut self, from: Ms, to: Ms) -> Vec<(Ms, Ms)> {
        let longest = HOUR.min(self.life).max(2 * MINUTE);
        self.spells_apart((20 * SECOND, longest), (from, to))
    }

    /// Spells of weather: so far apart, so long.
    pub fn spells_apart(&mut self, apart: (Ms, Ms), long: (Ms, Ms)) -> Vec<(Ms, Ms)> {
        let mut spells = Vec::new();
        let mut at = 5 * SECOND + self.draws.below(apart.0.max(1));
        while at < self.world.length {
            let until = at + self.draws.span(long.0, long.1);
            spells.push((at, until));
            at = until + self.draws.span(apart.0, apart.1);
        }
        spells
    }

    /// Instants all through the session, once it is under way, so far apart.
    pub fn times(&mut self, from: Ms, to: Ms) -> Vec<Ms> {
        self.spells_apart((from, to), (1, 1)).into_iter().map(|(at, _)| at).collect()
    }

    /// This happens then.
    pub fn at(&mut self, at: Ms, what: Instant) {
        self.world.instants.push((at, what));
    }

    /// The application does this then.
    pub fn user(&mut self, at: Ms, what: User) {
        self.at(at, Instant::User(what));
    }

    /// The endpoints that renew, of this session.
    fn renewing(&mut self, all: bool) -> Vec<&mut Timeline<Service>> {
        let World { mint, refresh, activate, renew, .. } = &mut self.world;
        match self.mechanism {
            _ if all => vec![mint, refresh, activate, renew],
            Mechanism::Bound | Mechanism::BoundAndRefresh | Mechanism::BoundAndMint => vec![activate, renew],
            Mechanism::Mint | Mechanism::Static => vec![mint],
            Mechanism::Refresh | Mechanism::RefreshAndMint => vec![refresh],
        }
    }

    /// In each spell its own outcome of what renews.
    pub fn outcomes(&mut self, spells: &[(Ms, Ms)], mut outcome: impl FnMut(&mut Draws) -> Outcome) {
        let drawn: Vec<Outcome> = spells.iter().map(|_| outcome(&mut self.draws)).collect();
        self.services(spells, |spell, was| Service { outcome: drawn[spell], ..*was });
    }

    /// In each spell another service of what renews: of all endpoints, or of the one that is asked first while a second
    /// one is well.
    pub fn services(&mut self, spells: &[(Ms, Ms)], change: impl Fn(usize, &Service) -> Service + Copy) {
        let all = self.draws.once_in(2);
        for line in self.renewing(all) {
            *line = line.changed(spells, change);
        }
    }

    /// In each spell another service of all endpoints.
    pub fn all_services(&mut self, spells: &[(Ms, Ms)], change: impl Fn(usize, &Service) -> Service + Copy) {
        for line in self.renewing(true) {
            *line = line.changed(spells, change);
        }
    }

    /// The socket breaks; or the server restarts for all, with the states or without.
    pub fn reconnects(&mut self, at: Ms) {
        let what = self.draws.pick(&[
            Instant::Cut,
            Instant::GoingAway,
            Instant::Restart { wipe: false },
            Instant::Restart { wipe: true },
        ]);
        self.at(at, what);
    }

    /// The application makes calls: where the server keeps a socket whose token has ended, they show it.
    pub fn calls(&mut self) {
        let every = self.draws.span(5 * SECOND, MINUTE);
        let mut at = every;
        while at < self.world.length {
            self.user(at, User::Calls);
            at += every;
        }
    }

    /// In each spell its own answer to connects and resumes.
    pub fn connecting(&mut self, spells: &[(Ms, Ms)], mut answer: impl FnMut(&mut Draws) -> Answer) {
        let drawn: Vec<Answer> = spells.iter().map(|_| answer(&mut self.draws)).collect();
        for line in [&mut self.world.connect, &mut self.world.resume] {
            *line = line.changed(spells, |spell, was| Handling { answer: drawn[spell], ..*was });
        }
    }

    /// Every push has this answer.
    pub fn pushing(&mut self, answer: Answer) {
        self.world.push = self.world.push.changed(&[(0, Ms::MAX)], |_, was| Handling { answer, ..*was });
    }

    /// What the provider's tokens live, first and later ones.
    pub fn base_lives(&mut self, outcome: Outcome) {
        for line in [&mut self.world.mint, &mut self.world.refresh] {
            *line = line.changed(&[(0, Ms::MAX)], |_, was| Service { outcome, ..*was });
        }
    }

    /// Done: what happens is in order.
    #[must_use]
    pub fn finish(mut self) -> (World, Bound) {
        self.world.instants.sort_by_key(|(at, _)| *at);
        let length = self.world.length;
        self.world.instants.retain(|(at, _)| *at < length);
        (self.world, self.bound)
    }
}
