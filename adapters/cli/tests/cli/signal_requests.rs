//! What signals ask of a session that goes on: it does it, says so, and is not ended by it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use satkeeper_fixtures::{Config, Counts, MintSpec, Target};

use crate::program::{CANARY, Outcome, World, file};

/// A session that runs, and the file with its secret.
struct Running {
    world: World,
    child: Child,
    secret: PathBuf,
}

impl Running {
    /// Starts it with a secret in a file, and waits until it is live.
    fn start(world: World, name: &str, option: &str, secret: &str, options: &[&str]) -> Self {
        let path = file(&format!("{name}.secret"));
        std::fs::write(&path, secret).unwrap();
        let mut run = world.run(options);
        run.args([option, &path.to_string_lossy(), "--for", "30s"]);
        let child = run.spawn().unwrap();
        let running = Self { world, child, secret: path };
        running.until(|counts| counts.sessions_live == 1);
        // The client learns of it a moment after the server.
        std::thread::sleep(Duration::from_millis(300));
        running
    }

    fn until(&self, holds: impl Fn(&Counts) -> bool) {
        let by = Instant::now() + Duration::from_secs(20);
        while !holds(&self.world.server().counts()) {
            assert!(Instant::now() < by, "{:?}", self.world.server().counts());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn signal(&self, name: &str) {
        Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        // It has to be told before the next one: two of a kind are one.
        std::thread::sleep(Duration::from_millis(500));
    }

    /// Ends it as asked.
    fn end(self) -> (Outcome, Counts) {
        self.signal("-TERM");
        let outcome = Outcome::from(self.child.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        (outcome, self.world.server().counts())
    }
}

fn has(outcome: &Outcome, said: &str) {
    assert!(outcome.err.contains(said), "{said}: {}", outcome.err);
}

fn renewals(counts: &Counts) -> u64 {
    counts.of(Target::Reauthenticate).ok
}

#[test]
fn a_new_token_in_the_file_takes_effect() {
    // survives W21
    let world = World::new("hup-static", Config::default());
    let mint = |reference: &str| {
        let spec = MintSpec { reference: reference.to_owned(), ..MintSpec::default() };
        world.server().mint(spec)
    };
    let (first, second) = (mint("alice"), mint("alice"));
    let running = Running::start(world, "hup-static", "--token-file", &first, &["--provider", "static"]);
    running.signal("-HUP");
    write(&running.secret, "");
    running.signal("-HUP");
    write(&running.secret, &second);
    running.signal("-HUP");
    running.until(|counts| renewals(counts) == 1);
    let (outcome, _) = running.end();
    has(&outcome, "SIGHUP: there is nothing new in ");
    has(&outcome, "is empty; what was read before stays");
    has(&outcome, "SIGHUP: another token in ");
    has(&outcome, "a new token is in force");
}

#[test]
fn a_token_that_is_refused_is_neither_used_nor_forgotten() {
    // survives W21
    // While another token is tried nothing is resumed: what is to be resumed with comes anew after that.
    let state_every = Some(Duration::from_millis(200));
    let world = World::new("hup-refused", Config { state_every, ..Config::default() });
    let token = world.server().mint(MintSpec::default());
    let store = file("hup-refused.session");
    let _ = std::fs::remove_file(&store);
    let store = store.to_string_lossy().into_owned();
    let options = ["--provider", "static", "--store", &store];
    let running = Running::start(world, "hup-refused", "--token-file", &token, &options);
    // The server does not know it.
    write(&running.secret, &format!("eyJhbGciOiJkaXIifQ.{CANARY}.b.c.d"));
    running.signal("-HUP");
    running.signal("-HUP");
    write(&running.secret, &token);
    running.signal("-HUP");
    running.signal("-TERM");
    let Running { world, child, .. } = running;
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.err.matches("SIGHUP: another token in ").count(), 2, "{}", outcome.err);
    has(&outcome, ".secret is not used: ");
    assert_eq!(outcome.err.matches("SIGHUP: there is nothing new in ").count(), 1, "{}", outcome.err);
    // Its record is still that of the token that it has.
    let again = world.ran(&["--provider", "static", "--token", &token, "--store", &store, "--for", "2s"]);
    has(&again, "restored the session");
}

#[test]
fn another_api_token_serves_from_the_next_renewal_on() {
    // survives W21
    let config =
        Config { grant_scope: false, api_token: Some(format!("PTold{CANARY}")), ..Config::default() };
    let world = World::new("hup-project", config);
    let https = world.https.clone();
    let mut options = vec!["--provider", "subscriber", "--space-url", &https, "--project", "p"];
    options.extend(["--reference", "alice"]);
    let secret = format!("PTold{CANARY}");
    let running = Running::start(world, "hup-project", "--api-token-file", &secret, &options);
    running.signal("-USR1");
    running.until(|counts| renewals(counts) == 1);
    // One that the server refuses shows that it is used.
    write(&running.secret, &format!("PTnew{CANARY}"));
    running.signal("-HUP");
    running.signal("-USR1");
    let refused = |counts: &Counts| {
        counts.of(Target::SubscribersTokensRefresh).refused + counts.of(Target::SubscribersTokens).refused
    };
    running.until(|counts| refused(counts) >= 1);
    write(&running.secret, &secret);
    running.signal("-HUP");
    running.signal("-USR1");
    running.until(|counts| renewals(counts) >= 2);
    let (outcome, counts) = running.end();
    has(&outcome, "SIGUSR1: the credential is renewed now");
    has(&outcome, "a new token is in force");
    has(&outcome, "it serves from the next renewal on");
    assert_eq!(counts.of(Target::FreshConnect).ok, 1, "one session all the while: {}", outcome.err);
}

#[test]
fn nobody_can_renew_and_no_file_can_be_read_and_it_goes_on() {
    // survives W21
    let world = World::new("usr-static", Config::default());
    let token = world.server().mint(MintSpec::default());
    let running = Running::start(world, "usr-static", "--token-file", &token, &["--provider", "static"]);
    std::fs::remove_file(&running.secret).unwrap();
    write(Path::new(&running.world.ca), "others");
    for signal in ["-USR1", "-USR2", "-HUP"] {
        running.signal(signal);
    }
    let (outcome, counts) = running.end();
    has(&outcome, "SIGUSR1: not renewed: ");
    has(&outcome, "SIGUSR2: the network has changed");
    has(&outcome, "what was read before stays");
    has(&outcome, "usr-static.pem: it has no CERTIFICATE section; those who were trusted before still are");
    assert_eq!((counts.sockets_opened, counts.of(Target::FreshConnect).ok), (1, 1), "{}", outcome.err);
    assert!(
        counts.of(Target::Ping).ok >= 1,
        "nobody has looked whether the connection works: {}",
        outcome.err
    );
}

#[test]
fn another_authority_is_trusted_from_then_on() {
    // survives W21
    let world = World::new("hup-ca", Config::default());
    let https = world.https.clone();
    let mut options = vec!["--provider", "subscriber", "--space-url", &https, "--project", "p"];
    options.extend(["--reference", "alice"]);
    let secret = format!("PT{CANARY}");
    let mut running = Running::start(world, "hup-ca", "--api-token-file", &secret, &options);
    let ca = PathBuf::from(&running.world.ca);
    running.world.replace(Config::default());
    // The first attempts to reconnect come within 500 ms and 1 s of each other (R19).
    std::thread::sleep(Duration::from_millis(1_600));
    std::fs::remove_file(&ca).unwrap();
    running.signal("-HUP");
    assert_eq!(running.world.server().counts().sockets_opened, 0, "it is a stranger");
    write(&ca, running.world.server().ca_pem().unwrap());
    running.signal("-HUP");
    running.until(|counts| counts.resumes == 1);
    running.signal("-USR1");
    running.until(|counts| renewals(counts) >= 1);
    let (outcome, counts) = running.end();
    has(&outcome, "[connect_failed]");
    has(
        &outcome,
        "hup-ca.pem: No such file or directory (os error 2); those who were trusted before still are",
    );
    has(&outcome, "SIGHUP: new connections trust the authorities in ");
    has(&outcome, "the server restored the session");
    assert_eq!(counts.of(Target::FreshConnect).ok, 0, "{}", outcome.err);
}

/// The numbers of the events in a file.
fn numbers(path: &Path) -> Vec<u64> {
    let text = std::fs::read_to_string(path).unwrap();
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap();
    text.lines().map(number).collect()
}

/// Makes something happen, for this time.
fn outage(running: &Running, time: u64) {
    running.world.server().control().drop_sockets();
    running.until(|counts| counts.resumes == time);
}

#[test]
fn events_go_to_a_new_file_when_theirs_was_moved_away() {
    // survives W21
    let world = World::new("hup-events", Config::default());
    let (https, log, moved) = (world.https.clone(), file("hup-events.jsonl"), file("hup-events.jsonl.1"));
    let last = file("hup-events.jsonl.2");
    for old in [&log, &moved, &last] {
        let _ = std::fs::remove_file(old);
        let _ = std::fs::remove_dir(old);
    }
    let name = log.to_string_lossy().into_owned();
    let mut options = vec!["--provider", "subscriber", "--space-url", &https, "--project", "p"];
    options.extend(["--reference", "alice", "--events", &name]);
    let secret = format!("PT{CANARY}");
    let running = Running::start(world, "hup-events", "--api-token-file", &secret, &options);
    std::fs::rename(&log, &moved).unwrap();
    // What is told before it hears of that is in the file that was moved.
    outage(&running, 1);
    running.signal("-HUP");
    let first = numbers(&moved);
    outage(&running, 2);
    running.signal("-HUP");
    assert_eq!(numbers(&moved), first);

    // Where none can be opened, the one that is open goes on.
    std::fs::rename(&log, &last).unwrap();
    std::fs::create_dir(&log).unwrap();
    running.signal("-HUP");
    let before = numbers(&last).len();
    outage(&running, 3);
    let (outcome, _) = running.end();
    has(&outcome, "hup-events.jsonl, opened anew");
    has(
        &outcome,
        "hup-events.jsonl: Is a directory (os error 21); the file that is open goes on being written to",
    );
    let second = numbers(&last);
    assert!(!first.is_empty() && second.len() > before, "{second:?}");
    let all: Vec<u64> = first.into_iter().chain(second).collect();
    assert!(all.iter().copied().eq(1..=all.len() as u64), "each event once: {all:?}");
    std::fs::remove_dir(&log).unwrap();
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[test]
fn who_finds_anothers_record_in_its_store_ends_with_a_code_of_its_own() {
    // proves R11.1, R11.2
    let world = World::new("taken", Config { grant_scope: false, ..Config::default() });
    let store = file("taken.session");
    let _ = std::fs::remove_file(&store);
    let (path, https) = (store.to_string_lossy().into_owned(), world.https.clone());
    let options = ["--provider", "subscriber", "--space-url", &https, "--project", "p", "--reference", "a"];
    let options = [&options[..], &["--store", &path]].concat();
    let running = Running::start(world, "taken", "--api-token-file", &format!("PT{CANARY}"), &options);
    let theirs = file("taken.theirs");
    std::fs::write(&theirs, "another's").unwrap();
    std::fs::set_permissions(&theirs, std::fs::metadata(&store).unwrap().permissions()).unwrap();
    std::fs::rename(&theirs, &store).unwrap();
    // Before the refresh token is presented, that is written down.
    running.signal("-USR1");
    let Running { world, child, .. } = running;
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(6), "{}", outcome.err);
    has(&outcome, "error: the session was handed over: somebody else holds the session from now on");
    assert_eq!(std::fs::read_to_string(&store).unwrap(), "another's");
    assert_eq!(world.server().counts().of(Target::SubscribersTokensRefresh).total(), 0);
}
