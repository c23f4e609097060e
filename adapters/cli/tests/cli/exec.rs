//! `satkeeper run --provider exec` with programs that are less well-behaved than their token is good.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use satkeeper_fixtures::{Config, MintSpec};

use crate::program::{Outcome, World, file};

/// A shell script, in which `$TOKEN` is a token.
fn script(world: &World, name: &str, text: &str) -> String {
    let path = file(&format!("{name}.sh"));
    let token = world.server().mint(MintSpec::default());
    std::fs::write(&path, format!("TOKEN='{token}'\n{text}\n")).unwrap();
    path.to_string_lossy().into_owned()
}

fn ran(world: &World, script: &str, options: &[&str]) -> Outcome {
    world.ran(&[&["--provider", "exec", "--command", "sh", "--arg", script, "--for", "3s"], options].concat())
}

/// The process is there, and is no zombie.
fn lives(id: &str) -> bool {
    let states = Command::new("ps").args(["-o", "stat=", "-p", id.trim()]).output().unwrap().stdout;
    !states.is_empty() && !states.starts_with(b"Z")
}

fn is_gone(id: &Path) -> bool {
    let id = std::fs::read_to_string(id).unwrap();
    let since = Instant::now();
    while lives(&id) {
        if since.elapsed() > Duration::from_secs(10) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn somebody_whom_it_leaves_behind_holds_its_output_open() {
    // survives W13
    let world = World::new("exec-child", Config::default());
    let child = file("exec-child.pid");
    let text = format!(
        "echo \"{{\\\"token\\\": \\\"$TOKEN\\\"}}\"\nsleep 600 &\necho $! > '{}'\nexit 0",
        child.display()
    );
    let outcome = ran(&world, &script(&world, "exec-child", &text), &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("[live]"), "{}", outcome.err);
    assert!(is_gone(&child), "it is killed with the program that has started it");
}

#[test]
fn a_program_that_hangs_is_killed_with_all_that_it_has_started() {
    // survives W13
    let world = World::new("exec-hangs", Config::default());
    let child = file("exec-hangs.pid");
    let text = format!("sleep 600 &\necho $! > '{}'\nwait", child.display());
    let outcome = ran(&world, &script(&world, "exec-hangs", &text), &[]);
    assert_eq!(outcome.code, Some(5), "{}", outcome.err);
    assert!(is_gone(&child));
}

#[test]
fn an_odd_end_costs_no_token() {
    // survives W13
    let world = World::new("exec-odd", Config::default());
    for (name, end, odd) in [
        ("exec-float", "4102444800000.5", false),
        ("exec-text", "\\\"4102444800000\\\"", false),
        ("exec-date", "\\\"2100-01-01T00:00:00Z\\\"", false),
        ("exec-nonsense", "{\\\"in\\\": \\\"an hour\\\"}", true),
    ] {
        let text = format!(
            "printf '\\357\\273\\277'; echo \"{{\\\"token\\\": \\\"$TOKEN\\\", \\\"expiry_at\\\": {end}}}\""
        );
        let outcome = ran(&world, &script(&world, name, &text), &[]);
        assert_eq!(outcome.code, Some(0), "{name}: {}", outcome.err);
        assert!(outcome.err.contains("[live]"), "{name}: {}", outcome.err);
        assert_eq!(outcome.err.contains("[odd_time]"), odd, "{name}: {}", outcome.err);
    }
}

#[test]
fn a_store_is_one_programs_and_one_persons() {
    // survives W19
    let world = World::new("exec-whose", Config::default());
    let text = "echo x >> \"$1.asked\"; echo \"{\\\"token\\\": \\\"$TOKEN\\\"}\"";
    let script = script(&world, "exec-whose", text);
    let store = file("exec-whose.session");
    let _ = std::fs::remove_file(&store);
    let path = store.to_string_lossy();
    let run = |whom: &str| {
        let whom = file(whom);
        let _ = std::fs::remove_file(whom.with_added_extension("asked"));
        let options = ["--arg", &whom.to_string_lossy(), "--store", &path];
        let outcome = ran(&world, &script, &options);
        (outcome, whom.with_added_extension("asked").exists())
    };
    let (first, asked) = run("exec-alice");
    assert_eq!((first.code, asked), (Some(0), true), "{}", first.err);
    let kept = std::fs::read(&store).unwrap();
    let (other, asked) = run("exec-bob");
    assert_eq!((other.code, asked), (Some(2), false), "{}", other.err);
    assert!(other.err.contains("it keeps the session of the program /"), "{}", other.err);
    assert!(!other.err.contains("exec-alice") && std::fs::read(&store).unwrap() == kept, "{}", other.err);
    let (again, asked) = run("exec-alice");
    assert_eq!((again.code, asked), (Some(0), false), "{}", again.err);
    assert!(again.err.contains("restored the session"), "{}", again.err);
}

#[test]
fn what_it_says_is_bounded() {
    // survives W13
    let world = World::new("exec-talks", Config::default());
    let text = "yes 'blah blah blah blah' | head -c 3000000 >&2; echo \"{\\\"token\\\": \\\"$TOKEN\\\"}\"";
    let outcome = ran(&world, &script(&world, "exec-talks", text), &["-v"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err.len());
    assert!(outcome.err.contains("[live]") && outcome.err.contains("is not shown)"));
    assert!(outcome.err.len() < 64 * 1024, "{}", outcome.err.len());
}
