//! What stands between the machine and a world.

use super::Keeper;
use crate::client::{Ask, Tell};
use crate::log::{By, Entry, Log, Source, Why};
use crate::play::play;
use crate::world::{Awake, Instant, Outcome, Service, World};

fn log(world: &World) -> Log {
    play(world, Keeper::make(&world.facts, world.seed).as_mut())
}

fn times(log: &Log, is_it: impl Fn(&Entry) -> bool) -> Vec<u64> {
    log.entries.iter().filter(|(_, entry)| is_it(entry)).map(|(at, _)| *at).collect()
}

fn hour() -> World {
    World { length: 3_600_000, ..World::default() }
}

#[test]
fn a_new_process_goes_on_from_what_was_kept() {
    let mut world = hour();
    world.awake = world.awake.with(600_000, 602_000, Awake::Dead);
    for (durable, mints) in [(true, 1), (false, 2)] {
        world.facts.durable = durable;
        let log = log(&world);
        assert_eq!(times(&log, |entry| matches!(entry, Entry::Asks(_, Ask::Mint))).len(), mints);
        let resumed = times(&log, |entry| matches!(entry, Entry::Authenticated { by: By::Resume, .. }));
        assert_eq!(resumed.len(), 2 - mints, "{resumed:?}");
        assert_eq!(times(&log, |entry| *entry == Entry::Tells(Tell::Live)).len(), 2);
    }
}

#[test]
fn a_socket_that_is_dead_is_asked_and_given_up() {
    let mut world = hour();
    world.instants = vec![(600_000, Instant::HalfOpen { out: false, back: false })];
    let log = log(&world);
    let asked = times(&log, |entry| matches!(entry, Entry::Asks(_, Ask::Ping(_))));
    let asked = asked.into_iter().find(|at| *at >= 600_000).unwrap();
    let opened = times(&log, |entry| matches!(entry, Entry::Opened(_)));
    let gone = times(&log, |entry| matches!(entry, Entry::Gone { socket: 1, why: Why::Client }));
    let [_, again] = opened[..] else { panic!("{opened:?}") };
    assert!(asked <= 630_000 && again == asked + 10_001, "{asked} {again}");
    // It is read until 2 s after the next one serves.
    assert!((again + 2_000..again + 4_000).contains(&gone[0]), "{again} {gone:?}");
}

#[test]
fn a_secret_is_presented_once_and_a_mint_takes_the_place_of_one_that_is_refused() {
    let mut world = World { length: 14_400_000, ..World::default() };
    (world.facts.one_time, world.facts.can_mint_again) = (true, true);
    let loses = Service { latency: 50, outcome: Outcome::LosesReply { life: 7_200_000 } };
    world.refresh = world.refresh.then(0, loses);
    let log = log(&world);
    let presented = times(&log, |entry| matches!(entry, Entry::Presented { .. }));
    let twice = |entry: &Entry| matches!(entry, Entry::Presented { secret, newest, twice } if secret < newest || *twice);
    assert!(!presented.is_empty() && times(&log, twice).is_empty());
    assert!(times(&log, |entry| matches!(entry, Entry::Issued { of: Source::Mint, .. })).len() >= 2);
    assert!(times(&log, |entry| matches!(entry, Entry::Gone { .. })).is_empty());
}
