//! Records come from files: whatever is in one, nothing panics, nothing runs hot, and the session begins or goes on (R30,
//! R36).

use std::sync::OnceLock;

use crate::world::*;
use proptest::prelude::*;
use satkeeper_core::lifecycle::{AskId, KeyAlgorithm, Snapshot};
use satkeeper_core::session::{Config, KeyChoice, Record, SessionInput};
use serde_json::{Value, json};

fn config() -> Config {
    Config::new(subscriber()).durable(true).key(KeyChoice::Held { key: ec(), proved: false })
}

/// The record of a session that is live, bound and resumable, and has had a failure and a forgotten token.
fn record() -> &'static str {
    static RECORD: OnceLock<String> = OnceLock::new();
    RECORD.get_or_init(|| {
        let key = KeyChoice::Fixed(KeyAlgorithm::Es256);
        let mut world = World::start(Config::new(subscriber()).durable(true).key(key));
        world.push_state();
        world.server.http_faults.insert(DEVICE_REFRESH, [Fault::Broken].into());
        world.pass(1_800_000);
        assert!(world.is_live() && world.session.status().bound);
        world.records.last().unwrap().clone()
    })
}

/// Goes on from it for an hour, and is destroyed.
fn goes_on(text: &str) {
    let Ok(record) = Record::decode(text.as_bytes()) else { return };
    // What was read is written as it was read.
    let again = Record::decode(record.encode().expose().as_bytes()).unwrap();
    assert!(again.encode() == record.encode());
    let mut world = World::new(config());
    world.server.serial = 1_000;
    world.restart(config(), 1_000, text);
    world.pass(60_000);
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    world.pass(3_540_000);
    world.give(SessionInput::Destroy);
    world.pass(10_000);
    let asked = world.server.requests.len() + world.opened.len();
    assert!(asked < 1_500, "{asked} requests in an hour");
}

/// All places in a value at which something of this kind stands.
fn places(value: &Value, is_it: fn(&Value) -> bool, at: &str, found: &mut Vec<String>) {
    if is_it(value) {
        found.push(at.to_owned());
    }
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, is_it, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (n, element) in elements.iter().enumerate() {
                places(element, is_it, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

fn all(is_it: fn(&Value) -> bool) -> Vec<(String, Value)> {
    let value: Value = serde_json::from_str(record()).unwrap();
    let mut found = Vec::new();
    places(&value, is_it, "", &mut found);
    found.into_iter().map(|place| (place, value.clone())).collect()
}

#[test]
fn no_number_of_a_record_does_harm() {
    // proves R13.9, R36.7
    let numbers = all(Value::is_number);
    // Bytes of hashes aside, there are not so many.
    let numbers: Vec<_> = numbers.into_iter().filter(|(place, _)| !place.starts_with("/forgotten")).collect();
    assert!(numbers.len() > 50, "{}", numbers.len());
    for (place, value) in numbers {
        let at = |number: u64| {
            let mut damaged = value.clone();
            *damaged.pointer_mut(&place).unwrap() = json!(number);
            damaged.to_string()
        };
        let now = EPOCH + 1_800_000;
        for number in [0, 1, now + 86_400_000_000, u64::from(u32::MAX), i64::MAX.unsigned_abs(), u64::MAX] {
            goes_on(&at(number));
        }
    }
}

#[test]
fn what_is_missing_or_there_many_times_does_no_harm() {
    // proves R13.9, R36.7
    for (place, value) in all(|it| it.is_array() || it.is_object() || it.is_null()) {
        for change in 0..3 {
            let mut damaged = value.clone();
            let part = damaged.pointer_mut(&place).unwrap();
            match (change, part.as_array_mut()) {
                (0, _) => *part = Value::Null,
                (1, Some(elements)) => *elements = Vec::new(),
                (2, Some(elements)) => *elements = vec![elements.clone(); 200].concat(),
                _ => continue,
            }
            goes_on(&damaged.to_string());
        }
    }
}

#[test]
fn tokens_with_one_number_are_one() {
    // proves R13.9
    let mut value: Value = serde_json::from_str(record()).unwrap();
    let held = value["snapshot"]["held"].as_array_mut().unwrap();
    assert!(held.len() >= 2);
    let id = held[0]["id"].clone();
    held.iter_mut().for_each(|token| token["id"] = id.clone());
    goes_on(&value.to_string());
}

#[test]
fn a_wait_of_a_record_is_no_longer_than_any_machine_waits() {
    // proves R13.9, R18.4
    let mut value: Value = serde_json::from_str(record()).unwrap();
    for endpoint in ["mint", "refresh", "activate", "renew"] {
        let far = json!(EPOCH + 30 * 86_400_000);
        let pace = &mut value["snapshot"]["paces"][endpoint];
        (pace["not_before"], pace["asked"], pace["sent"]) = (far.clone(), far.clone(), far);
    }
    let mut world = World::new(config());
    world.server.serial = 1_000;
    let tokens = value["tokens"].as_array().unwrap().clone();
    for token in tokens {
        let (token, ends) = (token["token"].as_str().unwrap().to_owned(), EPOCH + 86_400_000);
        let jkt = Some(ec().thumbprint().to_owned());
        world.server.tokens.insert(token, Minted { ends, scope: true, jkt });
    }
    world.restart(config(), 1_000, &value.to_string());
    assert!(world.is_live(), "{:?}", world.events);
    world.pass(2 * 3_600_000);
    assert!(world.is_live(), "{:?}", world.events);
}

#[test]
fn a_snapshot_and_a_record_are_read_as_they_were_written() {
    // proves R13.1
    let value: Value = serde_json::from_str(record()).unwrap();
    let snapshot: Snapshot = serde_json::from_value(value["snapshot"].clone()).unwrap();
    assert_eq!(serde_json::to_value(&snapshot).unwrap(), value["snapshot"]);
    let again: Snapshot = serde_json::from_str(&serde_json::to_string(&snapshot).unwrap()).unwrap();
    assert_eq!(again, snapshot);
    assert!(snapshot.tokens().count() >= 2);
    let again = Record::decode(record().as_bytes()).unwrap();
    assert_eq!(again.encode().expose(), record());
}

#[test]
fn a_token_that_was_forgotten_is_known_again_by_another_process() {
    // proves R31.2
    let value: Value = serde_json::from_str(record()).unwrap();
    assert!(!value["forgotten"].as_array().unwrap().is_empty());
    let config = || Config::new(CALLBACK).durable(true).key(KeyChoice::None);
    let mut world = World::new(config());
    for name in ["one", "two", "three"] {
        let minted = Minted { ends: EPOCH + 7_200_000, ..Minted::default() };
        world.server.tokens.insert(sat(name, "relay.sw.test"), minted);
    }
    world.provider.extend([Ok(credential("one")), Ok(credential("two"))]);
    world.give(SessionInput::Start);
    let ids = |world: &World| {
        let record: Value = serde_json::from_str(world.session.record().encode().expose()).unwrap();
        let tokens = record["tokens"].as_array().unwrap().clone();
        tokens
            .iter()
            .map(|it| (it["token"].as_str().unwrap().to_owned(), it["id"].clone()))
            .collect::<Vec<_>>()
    };
    let number = |world: &World, name: &str| {
        let token = sat(name, "relay.sw.test");
        ids(world).into_iter().find(|(it, _)| *it == token).map(|(_, id)| id)
    };
    let first = number(&world, "one").unwrap();
    // A second one of the same life: what was asked for before goes with its acceptance.
    world.pass(10_000);
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    world.pass(5_000);
    assert_eq!(number(&world, "one"), None, "{:?}", ids(&world));
    let record = world.records.last().unwrap().clone();
    world.restart(config(), 1_000, &record);
    world.give(SessionInput::UpdateToken { ask: AskId(2), credential: credential("one") });
    assert_eq!(number(&world, "one"), Some(first.clone()));
    world.give(SessionInput::UpdateToken { ask: AskId(3), credential: credential("three") });
    assert!(number(&world, "three").unwrap().as_u64() > first.as_u64());
}

proptest! {
    // proves R13.9, R36.7: any bytes, no panic; whatever is read can be gone on from
    #[test]
    fn any_bytes_do_no_harm(at in any::<usize>(), byte: u8, cut: bool, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Record::decode(&bytes).is_err());
        let mut damaged = record().as_bytes().to_vec();
        let at = at % damaged.len();
        damaged[at] = byte;
        if cut {
            damaged.truncate(at);
        }
        if let Ok(text) = core::str::from_utf8(&damaged) {
            goes_on(text);
        } else {
            prop_assert!(Record::decode(&damaged).is_err());
        }
    }
}
