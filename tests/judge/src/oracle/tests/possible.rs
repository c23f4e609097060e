//! When a session could have been served, and when it was.

use crate::client::{Ask, Bad};
use crate::oracle::tale::{DOWN, HOUR, LATENCY, MINUTE, SECOND, Tale, gives};
use crate::timeline::Ms;
use crate::verdict::{Kind, Verdict};
use crate::world::{Awake, Facts, Network, Service, World};

/// What a first token and a first connect take.
const BEGINNING: Ms = 2 * LATENCY + 2;

fn in_world(facts: Facts, life: Ms, change: impl FnOnce(&mut World)) -> Verdict {
    let mut world =
        World { facts, mint: gives(life), refresh: gives(life), length: 2 * HOUR, ..World::default() };
    change(&mut world);
    Tale::live_in(world, life).judged()
}

#[test]
fn one_direction_alone_serves_nobody() {
    for network in
        [Network::Swallows { out: true, back: false }, Network::Swallows { out: false, back: true }]
    {
        let mut tale = Tale::live(2 * HOUR, HOUR);
        tale.world.network = tale.world.network.clone().with(10 * MINUTE, 12 * MINUTE, network);
        let verdict = tale.judged();
        // A socket that comes through it serves on at once; a new one would take a connect.
        assert_eq!(verdict.possible, HOUR - BEGINNING - 2 * MINUTE - LATENCY - 2);
        assert_eq!((verdict.served, verdict.avoidable), (verdict.possible, 0));
        let kinds: Vec<_> = verdict.faults.iter().map(|fault| (fault.kind, fault.at)).collect();
        assert_eq!(kinds, [(Kind::Lie, 10 * MINUTE + 40 * SECOND)]);
    }
}

#[test]
fn who_sleeps_is_not_served_and_could_not_be() {
    let asleep = |world: &mut World| world.awake = world.awake.clone().with(HOUR / 2, HOUR, Awake::Sleeps);
    let verdict = in_world(Facts::default(), 2 * HOUR, asleep);
    assert_eq!((verdict.possible, verdict.served), (3 * HOUR / 2 - BEGINNING, 3 * HOUR / 2 - BEGINNING));
}

#[test]
fn one_token_is_all_that_a_static_provider_has() {
    let facts = Facts { can_refresh: false, ..Facts::default() };
    assert_eq!(in_world(facts, HOUR, |_| {}).possible, HOUR - LATENCY - 2);
    let facts = Facts { can_mint_again: true, ..facts };
    assert_eq!(in_world(facts, HOUR, |_| {}).possible, 2 * HOUR - BEGINNING);
}

#[test]
fn a_provider_that_rejects_has_ended() {
    let mut tale = Tale::live(30 * MINUTE, 2 * HOUR);
    tale.at(10 * MINUTE).asks_in_vain(Ask::Refresh { secret: None }, Bad::Rejected);
    // Whoever had asked just before it was told would hold a token for half an hour.
    assert_eq!(tale.judged().possible, 40 * MINUTE + LATENCY - 1 - BEGINNING);
}

#[test]
fn an_endpoint_that_is_down_gives_what_it_gave_before() {
    let down = Service { latency: LATENCY, outcome: DOWN };
    let verdict = in_world(Facts::default(), 15 * MINUTE, |world| {
        world.refresh = world.refresh.clone().then(HOUR, down)
    });
    assert_eq!(verdict.possible, HOUR + LATENCY - 1 + 15 * MINUTE - BEGINNING);
}

#[test]
fn a_client_bound_token_lives_on_without_its_base() {
    // A base of twenty minutes, renewals that work for forty.
    let facts = Facts { can_refresh: false, scope: true, ..Facts::default() };
    let down = Service { latency: LATENCY, outcome: DOWN };
    let bound = |facts: Facts| {
        let exchange = |world: &mut World| {
            world.activate = gives(15 * MINUTE);
            world.renew = gives(15 * MINUTE).then(40 * MINUTE, down);
        };
        in_world(facts, 20 * MINUTE, exchange).possible
    };
    assert_eq!(bound(facts), 55 * MINUTE + LATENCY - 1 - BEGINNING);
    assert_eq!(bound(Facts { capped: true, ..facts }), 20 * MINUTE + LATENCY - BEGINNING);
    assert_eq!(bound(Facts { key: false, ..facts }), 20 * MINUTE + LATENCY - BEGINNING);
    assert_eq!(bound(Facts { scope: false, ..facts }), 20 * MINUTE + LATENCY - BEGINNING);
}
