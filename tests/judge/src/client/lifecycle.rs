//! The machine of the core alone, `Lifecycle`, carried by as little as it can be carried by.
//!
//! What the layer above it does in the product is here in short: answers become the machine's words as that layer
//! translates them (`words`), tokens get their numbers in the order in which they come, a state on a socket that is not
//! authenticated yet waits for that, and a stand-in for the watch over the socket (`watch`) pings after 25 s without a
//! frame or 30 s without a reply of its own, and doubts the socket when its ping is not answered within 10 s. A key is made at once. Of one-time secrets it knows the newest, presents it once, takes it back if the answer
//! was "later", and mints where it has none: worlds that are about secrets are judged on `Session`.
#[cfg(test)]
mod tests;
mod watch;
mod words;

use std::collections::VecDeque;
use std::sync::Arc;

use satkeeper_core::lifecycle::{
    Action, AskId as Waiter, Command, CommandId, Failure, Input, KeyFacts, Lifecycle, Outcome, Output,
    Phase as Stands, Policy, ProviderFacts, Reply as Answer, Snapshot, SocketId, Start, TokenFacts, TokenId,
};
use satkeeper_core::{Now, UnixMillis};

use super::{Ask, AskId, Bad, Client, Clocks, Good, Heard, News, Phase, Reply, Serial, Socket, drawn};
use crate::timeline::Ms;
use crate::world::{Facts, User};
use watch::{Verdict, Watch};

/// Most requests without an answer that are remembered; of more, the oldest are forgotten.
const MOST_OPEN: usize = 64;

/// See the [module](self).
pub struct Keeper {
    facts: Facts,
    seed: u64,
    policy: Arc<Policy>,
    machine: Lifecycle,
    /// What it says it is, and when it wants to be woken, as of its last step.
    phase: Phase,
    wake_at: Option<Ms>,
    boots: u64,
    next: u64,
    /// What a process counts its sockets from: the numbers of the one before are not given again.
    sockets_before: Socket,
    newest_socket: Socket,
    /// Tokens by the machine's numbers, which are given from 1.
    tokens: Vec<Serial>,
    /// Those numbers by the server's; 0: it has not come.
    numbers: Vec<u32>,
    secret: Option<u32>,
    open: VecDeque<Open>,
    watched: Vec<(Socket, Watch)>,
    /// A state has come before the answer to the connect.
    early_state: Option<Socket>,
    writes: VecDeque<(AskId, Record)>,
    record: Option<Record>,
}

/// A request without an answer.
#[derive(Clone, Copy, Debug)]
struct Open {
    id: AskId,
    ask: Ask,
    /// Of the watch's own pings there is none.
    command: Option<CommandId>,
    signed_at: Option<UnixMillis>,
}

/// What a new process finds.
struct Record {
    snapshot: Snapshot,
    secret: Option<u32>,
}

impl Keeper {
    /// A [`Maker`](super::Maker).
    #[must_use]
    pub fn make(facts: &Facts, seed: u64) -> Box<dyn Client> {
        let policy = Arc::new(Policy::default());
        Box::new(Self {
            facts: *facts,
            seed,
            machine: Lifecycle::new(Arc::clone(&policy), &drawn(seed, 0)),
            policy,
            phase: Phase::Away,
            wake_at: None,
            boots: 0,
            next: 0,
            sockets_before: 0,
            newest_socket: 0,
            tokens: Vec::new(),
            numbers: Vec::new(),
            secret: None,
            open: VecDeque::new(),
            watched: Vec::new(),
            early_state: None,
            writes: VecDeque::new(),
            record: None,
        })
    }

    // ---- Numbers ----

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The machine's number for a token that has come: the same for the same.
    fn admit(&mut self, serial: Serial) -> TokenId {
        let at = serial as usize;
        if self.numbers.len() <= at {
            self.numbers.resize(at + 1, 0);
        }
        if self.numbers[at] == 0 {
            self.tokens.push(serial);
            self.numbers[at] = u32::try_from(self.tokens.len()).unwrap_or(u32::MAX);
        }
        TokenId(self.numbers[at])
    }

    fn serial(&self, token: TokenId) -> Serial {
        (token.0 as usize).checked_sub(1).and_then(|at| self.tokens.get(at)).copied().unwrap_or(0)
    }

    const fn socket(&self, id: SocketId) -> Socket {
        self.sockets_before + 1 + id.0
    }

    const fn socket_id(&self, socket: Socket) -> SocketId {
        SocketId(socket - 1 - self.sockets_before)
    }

    // ---- Steps ----

    /// Gives the machine an input, and carries out what it makes of it.
    fn step(&mut self, heard: &mut Heard, now: Clocks, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let step = self.machine.step(Now::new(now.tick, now.unix), input);
            self.wake_at = step.wake_at.map(|(tick, _)| tick.0);
            for output in step.outputs {
                match output {
                    Output::Do(command) => {
                        if let Some(reply) = self.carry_out(heard, now, &command) {
                            inputs.push_back(Input::Done(command.id, reply));
                        }
                    }
                    Output::Tell(event) => {
                        heard.tells.extend(words::tell(&event, |token| self.serial(token)));
                    }
                }
            }
        }
        self.phase = match self.machine.status().phase {
            Stands::Live => Phase::Live,
            Stands::Suspended => Phase::Suspended,
            Stands::Over(_) => Phase::Over,
            _ => Phase::Away,
        };
    }

    /// Asks for what a command wants; what needs nobody is answered at once.
    fn carry_out(&mut self, heard: &mut Heard, now: Clocks, command: &Command) -> Option<Outcome> {
        let mut signed_at = None;
        let mut sign = |offset: Option<i64>| {
            signed_at = self.facts.key.then(|| UnixMillis(now.unix).shifted(offset.unwrap_or(0)));
            signed_at.map(|at| at.as_seconds() * 1_000)
        };
        let ask = match command.action {
            Action::MakeKey { .. } => return Some(Outcome::ok(Answer::KeyMade)),
            Action::Mint { .. } => Ask::Mint,
            Action::Refresh if self.facts.one_time => match self.secret.take() {
                None if self.facts.can_mint_again => Ask::Mint,
                secret => Ask::Refresh { secret },
            },
            Action::Refresh if self.facts.can_refresh => Ask::Refresh { secret: None },
            Action::Refresh => Ask::Mint,
            Action::Inspect { base } => Ask::Inspect(self.serial(base)),
            Action::Activate { .. } | Action::Renew { .. } if !self.facts.key => {
                return Some(Outcome::failed(Failure::NoKey));
            }
            Action::Activate { base, offset } => {
                let proof = sign(offset);
                Ask::Activate(self.serial(base), proof)
            }
            Action::Renew { bound, offset } => {
                let proof = sign(offset);
                Ask::Renew(self.serial(bound), proof)
            }
            Action::Open { socket, .. } => {
                self.newest_socket = self.socket(socket);
                Ask::Open(self.newest_socket)
            }
            Action::Authenticate { socket, token, resume, offset } => {
                let proof = sign(offset);
                Ask::Connect { socket: self.socket(socket), token: self.serial(token), resume, proof }
            }
            Action::Reauthenticate { socket, token, offset } => {
                let proof = sign(offset);
                Ask::Push(self.socket(socket), self.serial(token), proof)
            }
            Action::Probe { socket } => Ask::Ping(self.socket(socket)),
            Action::Persist => Ask::Write,
            Action::Erase => {
                self.record = None;
                self.writes.clear();
                return Some(Outcome::ok(Answer::Finished));
            }
            Action::Close { socket } => {
                let socket = self.socket(socket);
                self.forget(socket);
                let id = self.number();
                heard.asks.push((id, Ask::Close(socket)));
                return Some(Outcome::ok(Answer::Finished));
            }
            other => unreachable!("{other:?} is new"),
        };
        let id = self.number();
        if ask == Ask::Write {
            let record = Record { snapshot: self.machine.snapshot(), secret: self.secret };
            self.writes.push_back((id, record));
        }
        self.expect(Open { id, ask, command: Some(command.id), signed_at });
        heard.asks.push((id, ask));
        None
    }

    fn expect(&mut self, open: Open) {
        if self.open.len() >= MOST_OPEN {
            self.open.pop_front();
        }
        self.open.push_back(open);
    }

    // ---- Answers ----

    fn answered(&mut self, heard: &mut Heard, now: Clocks, id: AskId, reply: &Reply) {
        let Some(at) = self.open.iter().position(|open| open.id == id) else { return };
        if let Ask::Ping(socket) = self.open[at].ask {
            return self.replied(heard, now, socket);
        }
        let Some(Open { ask, command: Some(command), signed_at, .. }) = self.open.remove(at) else { return };
        let one_time = self.facts.one_time;
        if let Ask::Refresh { secret: Some(secret) } = ask
            && one_time
            && self.presented(heard, command, secret, reply)
        {
            return;
        }
        if let Ask::Push(socket, ..) = ask {
            self.replied(heard, now, socket);
        }
        let result = match reply.result {
            Ok(good) => Ok(self.succeeded(ask, good, now)),
            Err(bad) => Err(words::failure(bad, ask, one_time)),
        };
        if ask == Ask::Write && result.is_err() {
            self.writes.retain(|(write, _)| *write != id);
        }
        let server_time = words::server_time(reply, ask, one_time);
        self.step(heard, now, Input::Done(command, Outcome { result, server_time, signed_at }));
        if let Ask::Connect { socket, .. } = ask
            && self.early_state.take() == Some(socket)
            && self.is_watched(socket)
        {
            let socket = self.socket_id(socket);
            self.step(heard, now, Input::ResumeState { socket });
        }
    }

    /// A one-time secret has had its answer. Whether the command goes on with a mint in its place.
    fn presented(&mut self, heard: &mut Heard, command: CommandId, secret: u32, reply: &Reply) -> bool {
        let Err(Bad::Http { status, retry_after, .. }) = reply.result else { return false };
        if !(Failure::Http { status, retry_after }).is_refusal() {
            self.secret = self.secret.or(Some(secret));
            return false;
        }
        if !self.facts.can_mint_again {
            return false;
        }
        let id = self.number();
        self.expect(Open { id, ask: Ask::Mint, command: Some(command), signed_at: None });
        heard.asks.push((id, Ask::Mint));
        true
    }

    fn succeeded(&mut self, ask: Ask, good: Good, now: Clocks) -> Answer {
        let one_time = self.facts.one_time;
        match good {
            Good::Token { token, says, secret } => {
                self.secret = secret.or(self.secret);
                let statement = words::statement(says, Some(ask), one_time);
                let token = self.admit(token);
                Answer::Token(TokenFacts { token, statement, new_secret: secret.is_some() })
            }
            Good::Says(says) => {
                let mut statement = words::statement(says, Some(ask), one_time);
                if matches!(ask, Ask::Push(..)) {
                    Answer::Reauthenticated(statement)
                } else {
                    // subscriber/info names claims of special tokens only.
                    statement.expires_at = statement.expires_at.filter(|_| says.scope == Some(true));
                    Answer::Inspected(statement)
                }
            }
            Good::Connected { resumed, says } => {
                if let Ask::Connect { socket, .. } = ask {
                    self.watched.push((socket, Watch::new(now.tick)));
                }
                Answer::Authenticated { resumed, statement: words::statement(says, Some(ask), one_time) }
            }
            Good::Done if matches!(ask, Ask::Open(_)) => Answer::Opened,
            Good::Done => Answer::Finished,
        }
    }

    // ---- Sockets ----

    fn is_watched(&self, socket: Socket) -> bool {
        self.watched.iter().any(|(watched, _)| *watched == socket)
    }

    /// A frame proves one direction.
    fn frame(&mut self, now: Clocks, socket: Socket) {
        if let Some((_, watch)) = self.watched.iter_mut().find(|(watched, _)| *watched == socket) {
            watch.hear(now.tick);
        }
    }

    /// A reply of its own proves both, and answers whoever wants one.
    fn replied(&mut self, heard: &mut Heard, now: Clocks, socket: Socket) {
        if let Some((_, watch)) = self.watched.iter_mut().find(|(watched, _)| *watched == socket) {
            watch.prove(now.tick);
        }
        let probe = |open: &Open| open.ask == Ask::Ping(socket);
        while let Some(at) = self.open.iter().position(probe) {
            if let Some(command) = self.open.remove(at).and_then(|open| open.command) {
                self.step(heard, now, Input::Done(command, Outcome::ok(Answer::Alive)));
            }
        }
        let socket = self.socket_id(socket);
        if self.machine.is_doubted(socket) {
            self.step(heard, now, Input::SocketAlive { socket });
        }
    }

    fn forget(&mut self, socket: Socket) {
        self.watched.retain(|(watched, _)| *watched != socket);
        self.open.retain(|open| open.ask.socket() != Some(socket));
    }

    fn watch(&mut self, heard: &mut Heard, now: Clocks) {
        for at in (0..self.watched.len()).rev() {
            let Some((socket, watch)) = self.watched.get_mut(at) else { continue };
            let socket = *socket;
            match watch.check(now.tick) {
                Verdict::Fine => {}
                Verdict::Ask => {
                    let id = self.number();
                    let ask = Ask::Ping(socket);
                    self.expect(Open { id, ask, command: None, signed_at: None });
                    heard.asks.push((id, ask));
                }
                Verdict::Dead => {
                    let socket = self.socket_id(socket);
                    self.step(heard, now, Input::SocketDead { socket });
                }
            }
        }
    }

    // ---- Processes and users ----

    fn start(&mut self, heard: &mut Heard, now: Clocks) {
        let seed = drawn(self.seed, self.boots);
        self.machine = match &self.record {
            Some(record) => {
                let (policy, now) = (Arc::clone(&self.policy), Now::new(now.tick, now.unix));
                Lifecycle::restore(policy, &seed, &record.snapshot, now)
            }
            None => Lifecycle::new(Arc::clone(&self.policy), &seed),
        };
        let Facts { can_refresh, can_mint_again, durable, key, .. } = self.facts;
        let provider = ProviderFacts {
            can_refresh,
            can_mint_again,
            may_be_asked_twice: self.facts.may_be_asked_twice || self.facts.one_time,
        };
        let key = if key { KeyFacts::Auto } else { KeyFacts::Unavailable };
        self.step(heard, now, Input::Start(Start { provider, key, durable }));
    }

    /// Another process: of this one nothing is left but the record.
    fn restart(&mut self, heard: &mut Heard, now: Clocks) {
        self.boots += 1;
        self.sockets_before = self.newest_socket;
        self.secret = self.record.as_ref().and_then(|record| record.secret);
        self.open.clear();
        self.watched.clear();
        self.writes.clear();
        self.early_state = None;
        self.start(heard, now);
    }

    fn user(&mut self, heard: &mut Heard, now: Clocks, user: User) {
        let ask = Waiter(self.number());
        let input = match user {
            User::Suspends => Input::Suspend,
            User::Resumes => Input::Resume,
            User::Disconnects => Input::Disconnect,
            User::NetworkChanged => Input::NetworkChanged,
            User::Refreshes => Input::RefreshNow { ask },
            User::WasRefused => Input::Rejected { ask, generation: self.machine.status().generation },
            User::Calls | User::Updates { .. } => return,
        };
        self.step(heard, now, input);
    }
}

impl Client for Keeper {
    fn hear(&mut self, now: Clocks, news: &News) -> Heard {
        let mut heard = Heard::default();
        match *news {
            News::Start => self.start(&mut heard, now),
            News::Restart => self.restart(&mut heard, now),
            News::Tick => self.step(&mut heard, now, Input::Tick),
            News::Answer(id, ref reply) => self.answered(&mut heard, now, id, reply),
            News::SocketLost(socket) => {
                self.forget(socket);
                let socket = self.socket_id(socket);
                self.step(&mut heard, now, Input::SocketLost { socket });
            }
            News::Disconnect { socket, restart } => {
                self.frame(now, socket);
                let id = self.number();
                heard.asks.push((id, Ask::Frame(socket)));
                let socket = self.socket_id(socket);
                self.step(&mut heard, now, Input::ServerRestart { socket, wipe: restart });
            }
            News::State(socket) => {
                self.frame(now, socket);
                if self.is_watched(socket) {
                    let socket = self.socket_id(socket);
                    self.step(&mut heard, now, Input::ResumeState { socket });
                } else {
                    self.early_state = Some(socket);
                }
            }
            News::Ping(socket) => {
                self.frame(now, socket);
                let id = self.number();
                heard.asks.push((id, Ask::Frame(socket)));
            }
            News::User(user) => self.user(&mut heard, now, user),
            News::Updates { token, says } => {
                let ask = Waiter(self.number());
                let token = self.admit(token);
                let statement = words::statement(says, None, self.facts.one_time);
                let token = TokenFacts { token, statement, new_secret: false };
                self.step(&mut heard, now, Input::NewBase { ask, token });
            }
        }
        // Whatever it was that woke the process: what is due is done.
        self.watch(&mut heard, now);
        if self.wake_at.is_some_and(|at| at <= now.tick) {
            self.step(&mut heard, now, Input::Tick);
        }
        let watched = self.watched.iter().filter_map(|(_, watch)| watch.due()).min();
        heard.wake_at = match (self.wake_at, watched) {
            (Some(machine), Some(watched)) => Some(machine.min(watched)),
            (machine, watched) => machine.or(watched),
        };
        heard
    }

    fn kept(&mut self, write: AskId) {
        if let Some(at) = self.writes.iter().position(|(id, _)| *id == write) {
            self.record = self.writes.drain(..=at).next_back().map(|(_, record)| record);
        }
    }

    fn phase(&self) -> Phase {
        self.phase
    }

    fn tick_counts_sleep(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "lifecycle"
    }
}
