//! Sessions told by hand, for the tests: what happened, in the order in which it did.

use super::judge;
use crate::client::{Ask, AskId, Bad, Good, News, Phase, Reply, Says, Serial, Socket, Tell};
use crate::log::{By, Entry, Log, Source, Why};
use crate::timeline::{Ms, Timeline};
use crate::verdict::{Kind, Verdict};
use crate::world::{Awake, Instant, Network, Outcome, Service, User, World};

pub(super) const SECOND: Ms = 1_000;
pub(super) const MINUTE: Ms = 60 * SECOND;
pub(super) const HOUR: Ms = 60 * MINUTE;

/// What an answer takes in these tales, and a connect.
pub(super) const LATENCY: Ms = 50;

/// A world, and what has happened in it so far.
pub(super) struct Tale {
    pub(super) world: World,
    log: Log,
    now: Ms,
    last: AskId,
    pub(super) token: Serial,
    pub(super) socket: Socket,
    life: Ms,
}

/// An endpoint that gives tokens of that life.
pub(super) fn gives(life: Ms) -> Timeline<Service> {
    Timeline::always(Service { latency: LATENCY, outcome: Outcome::Grants { life: life.cast_signed() } })
}

/// An answer of HTTP that is no success.
pub(super) const fn http(status: u16, own: bool, retry_after: Option<Ms>) -> Outcome {
    Outcome::Http { status, own, retry_after, date_off: 0, stored: false }
}

/// It is down.
pub(super) const DOWN: Outcome = http(503, false, None);

impl Tale {
    /// A world of that length whose provider gives tokens of that life, and a session that is served from 101 ms on.
    pub(super) fn live(life: Ms, length: Ms) -> Self {
        Self::live_in(World { mint: gives(life), refresh: gives(life), length, ..World::default() }, life)
    }

    pub(super) fn live_in(world: World, life: Ms) -> Self {
        let mut tale = Self::in_world(world, life);
        tale.mint();
        tale.connect(By::Connect);
        tale
    }

    /// A process has begun.
    pub(super) fn in_world(world: World, life: Ms) -> Self {
        let mut tale = Self { world, log: Log::default(), now: 0, last: 0, token: 0, socket: 0, life };
        tale.note(Entry::Began);
        tale.says(Phase::Away);
        tale
    }

    pub(super) fn note(&mut self, entry: Entry) -> &mut Self {
        self.log.entries.push((self.now, entry));
        self
    }

    /// Time passes.
    pub(super) fn at(&mut self, at: Ms) -> &mut Self {
        assert!(at >= self.now, "a tale goes forward: {at} after {}", self.now);
        self.now = at;
        self
    }

    pub(super) fn wait(&mut self, span: Ms) -> &mut Self {
        self.at(self.now + span)
    }

    pub(super) fn now(&self) -> Ms {
        self.now
    }

    pub(super) fn says(&mut self, phase: Phase) -> &mut Self {
        self.note(Entry::Says(phase))
    }

    pub(super) fn tells(&mut self, tell: Tell) -> &mut Self {
        self.note(Entry::Tells(tell))
    }

    /// It names what is wrong, and when it tries again.
    pub(super) fn warns(&mut self, next: Option<Ms>) -> &mut Self {
        self.tells(Tell::Warned { code: "test".to_owned(), cause: true, next })
    }

    pub(super) fn asks(&mut self, ask: Ask) -> AskId {
        self.last += 1;
        self.note(Entry::Asks(self.last, ask));
        self.last
    }

    pub(super) fn hears(&mut self, id: AskId, result: Result<Good, Bad>) -> &mut Self {
        if result.is_err() {
            self.note(Entry::Evidence);
        }
        self.note(Entry::Heard(News::Answer(id, Reply { result, date: None, foreign: false })))
    }

    /// Asks for a token, and is answered that `LATENCY` later.
    pub(super) fn asks_in_vain(&mut self, ask: Ask, bad: Bad) -> &mut Self {
        let id = self.asks(ask);
        self.wait(LATENCY).hears(id, Err(bad))
    }

    fn gets(&mut self, ask: Ask, of: Source) -> &mut Self {
        let id = self.asks(ask);
        self.wait(LATENCY);
        self.token += 1;
        let (token, ends) = (self.token, self.now + self.life);
        self.note(Entry::Issued { token, of, ends, identity: 0 });
        self.note(Entry::Received(token)).note(Entry::ToldEnd(token, ends));
        let says = Says { life: Some(self.life), ..Says::default() };
        self.hears(id, Ok(Good::Token { token, says, secret: None }))
    }

    pub(super) fn mint(&mut self) -> &mut Self {
        self.gets(Ask::Mint, Source::Mint)
    }

    pub(super) fn refresh(&mut self) -> &mut Self {
        self.gets(Ask::Refresh { secret: None }, Source::Refresh)
    }

    pub(super) fn activate(&mut self) -> &mut Self {
        self.gets(Ask::Activate(self.token, None), Source::Activate(self.token))
    }

    /// Opens a new socket and connects on it with the newest token.
    pub(super) fn connect(&mut self, by: By) -> &mut Self {
        self.accepted_unheard(by);
        let Some((_, Entry::Asks(id, _))) =
            self.log.entries.iter().rfind(|(_, entry)| matches!(entry, Entry::Asks(..)))
        else {
            return self;
        };
        let id = *id;
        self.hears(id, Ok(Good::Connected { resumed: by == By::Resume, says: Says::default() }));
        self.tells(Tell::Live).says(Phase::Live)
    }

    /// The same, but the answer is lost.
    pub(super) fn accepted_unheard(&mut self, by: By) -> &mut Self {
        self.socket += 1;
        let (socket, token) = (self.socket, self.token);
        let id = self.asks(Ask::Open(socket));
        self.wait(1).note(Entry::Opened(socket)).hears(id, Ok(Good::Done));
        self.asks(Ask::Connect { socket, token, resume: by == By::Resume, proof: None });
        self.wait(LATENCY).note(Entry::Authenticated { socket, token, by })
    }

    /// Shows the newest token on the newest socket.
    pub(super) fn push(&mut self) -> &mut Self {
        let (socket, token) = (self.socket, self.token);
        let id = self.asks(Ask::Push(socket, token, None));
        self.wait(LATENCY).note(Entry::Authenticated { socket, token, by: By::Push });
        self.hears(id, Ok(Good::Says(Says::default()))).tells(Tell::Renewed(token))
    }

    /// The newest socket goes, and the client hears so.
    pub(super) fn loses(&mut self, why: Why) -> &mut Self {
        self.unheard(why);
        let socket = self.socket;
        self.note(Entry::Evidence).note(Entry::Heard(News::SocketLost(socket)));
        self.warns(None).says(Phase::Away)
    }

    /// The newest socket goes.
    pub(super) fn unheard(&mut self, why: Why) -> &mut Self {
        self.note(Entry::Gone { socket: self.socket, why })
    }

    /// The client closes the newest socket.
    pub(super) fn closes(&mut self) -> &mut Self {
        self.asks(Ask::Close(self.socket));
        self.unheard(Why::Client).says(Phase::Away)
    }

    pub(super) fn user(&mut self, user: User) -> &mut Self {
        self.note(Entry::User(user)).note(Entry::Heard(News::User(user)))
    }

    /// The host sleeps from now on until then.
    pub(super) fn sleeps_until(&mut self, until: Ms) -> &mut Self {
        self.becomes(Awake::Sleeps, until)
    }

    /// The process is killed, and another begins then with what was kept.
    pub(super) fn killed_until(&mut self, until: Ms) -> &mut Self {
        self.unheard(Why::Client).becomes(Awake::Dead, until);
        self.note(Entry::Began).note(Entry::Heard(News::Restart)).says(Phase::Away)
    }

    fn becomes(&mut self, awake: Awake, until: Ms) -> &mut Self {
        self.world.awake = self.world.awake.clone().with(self.now, until, awake);
        self.at(until)
    }

    /// It writes, and the store keeps it.
    pub(super) fn writes(&mut self) -> &mut Self {
        let id = self.asks(Ask::Write);
        self.wait(5).hears(id, Ok(Good::Done))
    }

    /// The network is gone until then.
    pub(super) fn offline_until(&mut self, until: Ms) -> &mut Self {
        self.world.network = self.world.network.clone().with(self.now, until, Network::Off);
        self
    }

    /// The provider's `refresh()` does this until then.
    pub(super) fn refresh_is(&mut self, until: Ms, outcome: Outcome) -> &mut Self {
        let service = Service { latency: LATENCY, outcome };
        self.world.refresh = self.world.refresh.clone().with(self.now, until, service);
        self
    }

    /// It befalls the world.
    pub(super) fn befalls(&mut self, instant: Instant) -> &mut Self {
        self.world.instants.push((self.now, instant));
        self
    }

    pub(super) fn over(&mut self) -> &mut Self {
        if self.log.entries.iter().any(|(_, entry)| *entry == Entry::Says(Phase::Live)) {
            self.unheard(Why::Client);
        }
        self.tells(Tell::Over { reason: "test".to_owned() }).says(Phase::Over)
    }

    pub(super) fn judged(&self) -> Verdict {
        judge(&self.world, &self.log)
    }

    /// What it is accused of.
    pub(super) fn kinds(&self) -> Vec<Kind> {
        self.judged().faults.into_iter().map(|fault| fault.kind).collect()
    }
}
