//! Keys and proofs: whose, when signed, with what nonce, by whom (R34 to R35).

use crate::world::*;
use satkeeper_core::Now;
use satkeeper_core::dpop::{Algorithm, ProofKey, ath};
use satkeeper_core::lifecycle::{Event, Mechanism, Warning};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Config, KeyChoice, Provider, SessionInput};
use satkeeper_core::wire::http::HttpResponse;
use serde_json::Value;

#[test]
fn an_answer_returns_the_time_that_its_proof_was_signed_with() {
    // proves R31.1
    let mut world = World::new(Config::new(subscriber()));
    world.session.record_run(Now::new(world.now, world.unix()), [8; 32]);
    world.give(SessionInput::Start);
    assert!(world.session.status().bound);
    let run: Vec<Value> =
        world.session.take_run().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for reply in ["Authenticated", "Reauthenticated", "Token"] {
        let said = |line: &&Value| line["input"]["Done"][1]["result"]["Ok"].get(reply).is_some();
        let last = run.iter().rfind(said).unwrap();
        let signed = last["input"]["Done"][1]["signed_at"].as_u64().unwrap();
        assert!(signed.abs_diff(EPOCH) <= 2_000, "{reply}: {last}");
    }
}

#[test]
fn the_date_of_the_handshake_tells_the_time() {
    // proves R3.2
    let mut world = World::new(Config::new(Provider::Static(credential("one"))).key(KeyChoice::None));
    world.server.ahead = 3_600_000;
    let minted = Minted { ends: EPOCH + 7_200_000, ..Minted::default() };
    world.server.tokens.insert(sat("one", "relay.sw.test"), minted);
    world.server.http_faults.insert(INFO, [Fault::Silent].into());
    world.give(SessionInput::Start);
    assert!(world.is_live());
    let offset = world.session.status().clock_offset.unwrap();
    assert!(offset.abs_diff(3_600_000) <= 2_000, "{offset}");
}

#[test]
fn a_nonce_is_honoured_once_within_the_command() {
    // proves R35.4
    // survives P27, P28, S24
    let mut world = World::new(Config::new(subscriber()));
    let challenge = |nonce: &str| {
        let mut response = HttpResponse::new(400, "{\"error\":\"use_dpop_nonce\"}");
        response.set_header("DPoP-Nonce", nonce);
        Fault::Http(response)
    };
    world.server.http_faults.insert(DEVICE_TOKEN, [challenge("n1")].into());
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 2);
    assert_eq!(world.server.proofs.iter().filter(|it| it["nonce"] == "n1").count(), 1);
    assert!(!world.told().iter().any(|it| matches!(it, Event::Warn(_))), "{:?}", world.events);

    let mut world = World::new(Config::new(subscriber()));
    world.server.http_faults.insert(DEVICE_TOKEN, [challenge("n1"), challenge("n2")].into());
    world.give(SessionInput::Start);
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 2, "one repetition, then the lifecycle's own schedule");
}

#[test]
fn proofs_are_in_the_servers_time_and_in_full_where_wanted() {
    // proves R4.1, R35.1
    // survives P25, S24, S25
    let mut world = World::new(Config::new(subscriber()).full_htu(true));
    world.server.ahead = 3_600_000;
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.server.proofs.iter().all(|it| it["skew_ms"].as_u64().unwrap() <= 2_500));
    let htu = format!("https://fabric.sw.test{DEVICE_TOKEN}");
    assert!(world.server.proofs.iter().any(|it| it["htu"] == *htu));
}

#[test]
fn an_activation_names_its_token_where_wanted() {
    // proves R35.1
    for wanted in [false, true] {
        let mut world = World::new(Config::new(subscriber()).ath_on_activation(wanted));
        world.give(SessionInput::Start);
        assert!(world.is_live(), "{:?}", world.events);
        world.pass(900_000);
        let of = |path: &str| world.server.proofs.iter().filter(|it| it["htu"] == *path).collect::<Vec<_>>();
        let base = world.asked(DEVICE_TOKEN)[0].2.trim_start_matches("Bearer ").to_owned();
        let named = of(DEVICE_TOKEN)[0]["ath"].as_str().map(str::to_owned);
        assert_eq!(named, wanted.then(|| ath(&Secret::new(base))), "{wanted}");
        assert!(of(DEVICE_REFRESH).iter().all(|it| it["ath"].is_string()) && !of(DEVICE_REFRESH).is_empty());
    }
}

#[test]
fn a_proof_names_the_token_that_it_goes_with() {
    // proves R35.1
    let mut world = bound();
    world.pass(3_600_000);
    let refreshes = world.asked(DEVICE_REFRESH);
    assert!(refreshes.len() >= 3);
    let proofs = world.server.proofs.iter().filter(|it| it["htu"] == *DEVICE_REFRESH);
    let named: Vec<_> = proofs.map(|it| it["ath"].as_str().unwrap().to_owned()).collect();
    let carried: Vec<_> =
        refreshes.iter().map(|it| ath(&Secret::new(it.2.trim_start_matches("Bearer ")))).collect();
    assert_eq!(named, carried);
    let mut different = named.clone();
    different.dedup();
    assert_eq!(different.len(), named.len(), "each goes with a token of its own");
}

#[test]
fn no_key_leaves_the_session_unbound() {
    // proves R35.8
    let mut world = World::new(Config::new(subscriber()));
    world.keys_refused = true;
    world.give(SessionInput::Start);
    assert!(world.is_live());
    assert!(world.asked(CREATE)[0].1.get("fingerprint").is_none());
    assert!(world.asked(CREATE)[0].1.get("scope").is_none());
    assert!(world.sent("signalwire.connect")[0]["params"].get("dpop_token").is_none());
}

#[test]
fn a_server_that_takes_no_es256_gets_rs256() {
    // proves R35.7
    let mut world = World::new(Config::new(subscriber()));
    let refused = Fault::Http(HttpResponse::new(400, "{\"error\":\"invalid_dpop_proof\"}"));
    world.server.http_faults.insert(DEVICE_TOKEN, [refused].into());
    // Once a session has been live its key stays as it is.
    world.server.rpc_faults.insert("signalwire.connect", [RpcFault::Silent].into());
    let info = HttpResponse::new(200, "{\"sat_claims\":{\"scope\":[\"sat:refresh\"]}}");
    world.server.http_faults.insert(INFO, [Fault::Http(info)].into());
    world.give(SessionInput::Start);
    world.pass(20_000);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.told().iter().any(|it| matches!(it, Event::Warn(Warning::KeySwitched { .. }))));
    assert_eq!(world.asked(CREATE)[1].1["fingerprint"], *rsa().thumbprint());
    assert_eq!(world.server.proofs.last().unwrap()["alg"], "RS256");
    assert_eq!(world.session.status().mechanism, Mechanism::Bound);
}

#[test]
fn a_token_bound_to_another_key_is_known_for_it() {
    // proves R31.1, R35.9
    let mut world = World::new(Config::new(CALLBACK).key(KeyChoice::Held { key: rsa(), proved: true }));
    let minted = Minted { ends: EPOCH + 7_200_000, scope: true, jkt: Some(ec().thumbprint().to_owned()) };
    world.server.tokens.insert(sat("one", "relay.sw.test"), minted);
    world.provider.push_back(Ok(credential("one")));
    world.give(SessionInput::Start);
    let told = world.told();
    assert!(
        told.iter().any(|it| matches!(it, Event::Warn(Warning::ForeignKey { .. }))),
        "{:?}",
        world.events
    );
    assert!(world.asked(DEVICE_TOKEN).is_empty() && world.sent("signalwire.connect").is_empty());
}

/// A session whose key is held by somebody else.
fn external() -> World {
    let key = ProofKey::external(Algorithm::Es256, ec().jwk().clone()).unwrap();
    World::new(Config::new(subscriber()).key(KeyChoice::Held { key, proved: true }))
}

#[test]
fn an_external_signer_is_asked_for_every_proof() {
    // proves R35.11
    let mut world = external();
    world.signs = Signs::AtOnce;
    world.give(SessionInput::Start);
    assert!(world.is_live(), "{:?}", world.events);
    assert!(world.session.status().bound);
    world.pass(3_600_000);
    assert!(world.is_live());
    assert!(world.signatures.len() > 6);
    assert_eq!(world.server.proofs.len(), world.signatures.len());
}

#[test]
fn a_signature_that_comes_stale_is_asked_for_again() {
    // proves R35.3, R35.4, R35.11
    let mut world = external();
    world.signs = Signs::Later;
    world.server.http_faults.insert(INFO, [Fault::Silent].into());
    world.give(SessionInput::Start);
    let (id, _) = world.signatures.pop().unwrap();
    world.now += 9_000;
    world.sign(id);
    assert!(world.is_live(), "in time");
    world.pass(6_000);
    // The exchange waits for its signature when another answer of its host brings a nonce.
    let (first, claims) = world.signatures.pop().unwrap();
    assert!(!claims.contains("nonce"), "{claims}");
    let (info, _) = world.silent.pop().unwrap();
    let mut response = HttpResponse::new(503, "");
    response.set_header("DPoP-Nonce", "n1");
    world.give(SessionInput::Http { id: info, result: Ok(response) });
    world.sign(first);
    assert!(world.asked(DEVICE_TOKEN).is_empty());
    let (second, claims) = world.signatures.pop().unwrap();
    assert!(claims.contains("\"nonce\":\"n1\""), "{claims}");
    // Twice the same answer, or one to what is not asked any more, is harmless.
    world.sign(first);
    world.sign(second);
    world.sign(second);
    assert_eq!(world.asked(DEVICE_TOKEN).len(), 1);
    assert!(world.is_live());
}

#[test]
fn a_signer_that_fails_is_asked_again_later() {
    // proves R35.11
    let mut world = external();
    world.signs = Signs::Never;
    world.give(SessionInput::Start);
    world.pass(20_000);
    assert!(!world.is_live());
    assert!(world.sent("signalwire.connect").is_empty(), "what is bound is not shown without a proof");
    world.signs = Signs::AtOnce;
    world.pass(10_000);
    assert!(world.is_live(), "{:?}", world.events);
}
