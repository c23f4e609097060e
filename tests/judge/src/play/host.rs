//! The process and its clocks: what reaches the client, and what it makes of it.

use super::agenda::Due;
use super::parcel::Parcel;
use super::server::State;
use super::{Asked, BOOTED, EPOCH, MOST_STEPS, Play, SOON};
use crate::client::{Ask, AskId, Bad, Clocks, Good, News, Phase, Reply, Tell};
use crate::log::{Entry, Why};
use crate::timeline::Ms;
use crate::world::{Awake, Health, User};

/// Who has not heard anything by then knows that something is wrong.
const PATIENCE: Ms = 10_000;

impl Play<'_> {
    // ---- Clocks ----

    fn clocks(&self) -> Clocks {
        let unix = (EPOCH + self.now).saturating_add_signed(*self.world.wall.at(self.now));
        Clocks { tick: BOOTED + self.now - self.slept, unix }
    }

    /// The true time at which the monotonic clock will show this, if nobody sleeps.
    const fn when(&self, tick: Ms) -> Ms {
        tick.saturating_add(self.slept).saturating_sub(BOOTED)
    }

    fn set_wake(&mut self, wake_at: Option<Ms>) {
        self.wake_at = wake_at;
        self.fires = wake_at.map_or(Ms::MAX, |tick| {
            let due = self.when(tick).max(self.now);
            due.saturating_add(*self.world.late.at(due))
        });
    }

    // ---- The process ----

    /// What it is doing has changed.
    pub(super) fn become_awake(&mut self, awake: Awake) {
        let since = std::mem::replace(&mut self.awake_since, self.now);
        let before = std::mem::replace(&mut self.awake, awake);
        if before == Awake::Sleeps && !self.counts_sleep {
            self.slept += self.now - since;
            self.set_wake(self.wake_at);
        }
        if awake == Awake::Dead {
            self.die();
        }
        if awake != Awake::Runs || before == Awake::Runs {
            return;
        }
        match self.birth.take() {
            Some(news) => {
                self.note(Entry::Began);
                self.hear(&news);
            }
            None => {
                for parcel in std::mem::take(&mut self.inbox) {
                    self.give(parcel);
                }
            }
        }
    }

    fn die(&mut self) {
        self.close_all();
        self.inbox.clear();
        self.asked.clear();
        self.held.clear();
        self.state = self.recorded;
        self.phase = None;
        self.set_wake(None);
        self.process += 1;
        self.birth = self.birth.take().or(Some(News::Restart));
    }

    /// The session is over, or the world.
    pub(super) fn leave(&mut self) {
        if self.phase == Some(Phase::Over) {
            self.close_all();
        }
    }

    fn close_all(&mut self) {
        for sock in std::mem::take(&mut self.server.sockets) {
            self.note(Entry::Gone { socket: sock.id, why: Why::Client });
        }
    }

    // ---- What reaches it ----

    /// To the client, or to where it waits for the process.
    pub(super) fn hand_over(&mut self, parcel: Parcel) {
        match self.awake {
            Awake::Runs => self.give(parcel),
            Awake::Dead => {}
            Awake::Sleeps | Awake::Stopped if self.birth.is_some() => {}
            Awake::Sleeps | Awake::Stopped => {
                let again = match (self.inbox.last(), parcel) {
                    (Some(Parcel::Ping(waiting)), Parcel::Ping(socket)) => *waiting == socket,
                    _ => false,
                };
                if !again {
                    self.inbox.push(parcel);
                }
            }
        }
    }

    fn give(&mut self, parcel: Parcel) {
        if self.phase == Some(Phase::Over)
            || parcel.socket().is_some_and(|socket| !self.held.contains(&socket))
        {
            return;
        }
        let news = match parcel {
            Parcel::Answer { id, reply, about } => {
                let Some(asked) = self.asked.remove(&id) else { return };
                self.answered(asked.ask, &reply, about);
                News::Answer(id, reply)
            }
            Parcel::Lost(socket) => {
                self.let_go(socket);
                self.note(Entry::Evidence);
                News::SocketLost(socket)
            }
            Parcel::Goodbye { socket, restart } => {
                self.note(Entry::Evidence);
                News::Disconnect { socket, restart }
            }
            Parcel::State(socket, state) => {
                self.state = Some(state);
                News::State(socket)
            }
            Parcel::Ping(socket) => News::Ping(socket),
            Parcel::User(user) => {
                self.note(Entry::User(user));
                if user == User::Calls {
                    return self.calls();
                }
                News::User(user)
            }
            Parcel::Updates { token, says, life, other_identity } => {
                self.note(Entry::User(User::Updates { life, other_identity }));
                self.note(Entry::Received(token));
                if says.life.or(says.end).is_some() {
                    self.told_end(token);
                }
                News::Updates { token, says }
            }
            Parcel::Silence(id) => {
                if self.asked.contains_key(&id) {
                    self.note(Entry::Evidence);
                }
                return;
            }
        };
        self.hear(&news);
    }

    /// What the log has to say of an answer.
    fn answered(&mut self, ask: Ask, reply: &Reply, about: Option<u32>) {
        if let Ask::Refresh { secret: Some(secret) } = ask {
            self.server.answered(secret);
        }
        let says = match reply.result {
            Ok(Good::Done) => {
                if let Ask::Open(socket) = ask {
                    self.held.push(socket);
                }
                return;
            }
            Ok(Good::Token { token, says, .. }) => {
                self.note(Entry::Received(token));
                says
            }
            Ok(Good::Says(says) | Good::Connected { says, .. }) => says,
            Err(Bad::NotKept { .. }) => return,
            Err(_) => return self.note(Entry::Evidence),
        };
        if let Some(token) = about.filter(|_| says.life.or(says.end).is_some()) {
            self.told_end(token);
        }
    }

    fn told_end(&mut self, token: u32) {
        if let Some(ends) = self.server.token(token).map(|token| token.ends) {
            self.note(Entry::ToldEnd(token, ends));
        }
    }

    /// The client knows this socket no more, and what it asked for on it is lost.
    pub(super) fn let_go(&mut self, socket: u32) {
        self.held.retain(|held| *held != socket);
        self.asked.retain(|_, asked| asked.ask.socket() != Some(socket));
    }

    // ---- What it makes of it ----

    pub(super) fn hear(&mut self, news: &News) {
        self.count_step();
        if !matches!(news, News::Tick | News::Ping(_)) {
            self.note(Entry::Heard(news.clone()));
        }
        let heard = self.client.hear(self.clocks(), news);
        for mut tell in heard.tells {
            if let Tell::Warned { next: Some(next), .. } = &mut tell {
                *next = self.when(*next);
            }
            self.note(Entry::Tells(tell));
        }
        let phase = self.client.phase();
        if self.phase.replace(phase) != Some(phase) {
            self.note(Entry::Says(phase));
        }
        self.set_wake(heard.wake_at);
        for (id, ask) in heard.asks {
            self.ask(id, ask);
        }
    }

    fn count_step(&mut self) {
        if self.steps.0 != self.now {
            self.steps = (self.now, 0);
        }
        self.steps.1 += 1;
        if self.steps.1 > MOST_STEPS {
            self.give_up(&format!("does not come to rest: {MOST_STEPS} steps in a millisecond"));
        }
    }

    pub(super) fn give_up(&self, what: &str) -> ! {
        let (name, row, seed, now) = (self.client.name(), self.world.row, self.world.seed, self.now);
        panic!("row {row}, seed {seed}, at {now} ms: the client {name:?} {what}")
    }

    fn ask(&mut self, id: AskId, ask: Ask) {
        if let Ask::Frame(socket) = ask {
            return self.frame(socket);
        }
        self.note(Entry::Asks(id, ask));
        if self.asked.insert(id, Asked { ask, at: self.now }).is_some() {
            self.give_up(&format!("has asked for two things by the number {id}"));
        }
        match ask {
            Ask::Mint | Ask::Refresh { .. } | Ask::Inspect(_) | Ask::Activate(..) | Ask::Renew(..) => {
                self.request(id, ask);
            }
            Ask::Open(socket) => self.open(id, socket),
            Ask::Connect { .. } | Ask::Push(..) | Ask::Ping(_) => self.send(id, ask),
            Ask::Frame(_) => {}
            Ask::Write => {
                let store = *self.world.store.at(self.now);
                let (process, health, state) = (self.process, store.health, self.state);
                let due = Due::Stored { write: id, process, health, state };
                self.agenda.put(self.now.saturating_add(store.takes), due);
            }
            Ask::Close(socket) => {
                self.close(socket);
                let reply = Reply { result: Ok(Good::Done), date: None, foreign: false };
                self.agenda.put(self.now + SOON, Due::Local(Parcel::Answer { id, reply, about: None }));
            }
        }
        if matches!(ask, Ask::Open(_) | Ask::Connect { .. } | Ask::Push(..) | Ask::Ping(_)) {
            self.agenda.put(self.now + PATIENCE, Due::Unanswered(id));
        }
    }

    /// A write is done.
    pub(super) fn stored(&mut self, write: AskId, process: u32, health: Health, state: Option<State>) {
        if process != self.process || self.awake == Awake::Dead {
            return;
        }
        if health == Health::Keeps {
            self.recorded = state;
            self.client.kept(write);
        }
        let result = match health {
            Health::Keeps | Health::Loses => Ok(Good::Done),
            Health::Fails => Err(Bad::NotKept { taken: false }),
            Health::Taken => Err(Bad::NotKept { taken: true }),
        };
        self.hand_over(Parcel::Answer {
            id: write,
            reply: Reply { result, date: None, foreign: false },
            about: None,
        });
    }
}
