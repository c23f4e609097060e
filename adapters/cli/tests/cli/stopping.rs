//! What has to end when it is told to: whatever becomes of what it says, and whatever is in the place of the files
//! that it was given.
#![cfg(target_os = "linux")]

use std::fs::OpenOptions;
use std::io::{PipeReader, Read as _, Write as _, pipe};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use satkeeper_fixtures::{Config, Counts, MintSpec, Target};

use crate::program::{CANARY, Outcome, World, file, satkeeper};

/// Nobody waits so long for a program to end.
const LONG: Duration = Duration::from_secs(30);

/// A pipe that is full and that nobody reads, and how much is in it.
fn full_pipe() -> (PipeReader, Stdio, usize) {
    let (reader, mut writer) = pipe().unwrap();
    let size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    writer.write_all(&vec![b'.'; size]).unwrap();
    (reader, writer.into(), size)
}

/// What was there before is still all that is there.
fn is_full(mut reader: PipeReader, size: usize) -> bool {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text.len() == size && text.bytes().all(|byte| byte == b'.')
}

fn signal(running: &Child, name: &str) {
    Command::new("kill").args([name, &running.id().to_string()]).status().unwrap();
}

/// How it ended. One that does not end fails the test instead of holding it up.
fn ended(running: &mut Child) -> ExitStatus {
    let since = Instant::now();
    loop {
        if let Some(status) = running.try_wait().unwrap() {
            return status;
        }
        if since.elapsed() > LONG {
            running.kill().unwrap();
            running.wait().unwrap();
            panic!("it did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn until(world: &World, wanted: impl Fn(&Counts) -> bool) {
    let reached = world.server().until(LONG, wanted);
    assert!(tokio::runtime::Runtime::new().unwrap().block_on(reached), "{:?}", world.server().counts());
}

/// A subscriber's session whose every word goes into pipes that nobody reads: it is renewed, and it ends when it is
/// told to.
fn unread(name: &str, options: &[&str], stop: impl FnOnce(&Child)) {
    let config = Config { device_ttl: Duration::from_secs(4), ..Config::default() };
    let world = World::new(name, config);
    let token = format!("PT{CANARY}");
    let mut run = world.run(&["--provider", "subscriber", "--space-url", &world.https, "--project", "p"]);
    run.args(["--api-token", &token, "--reference", "alice@example.com", "-vv", "--events", "-"]);
    let (told, error, told_before) = full_pipe();
    let (events, out, events_before) = full_pipe();
    let mut running = run.args(options).stderr(error).stdout(out).spawn().unwrap();
    drop(run);
    until(&world, |counts| counts.of(Target::DevicesRefresh).ok >= 2 && counts.sessions_live == 1);
    stop(&running);
    let status = ended(&mut running);
    assert_eq!(status.code(), Some(0));
    assert!(is_full(told, told_before) && is_full(events, events_before));
    until(&world, |counts| counts.sessions_live == 0);
}

#[test]
fn nobody_reads_it_and_it_is_terminated() {
    // survives W2
    unread("unread-term", &[], |running| signal(running, "-TERM"));
}

#[test]
fn nobody_reads_it_and_it_is_interrupted() {
    // survives W2
    unread("unread-int", &[], |running| signal(running, "-INT"));
}

#[test]
fn nobody_reads_it_and_its_time_is_up() {
    // survives W2
    unread("unread-for", &["--for", "9s"], |_| {});
}

#[test]
fn a_second_signal_ends_it_at_once() {
    // survives W2
    let world = World::new("second", Config::default());
    let token = world.server().mint(MintSpec::default());
    let (_told, error, _) = full_pipe();
    let mut running = world.run(&["--provider", "static", "--token", &token]).stderr(error).spawn().unwrap();
    until(&world, |counts| counts.sessions_live == 1);
    // The first one alone would take a second more, for its last words.
    signal(&running, "-TERM");
    let since = Instant::now();
    while running.try_wait().unwrap().is_none() && since.elapsed() < LONG {
        signal(&running, "-INT");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(ended(&mut running).signal(), Some(2));
}

/// A subscriber's session with this store.
fn with_store(world: &World, store: &Path) -> Child {
    let token = format!("PT{CANARY}");
    let mut run = world.run(&["--provider", "subscriber", "--space-url", &world.https, "--project", "p"]);
    run.args(["--api-token", &token, "--reference", "alice@example.com"]);
    run.args(["--store", &store.to_string_lossy()]);
    let running = run.spawn().unwrap();
    until(world, |counts| counts.sessions_live == 1);
    // The client learns of it a moment after the server.
    std::thread::sleep(Duration::from_millis(300));
    running
}

/// A folder for a store, with nothing of an earlier run.
fn fresh_folder(name: &str) -> PathBuf {
    let folder = file(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_signal_that_comes_twice_is_one() {
    // A terminal signals the whole group, and a wrapper in it passes on what it got.
    // survives W2, W10
    let world = World::new("twice", Config::default());
    let store = fresh_folder("twice").join("session");
    let running = with_store(&world, &store);
    let id = running.id().to_string();
    Command::new("sh").args(["-c", "kill -INT $0; kill -INT $0; kill -TERM $0", &id]).status().unwrap();
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("the session is left to the next start"), "{}", outcome.err);
}

#[test]
fn what_could_not_be_left_is_not_said_to_be() {
    // survives W10
    let world = World::new("not-left", Config::default());
    let folder = fresh_folder("not-left");
    let running = with_store(&world, &folder.join("session"));
    std::fs::remove_dir_all(&folder).unwrap();
    signal(&running, "-TERM");
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let last = outcome.err.lines().rfind(|line| line.contains("[end]")).unwrap_or_default();
    for said in [
        "warning ended as asked (SIGTERM)",
        "but the session could not be left to the next start (",
        "No such file",
    ] {
        assert!(last.contains(said), "{said}: {}", outcome.err);
    }
}

#[test]
fn who_types_the_secret_has_the_time_that_it_takes() {
    // survives W2
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let world = World::new("typed", Config::default());
    let token = world.server().mint(MintSpec::default());
    let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&keyboard).unwrap();
    unlockpt(&keyboard).unwrap();
    let terminal = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
    let terminal = OpenOptions::new().read(true).write(true).open(terminal).unwrap();
    let mut run = world.run(&["--provider", "static", "--token-file", "-", "--connect-timeout", "2s"]);
    let mut running = run.stdin(terminal).spawn().unwrap();
    when_it_listens(&running);
    std::thread::sleep(Duration::from_secs(3));
    assert!(running.try_wait().unwrap().is_none());
    writeln!(std::fs::File::from(keyboard.try_clone().unwrap()), "{token}\n\u{4}").unwrap();
    until(&world, |counts| counts.sessions_live == 1);
    std::thread::sleep(Duration::from_millis(300));
    signal(&running, "-TERM");
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
}

#[test]
fn a_standard_input_on_which_nothing_comes_is_named() {
    // survives W2, W19
    let mut run = run(&["--token-file", "-", "--connect-timeout", "1"]);
    let mut waiting = run.stdin(Stdio::piped()).spawn().unwrap();
    let open = waiting.stdin.take();
    let outcome = Outcome::from(waiting.wait_with_output().unwrap());
    drop(open);
    assert_eq!(outcome.code, Some(5), "{}", outcome.err);
    assert!(
        outcome.err.contains("no session within 1.0 s: nothing came on standard input"),
        "{}",
        outcome.err
    );
}

#[test]
fn who_reads_late_is_told_what_is_missing() {
    // survives W2
    let world = World::new("late-reader", Config::plain());
    let token = world.server().mint(MintSpec { ttl: Some(Duration::from_secs(4)), ..MintSpec::default() });
    let events = fifo("late-reader.events");
    let mut run = world.run(&["--provider", "static", "--token", &token, "--allow-plain"]);
    let mut running = run.args(["--events", &events.to_string_lossy()]).spawn().unwrap();
    until(&world, |counts| counts.sessions_live == 1);
    // Until now nobody was at the other end.
    let mut text = String::new();
    OpenOptions::new().read(true).open(&events).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(ended(&mut running).code(), Some(4));
    let told: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<u64> = told.iter().map(|line| line["n"].as_u64().unwrap()).collect();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "{numbers:?}");
    assert_eq!(told.last().map(|line| &line["event"]), Some(&"teardown".into()), "{text}");
}

/// A named pipe of a test.
fn fifo(name: &str) -> PathBuf {
    let path = file(name);
    let _ = std::fs::remove_file(&path);
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    path
}

fn run(options: &[&str]) -> Command {
    let mut run = satkeeper(&["run", "--provider", "static"]);
    run.args(["--relay-url", "wss://127.0.0.1:9", "--fabric-url", "https://127.0.0.1:9"]).args(options);
    run
}

#[test]
fn a_file_that_nobody_writes_holds_it_up_no_longer_than_it_may() {
    // survives W2
    let pipe = fifo("nobody-writes");
    let pipe = pipe.to_string_lossy();
    for options in [&["--token-file", &pipe][..], &["--token", "e30.b.c", "--ca-file", &pipe]] {
        let limits = [&["--connect-timeout", "1"][..], &["--connect-timeout", "20", "--for", "1"]];
        for limit in limits {
            let mut waiting = run(&[options, limit].concat());
            let outcome = Outcome::from(waiting.output().unwrap());
            assert_eq!(outcome.code, Some(5), "{}", outcome.err);
            assert!(outcome.err.contains("no session within 1.0 s: a file"), "{}", outcome.err);
        }
        let mut waiting = run(options).spawn().unwrap();
        when_it_listens(&waiting);
        signal(&waiting, "-TERM");
        assert_eq!(ended(&mut waiting).code(), Some(0));
    }
}

/// Until then a signal ends it, too, but by the operating system's own means.
fn when_it_listens(running: &Child) {
    let status = format!("/proc/{}/status", running.id());
    let catches = || {
        let status = std::fs::read_to_string(&status).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim().to_owned();
        u64::from_str_radix(&caught, 16).unwrap() & (1 << 14) != 0
    };
    while !catches() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_store_that_is_no_file_is_refused() {
    // survives W2
    let pipe = fifo("no-store");
    for store in [pipe.as_path(), Path::new("/dev/null"), Path::new("/")] {
        let mut refused = run(&["--token", "e30.b.c", "--store", &store.to_string_lossy()]);
        let outcome = Outcome::from(refused.output().unwrap());
        assert_eq!(outcome.code, Some(2), "{}", outcome.err);
        assert!(outcome.err.contains("--store") && outcome.err.contains("not a file"), "{}", outcome.err);
    }
}

#[test]
fn a_server_and_a_demo_that_nobody_reads() {
    // survives W2
    for (args, code) in [(&["serve", "--requests", "-"][..], 0), (&["demo", "--fast"], 1)] {
        let (_told, out, _) = full_pipe();
        let mut running = satkeeper(args).stdout(out).stderr(Stdio::null()).spawn().unwrap();
        when_it_listens(&running);
        signal(&running, "-TERM");
        assert_eq!(ended(&mut running).code(), Some(code), "{args:?}");
    }
}
