//! The examples: each step of `phone` happens, and it says so where one does not; `gateway` comes to its end.
#![allow(clippy::print_stdout, reason = "shown when a test fails")]

#[path = "../examples/gateway.rs"]
mod gateway;
#[path = "../examples/phone/media.rs"]
mod media;
#[path = "../examples/phone/phone.rs"]
mod phone;
#[path = "../examples/phone/place.rs"]
mod place;
#[path = "../examples/phone/script.rs"]
mod script;
#[path = "../examples/phone/silence.rs"]
mod silence;
#[path = "../examples/phone/timeline.rs"]
mod timeline;
#[path = "../examples/phone/verto.rs"]
mod verto;

use satkeeper_fixtures::{Config, Server, VertoRefusals};

fn at(server: &Server) -> impl Iterator<Item = String> {
    let args = ["--space", &server.http_url(), "--project", "any", "--token", "any"].map(str::to_owned);
    args.into_iter()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_happens_with_a_server_of_its_own() {
    // Whoever stands between the two, or nobody: then the other side is asked for the answer to new media.
    for attach_offers_peer in [false, true] {
        let own = Config { attach_offers_peer, ..place::config() };
        script::run(std::iter::empty(), own).await.expect("every step happens");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_that_can_happens_with_a_server_that_runs_already() {
    // The guide says that it is right under each of these answers.
    for answer in [
        "online_survives_resume=true",
        "events_after_resume=true",
        "call_survives=none",
        "resume_within=20",
        "verto_refusals=nested",
        "verto_refusals=code",
        "call_states_unasked=true",
    ] {
        let mut config = Config::plain();
        let (name, value) = answer.split_once('=').expect("name and value");
        config.answer(name, value).expect("an answer");
        let server = Server::start(config).await.expect("it starts");
        script::run(at(&server), place::config()).await.unwrap_or_else(|error| panic!("{answer}: {error}"));
        assert!(server.counts().resumes > 0, "{:?}", server.counts());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_seen_in_each_of_its_forms() {
    for verto_refusals in [VertoRefusals::Error, VertoRefusals::Nested, VertoRefusals::Code] {
        let denied = vec!["verto.modify".to_owned()];
        let config = Config { verto_refusals, denied, ..Config::plain() };
        let server = Server::start(config).await.expect("it starts");
        let error = script::run(at(&server), place::config()).await.expect_err("nobody may hold");
        assert_eq!(error.to_string(), "alice: this did not happen: hold or unhold", "{verto_refusals:?}");
    }
}

#[tokio::test]
async fn options_that_are_none_are_refused() {
    for args in [&["--space", "http://127.0.0.1:9"][..], &["--space"], &["--nothing", "x"]] {
        let args = args.iter().map(|arg| (*arg).to_owned());
        let error = script::run(args, place::config()).await.expect_err("not enough");
        assert!(error.to_string().starts_with("phone [--space URL"), "{error}");
    }
}

#[test]
fn a_gateway_goes_on_after_a_restart() {
    gateway::main().expect("both processes do their work");
}
