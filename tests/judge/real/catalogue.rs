//! The sample: one world of each kind for which real seconds can be honestly compressed. Lives are 12 s (20 s where a push
//! that fails takes its time), an outage 8 to 10 s; every other number is the machine's own, as an application gets it,
//! but where a line says so.
//!
//! # What is not here, and why
//!
//! | row | why real time would prove nothing of it |
//! |---|---|
//! | 10, 13 | their bound counts whole lives of tokens: with lives of 12 s all that could be missing is within it |
//! | 15, 39, 40 | stores that hang, fail and lose writes, and who takes over: `tests/store.rs` has them with real files |
//! | 26 | a herd is a thousand clients; here is one of them (`server restarts`), `tests/many_sessions.rs` has two hundred |
//! | 31 | ends after 24 h awake |
//! | 32, 33 | hours of sleep and steps that come late: nobody may stop the machine that runs the tests |
//! | 34, 44 | steps and drift of the host's clock: it is everybody's here. A server whose clock is wrong throughout is in |
//! | 42 | holds for lives from 15 min on |
//! | 45 | three at once: the sum of its parts' bounds leaves nothing to find in 45 s |
//!
//! Row 7's bound of 60 s is longer than what is played: of that one only the rest is asked (lost, lies, silence, waste).
//! Row 19's is as long, and is held to less: to what the pace of refused tokens (5, 10 s …) makes of an outage so short.

use satkeeper_fixtures::{
    Act, Direction, Effect, ExpiryFields, Fault, HeadFault, RetryAfter, Target, Times, TtlChange,
};
use serde_json::json;
use std::time::Duration;

use crate::world::Source::{Bound, Process, Provider, Rejects, Static};
use crate::world::{Do, Excuse, LIFE, Outcome, World};

/// An outage of ten seconds, in which a token of 12 s should have been renewed.
const ILL: (i64, i64) = (8_000, 18_000);
/// "Endpoint healed 10 s".
const HEALED: i64 = 10_000;

fn status(code: u16, body: Option<serde_json::Value>, retry_after: Option<RetryAfter>) -> Effect {
    Effect::Status { code, body, retry_after }
}

fn error(code: i64) -> Effect {
    Effect::Error { code, message: "as scripted".to_owned(), data: None }
}

/// The API's own refusal.
fn refusal(code: u16) -> Effect {
    status(code, Some(json!({"errors": [{"type": "validation_error", "code": "scripted"}]})), None)
}

/// No endpoint gives anything for ten seconds.
fn endpoints(row: u8, name: &'static str, source: crate::world::Source, effect: Effect) -> World {
    let (from, to) = ILL;
    World::new(row, name, source)
        .ill(from, to, Target::AnyHttp, effect)
        .excused(Excuse::Token(from, to + HEALED))
        .bound(10)
}

/// No push is ever taken. Its lives are 20 s: half of that is the lead, a third of the lead the time for pushes.
fn pushes(row: u8, name: &'static str, effect: Effect) -> World {
    let life = Duration::from_secs(20);
    World::new(row, name, Bound)
        .config(|config| (config.sat_ttl, config.device_ttl) = (life, life))
        .standing(Fault::always(Target::Reauthenticate, effect))
        .disruptions(6)
}

/// After a cut no connect goes through for eight seconds.
fn connects(row: u8, name: &'static str, on: Target, effect: Effect, healed: i64) -> World {
    World::new(row, name, Bound)
        .ill(10_000, 18_000, on, effect)
        .told(10_100, Act::DropSockets)
        .excused(Excuse::Socket(10_100, 18_000 + healed))
}

/// All of them.
pub(crate) fn worlds() -> Vec<World> {
    let mut all = calm();
    all.extend(endpoint());
    all.extend(push());
    all.extend(socket());
    all.extend(user());
    all
}

fn calm() -> Vec<World> {
    vec![
        World::new(1, "calm, bound", Bound).disruptions(0),
        World::new(1, "calm, the provider renews", Provider).disruptions(0),
        World::new(12, "base shorter than bound asks", Bound)
            .config(|config| (config.device_ttl, config.limit_device_to_base) = (60 * LIFE, true)),
        World::new(34, "server an hour ahead", Bound)
            .config(|config| config.clock_offset_ms = 3_600_000)
            .bound(5),
        World::new(34, "server an hour behind", Provider)
            .config(|config| config.clock_offset_ms = -3_600_000)
            .bound(5),
        World::new(44, "proofs of 5 s, none ahead", Bound)
            .config(|config| {
                (config.iat_age, config.iat_ahead) = (Duration::from_secs(5), Duration::ZERO);
            })
            .bound(5),
        World::new(1, "only a relative end is told", Bound)
            .config(|config| config.expiry_fields = ExpiryFields::ExpiresIn),
    ]
}

fn endpoint() -> Vec<World> {
    let slow = |on, seconds| Fault::always(on, Effect::Real).delayed(Duration::from_secs(seconds));
    let stored = HeadFault { date_off_s: -3_600, age_s: Some(3_600), ..HeadFault::default() };
    let no_life = TtlChange { device_ms: Some(0), ..TtlChange::default() };
    let life = TtlChange { device_ms: Some(12_000), ..TtlChange::default() };
    vec![
        World::new(2, "slow endpoint", Bound).standing(slow(Target::DevicesRefresh, 4)).bound(2),
        World::new(2, "slow provider", Provider).standing(slow(Target::SubscribersTokensRefresh, 4)).bound(2),
        World::new(3, "slow each second time", Bound)
            .standing(Fault::new(Target::DevicesRefresh, Times::Every(2), Effect::Real).delayed(LIFE / 2))
            .bound(5),
        endpoints(4, "endpoint silent", Bound, Effect::Hang),
        endpoints(4, "provider silent", Provider, Effect::Hang),
        endpoints(5, "5xx", Bound, status(503, None, None)),
        endpoints(5, "provider 5xx", Provider, status(500, None, None)),
        endpoints(6, "page of HTML, 404", Bound, Effect::Html { code: 404, body: None }),
        endpoints(6, "page of HTML, 200", Provider, Effect::Html { code: 200, body: None }),
        endpoints(7, "JSON 403", Bound, refusal(403)).bound(60),
        endpoints(7, "JSON 404", Provider, refusal(404)).bound(60),
        World::new(8, "429 with Retry-After", Bound)
            .ill(5_000, 15_000, Target::AnyHttp, status(429, None, Some(RetryAfter::Seconds(5))))
            .excused(Excuse::Token(5_000, 20_000))
            .bound(5),
        World::new(9, "bound endpoint says 403 for ever", Bound)
            .standing(Fault::always(Target::DevicesToken, refusal(403)))
            .standing(Fault::always(Target::DevicesRefresh, refusal(403))),
        World::new(11, "life 0", Bound)
            .told(5_000, Act::Ttls(no_life))
            .told(9_000, Act::Ttls(life))
            .bound(10),
        World::new(14, "reply lost, a mint is possible", Provider)
            .told(
                4_000,
                Act::Fault(Fault::next(Target::SubscribersTokensRefresh, 1, Effect::Reset).taking_effect()),
            )
            .bound(10),
        World::new(35, "stored 503", Bound).told(
            4_000,
            Act::Fault(Fault::next(Target::DevicesRefresh, 2, status(503, None, None)).with_head(stored)),
        ),
    ]
}

fn push() -> Vec<World> {
    vec![
        pushes(16, "push silent", Effect::Hang).bound(10),
        pushes(16, "push -32603", error(-32_603)).bound(10),
        pushes(17, "push refused, connect accepts", error(-32_003)).bound(5),
        pushes(18, "push costs the socket", Effect::Close).bound(15),
        pushes(36, "push -32603, connects displace", error(-32_603))
            .config(|config| config.connect_displaces = true)
            .bound(5),
    ]
}

fn socket() -> Vec<World> {
    // More than ten seconds of service between two: a state that has brought no more than that three times is given up.
    let cuts = World::new(25, "plain drops", Bound).cut(12_000).cut(26_000).cut(40_000);
    vec![
        cuts.disruptions(0),
        World::new(25, "plain drops, the provider renews", Provider).cut(13_000).cut(29_000).disruptions(0),
        World::new(26, "server restarts", Bound).restart(8_000).restart(25_000).disruptions(0),
        connects(19, "connect refused, then good", Target::Connect, error(-32_003), 20_000),
        connects(
            24,
            "connect says code 401",
            Target::Connect,
            Effect::Result(json!({"code": "401"})),
            20_000,
        ),
        connects(24, "connect without protocol", Target::Connect, Effect::Without("protocol".into()), 12_000),
        connects(27, "upgrades 503", Target::Upgrade, status(503, None, None), 5_000).disruptions(0),
        connects(27, "resume -32005", Target::Resume, error(-32_005), 12_000).disruptions(0),
        World::new(28, "resume refused", Bound).told(8_900, Act::RevokeStates).cut(9_000).bound(2),
        half_open("half-open, both ways", Direction::Both),
        half_open("half-open, to the server", Direction::ToServer),
        // The host tells that the network is back when what was begun in the tunnel is over three seconds old. What was
        // asked there is never answered here, while a real tunnel would let it through at last: its ten seconds may pass.
        World::new(30, "tunnel of 10 s", Bound)
            .told(8_000, Act::SwallowSockets(Direction::Both))
            .told(8_000, Act::SwallowHttp(Direction::Both))
            .told(8_000, Act::Fault(Fault::always(Target::AnyHttp, Effect::Hang)))
            .told(8_000, Act::Fault(Fault::always(Target::Upgrade, Effect::Hang)))
            .told(18_000, Act::ClearFaults)
            .at(21_500, Do::NetworkChanged)
            .excused(Excuse::Socket(8_000, 23_500))
            .bound(10),
        World::new(21, "revoked, a new token is good", Bound).revoke(10_000),
        World::new(21, "revoked, the provider renews", Provider).revoke(10_000),
    ]
}

/// The sockets that there are pass nothing any more, new ones do. A push is due within six seconds, has five and a ping
/// ten: that is far below the 40 s that the row allows.
fn half_open(name: &'static str, direction: Direction) -> World {
    World::new(29, name, Bound)
        .told(8_000, Act::SwallowSockets(direction))
        .excused(Excuse::Socket(8_000, 8_000 + 25_000))
}

fn user() -> Vec<World> {
    let abusive = (80..160).fold(World::new(41, "abusive: ten a second", Bound), |world, tenth| {
        world.at(tenth * 100, Do::Refresh)
    });
    vec![
        // Patience is 10 s instead of ten minutes; it ends within a tenth more and a wait between two attempts.
        World::new(20, "subscriber removed", Bound)
            .policy(|policy| policy.patience = 10_000)
            .revoke(10_000)
            .told(10_000, Act::Fault(Fault::always(Target::AnyHttp, refusal(403))))
            .told(10_000, Act::Fault(Fault::always(Target::Connect, error(-32_002))))
            .excused(Excuse::Socket(10_000, 45_000))
            .ends(Outcome::EndsWithin(15_000, 40_000)),
        World::new(22, "user logged out", Rejects).ends(Outcome::EndsWithToken),
        World::new(23, "nobody renews", Static).ends(Outcome::EndsWithToken),
        World::new(37, "suspended and resumed", Bound)
            .at(7_000, Do::Suspend)
            .at(10_000, Do::Resume)
            .at(16_000, Do::Suspend)
            .at(32_000, Do::Resume)
            .bound(2),
        World::new(38, "killed and restarted", Process)
            .at(9_000, Do::Kill)
            .at(20_000, Do::Kill)
            .at(31_000, Do::Kill)
            .bound(3),
        abusive.disruptions(0),
        World::new(43, "update_token while a refresh is late", Provider)
            .told(
                3_000,
                Act::Fault(
                    Fault::next(Target::SubscribersTokensRefresh, 1, Effect::Real)
                        .delayed(Duration::from_secs(4)),
                ),
            )
            .at(8_000, Do::Update),
    ]
}
