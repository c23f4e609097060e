//! The demo keeps its promises. The only test that takes long: its story is half a minute at its shortest.

use std::process::Command;
use std::time::Duration;

use crate::program::{Outcome, outcome, satkeeper};

#[test]
fn every_promise_is_kept() {
    let outcome = outcome(&["demo", "--fast"]);
    assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.out, outcome.err);
    assert!(outcome.out.contains("promises kept."), "{}", outcome.out);
    for said in [
        "credential_refresh_fallback",
        "credential_no_refresh_handler",
        "credential_expiring",
        "■ expired",
        "accepted, 0 refused",
    ] {
        assert!(outcome.out.contains(said), "{said}: {}", outcome.out);
    }
    assert!(!outcome.out.contains('\u{1b}'), "plain lines where there is no terminal");
}

#[cfg(unix)]
#[test]
fn an_interrupted_demo_has_kept_nothing() {
    let running = satkeeper(&["demo"]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(1), "{}", outcome.err);
    assert!(outcome.err.contains("interrupted by SIGINT"), "{}", outcome.err);
}
