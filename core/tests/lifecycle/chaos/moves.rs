//! What may happen: one thing after another, drawn by proptest.

use proptest::prelude::*;
use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

use super::EPOCH;

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Move {
    /// Both clocks go on by this.
    Wait(u64),
    /// Exactly to the next deadline, and step.
    ToDeadline,
    /// One clock is set.
    Tick(u64),
    Wall(u64),
    /// One clock alone moves.
    Slip(i64),
    WallSlip(i64),
    /// An answer to an open command (`aim` picks), of its own kind unless `odd`.
    Answer {
        aim: u8,
        odd: u8,
        shape: Shape,
    },
    /// An input from outside.
    Say(u8, Shape),
}

/// What an answer says.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub failure: Option<Failure>,
    /// 0: a new token; else an old one.
    pub old_token: u8,
    pub statement: Statement,
    /// Offsets to the wall clock.
    pub server_time: Option<i64>,
    pub signed_at: Option<i64>,
    pub flag: bool,
    pub other: bool,
}

fn extreme() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..100_000,
        2 => 0u64..100_000_000,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(0),
        1 => Just(1u64 << 62),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    let retry_after = proptest::option::of(extreme());
    prop_oneof![
        Just(Failure::Timeout),
        Just(Failure::Transport),
        Just(Failure::Malformed),
        (
            prop_oneof![
                Just(400),
                Just(401),
                Just(403),
                Just(404),
                Just(408),
                Just(422),
                Just(429),
                Just(503)
            ],
            proptest::option::of(extreme())
        )
            .prop_map(|(status, retry_after)| Failure::Http { status, retry_after }),
        (
            prop_oneof![
                Just(-32_000),
                Just(-32_001),
                Just(-32_002),
                Just(-32_003),
                Just(-32_004),
                Just(-32_005),
                Just(-32_602),
                Just(401),
                Just(-1)
            ],
            any::<bool>()
        )
            .prop_map(|(code, credential)| Failure::Rpc { code, credential }),
        (prop_oneof![Just(403u16), Just(404), Just(502)], proptest::option::of(extreme()))
            .prop_map(|(status, retry_after)| Failure::Page { status, retry_after }),
        Just(Failure::NoSecret),
        Just(Failure::Rejected),
        retry_after.prop_map(|retry_after| Failure::Provider { retry_after }),
        Just(Failure::NoKey),
        Just(Failure::Conflict),
    ]
}

fn statement() -> impl Strategy<Value = Statement> {
    (
        proptest::option::of(prop_oneof![4 => EPOCH - 100_000..EPOCH + 20_000_000, 1 => any::<u64>()]),
        proptest::option::of(extreme()),
        proptest::option::of(prop_oneof![4 => EPOCH - 100_000..EPOCH + 20_000_000, 1 => any::<u64>()]),
        proptest::option::of(extreme()),
        proptest::option::of(any::<bool>()),
        prop_oneof![
            5 => Just(Confirmation::Unknown),
            1 => Just(Confirmation::Unbound),
            2 => Just(Confirmation::Ours),
            1 => Just(Confirmation::Others),
        ],
    )
        .prop_map(|(expires_at, expires_in, expiry_hint, assumed_life, scope, cnf)| Statement {
            expires_at: expires_at.map(UnixMillis),
            expires_in,
            expiry_hint: expiry_hint.map(UnixMillis),
            assumed_life,
            scope,
            cnf,
        })
}

fn shape() -> impl Strategy<Value = Shape> {
    (
        proptest::option::weighted(0.35, failure()),
        prop_oneof![5 => Just(0u8), 1 => any::<u8>()],
        statement(),
        proptest::option::of(prop_oneof![3 => -3_000i64..3_000, 1 => any::<i64>()]),
        proptest::option::of(prop_oneof![3 => -3_000i64..3_000, 1 => -100_000i64..100_000]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(failure, old_token, statement, server_time, signed_at, flag, other)| Shape {
            failure,
            old_token,
            statement,
            server_time,
            signed_at,
            flag,
            other,
        })
}

/// Moves; `wild`: with clocks that are set to anything.
pub fn moves(wild: bool, most: usize) -> impl Strategy<Value = Vec<Move>> {
    let clocks = if wild { 1 } else { 0 };
    let one = prop_oneof![
        6 => Just(Move::ToDeadline),
        2 => prop_oneof![0u64..200, 0u64..20_000, 0u64..4_000_000].prop_map(Move::Wait),
        clocks => extreme().prop_map(Move::Tick),
        clocks => extreme().prop_map(Move::Wall),
        1 => (-100_000i64..100_000).prop_map(Move::Slip),
        1 => (-4_000_000i64..4_000_000).prop_map(Move::WallSlip),
        12 => (any::<u8>(), 0u8..12, shape()).prop_map(|(aim, odd, shape)| Move::Answer { aim, odd, shape }),
        6 => (any::<u8>(), shape()).prop_map(|(which, shape)| Move::Say(which, shape)),
    ];
    proptest::collection::vec(one, 1..most)
}

/// Servers that answer always in the same ways, one after the other.
pub fn servers() -> impl Strategy<Value = Vec<Shape>> {
    proptest::collection::vec(shape(), 1..6)
}

pub fn starts() -> impl Strategy<Value = Start> {
    let key = prop_oneof![
        Just(KeyFacts::Auto),
        Just(KeyFacts::Fixed(KeyAlgorithm::Rs256)),
        any::<bool>().prop_map(|proved| KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved }),
        Just(KeyFacts::Unavailable),
    ];
    (any::<bool>(), any::<bool>(), any::<bool>(), key, any::<bool>()).prop_map(
        |(can_refresh, can_mint_again, may_be_asked_twice, key, durable)| Start {
            provider: ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice },
            key,
            durable,
        },
    )
}
