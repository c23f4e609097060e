//! A long run at its most talkative, against a server that goes wrong in every way and repeats what it was told:
//! no secret in what is printed. The library's own output has the same test in `tests/canaries`.

use std::time::Duration;

use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Target, Times};
use serde_json::json;

use crate::program::{CANARY, Outcome, World, file};

fn refused_over_http(code: u16, words: &str) -> Effect {
    let entry = json!({"type": "x", "code": words, "message": words, "attribute": words, "url": words});
    let body = json!({"errors": [entry], "error": words, "message": words});
    Effect::Status { code, body: Some(body), retry_after: None }
}

#[test]
fn a_long_run_prints_no_secret() {
    // proves R36.1, R36.2
    // survives P9, S27
    let config = Config { device_ttl: Duration::from_secs(6), ..Config::default() };
    let world = World::new("canaries", config);
    let (words, faults) = (world.server().mint(MintSpec::default()), world.server().faults());
    let password = file("canaries.api-token");
    std::fs::write(&password, format!("PT{CANARY}\n")).unwrap();
    let run = || {
        let mut run = world.run(&["--provider", "subscriber", "--project", "p", "--reference", "alice"]);
        run.args(["--space-url", &world.https, "--api-token-file", &password.to_string_lossy()]);
        run.args(["--for", "8s", "-vv", "--events", "-"]);
        run
    };
    // The only request with the password in it.
    let mint = refused_over_http(422, &format!("{words} PT{CANARY}"));
    faults.add(Fault::always(Target::SubscribersTokens, mint)).unwrap();
    let outcome = Outcome::from(run().args(["--connect-timeout", "2s"]).output().unwrap());
    assert!(outcome.err.contains("[redacted] [redacted]"), "{}", outcome.err);
    faults.clear();

    for (target, effect) in [
        (Target::SubscriberInfo, refused_over_http(422, &words)),
        (Target::DevicesToken, refused_over_http(503, &words)),
        (Target::DevicesRefresh, refused_over_http(429, &words)),
        (
            Target::FreshConnect,
            Effect::Error { code: -32_000, message: words.clone(), data: Some(json!(words)) },
        ),
        (Target::Reauthenticate, Effect::Error { code: -32_002, message: words.clone(), data: None }),
        (Target::Resume, Effect::Error { code: -32_003, message: words.clone(), data: None }),
    ] {
        faults.add(Fault::new(target, Times::Next(1), effect)).unwrap();
    }
    let running = run().spawn().unwrap();
    std::thread::sleep(Duration::from_millis(3_000));
    world.server().control().drop_sockets();
    // Whatever is printed is searched for secrets.
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.out.contains("[redacted]") && outcome.err.contains("[redacted]"), "{}", outcome.err);
    assert!(world.server().counts().faults_fired >= 5, "{:?}", world.server().counts());
}
