//! A refresh token that can be used only once: what is written before it is presented, who may present it, what of it is
//! kept (R11, R12).

use crate::world::*;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{AskId, Event, Phase, TeardownReason};
use satkeeper_core::session::{Config, EventKind, KeyChoice, Provider, Record, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpResponse;
use serde_json::{Value, json};

/// A third of the lead of a token of two hours.
const LAST_CALL: u64 = 100_000;

fn config() -> Config {
    Config::new(subscriber()).durable(true).key(KeyChoice::None)
}

/// A session whose tokens have no scope, so that the rotating refresh token is what renews.
fn rotating() -> World {
    let mut world = World::new(config());
    world.server.scope = false;
    world.give(SessionInput::Start);
    world.push_state();
    world.pass(30_000);
    assert!(world.is_live());
    world.clear();
    world
}

fn failed() -> StoreFailure {
    StoreFailure::Failed(Error::Store { message: "the disk is full".to_owned() })
}

fn taken() -> StoreFailure {
    StoreFailure::Taken(Error::Store { message: "another session is using it".to_owned() })
}

/// What the store answers from now on, to whatever is written.
fn store(world: &mut World, answer: fn() -> Option<StoreFailure>) {
    world.stores = (0..5_000).map(|_| answer()).collect();
}

fn refresh(world: &mut World, ask: u64) {
    world.give(SessionInput::RefreshNow { ask: AskId(ask) });
}

/// The answer to a refresh that was held back.
fn successor(world: &mut World, secret: &str) {
    let (id, _) = world.silent.remove(0);
    let body = json!({"token": sat("late", "relay.sw.test"), "refresh_token": secret}).to_string();
    world.give(SessionInput::Http { id, result: Ok(HttpResponse::new(200, body)) });
}

fn unwritten(world: &World) -> usize {
    world.events.iter().filter(|it| it.kind() == EventKind::PresentedUnwritten).count()
}

/// What the newest record says of the secret.
fn written(world: &World) -> Value {
    serde_json::from_str::<Value>(world.records.last().unwrap()).unwrap()["one_time"].clone()
}

/// Until what comes next is the last call, or so long after it.
fn pass_to_last_call(world: &mut World, before: u64) {
    let ends = world.session.status().token_ends.unwrap().0;
    world.pass(ends - LAST_CALL - before - world.now);
}

#[test]
fn the_intent_is_written_before_a_one_time_secret_is_presented() {
    // proves R12.1, R12.8, R12.9
    let mut world = rotating();
    world.stores.push_back(None);
    refresh(&mut world, 1);
    assert!(world.asked(REFRESH).is_empty(), "not before it is written");
    let intent = world.records.last().unwrap().clone();
    let id = world.unstored.pop().unwrap();
    world.give(SessionInput::Stored { id, result: Ok(()) });
    assert_eq!(world.asked(REFRESH).len(), 1);
    assert_eq!(world.settled.len(), 1);

    // Killed in between, the next process does not know whether it was presented: it creates.
    world.restart(config(), 1_000, &intent);
    refresh(&mut world, 2);
    assert!(world.asked(REFRESH).is_empty());
    assert_eq!(world.asked(CREATE).len(), 1);

    // What was written after it is the new secret, and it is presented once.
    let newest = world.records.last().unwrap().clone();
    world.restart(config(), 1_000, &newest);
    refresh(&mut world, 3);
    assert_eq!((world.asked(REFRESH).len(), world.asked(CREATE).len()), (1, 0));
}

#[test]
fn writing_the_intent_may_take_two_seconds_whatever_is_left() {
    // proves R12.1, R13.5
    for (before, span) in [(7_000_000 - 60_000, 2_000), (10_000, 2_000), (1_500, 1_500)] {
        let mut world = rotating();
        world.server.http_faults.insert(CREATE, (0..200).map(|_| Fault::Broken).collect());
        store(&mut world, || None);
        pass_to_last_call(&mut world, before);
        let id = world.unstored.last().copied();
        world.write_spans.clear();
        refresh(&mut world, 1);
        if world.unstored.last().copied() != id {
            assert_eq!(world.write_spans.last(), Some(&span), "{before} before the last call");
        }
    }
    let mut world = rotating();
    world.stores.push_back(None);
    refresh(&mut world, 1);
    assert_eq!(world.write_spans.last(), Some(&2_000));
}

#[test]
fn a_certain_holder_waits_for_the_store_and_presents_from_memory_at_the_last_call() {
    // proves R12.3
    let answers: [fn() -> Option<StoreFailure>; 2] = [|| Some(failed()), || None];
    for answer in answers {
        let mut world = rotating();
        // Who could mint does so long before; nobody can.
        world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Broken).collect());
        store(&mut world, answer);
        pass_to_last_call(&mut world, 100);
        assert!(world.asked(REFRESH).is_empty() && unwritten(&world) == 0, "the store may come back");
        assert!(world.is_live());
        world.pass(40_000);
        assert_eq!((world.asked(REFRESH).len(), unwritten(&world)), (1, 1), "{:?}", world.events);
        let told = world.events.iter().find(|it| it.kind() == EventKind::PresentedUnwritten).unwrap();
        assert!(matches!(told.cause, Some(Error::Store { .. } | Error::Timeout { .. })), "{told:?}");
        world.pass(200_000);
        assert!(world.is_live(), "{:?}", world.events);
        assert!(world.session.credential().unwrap().expires_at.unwrap().0 > world.unix() + 6_000_000);
    }
}

#[test]
fn while_the_store_fails_a_mint_takes_the_place_of_the_refresh() {
    // proves R12.8
    let mut world = rotating();
    store(&mut world, || Some(failed()));
    world.pass(7_200_000);
    assert!(world.is_live(), "{:?}", world.events);
    assert_eq!((world.asked(REFRESH).len(), unwritten(&world)), (0, 0));
    assert!(!world.asked(CREATE).is_empty());
}

#[test]
fn a_store_that_comes_back_lets_the_secret_be_presented() {
    // proves R12.3
    let mut world = rotating();
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Broken).collect());
    world.stores.push_back(Some(failed()));
    world.pass(7_200_000 - 30_000 - LAST_CALL - 5_000);
    assert!(world.is_live());
    assert_eq!((world.asked(REFRESH).len(), unwritten(&world)), (1, 0), "{:?}", world.events);
}

#[test]
fn who_is_unsure_mints() {
    // proves R12.4
    let mut world = rotating();
    let unsure = StoreFailure::Unsure(Error::Store { message: "no answer".to_owned() });
    world.stores.push_back(Some(unsure));
    refresh(&mut world, 1);
    assert_eq!((world.asked(REFRESH).len(), world.asked(CREATE).len()), (0, 1), "{:?}", world.events);
    assert!(world.settled[0].1.is_ok());
    // What it has minted it may present.
    world.pass(60_000);
    refresh(&mut world, 2);
    assert_eq!((world.asked(REFRESH).len(), world.asked(CREATE).len()), (1, 1));
}

#[test]
fn an_intent_that_stands_is_not_written_again() {
    // proves R12.2, R12.6
    let mut world = rotating();
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Unreachable).collect());
    world.server.http_faults.insert(REFRESH, [Fault::Unreachable, Fault::Unreachable].into());
    refresh(&mut world, 1);
    assert_eq!(world.asked(REFRESH).len(), 1);
    // Nothing is written from now on.
    store(&mut world, || None);
    world.pass(60_000);
    let presented = world.asked(REFRESH);
    assert_eq!(presented.len(), 3, "{:?}", world.events);
    assert!(presented.iter().all(|it| it.1 == presented[0].1), "nobody had been reached");
    // And each record that was written between says that it will be presented, should this process die.
    assert_eq!(unwritten(&world), 0);
    let mut world = rotating();
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Unreachable).collect());
    world.server.http_faults.insert(REFRESH, (0..500).map(|_| Fault::Unreachable).collect());
    refresh(&mut world, 1);
    for _ in 0..20 {
        world.pass(1_000);
        assert_eq!(written(&world)["presented"], true);
    }
}

#[test]
fn an_answer_to_its_writing_that_comes_late_presents_nothing_twice() {
    // proves R12.10
    let mut world = rotating();
    world.stores.push_back(None);
    refresh(&mut world, 1);
    let id = world.unstored.pop().unwrap();
    world.pass(40_000);
    assert!(world.settled.pop().unwrap().1.is_ok(), "a mint has taken its place");
    let asked = world.asked(REFRESH).len();
    world.give(SessionInput::Stored { id, result: Ok(()) });
    assert_eq!(world.asked(REFRESH).len(), asked);
    // Nor does it vouch for the next one.
    world.stores.push_back(None);
    refresh(&mut world, 2);
    assert_eq!(world.asked(REFRESH).len(), asked, "{:?}", world.server.requests);
}

#[test]
fn a_provider_that_was_replaced_meanwhile_is_not_asked() {
    // proves R15.1
    let mut world = rotating();
    world.stores.push_back(None);
    refresh(&mut world, 1);
    let id = world.unstored.pop().unwrap();
    let Provider::Subscriber { space, mut request } = subscriber() else { panic!() };
    request.reference = "bob".to_owned();
    world.give(SessionInput::SetProvider(Provider::Subscriber { space, request }));
    world.give(SessionInput::Stored { id, result: Ok(()) });
    world.pass(10_000);
    assert!(world.asked(REFRESH).is_empty(), "the old one's secret is void");
}

#[test]
fn an_hour_later_another_process_knows_how_old_it_is() {
    // proves R12.8, R13.1
    // survives P30
    let mut world = rotating();
    let record = world.records.last().unwrap().clone();
    for (down, is_presented) in [(3_600_000, true), (7_150_000, true), (7_190_000, false)] {
        // The token itself is good for longer; what is asked about is the secret.
        let token = world.server.tokens.values_mut().next().unwrap();
        token.ends = EPOCH + 90_000_000;
        world.restart(config(), down, &record);
        refresh(&mut world, 1);
        world.pass(10_000);
        let first = world.server.requests.iter().find(|(path, ..)| path == REFRESH || path == CREATE);
        assert_eq!(first.unwrap().0 == REFRESH, is_presented, "{down}");
        world = rotating();
    }
}

// ---- What comes late ----

#[test]
fn a_successor_that_comes_while_the_session_rests_is_kept() {
    // proves R12.11
    let mut world = rotating();
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    refresh(&mut world, 1);
    world.give(SessionInput::Suspend);
    successor(&mut world, "successor");
    world.pass(1_000);
    assert_eq!(written(&world)["secret"], "successor");
    let record = world.records.last().unwrap().clone();
    world.restart(config(), 1_000, &record);
    world.server.refresh_token = Some("successor".to_owned());
    refresh(&mut world, 2);
    assert_eq!(world.asked(REFRESH)[0].1["refresh_token"], "successor");
}

#[test]
fn a_successor_that_comes_after_its_time_is_kept() {
    // proves R12.11, R14.1
    let mut world = rotating();
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Broken).collect());
    refresh(&mut world, 1);
    world.pass(300_000);
    successor(&mut world, "successor");
    world.pass(2_000);
    assert_eq!(written(&world)["secret"], "successor");
    assert!(world.session.credential().unwrap().token.expose().contains("one") || world.is_live());
}

#[test]
fn a_successor_that_comes_before_the_end_is_kept_unless_all_is_destroyed() {
    // proves R12.11, R33.6
    for (input, is_kept) in
        [(SessionInput::Disconnect, true), (SessionInput::Leave, true), (SessionInput::Destroy, false)]
    {
        let mut world = rotating();
        world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
        refresh(&mut world, 1);
        store(&mut world, || None);
        world.give(input);
        assert_eq!(world.phase() == Phase::Ending, is_kept, "the store is slow");
        if !is_kept {
            assert!(matches!(world.phase(), Phase::Over(_)));
            successor(&mut world, "successor");
            assert!(world.records.is_empty());
            continue;
        }
        successor(&mut world, "successor");
        world.stores.clear();
        world.pass(10_000);
        assert!(matches!(world.phase(), Phase::Over(_)));
        assert_eq!(written(&world)["secret"], "successor");
    }
}

// ---- One holder ----

#[test]
fn who_finds_that_somebody_else_has_written_is_out() {
    // proves R11.1, R11.2
    // survives W4, P29
    let ordinary = |world: &mut World| {
        world.push_state();
        world.pass(2_000);
    };
    let intent = |world: &mut World| refresh(world, 1);
    let happens: [fn(&mut World); 2] = [ordinary, intent];
    for happens in happens {
        let mut world = rotating();
        world.stores.push_back(Some(taken()));
        let records = world.records.len();
        world.call(1, "m");
        happens(&mut world);
        assert_eq!(world.phase(), Phase::Over(TeardownReason::HandedOver), "{:?}", world.events);
        assert_eq!(world.records.len(), records + 1, "nothing is overwritten");
        world.pass(10_000_000);
        assert!(world.server.requests.is_empty(), "nothing is presented, nothing minted");
        assert_eq!(world.records.len(), records + 1);
        assert!(world.settled.iter().all(|(_, result)| *result == Err(Error::SessionOver)));
        let last = world.events.last().unwrap();
        assert!(matches!(last.kind(), EventKind::Teardown { reason: TeardownReason::HandedOver }));
        assert!(last.cause.as_ref().unwrap().to_string().contains("another session is using it"));
    }
}

#[test]
fn that_somebody_else_has_written_counts_however_late_it_is_said() {
    // proves R11.1, R29.2
    let ordinary = |world: &mut World| {
        world.push_state();
        world.pass(2_000);
    };
    let intent = |world: &mut World| refresh(world, 1);
    let happens: [fn(&mut World); 2] = [ordinary, intent];
    for happens in happens {
        let mut world = rotating();
        world.stores.push_back(None);
        happens(&mut world);
        let id = world.unstored.pop().unwrap();
        world.pass(5_000);
        assert!(world.is_live(), "a slow store ends nothing");
        world.give(SessionInput::Stored { id, result: Err(taken()) });
        assert_eq!(world.phase(), Phase::Over(TeardownReason::HandedOver), "{:?}", world.events);
    }
}

#[test]
fn what_the_store_says_after_the_last_call_still_counts() {
    // proves R11.1, R12.1
    let mut world = rotating();
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Broken).collect());
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    store(&mut world, || None);
    pass_to_last_call(&mut world, 0);
    while unwritten(&world) == 0 {
        world.pass(1_000);
    }
    // The answer comes after the successor: the next secret needs an intent of its own.
    let written_at_last = world.unstored.clone();
    let (_, request) = world.silent.last().unwrap();
    assert_eq!(request.url.path(), REFRESH);
    world.stores.clear();
    successor(&mut world, "successor");
    for id in written_at_last {
        world.give(SessionInput::Stored { id, result: Ok(()) });
    }
    world.pass(3_000);
    assert_eq!(written(&world)["secret"], "successor");
    assert_eq!(written(&world)["presented"], false);
    world.stores.push_back(None);
    let asked = world.asked(REFRESH).len();
    refresh(&mut world, 1);
    assert_eq!(world.asked(REFRESH).len(), asked, "not before it is written");

    let mut world = rotating();
    world.server.http_faults.insert(CREATE, (0..500).map(|_| Fault::Broken).collect());
    world.server.http_faults.insert(REFRESH, [Fault::Silent].into());
    store(&mut world, || None);
    pass_to_last_call(&mut world, 0);
    while unwritten(&world) == 0 {
        world.pass(1_000);
    }
    let id = world.unstored.pop().unwrap();
    world.give(SessionInput::Stored { id, result: Err(taken()) });
    assert_eq!(world.phase(), Phase::Over(TeardownReason::HandedOver), "{:?}", world.events);
}

#[test]
fn a_record_of_a_secret_is_whole() {
    // proves R13.1
    let world = rotating();
    let text = world.records.last().unwrap();
    assert_eq!(Record::decode(text.as_bytes()).unwrap().encode().expose(), text);
    assert_eq!(written(&world)["presented"], false);
    assert!(!world.told().iter().any(|it| matches!(it, Event::Teardown { .. })));
}
