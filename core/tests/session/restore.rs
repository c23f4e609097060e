//! A session goes on from its record, and writes it (R13, R30, R33).

use crate::world::*;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::{Event, KeyAlgorithm, Phase, TeardownReason, Warning};
use satkeeper_core::session::{Config, KeyChoice, Provider, Record, SessionInput, SessionNews, StoreFailure};

fn durable(provider: Provider) -> Config {
    Config::new(provider).durable(true).key(KeyChoice::Fixed(KeyAlgorithm::Es256))
}

/// The key that the world makes, kept.
fn with_key(provider: Provider) -> Config {
    durable(provider).key(KeyChoice::Held { key: ec(), proved: false })
}

/// Live, bound, resumable.
fn begun() -> World {
    let mut world = World::start(durable(subscriber()));
    assert!(world.is_live());
    world.push_state();
    world.pass(30_000);
    assert!(world.session.status().bound);
    world
}

fn failed() -> StoreFailure {
    StoreFailure::Failed(Error::Store { message: "the disk is full".to_owned() })
}

fn warned(world: &World) -> usize {
    world.told().iter().filter(|it| matches!(it, Event::Warn(Warning::StoreFailed { .. }))).count()
}

#[test]
fn another_process_resumes_and_mints_nothing() {
    // proves R13.1, R21.3
    // survives S22
    let mut world = begun();
    let before = world.session.credential().unwrap();
    let record = world.records.last().unwrap().clone();
    world.restart(with_key(subscriber()), 60_000, &record);
    assert!(world.session.is_restored() && world.is_live());
    assert!(world.server.requests.is_empty(), "{:?}", world.server.requests);
    let connects = world.sent("signalwire.connect");
    assert_eq!(connects.len(), 1);
    assert_eq!(connects[0]["params"]["authorization_state"], format!("{CANARY}state"));
    assert_eq!(connects[0]["params"]["protocol"], "signalwire_p");
    assert!(connects[0]["params"]["dpop_token"].is_string());
    let after = world.session.credential().unwrap();
    assert!(after.token == before.token && after.generation == before.generation);
    // And it goes on renewing what it has.
    world.pass(900_000);
    assert!(!world.asked(DEVICE_REFRESH).is_empty());
    assert!(world.asked(CREATE).is_empty() && world.asked(DEVICE_TOKEN).is_empty());
}

#[test]
fn without_the_key_what_is_bound_to_it_is_of_no_use() {
    // proves R35.9
    let mut world = begun();
    let record = world.records.last().unwrap().clone();
    let other = ProofKey::es256_from_bytes(&[99; 32]).unwrap();
    let config = durable(subscriber()).key(KeyChoice::Held { key: other, proved: false });
    world.restart(config, 60_000, &record);
    assert!(world.is_live());
    assert_eq!(world.asked(CREATE).len(), 1);
}

#[test]
fn a_record_of_somebody_else_is_of_no_use() {
    // proves R13
    let mut world = begun();
    let record = world.records.last().unwrap().clone();
    let own = Minted { ends: EPOCH + 7_200_000, ..Minted::default() };
    world.server.tokens.insert(sat("own", "relay.sw.test"), own);
    world.restart(durable(Provider::Static(credential("own"))), 60_000, &record);
    assert!(!world.session.is_restored());
    assert_eq!(world.sent("signalwire.connect").len(), 1);
    let token = &world.sent("signalwire.connect")[0]["params"]["authentication"]["jwt_token"];
    assert!(token.as_str().unwrap().contains("own"));
}

#[test]
fn a_token_is_written_before_it_is_pushed() {
    // proves R13.3, R13.4
    // survives S8
    let mut world = begun();
    world.clear();
    world.stores.push_back(None);
    world.pass(900_000);
    let asked = world.asked(DEVICE_REFRESH).len();
    assert!(asked > 0);
    let pushed = world.sent("signalwire.reauthenticate").len();
    assert!(pushed > 0, "after the deadline of the write the session goes on in memory");
    assert_eq!(warned(&world), 1);
    // And the write is made up for.
    let token = world.session.credential().unwrap().token;
    assert!(world.records.last().unwrap().contains(token.expose()));
}

#[test]
fn a_store_that_fails_is_warned_of_and_ends_nothing() {
    // proves R13.4
    // survives P31
    let mut world = World::new(durable(subscriber()));
    world.stores.extend((0..5).map(|_| Some(failed())));
    world.give(SessionInput::Start);
    world.pass(120_000);
    assert!(world.is_live());
    assert_eq!(warned(&world), 5);
    assert!(world.records.len() > 5);
}

#[test]
fn a_server_cannot_make_the_record_outgrow_its_store() {
    // proves R32.6
    // survives W3
    let mut world = begun();
    let large = format!("{CANARY}{}", "x".repeat(16 * 1024));
    let state = |state: &str| {
        serde_json::json!({"jsonrpc": "2.0", "id": "state", "method": "signalwire.event", "params": {
            "event_type": "signalwire.authorization.state", "params": {"authorization_state": state},
        }})
    };
    let told = |world: &World, field: &'static str| {
        world.events.iter().filter(|told| told.event == SessionNews::NotKept { field }).count()
    };
    for _ in 0..3 {
        world.push(&state(&large));
    }
    assert_eq!(told(&world, "authorization_state"), 1);
    // What there was before stays, and is resumed with; so do protocol and project.
    let result = serde_json::json!({
        "protocol": large, "authorization": {"project_id": large}, "session_restored": true,
    });
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Result(result)].into());
    world.drop_socket();
    world.pass(30_000);
    assert!(world.is_live());
    assert_eq!(told(&world, "protocol"), 1);
    // The push that follows would have to name the project, and its answer names another.
    assert!(world.server.frames.iter().all(|(_, frame)| !frame.to_string().contains(&large)));
    let kept = world.session.record().encode();
    assert!(!kept.expose().contains(&large) && kept.expose().contains("\"project\":\"project\""));
    world.drop_socket();
    world.pass(30_000);
    let connects = world.sent("signalwire.connect");
    assert_eq!(connects.len(), 3);
    for resumed in &connects[1..] {
        assert_eq!(resumed["params"]["authorization_state"], format!("{CANARY}state"));
        assert_eq!(resumed["params"]["protocol"], "signalwire_p");
    }
    // The largest that is kept leaves the record far from the limit of its store.
    let kept = large.get(..16 * 1024).unwrap();
    world.push(&state(kept));
    world.pass(1_000);
    let record = world.records.last().unwrap();
    assert!(record.contains(kept) && !record.contains(&large) && record.len() < Record::MOST / 4);
}

#[test]
fn who_leaves_writes_all_of_it_last_and_says_nothing_to_the_server() {
    // proves R33.3
    // survives W10
    let mut world = begun();
    let (records, sent) = (world.records.len(), world.server.frames.len());
    world.give(SessionInput::Leave);
    world.pass(5_000);
    assert_eq!(world.phase(), Phase::Over(TeardownReason::Left));
    assert_eq!((world.records.len(), world.server.frames.len()), (records + 1, sent));
    let record = world.records.last().unwrap().clone();
    assert!(record.contains("CANARYstate"));
    world.restart(with_key(subscriber()), 1_000, &record);
    assert!(world.is_live() && world.server.requests.is_empty());
    assert!(world.sent("signalwire.connect")[0]["params"].get("authorization_state").is_some());
}

#[test]
fn an_end_keeps_the_tokens_and_forgets_the_resume_state() {
    // proves R33.4, R33.5
    let mut world = begun();
    world.give(SessionInput::Disconnect);
    world.pass(5_000);
    let record = world.records.last().unwrap().clone();
    assert!(!record.contains("CANARYstate"));
    world.restart(with_key(subscriber()), 1_000, &record);
    assert!(world.is_live() && world.server.requests.is_empty());
    assert!(world.sent("signalwire.connect")[0]["params"].get("authorization_state").is_none());

    world.give(SessionInput::Destroy);
    world.pass(5_000);
    assert!(world.records.is_empty(), "erased");
}

#[test]
fn what_is_no_record_is_refused_with_a_reason() {
    // proves R13.9, R36.1
    let record = begun().records.last().unwrap().clone();
    let newer = record.replacen("\"version\":1", "\"version\":2", 1);
    let other = record.replacen("satkeeper record", "something else", 1);
    let cut = record.get(..record.len() / 2).unwrap();
    let huge = " ".repeat(2 << 20);
    for (text, why) in [
        (newer.as_str(), "version 2, this program knows 1"),
        (other.as_str(), "something else"),
        (cut, "ends too early"),
        ("", "ends too early"),
        ("[]", "another shape"),
        (huge.as_str(), "larger than"),
    ] {
        let error = Record::decode(text.as_bytes()).err().unwrap();
        assert!(error.to_string().contains(why), "{error} {why}");
        assert!(!format!("{error:?}").contains(CANARY));
    }
    let again = Record::decode(record.as_bytes()).unwrap().encode();
    assert_eq!(again.expose(), record);
}
