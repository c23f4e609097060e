//! Virtual time: what arrives when, and what the machine says to it.

use satkeeper_core::lifecycle::SocketId;

use crate::actor::{Actor, Heard, Machine, News, Said};
use crate::asked::{BoundTo, Handle, Serial, What};
use crate::bytes::Bytes;
use crate::facts::Facts;
use crate::span;
use crate::statement::Statement;
use crate::world::{Network, World};

/// A machine that wakes more often than this in one story does not come to rest.
const MOST_STEPS: usize = 400_000;

/// So long after an answer the server hands out resume state.
const STATE_AFTER: u64 = 10;

/// Something that the machine said.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: u64,
    /// `> renew`, `* live`.
    pub(crate) name: String,
    pub(crate) details: String,
}

#[derive(Clone, Debug)]
enum Arriving {
    News(News),
    /// The token of this socket ends, and the server closes it if it was not renewed.
    End(SocketId, Serial),
}

pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) actor: Box<dyn Actor>,
    /// When, in which order, what.
    underway: Vec<(u64, u64, Arriving)>,
    sequence: u64,
    steps: usize,
    wake_at: Option<u64>,
    /// Since somebody looked.
    pub(crate) said: Vec<Line>,
    /// All of it, as expectations count it.
    pub(crate) told: Vec<(u64, String)>,
    asks: u64,
    calls: u64,
}

impl Stage {
    pub(crate) fn new(world: World, machine: Machine) -> Result<Self, String> {
        let actor: Box<dyn Actor> = match machine {
            Machine::Lifecycle => Box::new(Facts::new(&world)),
            Machine::Session => Box::new(Bytes::new(&world)?),
        };
        Ok(Self {
            world,
            actor,
            underway: Vec::new(),
            sequence: 0,
            steps: 0,
            wake_at: None,
            said: Vec::new(),
            told: Vec::new(),
            asks: 0,
            calls: 0,
        })
    }

    /// Lets time pass, up to and with this moment.
    pub(crate) fn until(&mut self, end: u64) -> Result<(), String> {
        self.until_before(end.saturating_add(1))?;
        self.world.now = self.world.now.max(end);
        Ok(())
    }

    /// What arrives and what is due before this moment.
    pub(crate) fn until_before(&mut self, end: u64) -> Result<(), String> {
        loop {
            let arrival = self.underway.iter().map(|(at, order, _)| (*at, *order)).min();
            let wake = self.wake_at.map(|tick| self.world.when(tick));
            let next = arrival.map(|(at, _)| at).into_iter().chain(wake).min().filter(|at| *at < end);
            let Some(next) = next else { return Ok(()) };
            self.world.now = self.world.now.max(next);
            match arrival.filter(|(at, _)| *at == next) {
                Some(first) => {
                    let index = self.underway.iter().position(|(at, order, _)| (*at, *order) == first);
                    let (_, _, arriving) = self.underway.remove(index.unwrap_or_default());
                    self.arrive(arriving)?;
                }
                None => self.give(&News::Tick)?,
            }
        }
    }

    fn arrive(&mut self, arriving: Arriving) -> Result<(), String> {
        match arriving {
            Arriving::News(News::Answer { what, .. })
                if what.socket().is_some_and(|socket| !self.world.is_open(socket)) =>
            {
                Ok(())
            }
            // Closed before it was open.
            Arriving::News(News::Answer { what: What::Open(socket), answer, .. })
                if answer.result.is_ok() && !self.world.is_open(socket) =>
            {
                Ok(())
            }
            Arriving::News(News::ResumeState(socket)) if !self.world.is_open(socket) => Ok(()),
            Arriving::News(News::SocketLost(socket)) => {
                if self.world.drop_socket(socket) {
                    self.give(&News::SocketLost(socket))
                } else {
                    Ok(())
                }
            }
            Arriving::News(news) => self.give(&news),
            Arriving::End(socket, token) => {
                if self.world.acknowledged(socket) == Some(token) && self.world.drop_socket(socket) {
                    self.note("< the server closes the socket");
                    return self.give(&News::SocketLost(socket));
                }
                Ok(())
            }
        }
    }

    fn give(&mut self, news: &News) -> Result<(), String> {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Err("the machine does not come to rest".to_owned());
        }
        let heard = self.actor.hear(&mut self.world, news)?;
        self.take(heard)
    }

    fn take(&mut self, heard: Heard) -> Result<(), String> {
        self.wake_at = heard.wake_at;
        for said in heard.said {
            match said {
                Said::Told(text) => {
                    let (name, details) = text.split_once(',').unwrap_or((&text, ""));
                    let details = if details.is_empty() { String::new() } else { format!(",{details}") };
                    self.take_down(&format!("* {name}"), &details);
                }
                Said::Asked { to, what, details } => {
                    let note = self.serve(to, &what);
                    let details = if note.is_empty() { details } else { format!("{details}: {note}") };
                    self.take_down(&format!("> {}", what.name()), &details);
                }
                Said::Upkeep { to, what } => {
                    self.serve(to, &what);
                }
            }
        }
        self.actor.check().map_err(|broken| format!("at {}: {broken}", span::moment(self.world.now)))
    }

    fn take_down(&mut self, name: &str, details: &str) {
        let line = Line { at: self.world.now, name: name.to_owned(), details: details.to_owned() };
        let separator = if details.is_empty() || details.starts_with([',', ':']) { "" } else { " " };
        self.told.push((self.world.now, format!("{name}{separator}{details}")));
        self.said.push(line);
    }

    fn note(&mut self, text: &str) {
        self.take_down(text, "");
    }

    /// Has the world answer; what is worth saying of its answer.
    fn serve(&mut self, to: Handle, what: &What) -> String {
        let verdict = self.world.asked(what);
        let at = self.world.now + verdict.after;
        if let Some(socket) = verdict.breaks {
            self.arrives(at, Arriving::News(News::SocketLost(socket)));
        }
        let Some(answer) = verdict.answer.filter(|_| to != Handle::Nobody) else { return verdict.note };
        let is_good = answer.result.is_ok();
        if let Some(socket) = self.world.hands_out_state(what).filter(|_| is_good) {
            self.arrives(at + STATE_AFTER, Arriving::News(News::ResumeState(socket)));
        }
        if let What::Connect { socket, .. } | What::Push { socket, .. } = what
            && let Some(token) = self.world.acknowledged(*socket)
            && self.world.settings.closes_at_end
            && is_good
        {
            let left = self.world.end_of(token).unwrap_or(0).saturating_sub(self.world.server_now());
            if left > 0 {
                self.arrives(self.world.now + left, Arriving::End(*socket, token));
            }
        }
        self.arrives(at, Arriving::News(News::Answer { to, what: what.clone(), answer }));
        verdict.note
    }

    fn arrives(&mut self, at: u64, arriving: Arriving) {
        self.sequence += 1;
        self.underway.push((at, self.sequence, arriving));
    }

    fn socket(&self) -> Result<SocketId, String> {
        self.world.newest_socket().ok_or_else(|| "no socket is open".to_owned())
    }

    fn drop_newest(&mut self) -> Result<(), String> {
        let socket = self.socket()?;
        self.world.drop_socket(socket);
        self.give(&News::SocketLost(socket))
    }

    pub(crate) fn happen(&mut self, statement: &Statement) -> Result<(), String> {
        match statement {
            Statement::Set(setting) => self.world.settings.set(setting),
            Statement::Treat { which, name, how } => self.world.treat(*which, name, how.as_ref()),
            Statement::Start => return self.give(&News::Start),
            Statement::SocketDrops => return self.drop_newest(),
            Statement::ServerRestarts { wipe } => {
                let socket = self.socket()?;
                return self.give(&News::ServerRestart { socket, wipe: *wipe });
            }
            Statement::ServerPings => {
                let socket = self.socket()?;
                return self.give(&News::ServerPing(socket));
            }
            Statement::ServerSends(text) => {
                let socket = self.socket()?;
                return self.give(&News::ServerSends(socket, text.clone()));
            }
            Statement::NetworkSilent => self.world.network = Network::Silent,
            Statement::NetworkDown => {
                self.world.network = Network::Down;
                if self.world.newest_socket().is_some() {
                    return self.drop_newest();
                }
            }
            Statement::NetworkUp => self.world.network = Network::Up,
            Statement::NetworkChanges => return self.give(&News::NetworkChanged),
            Statement::Sleep(span) => {
                self.delay(*span);
                self.world.sleep(*span);
                return self.give(&News::Tick);
            }
            Statement::Nap(span) => {
                self.delay(*span);
                self.world.now += span;
                return self.give(&News::Tick);
            }
            Statement::ClockSet(by) => {
                self.world.settings.clock_ahead = self.world.settings.clock_ahead.saturating_add(*by);
                return self.give(&News::Tick);
            }
            Statement::Revoke(token) => {
                if !self.world.revoke(*token) {
                    return Err(format!("there is no token {token} to revoke"));
                }
            }
            Statement::Kill(span) => {
                self.underway.clear();
                self.world.now += span;
                self.world.boot();
                let heard = self.actor.revive(&mut self.world)?;
                return self.take(heard);
            }
            Statement::Suspend => return self.give(&News::Suspend),
            Statement::Resume => return self.give(&News::Resume),
            Statement::Disconnect => return self.give(&News::Disconnect),
            Statement::Leave => return self.give(&News::Leave),
            Statement::Destroy => return self.give(&News::Destroy),
            Statement::RefreshNow => {
                self.asks += 1;
                return self.give(&News::RefreshNow(self.asks));
            }
            Statement::Rejected => {
                self.asks += 1;
                return self.give(&News::Rejected(self.asks));
            }
            Statement::UpdateToken { life, scope, foreign } => {
                let key = match (foreign, scope, self.world.settings.key) {
                    (true, ..) => BoundTo::Other,
                    (_, true, crate::statement::Key::Fixed(algorithm)) => BoundTo::Ours(algorithm),
                    _ => BoundTo::Nothing,
                };
                let token = self.world.mint(*life, false, *scope, key);
                self.asks += 1;
                return self.give(&News::UpdateToken { ask: self.asks, token });
            }
            Statement::UpdateTokenAgain(number) => {
                let token = self.world.serial(satkeeper_core::lifecycle::TokenId(*number));
                let token = token.ok_or_else(|| format!("there is no token {number}"))?;
                self.asks += 1;
                return self.give(&News::UpdateToken { ask: self.asks, token });
            }
            Statement::NewProvider(facts) => {
                self.world.settings.provider = crate::statement::Provider::Callback(*facts);
                return self.give(&News::NewProvider(*facts));
            }
            Statement::Call(method) => {
                self.calls += 1;
                return self.give(&News::Call { call: self.calls, method: method.clone() });
            }
            Statement::InShort | Statement::Expect(_) | Statement::End => {}
        }
        Ok(())
    }

    /// What was underway while nobody listened arrives afterwards.
    fn delay(&mut self, span: u64) {
        let awake = self.world.now + span;
        for (at, _, arriving) in &mut self.underway {
            if matches!(arriving, Arriving::News(_)) {
                *at = (*at).max(awake);
            }
        }
    }
}
