//! Bytes read as a sequence of inputs to the lifecycle.

use satkeeper_core::lifecycle::{
    AskId, Command, CommandId, Confirmation, Event, Failure, Generation, Input, KeyAlgorithm, KeyFacts,
    Lifecycle, Outcome, Output, Policy, ProviderFacts, Reply, SocketId, Start, Statement, TokenFacts,
    TokenId,
};
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, UnixMillis};

use crate::bytes::Bytes;

/// Most inputs of one run: enough for any depth that matters, and it ends.
const MOST_INPUTS: usize = 2_000;

/// Any bytes as a sequence of inputs. After each step the invariants hold, and nothing follows a teardown.
///
/// # Panics
/// When they do not: that is a finding.
pub fn inputs(data: &[u8]) {
    let mut bytes = Bytes(data);
    let mut machine = Lifecycle::new(Policy::default(), &Seed::from_bytes([bytes.byte(); 32]));
    let mut world = World { tick: 0, unix: 1_800_000_000_000, open: Vec::new(), socket: 0, token: 0, ask: 0 };
    let start = Start { provider: world.provider(&mut bytes), key: key(&mut bytes), durable: bytes.bit() };
    let mut next = Some(Input::Start(start));
    let mut over = false;
    for _ in 0..MOST_INPUTS {
        let Some(input) = next.take().or_else(|| world.input(&mut bytes)) else { return };
        let step = machine.step(Now::new(world.tick, world.unix), input.clone());
        assert!(!over || (step.outputs.is_empty() && step.wake_at.is_none()), "something after the end");
        if let Err(broken) = machine.check() {
            panic!("{broken} after {input:?}: {:?}", machine.status());
        }
        for output in step.outputs {
            assert!(!over, "{output:?} after the teardown");
            match output {
                Output::Do(command) => world.open.push(command),
                Output::Tell(event) => over = matches!(event, Event::Teardown { .. }),
            }
        }
        // Half of the time go exactly to the next deadline, where most decisions are.
        if let Some((at, _)) = step.wake_at
            && bytes.bit()
        {
            let wait = at.0.saturating_sub(world.tick);
            world.tick = world.tick.saturating_add(wait);
            world.unix = world.unix.saturating_add(wait);
        }
    }
}

/// What the sequence refers back to.
struct World {
    tick: u64,
    unix: u64,
    open: Vec<Command>,
    socket: u32,
    token: u32,
    ask: u64,
}

impl World {
    fn provider(&self, bytes: &mut Bytes<'_>) -> ProviderFacts {
        ProviderFacts { can_refresh: bytes.bit(), can_mint_again: bytes.bit(), may_be_asked_twice: false }
    }

    /// The next input; `None` when the bytes are used up.
    fn input(&mut self, bytes: &mut Bytes<'_>) -> Option<Input> {
        if bytes.0.is_empty() {
            return None;
        }
        match bytes.byte() % 8 {
            0 => self.pass_time(bytes),
            1 => self.jump(bytes),
            _ => {}
        }
        self.ask += 1;
        let ask = AskId(self.ask);
        let socket = SocketId(self.socket.saturating_sub(u32::from(bytes.one_in(16))));
        Some(match bytes.byte() % 24 {
            0 => Input::Tick,
            1 => Input::SocketLost { socket },
            2 => Input::SocketDead { socket },
            3 => Input::ServerRestart { socket, wipe: bytes.bit() },
            4 => Input::ResumeState { socket },
            5 => Input::SocketAlive { socket },
            6 => Input::Rejected { ask, generation: Generation(u64::from(bytes.byte())) },
            7 => Input::RefreshNow { ask },
            8 => Input::NewBase { ask, token: self.token(bytes) },
            9 => Input::NewProvider(self.provider(bytes)),
            10 if bytes.bit() => Input::Suspend,
            11 => Input::Resume,
            12 => Input::NetworkChanged,
            13 if bytes.byte() == 0 => {
                if bytes.bit() {
                    Input::Leave
                } else {
                    Input::Disconnect
                }
            }
            14 if bytes.byte() == 0 => Input::Destroy,
            15 => Input::Done(CommandId(u64::from(bytes.byte())), Outcome::failed(Failure::Transport)),
            _ => self.answer(bytes),
        })
    }

    fn pass_time(&mut self, bytes: &mut Bytes<'_>) {
        let wait = 1_u64 << (bytes.byte() % 32);
        self.tick = self.tick.saturating_add(wait);
        self.unix = self.unix.saturating_add(wait);
    }

    /// Either clock alone jumps, in either direction.
    fn jump(&mut self, bytes: &mut Bytes<'_>) {
        let by = 1_u64 << (bytes.byte() % 64);
        match bytes.byte() % 8 {
            0 => self.unix = self.unix.saturating_sub(by),
            1 => self.tick = self.tick.saturating_sub(by),
            2 => self.tick = self.tick.saturating_add(by),
            3 | 4 => self.unix = self.unix.saturating_add(by),
            _ => {}
        }
    }

    /// Aimed: answers a command that is open, mostly with a reply of its kind.
    fn answer(&mut self, bytes: &mut Bytes<'_>) -> Input {
        if self.open.is_empty() {
            return Input::Tick;
        }
        let index = usize::from(bytes.byte()) % self.open.len();
        let command = if bytes.byte() < 8 { self.open[index].clone() } else { self.open.remove(index) };
        let result = if bytes.one_in(4) { Err(self.failure(bytes)) } else { Ok(self.reply(&command, bytes)) };
        let server_time = bytes.bit().then(|| UnixMillis(self.time(bytes)));
        let signed_at = bytes.bit().then(|| UnixMillis(self.time(bytes)));
        Input::Done(command.id, Outcome { result, server_time, signed_at })
    }

    fn reply(&mut self, command: &Command, bytes: &mut Bytes<'_>) -> Reply {
        let name = if bytes.byte() == 0 { "" } else { command.action.name() };
        match name {
            "make_key" => Reply::KeyMade,
            "mint" | "refresh" | "activate" | "renew" => Reply::Token(self.token(bytes)),
            "inspect" => Reply::Inspected(self.statement(bytes)),
            "open" => {
                if let satkeeper_core::lifecycle::Action::Open { socket, .. } = command.action {
                    self.socket = socket.0;
                }
                Reply::Opened
            }
            "authenticate" => Reply::Authenticated { resumed: bytes.bit(), statement: self.statement(bytes) },
            "reauthenticate" => Reply::Reauthenticated(self.statement(bytes)),
            "probe" => Reply::Alive,
            _ => Reply::Finished,
        }
    }

    fn failure(&self, bytes: &mut Bytes<'_>) -> Failure {
        let retry_after = bytes.bit().then(|| bytes.number());
        match bytes.byte() % 10 {
            0 => Failure::Timeout,
            1 => Failure::Transport,
            2 => Failure::Malformed,
            3 => Failure::Http { status: 401, retry_after },
            4 => Failure::Http { status: 429, retry_after },
            5 => Failure::Http { status: 503, retry_after },
            6 => Failure::Rpc { code: -32_002, credential: bytes.bit() },
            7 => Failure::Rpc { code: -32_003, credential: true },
            8 => Failure::Rejected,
            _ => Failure::NoKey,
        }
    }

    fn token(&mut self, bytes: &mut Bytes<'_>) -> TokenFacts {
        if !bytes.one_in(8) {
            self.token += 1;
        }
        TokenFacts { token: TokenId(self.token), statement: self.statement(bytes), new_secret: bytes.bit() }
    }

    fn statement(&self, bytes: &mut Bytes<'_>) -> Statement {
        Statement {
            expires_at: bytes.bit().then(|| UnixMillis(self.time(bytes))),
            expires_in: bytes.bit().then(|| bytes.number()),
            expiry_hint: (bytes.one_in(8)).then(|| UnixMillis(self.time(bytes))),
            assumed_life: (bytes.one_in(8)).then(|| bytes.number()),
            scope: bytes.bit().then(|| bytes.bit()),
            cnf: match bytes.byte() % 8 {
                0 => Confirmation::Others,
                1 => Confirmation::Unbound,
                2 => Confirmation::Ours,
                _ => Confirmation::Unknown,
            },
        }
    }

    /// Mostly a time near the present, sometimes any.
    fn time(&self, bytes: &mut Bytes<'_>) -> u64 {
        if bytes.one_in(8) { bytes.number() } else { self.unix.saturating_add(bytes.number() % 7_200_000) }
    }
}

fn key(bytes: &mut Bytes<'_>) -> KeyFacts {
    match bytes.byte() % 5 {
        0 => KeyFacts::Auto,
        1 => KeyFacts::Fixed(KeyAlgorithm::Rs256),
        2 => KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: bytes.bit() },
        3 => KeyFacts::Unavailable,
        _ => KeyFacts::Fixed(KeyAlgorithm::Es256),
    }
}
