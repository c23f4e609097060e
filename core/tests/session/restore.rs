//! A session goes on from its record; a one-time secret is never presented twice (L5, L25, L30, L31, L41).

use crate::world::*;
use proptest::prelude::*;
use satkeeper_core::dpop::ProofKey;
use satkeeper_core::error::Error;
use satkeeper_core::lifecycle::AskId;
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
    // proves L5, L34
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
    // proves L46
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
    // proves L5
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
    // proves L25
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
    // proves L25
    // survives P31
    let mut world = World::new(durable(subscriber()));
    world.stores.extend((0..5).map(|_| Some(failed())));
    world.give(SessionInput::Start);
    world.pass(120_000);
    assert!(world.is_live());
    assert_eq!(warned(&world), 5);
    assert!(world.records.len() > 5);
}

/// A provider whose tokens have no scope, so that the rotating refresh token is what renews.
fn rotating() -> World {
    rotating_since(0, KeyChoice::None)
}

/// The same, begun so much later.
fn rotating_since(begun: u64, key: KeyChoice) -> World {
    let mut world = World::new(durable(subscriber()).key(key));
    world.server.scope = false;
    world.server.serial = u32::from(begun > 0);
    world.pass(begun);
    world.give(SessionInput::Start);
    world.push_state();
    world.pass(30_000);
    assert!(world.is_live());
    world.clear();
    world
}

#[test]
fn the_intent_is_written_before_a_one_time_secret_is_presented() {
    // proves L31
    let mut world = rotating();
    world.stores.push_back(None);
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert!(world.asked(REFRESH).is_empty(), "not before it is written");
    let intent = world.records.last().unwrap().clone();
    let id = world.unstored.pop().unwrap();
    world.give(SessionInput::Stored { id, result: Ok(()) });
    assert_eq!(world.asked(REFRESH).len(), 1);
    assert_eq!(world.settled.len(), 1);

    // Killed in between, the next process does not know whether it was presented: it creates.
    let config = durable(subscriber()).key(KeyChoice::None);
    world.restart(config.clone(), 1_000, &intent);
    world.give(SessionInput::RefreshNow { ask: AskId(2) });
    assert!(world.asked(REFRESH).is_empty());
    assert_eq!(world.asked(CREATE).len(), 1);

    // What was written after it is the new secret, and it is presented once.
    let newest = world.records.last().unwrap().clone();
    world.restart(config, 1_000, &newest);
    world.give(SessionInput::RefreshNow { ask: AskId(3) });
    assert_eq!((world.asked(REFRESH).len(), world.asked(CREATE).len()), (1, 0));
}

#[test]
fn the_intent_that_cannot_be_written_does_not_stop_the_renewal() {
    // proves L25, L31
    let mut world = rotating();
    world.stores.push_back(Some(failed()));
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert_eq!(world.asked(REFRESH).len(), 1);
    assert!(world.settled[0].1.is_ok());
}

#[test]
fn who_loses_to_another_holder_does_not_present_the_secret() {
    // proves L30
    // survives P29
    let mut world = rotating();
    // One that has done nothing since: nothing is to be had from it.
    let idle = rotating().session.record();
    world.stores.push_back(Some(StoreFailure::Conflict(Box::new(idle))));
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert!(world.asked(REFRESH).is_empty());
    assert!(matches!(&world.settled[0].1, Err(error) if format!("{error:?}").contains("another holder")));
    assert!(world.is_live());
}

#[test]
fn who_has_lost_the_store_presents_nothing_and_mints_instead() {
    // proves L30
    // survives W4
    let mut world = rotating();
    let taken = || StoreFailure::Taken(Error::Store { message: "another session is using it".to_owned() });
    world.stores.push_back(Some(taken()));
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert!(world.asked(REFRESH).is_empty() && world.asked(CREATE).is_empty());
    assert!(world.settled[0].1.is_err() && world.is_live());
    world.pass(60_000);
    assert!(world.asked(REFRESH).is_empty(), "not later either");
    world.give(SessionInput::RefreshNow { ask: AskId(2) });
    assert!(world.asked(REFRESH).is_empty() && !world.asked(CREATE).is_empty());
}

#[test]
fn a_server_cannot_make_the_record_outgrow_its_store() {
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
fn who_loses_to_another_holder_goes_on_with_what_that_one_has_got() {
    // proves L30, L25
    // survives P29
    let mut world = rotating();
    let mut other = rotating();
    other.give(SessionInput::RefreshNow { ask: AskId(1) });
    let theirs = other.session.credential().unwrap().token;
    world.server.tokens.insert(theirs.expose().to_owned(), other.server.tokens[theirs.expose()].clone());
    world.pass(600_000);

    world.stores.push_back(Some(StoreFailure::Conflict(Box::new(other.session.record()))));
    world.give(SessionInput::RefreshNow { ask: AskId(1) });
    assert!(world.asked(REFRESH).is_empty() && world.asked(CREATE).is_empty());
    assert!(world.settled[0].1.is_ok(), "it is a renewal like any other");
    assert!(world.is_live() && world.session.credential().unwrap().token == theirs);
    // Pushed, acknowledged and written, its age not forgotten.
    assert_eq!(world.sent("signalwire.reauthenticate").len(), 1);
    assert!(world.records.last().unwrap().contains(theirs.expose()));
    let ends = world.session.credential().unwrap().expires_at.unwrap().0;
    assert!(ends <= world.unix() + 7_200_000 - 600_000, "{}", ends - world.unix());

    // The next one presents the secret that came with it.
    world.server.refresh_token = other.server.refresh_token.clone();
    world.give(SessionInput::RefreshNow { ask: AskId(2) });
    assert_eq!((world.asked(REFRESH).len(), world.settled[1].1.is_ok()), (1, true));
}

#[test]
fn what_another_holder_has_got_for_its_own_key_is_of_no_use() {
    // proves L30, L46
    let held =
        |secret| KeyChoice::Held { key: ProofKey::es256_from_bytes(&[secret; 32]).unwrap(), proved: false };
    for (theirs, is_ours) in [(9, true), (99, false)] {
        let mut world = rotating_since(0, held(9));
        let other = rotating_since(10_000, held(theirs));
        let token = other.session.credential().unwrap().token;
        assert!(other.server.tokens[token.expose()].jkt.is_some(), "it was minted for a key");
        world.server.tokens.insert(token.expose().to_owned(), other.server.tokens[token.expose()].clone());
        world.stores.push_back(Some(StoreFailure::Conflict(Box::new(other.session.record()))));
        world.give(SessionInput::RefreshNow { ask: AskId(1) });
        assert!(world.asked(REFRESH).is_empty());
        assert_eq!(world.settled[0].1.is_ok(), is_ours, "{:?}", world.settled);
        assert_eq!(world.session.credential().unwrap().token == token, is_ours);
    }
}

#[test]
fn who_leaves_writes_all_of_it_last_and_says_nothing_to_the_server() {
    // proves L41
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
    // proves L41
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
    // proves L5, L49
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

proptest! {
    // proves L51: any bytes, no panic; whatever is read can be gone on from
    #[test]
    fn any_bytes_do_no_harm(at in any::<usize>(), byte: u8, cut: bool, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        static RECORD: std::sync::OnceLock<String> = std::sync::OnceLock::new();
        prop_assert!(Record::decode(&bytes).is_err());
        let mut damaged =
            RECORD.get_or_init(|| begun().records.last().unwrap().clone()).clone().into_bytes();
        let at = at % damaged.len();
        damaged[at] = byte;
        if cut {
            damaged.truncate(at);
        }
        if Record::decode(&damaged).is_ok() {
            let mut world = World::new(with_key(subscriber()));
            world.restart(with_key(subscriber()), 1_000, core::str::from_utf8(&damaged).unwrap());
            world.pass(60_000);
        }
    }
}
