//! The process, its clocks, its store.

use super::script::{Script, happened};
use super::{BOOTED, EPOCH, SERVED, minute};
use crate::client::{Ask, Bad, Client, Clocks, Good, Heard, News, Phase, Tell};
use crate::log::{Entry, Why};
use crate::play::play;
use crate::timeline::Ms;
use crate::world::{Awake, Health, Instant, Store, User};

#[test]
fn a_clock_that_stands_still_in_sleep_wakes_later() {
    for (counts_sleep, own, truth) in [(true, 20_000, 20_000), (false, 15_000, 25_000)] {
        let mut world = minute();
        world.awake = world.awake.with(10_000, 20_000, Awake::Sleeps);
        let mut script = Script::new(&[(15_000, Ask::Mint)]);
        script.counts_sleep = counts_sleep;
        let log = script.play(&world);
        let asked = log.entries.iter().find(|(_, entry)| matches!(entry, Entry::Asks(..)));
        assert_eq!(asked.map(|(at, _)| *at), Some(truth));
        let woken = script.heard.iter().find(|(_, news)| *news == News::Tick);
        assert_eq!(woken.map(|(at, _)| *at), Some(own));
    }
}

#[test]
fn what_comes_while_nobody_runs_is_heard_in_its_order_afterwards() {
    for awake in [Awake::Sleeps, Awake::Stopped] {
        let mut world = minute();
        world.facts.pings = 1_000;
        world.awake = world.awake.with(1_010, 9_000, awake);
        world.instants = vec![(3_500, Instant::User(User::Refreshes)), (4_500, Instant::Cut)];
        let asks = [SERVED[0], SERVED[1], SERVED[2], (1_000, Ask::Refresh { secret: None })];
        let mut script = Script::new(&asks);
        let log = script.play(&world);
        let late: Vec<_> =
            script.heard.iter().filter(|(at, _)| *at > 1_010).map(|(at, news)| (*at, news)).collect();
        assert!(matches!(late[0], (9_000, News::Answer(4, _))), "{late:?}");
        let rest = [News::Ping(1), News::User(User::Refreshes), News::Ping(1), News::SocketLost(1)];
        assert_eq!(late[1..], rest.each_ref().map(|news| (9_000, news)));
        assert!(log.entries.contains(&(4_500, Entry::Gone { socket: 1, why: Why::Cut })));
        assert!(log.entries.contains(&(9_000, Entry::Evidence)));
        assert!(log.entries.contains(&(9_000, Entry::User(User::Refreshes))));
    }
}

#[test]
fn steps_come_late_but_not_what_comes_from_outside() {
    let mut world = minute();
    world.late = world.late.with(5_000, 6_000, 3_000);
    let mut script = Script::new(&[(100, Ask::Mint), (5_500, Ask::Mint), (9_000, Ask::Mint)]);
    script.play(&world);
    let at = |id| script.answer(id).map(|(at, _)| at);
    assert_eq!((at(1), at(2), at(3)), (Some(150), Some(8_550), Some(9_050)));
}

#[test]
fn a_process_that_dies_leaves_what_the_store_has_kept() {
    let mut world = minute();
    world.facts.durable = true;
    world.store = world.store.then(0, Store { takes: 1_000, health: Health::Keeps });
    world.store = world.store.with(4_000, 5_000, Store { takes: 10, health: Health::Loses });
    world.awake = world.awake.with(5_000, 6_000, Awake::Dead).with(8_000, 8_100, Awake::Stopped);
    world.instants = vec![(5_500, Instant::User(User::Refreshes))];
    let asks = [
        SERVED[0],
        SERVED[1],
        SERVED[2],
        (2_000, Ask::Write),
        (3_900, Ask::Write),
        (4_000, Ask::Write),
        (4_950, Ask::Refresh { secret: None }),
    ];
    let mut script = Script::new(&asks);
    let log = script.play(&world);
    let done = |id| script.answer(id).map(|(at, reply)| (at, reply.result));
    assert_eq!(done(4), Some((3_000, Ok(Good::Done))));
    assert_eq!(done(5), Some((4_900, Ok(Good::Done))));
    assert_eq!(done(6), Some((4_010, Ok(Good::Done))), "it says so");
    assert_eq!(script.kept, [4, 5], "and has not");
    assert_eq!(script.news().last(), Some(&(6_000, News::Restart)));
    assert_eq!(done(7), None, "it was another's");
    let happened = happened(&log);
    assert!(matches!(
        happened[happened.len() - 2..],
        [(5_000, Entry::Gone { socket: 1, why: Why::Client }), (5_000, Entry::Issued { token: 2, .. })]
    ));
}

#[test]
fn a_write_that_death_overtakes_is_not_kept_and_one_that_a_stopped_process_waits_for_is() {
    let mut world = minute();
    world.store = world.store.then(0, Store { takes: 1_000, health: Health::Keeps });
    world.awake = world.awake.with(1_900, 3_000, Awake::Stopped).with(3_000, 4_000, Awake::Dead);
    let mut script = Script::new(&[(1_000, Ask::Write), (5_000, Ask::Write), (6_500, Ask::Write)]);
    script.play(&world);
    assert_eq!((script.answer(1), script.kept.first()), (None, Some(&1)));
    world.awake = world.awake.with(1_900, 3_000, Awake::Dead);
    let mut script = Script::new(&[(1_000, Ask::Write)]);
    script.play(&world);
    assert!(script.kept.is_empty());
}

#[test]
fn a_store_that_fails_says_whose_it_is() {
    let mut world = minute();
    world.store = world.store.then(0, Store { takes: 5, health: Health::Fails });
    world.store = world.store.then(1_000, Store { takes: 5, health: Health::Taken });
    let mut script = Script::new(&[(0, Ask::Write), (1_000, Ask::Write)]);
    let log = script.play(&world);
    let failed = |id| script.answer(id).and_then(|(_, reply)| reply.result.err());
    assert_eq!(failed(1), Some(Bad::NotKept { taken: false }));
    assert_eq!(failed(2), Some(Bad::NotKept { taken: true }));
    assert!(happened(&log).is_empty(), "that says nothing of being served");
}

#[test]
fn the_wall_clock_is_the_worlds_and_announced_ticks_are_true_times() {
    struct Teller(Vec<Clocks>);
    impl Client for Teller {
        fn hear(&mut self, now: Clocks, news: &News) -> Heard {
            self.0.push(now);
            let warned = Tell::Warned { code: String::new(), cause: true, next: Some(now.tick + 7_000) };
            let tells = if *news == News::Tick { vec![warned] } else { Vec::new() };
            let wake_at = (now.tick < BOOTED + 10_000).then_some(BOOTED + 10_000);
            Heard { asks: Vec::new(), tells, wake_at }
        }
        fn phase(&self) -> Phase {
            Phase::Away
        }
        fn tick_counts_sleep(&self) -> bool {
            false
        }
        fn name(&self) -> &'static str {
            "teller"
        }
    }
    let mut world = minute();
    world.wall = world.wall.then(0, -500).then(6_000, 3_600_000);
    world.awake = world.awake.with(2_000, 5_000, Awake::Sleeps);
    let mut teller = Teller(Vec::new());
    let log = play(&world, &mut teller);
    assert_eq!(teller.0[0], Clocks { tick: BOOTED, unix: EPOCH - 500 });
    assert_eq!(teller.0[1], Clocks { tick: BOOTED + 10_000, unix: EPOCH + 13_000 + 3_600_000 });
    let told = Tell::Warned { code: String::new(), cause: true, next: Some(20_000) };
    assert_eq!(log.entries.last(), Some(&(13_000, Entry::Tells(told))));
}

#[test]
fn over_is_the_end_of_the_log() {
    let mut script = Script::new(&SERVED);
    script.phase = Phase::Over;
    let log = script.play(&minute());
    assert!(log.entries.iter().all(|(at, _)| *at == 0));
}

/// Wants to be woken at once, always.
struct Restless;

impl Client for Restless {
    fn hear(&mut self, now: Clocks, _: &News) -> Heard {
        Heard { wake_at: Some(now.tick.saturating_sub(5 as Ms)), ..Heard::default() }
    }
    fn phase(&self) -> Phase {
        Phase::Away
    }
    fn tick_counts_sleep(&self) -> bool {
        true
    }
    fn name(&self) -> &'static str {
        "restless"
    }
}

#[test]
#[should_panic(expected = "row 1, seed 1, at 0 ms: the client \"restless\" does not come to rest")]
fn a_client_that_does_not_come_to_rest_is_named() {
    play(&minute(), &mut Restless);
}

#[test]
#[should_panic(expected = "opens socket 1 after a newer one, or again")]
fn a_number_is_given_once() {
    Script::new(&[(0, Ask::Open(1)), (1, Ask::Open(1))]).play(&minute());
}
