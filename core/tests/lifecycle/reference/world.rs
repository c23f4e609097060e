//! What happens: a server, a network, an application and two clocks, each of which may misbehave.

use proptest::prelude::*;
use satkeeper_core::lifecycle::*;
use satkeeper_core::{Now, UnixMillis};

pub const EPOCH: u64 = 1_800_000_000_000;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Act {
    /// For this long all is well, and every deadline is met.
    Run(u64),
    /// Exactly to the next deadline.
    Deadline,
    /// Time passes, and nobody steps the machine.
    Wait(u64),
    /// A step between deadlines.
    Tick,
    /// The host sleeps: nobody steps the machine, and our clock goes on only if it counts that.
    Sleep(u64),
    /// A clock is set, or runs away from the other.
    Wall(i64),
    Monotonic(i64),
    /// The answer to a command that waits.
    Answer(u8, How),
    /// An answer to one that does not any more, or never did.
    Stale(u8, How),
    Say(u8, u8),
}

/// How the server answers.
#[derive(Clone, Copy, Debug)]
pub enum How {
    Well,
    Fail(Failure),
    /// With a lie about an end, by this.
    Lie(i64),
    /// With a `Date` that is off by this: a stored answer, a wrong clock on the way.
    Dated(i64),
    /// With what answers another kind of command.
    Odd,
    /// With a token that we have seen before.
    Again,
}

/// What the tokens of this case are like.
#[derive(Clone, Copy, Debug)]
pub struct World {
    pub base_life: u64,
    pub bound_life: u64,
    pub scope: bool,
    /// How an exchange states the end of a base: not, a lifetime, an absolute end, a hint, an assumption.
    pub tells: u8,
    /// The connect and the inspection state ends.
    pub states_ends: bool,
    /// The server says what time it is.
    pub tells_time: bool,
    pub skew: i64,
    /// The tick goes on while the host sleeps.
    pub counts_sleep: bool,
}

fn failure() -> impl Strategy<Value = Failure> {
    let retry_after =
        || proptest::option::weighted(0.3, prop_oneof![Just(0u64), 1_000u64..100_000, Just(u64::MAX)]);
    let status = prop_oneof![
        Just(400u16),
        Just(401),
        Just(403),
        Just(404),
        Just(408),
        Just(422),
        Just(425),
        Just(429),
        Just(500),
        Just(503)
    ];
    prop_oneof![
        2 => Just(Failure::Timeout),
        2 => Just(Failure::Transport),
        1 => Just(Failure::Malformed),
        4 => (status, retry_after()).prop_map(|(status, retry_after)| Failure::Http { status, retry_after }),
        1 => (prop_oneof![Just(404u16), Just(502)], retry_after())
            .prop_map(|(status, retry_after)| Failure::Page { status, retry_after }),
        3 => prop_oneof![Just(-32_002i64), Just(-32_003), Just(401)]
            .prop_map(|code| Failure::Rpc { code, credential: true }),
        3 => prop_oneof![
            Just(-32_000i64), Just(-32_001), Just(-32_004), Just(-32_005), Just(-32_603), Just(-1)
        ].prop_map(|code| Failure::Rpc { code, credential: false }),
        1 => Just(Failure::Rejected),
        1 => retry_after().prop_map(|retry_after| Failure::Provider { retry_after }),
        1 => Just(Failure::NoKey),
        1 => prop_oneof![4 => Just(Failure::Timeout), 1 => Just(Failure::Conflict)],
    ]
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        12 => Just(How::Well),
        8 => failure().prop_map(How::Fail),
        1 => prop_oneof![-4_000_000i64..4_000_000, Just(1_700_000_000_000)].prop_map(How::Lie),
        1 => prop_oneof![Just(3_600_000i64), -4_000_000i64..4_000_000, -20_000i64..20_000].prop_map(How::Dated),
        1 => Just(How::Odd),
        1 => Just(How::Again),
    ]
}

/// `wild`: with clocks that are no longer each other's equal.
fn act(wild: bool) -> impl Strategy<Value = Act> {
    let clocks = u32::from(wild);
    prop_oneof![
        6 => prop_oneof![0u64..20_000, 0u64..1_000_000, 0u64..8_000_000].prop_map(Act::Run),
        8 => Just(Act::Deadline),
        2 => prop_oneof![0u64..4_000, 0u64..60_000, 0u64..4_000_000].prop_map(Act::Wait),
        2 => Just(Act::Tick),
        12 => (any::<u8>(), how()).prop_map(|(aim, how)| Act::Answer(aim, how)),
        2 => (any::<u8>(), how()).prop_map(|(aim, how)| Act::Stale(aim, how)),
        7 => (any::<u8>(), any::<u8>()).prop_map(|(which, part)| Act::Say(which, part)),
        clocks => prop_oneof![6_000u64..100_000, 0u64..10_000_000].prop_map(Act::Sleep),
        clocks => prop_oneof![-100_000i64..0, -4_000_000i64..4_000_000].prop_map(Act::Wall),
        clocks => prop_oneof![-100_000i64..0, -4_000_000i64..100_000].prop_map(Act::Monotonic),
    ]
}

pub fn acts(most: usize) -> impl Strategy<Value = Vec<Act>> {
    prop_oneof![2 => Just(false), 1 => Just(true)]
        .prop_flat_map(move |wild| proptest::collection::vec(act(wild), 1..most))
}

pub fn worlds() -> impl Strategy<Value = World> {
    let life = || {
        prop_oneof![
            4 => Just(7_200_000u64), 2 => Just(900_000u64), 1 => Just(3_600_000u64), 2 => 60_000u64..600_000, 1 => 0u64..60_000
        ]
    };
    (
        life(),
        life(),
        any::<bool>(),
        0u8..6,
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.8),
        prop_oneof![
            3 => Just(0i64), 1 => Just(3_600_000), 1 => -3_600_000i64..3_600_000
        ],
        prop::bool::weighted(0.7),
    )
        .prop_map(
            |(base_life, bound_life, scope, tells, states_ends, tells_time, skew, counts_sleep)| World {
                base_life,
                bound_life,
                scope,
                tells,
                states_ends,
                tells_time,
                skew,
                counts_sleep,
            },
        )
}

pub fn starts() -> impl Strategy<Value = Start> {
    let key = prop_oneof![
        2 => Just(KeyFacts::Auto),
        2 => Just(KeyFacts::Fixed(KeyAlgorithm::Es256)),
        2 => any::<bool>().prop_map(|proved| KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved }),
        1 => Just(KeyFacts::Unavailable),
    ];
    (any::<bool>(), any::<bool>(), any::<bool>(), key, any::<bool>()).prop_map(
        |(can_refresh, can_mint_again, may_be_asked_twice, key, durable)| Start {
            provider: ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice },
            key,
            durable,
        },
    )
}

/// The other side: clocks, the server, what has been handed out.
pub struct Stage {
    pub world: World,
    pub tick: u64,
    pub wall: u64,
    /// What the server's clock shows.
    server: u64,
    next_token: u32,
    next_ask: u64,
    ends: std::collections::BTreeMap<TokenId, u64>,
}

impl Stage {
    pub fn new(world: World) -> Self {
        Self {
            world,
            tick: 1_000,
            wall: EPOCH,
            server: EPOCH.saturating_add_signed(world.skew),
            next_token: 1,
            next_ask: 1,
            ends: std::collections::BTreeMap::new(),
        }
    }

    pub fn now(&self) -> Now {
        Now::new(self.tick, self.wall)
    }

    pub fn pass(&mut self, span: u64) {
        self.tick += span;
        self.wall += span;
        self.server += span;
    }

    pub fn sleep(&mut self, span: u64) {
        self.tick += if self.world.counts_sleep { span } else { 0 };
        self.wall += span;
        self.server += span;
    }

    fn end_of(&self, token: TokenId) -> Option<UnixMillis> {
        let ends = self.ends.get(&token).filter(|_| self.world.states_ends);
        ends.map(|ends| UnixMillis(ends / 1_000 * 1_000))
    }

    /// A token of this kind, and what its answer says of it.
    pub fn token(&mut self, bound: bool, how: How) -> TokenFacts {
        let life = if bound { self.world.bound_life } else { self.world.base_life };
        let again = matches!(how, How::Again) && self.next_token > 1;
        let token = TokenId(if again { self.next_token - 1 } else { self.next_token });
        if !again {
            self.next_token += 1;
            self.ends.insert(token, self.server + life);
        }
        let lie = |time: u64| if let How::Lie(by) = how { time.saturating_add_signed(by) } else { time };
        let mut says = Statement::default();
        match if bound { 1 } else { self.world.tells } {
            1 => says.expires_in = Some(if matches!(how, How::Lie(_)) { life / 3 } else { life }),
            2 => says.expires_at = Some(UnixMillis(lie(self.server + life) / 1_000 * 1_000)),
            3 => says.expiry_hint = Some(UnixMillis(lie(self.wall + life))),
            4 => says.assumed_life = Some(life),
            5 => {
                says.expires_in = Some(life);
                says.expiry_hint = Some(UnixMillis(lie(self.wall + life)));
            }
            _ => {}
        }
        TokenFacts { token, statement: says, new_secret: false }
    }

    pub fn ask(&mut self) -> AskId {
        self.next_ask += 1;
        AskId(self.next_ask)
    }

    /// How the server answers this command.
    pub fn answer(&mut self, action: &Action, how: How) -> Outcome {
        let elsewhere = |stage: &Self, token| {
            let lie = |time: UnixMillis| match how {
                How::Lie(by) => UnixMillis(time.0.saturating_add_signed(by)),
                _ => time,
            };
            Statement { expires_at: stage.end_of(token).map(lie), ..Statement::default() }
        };
        let reply = match *action {
            Action::MakeKey { .. } => Reply::KeyMade,
            Action::Mint { .. } | Action::Refresh => Reply::Token(self.token(false, how)),
            Action::Activate { .. } | Action::Renew { .. } => Reply::Token(self.token(true, how)),
            Action::Inspect { base } => {
                Reply::Inspected(Statement { scope: Some(self.world.scope), ..elsewhere(self, base) })
            }
            Action::Open { .. } => Reply::Opened,
            Action::Authenticate { token, resume, .. } => {
                // A state that was made for the first token of all.
                let of = if resume { TokenId(1) } else { token };
                Reply::Authenticated { resumed: resume, statement: elsewhere(self, of) }
            }
            Action::Reauthenticate { token, .. } => Reply::Reauthenticated(elsewhere(self, token)),
            Action::Probe { .. } => Reply::Alive,
            Action::Persist | Action::Erase | Action::Close { .. } => Reply::Finished,
            other => panic!("{other:?} is new"),
        };
        let local = matches!(
            action,
            Action::MakeKey { .. }
                | Action::Persist
                | Action::Erase
                | Action::Close { .. }
                | Action::Open { .. }
        );
        let result = match how {
            How::Fail(failure) => Err(failure),
            How::Odd => Ok(if reply == Reply::Alive { Reply::Opened } else { Reply::Alive }),
            _ => Ok(reply),
        };
        let silent = matches!(result, Err(Failure::Timeout | Failure::Transport));
        let told = self.world.tells_time && !local && !silent;
        let dated = if let How::Dated(by) = how { by } else { 0 };
        let server_time =
            told.then_some(UnixMillis(self.server.saturating_add_signed(dated) / 1_000 * 1_000));
        let signed_at = match *action {
            Action::Activate { offset, .. }
            | Action::Renew { offset, .. }
            | Action::Authenticate { offset, .. }
            | Action::Reauthenticate { offset, .. } => Some(self.now().unix.shifted(offset.unwrap_or(0))),
            _ => None,
        };
        Outcome { result, server_time, signed_at }
    }

    /// What the application, the driver or the server says unasked.
    pub fn say(&mut self, which: u8, part: u8, socket: SocketId) -> Input {
        let wrong = SocketId(u32::from(part) % 5);
        let socket = if part.is_multiple_of(8) { wrong } else { socket };
        match which % 24 {
            0..=2 => Input::SocketLost { socket },
            3 => Input::SocketDead { socket },
            4 => Input::ServerRestart { socket, wipe: part.is_multiple_of(2) },
            5..=7 => Input::ResumeState { socket },
            8 => Input::SocketAlive { socket },
            9 => Input::Rejected { ask: self.ask(), generation: Generation(u64::from(part) % 4) },
            10..=12 => Input::RefreshNow { ask: self.ask() },
            13 | 14 => {
                let how = if part % 8 == 1 { How::Again } else { How::Well };
                let token = self.token(false, how);
                Input::NewBase { ask: self.ask(), token }
            }
            15 | 16 => Input::NewProvider(ProviderFacts {
                can_refresh: part.is_multiple_of(2),
                can_mint_again: part % 4 > 1,
                may_be_asked_twice: part % 8 > 3,
            }),
            17 => Input::Suspend,
            18 | 19 => Input::Resume,
            20 | 21 => Input::NetworkChanged,
            22 if part.is_multiple_of(16) => Input::Leave,
            22 if part.is_multiple_of(8) => Input::Disconnect,
            23 if part.is_multiple_of(8) => Input::Destroy,
            _ => Input::Tick,
        }
    }
}
