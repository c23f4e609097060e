//! The session, in bytes, through whole worlds: what it asks for is what the worlds offer, and what they answer is
//! understood.

use satkeeper_judge::client::lifecycle::Keeper;
use satkeeper_judge::client::session::SessionClient;
use satkeeper_judge::client::{Ask, Phase, Tell};
use satkeeper_judge::log::{By, Entry, Log};
use satkeeper_judge::play::play;
use satkeeper_judge::timeline::{Ms, Timeline};
use satkeeper_judge::world::{
    Answer, Awake, Ends, Facts, Handling, Instant, Network, Outcome, Service, User, World,
};

const HOUR: Ms = 3_600_000;

fn played(world: &World) -> Log {
    play(world, &mut SessionClient::new(&world.facts, world.seed))
}

fn count(log: &Log, is_it: impl Fn(&Entry) -> bool) -> usize {
    log.entries.iter().filter(|(_, entry)| is_it(entry)).count()
}

fn times(log: &Log, is_it: impl Fn(&Entry) -> bool) -> Vec<Ms> {
    log.entries.iter().filter(|(_, entry)| is_it(entry)).map(|(at, _)| *at).collect()
}

fn phases(log: &Log) -> Vec<(Ms, Phase)> {
    let phase =
        |(at, entry): &(Ms, Entry)| if let Entry::Says(phase) = entry { Some((*at, *phase)) } else { None };
    log.entries.iter().filter_map(phase).collect()
}

fn authenticated(log: &Log, wanted: By) -> usize {
    count(log, |entry| matches!(entry, Entry::Authenticated { by, .. } if *by == wanted))
}

fn asked(log: &Log, is_it: impl Fn(&Ask) -> bool) -> usize {
    count(log, |entry| matches!(entry, Entry::Asks(_, ask) if is_it(ask)))
}

#[test]
fn a_calm_day() {
    let log = played(&World::default());
    assert_eq!(phases(&log).iter().map(|(_, phase)| *phase).collect::<Vec<_>>(), [Phase::Away, Phase::Live]);
    assert_eq!((authenticated(&log, By::Connect), authenticated(&log, By::Resume)), (1, 0));
    let renewed = count(&log, |entry| matches!(entry, Entry::Tells(Tell::Renewed(_))));
    // 24 h of tokens that live 2 h.
    assert!((11..16).contains(&renewed), "{renewed}");
    assert_eq!(authenticated(&log, By::Push), renewed);
    assert_eq!(count(&log, |entry| matches!(entry, Entry::Tells(Tell::Warned { cause: true, .. }))), 0);
}

#[test]
fn a_cut_socket_is_resumed() {
    let world = World { length: HOUR, instants: vec![(HOUR / 2, Instant::Cut)], ..World::default() };
    let log = played(&world);
    assert_eq!((authenticated(&log, By::Connect), authenticated(&log, By::Resume)), (1, 1));
    let lost = count(
        &log,
        |entry| matches!(entry, Entry::Tells(Tell::Warned { code, cause: true, .. }) if code == "connection_lost"),
    );
    assert_eq!(lost, 1);
    let [.., (away, Phase::Away), (live, Phase::Live)] = phases(&log)[..] else {
        panic!("{:?}", phases(&log))
    };
    assert!(away >= HOUR / 2 && live < HOUR / 2 + 2_000, "{away} {live}");
}

#[test]
fn a_bound_session_renews_itself() {
    let facts = Facts { can_refresh: false, scope: true, window: Some(5_000), ..Facts::default() };
    let base = Timeline::always(Service { latency: 50, outcome: Outcome::Grants { life: 86_400_000 } });
    let world = World { length: 6 * HOUR, facts, mint: base, ..World::default() };
    let log = played(&world);
    assert_eq!(
        (asked(&log, |ask| *ask == Ask::Mint), asked(&log, |ask| matches!(ask, Ask::Activate(..)))),
        (1, 1)
    );
    let renewals = asked(&log, |ask| matches!(ask, Ask::Renew(_, Some(_))));
    // Of 15 minutes each.
    assert!((24..32).contains(&renewals), "{renewals}");
    assert_eq!(authenticated(&log, By::Push), renewals + 1);
    assert_eq!(phases(&log).len(), 2);
}

#[test]
fn a_subscriber_rotates_its_secret() {
    let facts = Facts {
        one_time: true,
        can_mint_again: true,
        durable: true,
        ends: Ends::Connect,
        ..Facts::default()
    };
    let log = played(&World { facts, ..World::default() });
    let presented = |entry: &Entry| {
        if let Entry::Presented { secret, newest, twice } = entry {
            Some((*secret, *newest, *twice))
        } else {
            None
        }
    };
    let presented: Vec<_> = log.entries.iter().filter_map(|(_, entry)| presented(entry)).collect();
    assert!(presented.len() >= 11, "{presented:?}");
    assert!(presented.iter().all(|(secret, newest, twice)| secret == newest && !twice), "{presented:?}");
    assert_eq!(asked(&log, |ask| *ask == Ask::Mint), 1);
    assert_eq!(phases(&log).len(), 2);
}

#[test]
fn a_killed_process_goes_on_where_the_record_says() {
    for durable in [true, false] {
        let awake = Timeline::always(Awake::Runs).with(HOUR, HOUR + 5_000, Awake::Dead);
        let facts = Facts { durable, can_mint_again: true, ..Facts::default() };
        let log = played(&World { length: 2 * HOUR, awake, facts, ..World::default() });
        assert_eq!(times(&log, |entry| *entry == Entry::Began), [0, HOUR + 5_000]);
        let mints = asked(&log, |ask| *ask == Ask::Mint);
        assert_eq!((mints, authenticated(&log, By::Resume)), if durable { (1, 1) } else { (2, 0) });
        assert_eq!(phases(&log).last().map(|(_, phase)| *phase), Some(Phase::Live));
    }
}

#[test]
fn what_a_user_does_is_answered() {
    let updates = User::Updates { life: HOUR, other_identity: false };
    let did = [
        (60, User::Refreshes),
        (120, updates),
        (180, User::Suspends),
        (240, User::Resumes),
        (300, User::Disconnects),
    ];
    let instants = did.map(|(at, what)| (at * 1_000, Instant::User(what))).to_vec();
    let log = played(&World { length: HOUR, instants, ..World::default() });
    assert_eq!(count(&log, |entry| *entry == Entry::Tells(Tell::Settled)), 2);
    assert_eq!(times(&log, |entry| *entry == Entry::Tells(Tell::Suspended)), [180_000]);
    assert_eq!(phases(&log).last(), Some(&(300_000, Phase::Over)));
}

/// Where both machines are told the same, the session does what its lifecycle does, when it does it: nothing is lost or
/// held up in the bytes.
#[test]
fn the_session_does_what_its_lifecycle_does() {
    for (name, world) in worlds() {
        let session = did(&played(&world));
        let lifecycle = did(&play(&world, Keeper::make(&world.facts, world.seed).as_mut()));
        let differs = session.iter().zip(&lifecycle).position(|(one, other)| one != other);
        let shown = |did: &[(Ms, String)]| {
            let from = differs.unwrap_or(did.len().min(session.len().min(lifecycle.len()))).saturating_sub(3);
            did[from..].iter().take(6).map(|it| format!("{it:?}")).collect::<Vec<_>>().join("\n")
        };
        assert!(
            session == lifecycle,
            "{name}: the session\n{}\nand its lifecycle\n{}",
            shown(&session),
            shown(&lifecycle)
        );
        assert!(session.len() > 8, "{name}: {}", session.len());
    }
}

/// What a client has done.
fn did(log: &Log) -> Vec<(Ms, String)> {
    let done = |(at, entry): &(Ms, Entry)| match entry {
        // Whether a ping is sent by the watch over the socket or asked for, nobody sees.
        Entry::Asks(_, Ask::Ping(_)) => None,
        Entry::Asks(_, ask) => Some((*at, format!("{ask:?}"))),
        Entry::Says(phase) => Some((*at, format!("{phase:?}"))),
        _ => None,
    };
    log.entries.iter().filter_map(done).collect()
}

fn worlds() -> Vec<(&'static str, World)> {
    let facts = Facts { ends: Ends::Connect, ..Facts::default() };
    let calm = World { length: 12 * HOUR, facts, ..World::default() };
    let bound = Facts { scope: true, can_refresh: false, key: true, ..facts };
    let day = Timeline::always(Service { latency: 50, outcome: Outcome::Grants { life: 86_400_000 } });
    let every = |what: Instant| (1..30).map(|n| (n * 23 * 60_000, what)).collect::<Vec<_>>();
    let half_open = Instant::HalfOpen { out: false, back: false };
    let out = |status, own| Outcome::Http { status, own, retry_after: None, date_off: 0, stored: false };
    let failing = |outcome| calm.refresh.clone().with(HOUR, 3 * HOUR, Service { latency: 700, outcome });
    vec![
        ("calm", calm.clone()),
        ("bound", World { facts: bound, mint: day.clone(), ..calm.clone() }),
        ("cut", World { instants: every(Instant::Cut), ..calm.clone() }),
        (
            "cut, bound",
            World { facts: bound, mint: day.clone(), instants: every(Instant::Cut), ..calm.clone() },
        ),
        ("restarts", World { instants: every(Instant::Restart { wipe: true }), ..calm.clone() }),
        ("half-open", World { instants: every(half_open), ..calm.clone() }),
        ("pages for tokens", World { refresh: failing(out(404, false)), ..calm.clone() }),
        ("refused", World { refresh: failing(out(403, true)), ..calm.clone() }),
        ("silent", World { refresh: failing(Outcome::Silent), ..calm.clone() }),
        ("rejected", World { refresh: failing(Outcome::Rejects), ..calm.clone() }),
        ("asleep", World { awake: calm.awake.clone().with(HOUR, 4 * HOUR, Awake::Sleeps), ..calm.clone() }),
        ("late", World { late: Timeline::always(9_000), ..calm.clone() }),
        ("clock", World { wall: Timeline::always(0).then(HOUR, -3_600_000), ..calm.clone() }),
        (
            "network",
            World {
                network: Timeline::always(Network::Up).with(HOUR, 2 * HOUR, Network::Off),
                ..calm.clone()
            },
        ),
        (
            "pushes fail",
            World {
                push: calm.push.clone().with(
                    HOUR,
                    6 * HOUR,
                    Handling { takes: 90, answer: Answer::Error(-32_603) },
                ),
                ..calm.clone()
            },
        ),
        (
            "connects fail",
            World {
                connect: calm.connect.clone().with(
                    0,
                    60_000,
                    Handling { takes: 90, answer: Answer::Code(401) },
                ),
                ..calm.clone()
            },
        ),
        (
            "suspended",
            World {
                instants: vec![
                    (HOUR, Instant::User(User::Suspends)),
                    (5 * HOUR, Instant::User(User::Resumes)),
                ],
                ..calm
            },
        ),
    ]
}
