//! The lifecycle on the stage: the world's answers as facts, as the session would tell them.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::{
    Action, AskId, Command, Confirmation, Failure, Input, KeyFacts, Lifecycle, Outcome, Output, Reply, Start,
    Statement, Status, TokenFacts, TokenId,
};
use satkeeper_core::secret::Seed;

use crate::actor::{Actor, Heard, News, Said};
use crate::asked::{self, Answer, BoundTo, Good, Grant, Handle, What};
use crate::recording::{Head, Recording};
use crate::settings::Settings;
use crate::show;
use crate::span;
use crate::statement::{Bad, Key, Provider};
use crate::world::World;

/// Lifetimes that the session assumes where nobody states one.
const SUBSCRIBER_LIFE: u64 = 7_200_000;
const DEVICE_LIFE: u64 = 900_000;

pub(crate) struct Facts {
    machine: Lifecycle,
    recording: Recording,
    /// What was written last.
    written: Option<String>,
    key_made: bool,
    is_over: bool,
}

/// What a session of this story starts with.
pub(crate) fn start(settings: &Settings, key_made: bool) -> Start {
    let key = match settings.key {
        Key::Auto => KeyFacts::Auto,
        Key::Fixed(algorithm) if key_made => KeyFacts::Held { algorithm, proved: false },
        Key::Fixed(algorithm) => KeyFacts::Fixed(algorithm),
        Key::Nobody => KeyFacts::Unavailable,
    };
    Start { provider: settings.capabilities(), key, durable: settings.store }
}

impl Facts {
    pub(crate) fn new(world: &World) -> Self {
        let settings = &world.settings;
        let head = Head::lifecycle(settings.policy(), settings.seed());
        Self {
            machine: Lifecycle::new(settings.policy(), &Seed::from_bytes(settings.seed())),
            recording: Recording::new(&head),
            written: None,
            key_made: false,
            is_over: false,
        }
    }

    /// One step, recorded; what is done on the spot is answered in the same breath, as the session does.
    fn feed(&mut self, world: &mut World, heard: &mut Heard, input: Input) {
        let now = world.clocks();
        let step = self.machine.step(now, input.clone());
        self.recording.lifecycle(now, &input, &step);
        heard.wake_at = step.wake_at.map(|(tick, _)| tick.0);
        let mut done = Vec::new();
        for output in step.outputs {
            match output {
                Output::Tell(event) => {
                    self.is_over |= matches!(event, satkeeper_core::lifecycle::Event::Teardown { .. });
                    let text = show::event(&event, &|tick| span::moment(world.when(tick.0)));
                    heard.said.push(Said::Told(text));
                }
                Output::Do(command) => {
                    if let Action::Close { .. } = command.action {
                        done.push(command.id);
                    }
                    if command.action == Action::Persist {
                        self.written = serde_json::to_string(&self.machine.snapshot()).ok();
                    }
                    if command.action == Action::Erase {
                        self.written = None;
                    }
                    heard.said.push(Self::asked(world, &command));
                }
            }
        }
        for id in done {
            self.feed(world, heard, Input::Done(id, Outcome::ok(Reply::Finished)));
        }
    }

    fn asked(world: &World, command: &Command) -> Said {
        let serial = |token| world.serial(token).unwrap_or(u32::MAX);
        let signed = |offset: Option<i64>| Some(world.clocks().unix.shifted(offset.unwrap_or(0)).0);
        let has_key = world.settings.key != Key::Nobody;
        let rotates = world.settings.provider == Provider::Subscriber;
        let (what, details) = match command.action {
            Action::MakeKey { algorithm } => (What::MakeKey(algorithm), show::key(algorithm).to_owned()),
            Action::Mint { fingerprint } => {
                (What::Mint(fingerprint), if fingerprint.is_some() { "for the key" } else { "" }.to_owned())
            }
            Action::Refresh => (What::Refresh(rotates.then_some(world.one_time)), String::new()),
            Action::Inspect { base } => (What::Inspect(serial(base)), base.0.to_string()),
            Action::Activate { base, offset } => {
                (What::Activate(serial(base), signed(offset)), base.0.to_string())
            }
            Action::Renew { bound, offset } => {
                (What::Renew(serial(bound), signed(offset)), bound.0.to_string())
            }
            Action::Open { socket, .. } => (What::Open(socket), format!("socket {}", socket.0)),
            Action::Authenticate { socket, token, resume, offset } => {
                let proof = signed(offset).filter(|_| has_key);
                let resuming = if resume { ", resuming" } else { "" };
                let details = format!("{} on socket {}{resuming}", token.0, socket.0);
                (What::Connect { socket, token: serial(token), resume, proof }, details)
            }
            Action::Reauthenticate { socket, token, offset } => {
                let proof = signed(offset).filter(|_| has_key);
                (What::Push { socket, token: serial(token), proof }, token.0.to_string())
            }
            Action::Probe { socket } => (What::Ping { socket, timestamp: None }, String::new()),
            Action::Persist => (What::Persist, String::new()),
            Action::Erase => (What::Erase, String::new()),
            Action::Close { socket } => (What::Close(socket), format!("socket {}", socket.0)),
            other => unreachable!("no story has {other:?}"),
        };
        let to = if matches!(what, What::Close(_)) { Handle::Nobody } else { Handle::Command(command.id) };
        Said::Asked { to, what, details }
    }

    fn answered(&mut self, world: &mut World, what: &What, answer: &Answer) -> Outcome {
        let result = match &answer.result {
            Err(bad) => Err(failure(bad)),
            Ok(Good::Token(grant)) => {
                let is_late = what
                    .token()
                    .and_then(|it| world.known_number(it))
                    .is_some_and(|number| !self.machine.holds(TokenId(number)));
                Ok(Reply::Token(granted(world, what, grant, is_late)))
            }
            Ok(Good::Said(said)) if matches!(what, What::Inspect(_)) => {
                Ok(Reply::Inspected(statement(*said)))
            }
            Ok(Good::Said(said)) => Ok(Reply::Reauthenticated(statement(*said))),
            Ok(Good::Connected { resumed, said }) => {
                Ok(Reply::Authenticated { resumed: *resumed, statement: statement(*said) })
            }
            Ok(Good::Done) => Ok(match what {
                What::MakeKey(_) => {
                    self.key_made = true;
                    Reply::KeyMade
                }
                What::Open(_) => Reply::Opened,
                What::Ping { .. } => Reply::Alive,
                _ => Reply::Finished,
            }),
        };
        let signed_at = what.proof().map(UnixMillis);
        Outcome { result, server_time: answer.server_time.map(UnixMillis), signed_at }
    }
}

fn failure(bad: &Bad) -> Failure {
    match *bad {
        Bad::Breaks => Failure::Transport,
        Bad::Malformed => Failure::Malformed,
        Bad::Http { status, retry_after } => Failure::Http { status, retry_after },
        Bad::Page { status, retry_after } => Failure::Page { status, retry_after },
        Bad::Rpc(code) | Bad::Result(code) => {
            Failure::Rpc { code, credential: matches!(code, 401 | 403 | -32_002 | -32_003) }
        }
        Bad::Fails { retry_after } => Failure::Provider { retry_after },
        Bad::Rejects => Failure::Rejected,
        Bad::NoKey => Failure::NoKey,
        Bad::Nonce => Failure::Http { status: 401, retry_after: None },
    }
}

fn granted(world: &mut World, what: &What, grant: &Grant, is_late: bool) -> TokenFacts {
    let is_device = matches!(what, What::Activate(..) | What::Renew(..));
    let rotates = grant.one_time.is_some();
    let is_stated = grant.expires_in.is_some() || grant.expires_at.is_some();
    let assumed_life = match () {
        () if is_device && !is_stated => Some(DEVICE_LIFE),
        () if rotates => Some(SUBSCRIBER_LIFE),
        () => None,
    };
    let statement = Statement {
        expires_at: grant.expires_at.map(|end| UnixMillis(end.at)),
        expires_in: grant.expires_in,
        expiry_hint: grant.hint.map(UnixMillis),
        assumed_life,
        ..Statement::default()
    };
    let token = if is_late { TokenId(u32::MAX) } else { world.number(grant.token) };
    TokenFacts { token, statement, new_secret: rotates }
}

fn statement(said: asked::Said) -> Statement {
    Statement {
        expires_at: said.end.map(|end| UnixMillis(end.at)),
        scope: said.scope,
        cnf: match said.bound_to {
            BoundTo::Nothing => Confirmation::Unbound,
            BoundTo::Ours(_) => Confirmation::Ours,
            BoundTo::Other => Confirmation::Others,
        },
        ..Statement::default()
    }
}

impl Actor for Facts {
    fn hear(&mut self, world: &mut World, news: &News) -> Result<Heard, String> {
        let mut heard = Heard::default();
        if let News::Answer { what, .. } = news
            && let Some(socket) = what.socket().filter(|socket| self.machine.is_doubted(*socket))
        {
            // A reply of its own on a socket that was doubted.
            self.feed(world, &mut heard, Input::SocketAlive { socket });
        }
        let input = match news {
            News::Start => Input::Start(start(&world.settings, self.key_made)),
            News::Tick => Input::Tick,
            News::Answer { to: Handle::Command(id), what, answer } => {
                let outcome = self.answered(world, what, answer);
                Input::Done(*id, outcome)
            }
            News::Answer { .. } => return Err("an answer to nobody".to_owned()),
            News::SocketLost(socket) => Input::SocketLost { socket: *socket },
            News::ServerRestart { socket, wipe } => Input::ServerRestart { socket: *socket, wipe: *wipe },
            News::ResumeState(socket) => Input::ResumeState { socket: *socket },
            // A time that comes unasked is no witness.
            News::ServerPing(_) => Input::Tick,
            News::ServerSends(..) | News::Call { .. } => {
                return Err("only a session knows frames and calls: say `for session: …`".to_owned());
            }
            News::Suspend => Input::Suspend,
            News::Resume => Input::Resume,
            News::NetworkChanged => Input::NetworkChanged,
            News::Disconnect => Input::Disconnect,
            News::Leave => Input::Leave,
            News::Destroy => Input::Destroy,
            News::RefreshNow(ask) => Input::RefreshNow { ask: AskId(*ask) },
            News::Rejected(ask) => {
                Input::Rejected { ask: AskId(*ask), generation: self.machine.status().generation }
            }
            News::UpdateToken { ask, token } => {
                let token = world.number(*token);
                let facts = TokenFacts { token, statement: Statement::default(), new_secret: false };
                Input::NewBase { ask: AskId(*ask), token: facts }
            }
            News::NewProvider(facts) => Input::NewProvider(*facts),
        };
        self.feed(world, &mut heard, input);
        Ok(heard)
    }

    fn revive(&mut self, world: &mut World) -> Result<Heard, String> {
        let settings = &world.settings;
        let mut head = Head::lifecycle(settings.policy(), settings.seed());
        head.at = world.clocks();
        head.record.clone_from(&self.written);
        self.machine = head.lifecycle_machine()?;
        self.recording.restarted(&head);
        self.hear(world, &News::Start)
    }

    fn status(&self) -> Status {
        self.machine.status()
    }

    fn check(&self) -> Result<(), &'static str> {
        self.machine.check()
    }

    fn recording(&self) -> &Recording {
        &self.recording
    }
}
