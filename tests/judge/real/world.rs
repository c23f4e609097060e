//! A world as data: what the fixture server is, what it is told and when, what may be missing and what must come of it.

use std::time::Duration;

use satkeeper::Policy;
use satkeeper_fixtures::{Act, Config, Effect, Fault, Target};

/// Milliseconds of real time.
pub(crate) type Ms = i64;

/// How long tokens live. Half of it is the lead, so one comes each six seconds.
pub(crate) const LIFE: Duration = Duration::from_secs(12);

/// How long a world is played in one round.
pub(crate) const ROUND: Ms = 45_000;

/// How long it may take to notice a lost socket and to be back, where the server said nothing of it, besides what the
/// connect itself takes.
const CUT: Ms = 2_000;
/// The same where the server closes the sockets of all and a state can be resumed.
const SERVER_WIDE: Ms = 3_000;
/// The same where tokens are revoked.
const REVOKED: Ms = 5_000;

/// Who brings tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The built-in provider of a subscriber, whose tokens are exchanged for client-bound ones.
    Bound,
    /// The same where no scope is granted: its one-time refresh token renews.
    Provider,
    /// One token, and nobody who renews.
    Static,
    /// An application that knows no subscriber any more, from the first refresh on.
    Rejects,
    /// As `Bound`, in a process of its own that keeps a file and is killed.
    Process,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Do {
    /// The server is told so.
    Server(Act),
    /// The application suspends the session.
    Suspend,
    /// It takes it up again.
    Resume,
    /// It brings another token of its subscriber.
    Update,
    /// The host says that it has another network.
    NetworkChanged,
    /// It asks for a renewal.
    Refresh,
    /// SIGKILL, and a new process at once.
    Kill,
}

/// A stretch of time that excuses what is missing in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Excuse {
    /// No socket could be had in it.
    Socket(Ms, Ms),
    /// No token could be had in it: it excuses nothing while one is owed.
    Token(Ms, Ms),
}

/// What must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Lives,
    /// It ends with its last token, a second early or late.
    EndsWithToken,
    /// It ends between these two, counted from the first `Live`.
    EndsWithin(Ms, Ms),
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// Its row in the judge's catalogue.
    pub(crate) row: u8,
    pub(crate) name: &'static str,
    pub(crate) source: Source,
    pub(crate) config: Config,
    pub(crate) policy: Policy,
    /// Faults that are there from the beginning.
    pub(crate) standing: Vec<Fault>,
    /// What happens, counted from the first `Live`; again in each round.
    pub(crate) script: Vec<(Ms, Do)>,
    pub(crate) excuses: Vec<Excuse>,
    /// Avoidable milliseconds that the row allows in a round.
    pub(crate) bound: Ms,
    /// Sockets that may be replaced in a round; `None`: that is not what it is about.
    pub(crate) disruptions: Option<usize>,
    pub(crate) outcome: Outcome,
}

impl World {
    /// A calm day.
    pub(crate) fn new(row: u8, name: &'static str, source: Source) -> Self {
        let config = Config {
            sat_ttl: LIFE,
            device_ttl: LIFE,
            grant_scope: matches!(source, Source::Bound | Source::Process),
            reauthenticate_result: true,
            log_capacity: 200_000,
            ..Config::plain()
        };
        Self {
            row,
            name,
            source,
            config,
            policy: Policy::default(),
            standing: Vec::new(),
            script: Vec::new(),
            excuses: Vec::new(),
            bound: 0,
            disruptions: None,
            outcome: Outcome::Lives,
        }
    }

    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    pub(crate) fn policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        self.policy = self.policy.with(change);
        self
    }

    pub(crate) fn standing(mut self, fault: Fault) -> Self {
        self.standing.push(fault);
        self
    }

    pub(crate) fn at(mut self, at: Ms, what: Do) -> Self {
        self.script.push((at, what));
        self
    }

    pub(crate) fn told(self, at: Ms, act: Act) -> Self {
        self.at(at, Do::Server(act))
    }

    /// From `from` to `to` these calls go wrong.
    pub(crate) fn ill(self, from: Ms, to: Ms, on: Target, effect: Effect) -> Self {
        self.told(from, Act::Fault(Fault::always(on, effect))).told(to, Act::ClearFaults)
    }

    pub(crate) fn excused(mut self, excuse: Excuse) -> Self {
        self.excuses.push(excuse);
        self
    }

    /// All sockets break, without a word.
    pub(crate) fn cut(self, at: Ms) -> Self {
        self.told(at, Act::DropSockets).excused(Excuse::Socket(at, at + CUT))
    }

    /// The server restarts for all, and a state can be resumed.
    pub(crate) fn restart(self, at: Ms) -> Self {
        self.told(at, Act::DisconnectAll { restart: false }).excused(Excuse::Socket(at, at + SERVER_WIDE))
    }

    /// Every token and state is honoured no more, and the sockets go.
    pub(crate) fn revoke(self, at: Ms) -> Self {
        self.told(at, Act::RevokeTokens)
            .told(at, Act::RevokeStates)
            .told(at, Act::DropSockets)
            .excused(Excuse::Socket(at, at + REVOKED))
    }

    pub(crate) fn bound(mut self, seconds: Ms) -> Self {
        self.bound = seconds * 1_000;
        self
    }

    pub(crate) fn disruptions(mut self, most: usize) -> Self {
        self.disruptions = Some(most);
        self
    }

    pub(crate) fn ends(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same for so many rounds. What ends by design, or is told once, has one.
    pub(crate) fn rounds(mut self, rounds: Ms) -> (Self, Ms) {
        if self.outcome != Outcome::Lives {
            return (self, ROUND);
        }
        let (script, excuses) = (self.script.clone(), self.excuses.clone());
        for round in 1..rounds {
            let by = round * ROUND;
            self.script.extend(script.iter().map(|(at, what)| (at + by, what.clone())));
            self.excuses.extend(excuses.iter().map(|excuse| match *excuse {
                Excuse::Socket(from, to) => Excuse::Socket(from + by, to + by),
                Excuse::Token(from, to) => Excuse::Token(from + by, to + by),
            }));
        }
        self.bound *= rounds;
        self.disruptions = self.disruptions.map(|most| most * usize::try_from(rounds).unwrap_or(1));
        (self, rounds * ROUND)
    }
}
