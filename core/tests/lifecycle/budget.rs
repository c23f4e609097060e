//! No server, clock or application makes us send more than the request budget allows (R20, R36).

use crate::story::{HOUR, Story, Treatment, World, near, scoped, unscoped};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use satkeeper_core::lifecycle::*;

/// One kind of malice for each kind of command.
fn treatment() -> impl Strategy<Value = Treatment> {
    let retry_after = || prop_oneof![Just(None), Just(Some(0)), Just(Some(1)), Just(Some(u64::MAX))];
    prop_oneof![
        3 => Just(Treatment::Well),
        1 => Just(Treatment::Silence),
        1 => Just(Treatment::Fail(Failure::Timeout)),
        1 => Just(Treatment::Fail(Failure::Transport)),
        1 => Just(Treatment::Fail(Failure::Malformed)),
        1 => Just(Treatment::Fail(Failure::Rejected)),
        2 => (prop_oneof![Just(400), Just(401), Just(403), Just(429), Just(503)], retry_after())
            .prop_map(|(status, retry_after)| Treatment::Fail(Failure::Http { status, retry_after })),
        2 => (prop_oneof![Just(-32_002), Just(-32_003), Just(-1)], any::<bool>())
            .prop_map(|(code, credential)| Treatment::Fail(Failure::Rpc { code, credential })),
    ]
}

/// What an application or a clock keeps doing.
#[derive(Clone, Copy, Debug)]
enum Pest {
    None,
    RefreshNow,
    Rejected,
    Update,
    NewProvider,
    Network,
    SuspendResume,
    DropSocket,
    WallForward,
    WallBack,
}

fn pest() -> impl Strategy<Value = Pest> {
    prop_oneof![
        Just(Pest::None),
        Just(Pest::RefreshNow),
        Just(Pest::Rejected),
        Just(Pest::Update),
        Just(Pest::NewProvider),
        Just(Pest::Network),
        Just(Pest::SuspendResume),
        Just(Pest::DropSocket),
        Just(Pest::WallForward),
        Just(Pest::WallBack),
    ]
}

fn life() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(500),
        Just(2_000),
        Just(11_000),
        Just(60_000),
        Just(900_000),
        Just(7_200_000)
    ]
}

/// 192 cases unless PROPTEST_CASES says otherwise.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases: 192, ..default }
    }
}

const NAMES: [&str; 9] =
    ["mint", "refresh", "activate", "renew", "inspect", "open", "authenticate", "reauthenticate", "probe"];

fn pester(story: &mut Story, pest: Pest, life: u64) {
    match pest {
        Pest::None => {}
        Pest::RefreshNow => {
            story.refresh_now();
        }
        Pest::Rejected => {
            let ask = story.ask();
            story.input(Input::Rejected { ask, generation: Generation(u64::MAX) });
        }
        Pest::Update => {
            story.update(life);
        }
        Pest::NewProvider => {
            story.input(Input::NewProvider(ProviderFacts {
                can_refresh: true,
                can_mint_again: false,
                may_be_asked_twice: false,
            }));
        }
        Pest::Network => story.input(Input::NetworkChanged),
        Pest::SuspendResume => {
            story.input(Input::Suspend);
            story.input(Input::Resume);
        }
        Pest::DropSocket => {
            if let Some(socket) = story.machine.socket() {
                story.input(Input::SocketLost { socket });
            }
        }
        Pest::WallForward => {
            story.wall += 60_000;
            story.input(Input::Tick);
        }
        Pest::WallBack => {
            story.wall -= 60_000;
            story.input(Input::Tick);
        }
    }
}

proptest! {
    #![proptest_config(config())]

    // proves R20.1, R20.4
    // survives P16, P18, P19, P20, P35, S2, S4, S12, S19
    #[test]
    fn requests_per_hour_are_bounded(
        treatments in proptest::collection::vec(treatment(), 9),
        lives in (life(), life()),
        facts in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        pests in (pest(), pest()),
        every in prop_oneof![Just(97u64), Just(1_009), Just(30_011)],
        seed: u32,
    ) {
        pestered(treatments, lives, facts, pests, every, seed)?;
    }
}

/// `can_refresh`, `can_mint_again`, `scope`, `states_ends`, `tells_time`, `forever`.
type Facts = (bool, bool, bool, bool, bool, bool);

fn pestered(
    treatments: Vec<Treatment>,
    lives: (u64, u64),
    facts: Facts,
    pests: (Pest, Pest),
    every: u64,
    seed: u32,
) -> Result<(), TestCaseError> {
    let (can_refresh, can_mint_again, scope, states_ends, tells_time, forever) = facts;
    let patience = if forever { u64::MAX } else { 60_000 };
    // The first steps go well, so that there is something to spoil.
    let mut story = scoped()
        .policy(Policy::default().with(|it| it.patience = patience))
        .seed(seed)
        .world(|world| {
            *world = World {
                base_life: lives.0,
                bound_life: lives.1,
                scope,
                refreshed_scope: scope,
                states_ends,
                tells_time,
                latency: 3,
                ..World::default()
            };
        })
        .provider(can_refresh, can_mint_again)
        .key(KeyFacts::Auto)
        .begin();
    story.until(100);
    for (name, treatment) in NAMES.into_iter().zip(treatments) {
        story.always(name, treatment);
    }
    let from = story.commands.len();
    let span = (every * 3_000).min(HOUR / 2);
    while story.now < span && story.teardown().is_none() {
        let at = story.now + every;
        story.until(at);
        pester(&mut story, pests.0, lives.0);
        pester(&mut story, pests.1, lives.1);
        story.events.truncate(64);
        story.script.clear();
    }
    let count = |names: &[&str]| {
        story.commands[from..].iter().filter(|(_, c)| names.contains(&c.action.name())).count() as u64
    };
    // A bucket of 10 and one more each second at the very most. An inspection for each new base, and one
    // more for each socket on which it had been given up.
    let exchanges = count(&["mint", "refresh", "activate", "renew"]);
    prop_assert!(exchanges <= 10 + span / 1_000, "{exchanges} exchanges");
    let inspections = count(&["inspect"]);
    prop_assert!(inspections <= 15 + span / 1_000 + span / 3_000, "{inspections} inspections");
    // Sockets: a bucket of 5, one more each 3 s.
    let opens = count(&["open"]);
    prop_assert!(opens <= 5 + span / 3_000, "{opens} sockets");
    prop_assert!(count(&["authenticate"]) <= opens + 1);
    // Where tokens live for a minute or more, one more each 5 s, or a twelfth of a life that looks a second shorter.
    if lives.0.min(lives.1) >= 60_000 && states_ends {
        prop_assert!(exchanges <= 10 + span / 4_900 + 2, "{exchanges} exchanges of long-lived tokens");
    }
    // In a lease that nobody disturbs, far fewer.
    if matches!(pests, (Pest::None, Pest::None)) && lives.0.min(lives.1) >= 11_000 {
        prop_assert!(exchanges <= span / 1_000 / 2, "{exchanges} exchanges in peace");
    }
    Ok(())
}

#[test]
fn an_update_that_supersedes_another_costs_a_permit_too() {
    // proves R20.1
    // With the token that goes, it goes how fast permits form.
    let mut treatments = vec![Treatment::Well; NAMES.len()];
    treatments[6] = Treatment::Silence;
    let facts = (true, false, false, true, true, false);
    let outcome = pestered(treatments, (0, 11_000), facts, (Pest::DropSocket, Pest::Update), 97, 0);
    outcome.unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn bases_that_nobody_answers_for_do_not_pile_up() {
    // proves R6.1, R20.1
    // Each asks subscriber/info about itself.
    let mut treatments = vec![Treatment::Well; NAMES.len()];
    treatments[3..6].fill(Treatment::Silence);
    treatments[8] = Treatment::Fail(Failure::Timeout);
    let facts = (false, true, true, true, false, false);
    let outcome = pestered(treatments, (2_000, 11_000), facts, (Pest::Network, Pest::RefreshNow), 97, 0);
    outcome.unwrap_or_else(|broken| panic!("{broken}"));
}

#[test]
fn renewals_that_gain_nothing_are_few() {
    // proves R9.1, R18.1
    // survives P12, P18, P19, S2
    let mut story = unscoped().base_life(90_000).refreshes().keyless().begin();
    story.until(1_000);
    // Each new token is one that ends with the first.
    story.world.base_life = 89_000;
    let mut renewals = Vec::new();
    while story.now < 90_000 {
        story.until(story.now + 500);
        story.world.base_life = 90_000u64.saturating_sub(story.now);
        renewals = story.times("refresh");
    }
    let gaps: Vec<u64> = renewals.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Half of what is left each time, and never twice for one of which the end is not known yet.
    assert!((6..=12).contains(&renewals.len()), "{renewals:?}");
    let early = renewals.iter().filter(|at| **at < 85_000).count();
    assert!(gaps[..early - 1].iter().all(|gap| *gap >= 5_000), "{gaps:?}");
}

#[test]
fn a_day_with_a_clock_that_is_wrong_costs_what_a_day_costs() {
    // proves R2.2
    // survives S2, S4, S12
    for skew in [-3_600_000i64, -60_000, 0, 60_000, 3_600_000] {
        let mut story = scoped().skew(skew).world(|world| world.refreshed_scope = true).refreshes().begin();
        story.until(24 * HOUR);
        let exchanges = ["mint", "refresh", "activate", "renew"]
            .iter()
            .map(|name| story.times(name).len())
            .sum::<usize>();
        assert!((100..130).contains(&exchanges), "{skew}: {exchanges}");
        assert_eq!(story.lives().len(), 1);
    }
}

#[test]
fn a_retry_after_is_heeded_as_far_as_the_session_can_afford() {
    // proves R18.4
    let asks =
        |status, seconds: u64| Treatment::Fail(Failure::Http { status, retry_after: Some(seconds * 1_000) });
    // Half of what is left, while it is served.
    for (asked, waits) in [(60, 60), (86_400, 225)] {
        let mut story = unscoped().refreshes().keyless().begin();
        story.until(20_000);
        story.next("refresh", asks(429, asked));
        story.until(7_190_000);
        let times = story.times("refresh");
        near(times[1] - times[0], waits * 1_000);
    }
    // Of a refused upgrade, too; five minutes, while it is not.
    for (asked, waits) in [(20, 20), (86_400, 300)] {
        let mut story = unscoped().begin();
        story.until(20_000);
        story.next("open", asks(503, asked));
        story.drop_socket();
        story.until(600_000);
        let opens = story.times("open");
        near(opens[2] - opens[1], waits * 1_000);
        assert_eq!(story.lives().len(), 2);
    }
}
