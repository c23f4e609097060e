//! `satkeeper run` against a server: every provider, and every way to end.

use std::time::Duration;

use satkeeper_fixtures::{Config, Effect, Fault, MintSpec, Target, Times};

use crate::program::{CANARY, Outcome, World, file, satkeeper};

#[cfg(unix)]
/// A program that prints a token from a file; with `refresh` it ends with `REFRESH_CODE`.
fn program(name: &str, token: &str, refresh_code: i32) -> String {
    let (program, token_file) = (file(&format!("{name}.sh")), file(&format!("{name}.token")));
    std::fs::write(&token_file, format!("{{\"token\": \"{token}\"}}")).unwrap();
    let script = format!(
        "echo \"asked for $1, key $SATKEEPER_FINGERPRINT, eyJhbGciOiJkaXIifQ.a.b.c.d\" >&2\n\
         if [ \"$1\" = refresh ]; then exit {refresh_code}; fi\n\
         cat '{}'\n",
        token_file.display()
    );
    std::fs::write(&program, script).unwrap();
    program.to_string_lossy().into_owned()
}

fn is_live(outcome: &Outcome) -> bool {
    outcome.err.contains("[live]") && outcome.err.contains("ended as asked (--for")
}

#[test]
fn a_subscriber_becomes_client_bound_and_is_renewed() {
    let config = Config { device_ttl: Duration::from_secs(6), ..Config::default() };
    let world = World::new("subscriber", config);
    let api_token = file("subscriber.api-token");
    std::fs::write(&api_token, format!("PT{CANARY}\n")).unwrap();
    let outcome = world.ran(&[
        "--provider",
        "subscriber",
        "--space-url",
        &world.https,
        "--project",
        "some-project",
        "--api-token-file",
        &api_token.to_string_lossy(),
        "--reference",
        "alice@example.com",
        "--for",
        "7s",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome) && outcome.err.contains("[renewed]"), "{}", outcome.err);
    let counts = world.server().counts();
    assert_eq!((counts.of(Target::DevicesToken).ok, counts.all_proofs_refused()), (1, 0));
    assert!(counts.of(Target::DevicesRefresh).ok >= 1, "{counts:?}");
    // survives W17
    // The first shows that it works; from then on nothing is said of them but their number.
    assert_eq!(outcome.err.matches("[renewed]").count(), 1, "{}", outcome.err);
    let last = outcome.err.lines().last().unwrap();
    assert!(last.contains(" renewals, "), "there are more of them: {last}");
}

/// A file for a store, with nothing of an earlier run.
fn fresh_store(name: &str) -> std::path::PathBuf {
    let folder = file(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder.join("session")
}

fn with_store(world: &World, store: &std::path::Path, reference: &str, more: &[&str]) -> Outcome {
    let (path, token) = (store.to_string_lossy(), format!("PT{CANARY}"));
    let mut args = vec!["--provider", "subscriber", "--space-url", &world.https, "--project", "p"];
    args.extend(["--api-token", &token, "--reference", reference, "--store", &path, "--for", "2s"]);
    args.extend(more);
    world.ran(&args)
}

#[test]
fn the_second_run_goes_on_where_the_first_has_stopped() {
    // proves R11.5, R33.3, R33.4
    // survives W10
    let world = World::new("store", Config::default());
    let store = fresh_store("store");
    let run = |more: &[&str]| {
        let outcome = with_store(&world, &store, "alice@example.com", more);
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        assert!(is_live(&outcome), "{}", outcome.err);
        outcome
    };
    let first = run(&[]);
    assert!(first.err.contains("left to the next start"), "{}", first.err);
    let minted = world.server().counts().tokens_minted;
    assert!(run(&[]).err.contains("restored the session"));
    run(&["--disconnect"]);
    let counts = world.server().counts();
    assert_eq!((counts.tokens_minted.clone(), counts.sockets_opened, counts.resumes), (minted.clone(), 3, 2));
    assert!(run(&[]).err.contains("a new session"));
    assert_eq!(world.server().counts().tokens_minted, minted);

    // For whom it is, it remembers.
    let kept = std::fs::read(&store).unwrap();
    let outcome = with_store(&world, &store, "bob@example.com", &[]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.contains("session of alice@example.com"), "{}", outcome.err);
    assert_eq!(std::fs::read(&store).unwrap(), kept);
}

#[test]
fn a_store_of_one_provider_is_none_of_anothers() {
    // survives W19
    let world = World::new("store-kinds", Config::default());
    let api_token = format!("PT{CANARY}");
    let guest = |address| {
        let project = ["--provider", "guest", "--space-url", &world.https, "--project", "p"];
        [&project[..], &["--api-token", &api_token, "--address", address]].concat()
    };
    let embed = |token| ["--provider", "embed", "--embed-url", &world.https, "--embed-token", token].to_vec();
    let (one, other) = ("2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c11", "2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c12");
    let project = ["--provider", "subscriber", "--space-url", &world.https, "--project", "p"];
    let subscriber = [&project[..], &["--api-token", &api_token, "--reference", "alice"]].concat();
    let tokens = [0; 2].map(|_| world.server().mint(MintSpec::default()));
    let by_hand = |token| vec!["--provider", "static", "--token", token];
    let visitors = [0; 2].map(|_| format!("c2c_{CANARY}{}", world.server().embed_token()));
    for (first, others, theirs) in [
        (guest(one), [guest(other), subscriber.clone()], "a guest who may call 2f0b3c52"),
        (
            embed(&visitors[0]),
            [embed(&visitors[1]), by_hand(&tokens[0])],
            "the click-to-call token of digest",
        ),
        (by_hand(&tokens[0]), [guest(one), subscriber.clone()], "a token that was handed in"),
        (subscriber.clone(), [guest(one), by_hand(&tokens[0])], "alice at https"),
    ] {
        let store = fresh_store("store-kinds");
        let path = store.to_string_lossy();
        let run = |options: &[&str]| world.ran(&[options, &["--store", &path, "--for", "3s"]].concat());
        assert_eq!(run(&first).code, Some(0));
        let kept = std::fs::read(&store).unwrap();
        for another in others {
            let outcome = run(&another);
            assert_eq!(outcome.code, Some(2), "{another:?}: {}", outcome.err);
            assert!(outcome.err.contains(theirs), "{another:?}: {}", outcome.err);
            assert_eq!(std::fs::read(&store).unwrap(), kept);
        }
        if first == by_hand(&tokens[0]) {
            assert!(run(&first).err.contains("restored the session"));
            // One token follows the other, and that is said.
            let outcome = run(&by_hand(&tokens[1]));
            assert_eq!(outcome.code, Some(0), "{}", outcome.err);
            assert!(outcome.err.contains("a new session"), "{}", outcome.err);
            assert!(outcome.err.contains("is another [record_unused]"), "{}", outcome.err);
        }
    }
}

#[test]
fn a_store_that_cannot_be_read_is_set_aside_and_said() {
    // survives W3
    let world = World::new("unusable", Config::default());
    let store = fresh_store("unusable");
    std::fs::write(&store, "something else").unwrap();
    // Others can read it: that is refused, whatever it is.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o644)).unwrap();
        let outcome = with_store(&world, &store, "alice@example.com", &[]);
        assert_eq!(outcome.code, Some(1), "{}", outcome.err);
        assert!(outcome.err.contains("--store") && outcome.err.contains("chmod 600"), "{}", outcome.err);
        assert_eq!(std::fs::read_to_string(&store).unwrap(), "something else");
        std::fs::set_permissions(&store, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let outcome = with_store(&world, &store, "alice@example.com", &[]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome) && outcome.err.contains("[store_set_aside]"), "{}", outcome.err);
    let (_, place) = outcome.err.split_once("it lies in ").unwrap();
    let place = place.split_whitespace().next().unwrap();
    assert_eq!(std::fs::read_to_string(place).unwrap(), "something else");
}

#[test]
fn a_static_token_from_the_environment() {
    let world = World::new("static", Config::default());
    let token = world.server().mint(MintSpec::default());
    let run = &mut world.run(&["--provider", "static", "--for", "2s", "--events", "-", "-q"]);
    let outcome = Outcome::from(run.env("SATKEEPER_TOKEN", &token).output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let events: Vec<serde_json::Value> =
        outcome.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert!(names.contains(&"live") && names.contains(&"credential_no_refresh_handler"), "{names:?}");
    assert_eq!(names.last(), Some(&"teardown"));
    assert!(outcome.err.contains("credential_no_refresh_handler"), "{}", outcome.err);
    assert!(!outcome.err.contains("[live]"), "-q tells warnings only: {}", outcome.err);
}

#[test]
fn an_embed_token() {
    let world = World::new("embed", Config::default());
    let token = world.server().embed_token();
    let token = format!("c2c_{CANARY}{token}");
    let outcome = world.ran(&[
        "--provider",
        "embed",
        "--embed-url",
        &world.https,
        "--embed-token",
        &token,
        "--for",
        "2s",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome), "{}", outcome.err);
}

#[test]
fn a_guest() {
    // survives W21
    let world = World::new("guest", Config::default());
    let outcome = world.ran(&[
        "--provider",
        "guest",
        "--space-url",
        &world.https,
        "--project",
        "p",
        "--api-token",
        &format!("PT{CANARY}"),
        "--address",
        "2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c11",
        "--address",
        "2f0b3c52-6f0b-4b0e-8b6a-3d2f9a3d1c12",
        "--for",
        "2s",
    ]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome), "{}", outcome.err);
    assert_eq!(world.server().counts().of(Target::GuestsTokens).ok, 1);
}

#[cfg(unix)]
#[test]
fn a_program() {
    let world = World::new("exec", Config::default());
    let program = program("exec", &world.server().mint(MintSpec::default()), 1);
    let exec = ["--provider", "exec", "--command", "sh", "--arg", &program, "--for", "2s"];
    let outcome = world.ran(&exec);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome) && !outcome.err.contains("asked for"), "{}", outcome.err);

    let outcome = world.ran(&[&exec[..], &["-v"]].concat());
    assert!(
        outcome.err.contains("asked for , key ") && outcome.err.contains("[redacted]"),
        "{}",
        outcome.err
    );
}

#[cfg(unix)]
#[test]
fn a_program_that_says_never_again() {
    let world = World::new("exec-never", Config::default());
    // survives W11
    for (code, exit, said) in [(3, 3, "ended with 3"), (7, 5, "the program ended with 7 (it is asked once)")]
    {
        let program = file(&format!("exec-{code}.sh"));
        std::fs::write(&program, format!("echo {CANARY}; echo {CANARY} >&2; exit {code}")).unwrap();
        let outcome =
            world.ran(&["--provider", "exec", "--command", "sh", "--arg", &program.to_string_lossy()]);
        assert_eq!(outcome.code, Some(exit), "{}", outcome.err);
        assert!(outcome.err.contains(said), "{}", outcome.err);
    }
}

#[cfg(unix)]
#[test]
fn a_program_that_may_be_asked_again() {
    // survives W11
    let world = World::new("exec-again", Config::default());
    let (token, tries) = (world.server().mint(MintSpec::default()), file("exec-again.tries"));
    std::fs::write(&tries, "").unwrap();
    let (program, tries) = (file("exec-again.sh"), tries.to_string_lossy().into_owned());
    // It has no network at first.
    let script = format!(
        "echo x >> '{tries}'\nif [ $(wc -l < '{tries}') -lt 3 ]; then exit 7; fi\necho '{{\"token\": \"{token}\"}}'"
    );
    std::fs::write(&program, script).unwrap();
    let program = program.to_string_lossy();
    let exec = ["--provider", "exec", "--command", "sh", "--arg", &program, "--repeatable", "--for", "8s"];
    let outcome = world.ran(&exec);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome), "{}", outcome.err);
    assert_eq!(outcome.err.matches("ended with 7").count(), 2, "{}", outcome.err);
}

#[test]
fn plain_on_loopback_where_it_is_allowed() {
    let world = World::new("plain", Config::plain());
    let token = file("plain.token");
    std::fs::write(&token, world.server().mint(MintSpec::default())).unwrap();
    let token = token.to_string_lossy();
    let outcome =
        world.ran(&["--provider", "static", "--token-file", &token, "--allow-plain", "--for", "2s"]);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    let outcome = world.ran(&["--provider", "static", "--token-file", &token, "--for", "2s"]);
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.contains("--relay-url") && outcome.err.contains("not encrypted"), "{}", outcome.err);
}

#[test]
fn an_outage_is_told_and_survived() {
    let world = World::new("outage-told", Config::default());
    let token = world.server().mint(MintSpec::default());
    let running = world.run(&["--provider", "static", "--token", &token, "--for", "4s"]).spawn().unwrap();
    let live = world.server().until(Duration::from_secs(3), |counts| counts.sessions_live == 1);
    assert!(tokio::runtime::Runtime::new().unwrap().block_on(live));
    // The state to resume with comes a moment after the session.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.server().control().drop_sockets(), 1);
    let outcome = Outcome::from(running.wait_with_output().unwrap());
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(outcome.err.contains("[connection_lost]"), "{}", outcome.err);
    assert!(outcome.err.contains("the server restored the session"), "{}", outcome.err);
}

#[test]
fn a_server_of_another_version() {
    let world = World::new("version", Config::default());
    let token = world.server().mint(MintSpec::default());
    let other = Effect::Error { code: -32001, message: "Protocol version incompatible".into(), data: None };
    world.server().faults().add(Fault::always(Target::FreshConnect, other)).unwrap();
    let outcome = world.ran(&["--provider", "static", "--token", &token, "--for", "10s"]);
    assert_eq!(outcome.code, Some(7), "{}", outcome.err);
    assert!(outcome.err.contains("does not speak version 4.0 of the protocol"), "{}", outcome.err);
}

#[test]
fn a_session_that_expires() {
    let world = World::new("expires", Config::default());
    let token = world.server().mint(MintSpec { ttl: Some(Duration::from_secs(4)), ..MintSpec::default() });
    // At its most talkative, so that whatever could be a secret is printed.
    let outcome = world.ran(&["--provider", "static", "--token", &token, "-vv", "--events", "-"]);
    assert_eq!(outcome.code, Some(4), "{}", outcome.err);
    assert!(outcome.err.contains("error: the credential expired"), "{}", outcome.err);
}

#[test]
fn credentials_that_are_refused() {
    let config = Config { api_token: Some(format!("PTright{CANARY}")), ..Config::default() };
    let world = World::new("refused", config);
    let expired = world.server().mint(MintSpec { ttl: Some(Duration::ZERO), ..MintSpec::default() });
    let foreign = format!("eyJhbGciOiJkaXIifQ.{CANARY}.b.c.d");
    for token in [expired.as_str(), &foreign] {
        let outcome = world.ran(&["--provider", "static", "--token", token]);
        assert_eq!(outcome.code, Some(3), "{}", outcome.err);
        // survives W19
        assert!(outcome.err.contains("error: the credentials are refused: "), "{}", outcome.err);
        assert!(outcome.err.contains("get a new token and start again"), "{}", outcome.err);
        assert!(!outcome.err.contains("{}"), "{}", outcome.err);
    }
    let outcome = world.ran(&[
        "--provider",
        "subscriber",
        "--space-url",
        &world.https,
        "--project",
        "p",
        "--api-token",
        &format!("PTwrong{CANARY}"),
        "--reference",
        "alice",
        // What the API refuses it may accept later; who waits is told.
        "--connect-timeout",
        "3s",
    ]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.err);
    assert!(outcome.err.contains("no session within 3.0 s"), "{}", outcome.err);
    assert!(outcome.err.contains("401") && outcome.err.contains("and the API token"), "{}", outcome.err);
}

#[test]
fn a_server_that_is_none() {
    let world = World::new("none", Config::default());
    let token = world.server().mint(MintSpec::default());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // Listens and never says a word.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = mute.local_addr().map(|at| (mute, at)).unwrap();
    for (at, ca) in [(closed, &world.ca), (mute.1, &world.ca)] {
        let (relay, fabric) = (format!("wss://{at}"), format!("https://{at}"));
        let mut run =
            satkeeper(&["run", "--provider", "static", "--token", &token, "--connect-timeout", "2s"]);
        run.args(["--relay-url", &relay, "--fabric-url", &fabric, "--ca-file", ca]);
        let outcome = Outcome::from(run.output().unwrap());
        assert_eq!(outcome.code, Some(5), "{}", outcome.err);
        assert!(outcome.err.contains("error: no session within 2.0 s"), "{}", outcome.err);
        // The one that refuses is told of, the mute one has its time.
        assert_eq!(outcome.err.contains("[connect_failed]"), at == closed, "{}", outcome.err);
        let waits = outcome.err.contains("within 2.0 s: the server has not answered yet");
        assert_eq!(waits, at != closed, "{}", outcome.err);
    }
}

#[test]
fn a_server_that_is_not_trusted() {
    let world = World::new("trusted", Config::default());
    let other = World::new("trusted-other", Config::default());
    let token = world.server().mint(MintSpec::default());
    let mut run = satkeeper(&["run", "--provider", "static", "--token", &token, "--connect-timeout", "2s"]);
    run.args(["--relay-url", &world.wss, "--fabric-url", &world.https, "--ca-file", &other.ca]);
    let outcome = Outcome::from(run.output().unwrap());
    assert_eq!(outcome.code, Some(5), "{}", outcome.err);
    assert!(outcome.err.contains("certificate"), "{}", outcome.err);
    assert_eq!(world.server().counts().of(Target::AnyHttp).total(), 0);
}

// survives W14, W19
#[test]
fn an_error_of_the_network_says_where_and_what_to_do() {
    let world = World::new("where", Config::default());
    let other = World::new("where-other", Config::default());
    let token = world.server().mint(MintSpec::default());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let here = world.wss.trim_start_matches("wss://");
    let (shut, proxy) = (format!("wss://{closed}"), format!("http://user:{CANARY}@{closed}"));
    for (options, words, not) in [
        (["--relay-url", &shut], [closed.to_string().as_str(), "nothing listens there"], "proxy"),
        (["--ca-file", &other.ca], [here, "(--ca-file)"], "proxy"),
        (["--proxy", &proxy], ["the proxy http://127.0.0.1:", "--no-proxy"], "certificate"),
    ] {
        let mut run =
            satkeeper(&["run", "--provider", "static", "--token", &token, "--connect-timeout", "2s"]);
        for given in [["--relay-url", &world.wss], ["--ca-file", &world.ca]] {
            // Through a proxy go names, not loopback.
            let is_named = options[0] == "--proxy" && given[0] == "--relay-url";
            if given[0] != options[0] && !is_named {
                run.args(given);
            }
        }
        run.args(["--fabric-url", &world.https]).args(options);
        let outcome = Outcome::from(run.output().unwrap());
        assert_eq!(outcome.code, Some(5), "{}", outcome.err);
        assert!(words.iter().all(|word| outcome.err.contains(word)), "{words:?}: {}", outcome.err);
        assert!(!outcome.err.contains(not), "{not}: {}", outcome.err);
    }
    let run = ["run", "--provider", "static", "--token", &token, "--proxy", "socks5://127.0.0.1:1"];
    let outcome = Outcome::from(satkeeper(&run).output().unwrap());
    assert_eq!(outcome.code, Some(2), "{}", outcome.err);
    assert!(outcome.err.contains("SOCKS"), "{}", outcome.err);
}

#[test]
fn without_a_proxy_where_that_is_asked_for() {
    // survives W14
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // A label that no name may have: nobody is asked for its address.
    let relay = format!("wss://{}.invalid", "x".repeat(64));
    let run = |more: &[&str]| {
        let (relay, fabric) = (["--relay-url", &relay], ["--fabric-url", "https://127.0.0.1:9"]);
        let mut run = satkeeper(&["run", "--provider", "static", "--token", "e30.a.b.c.d"]);
        run.args(relay).args(fabric).args(["--connect-timeout", "2s"]).args(more);
        run.env("HTTPS_PROXY", format!("http://{closed}"));
        let outcome = Outcome::from(run.output().unwrap());
        assert_eq!(outcome.code, Some(5), "{}", outcome.err);
        outcome.err
    };
    let said = run(&[]);
    assert!(said.contains(&format!("the proxy http://{closed}")), "{said}");
    let said = run(&["--no-proxy"]);
    assert!(said.contains(".invalid:443") && !said.contains("the proxy"), "{said}");
}

#[test]
fn a_token_leads_to_hosts_that_are_allowed() {
    // survives W9
    use base64::Engine as _;
    let header = br#"{"alg":"dir","enc":"A256GCM","typ":"SAT","ch":"relay.evil.example"}"#;
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
    let token = format!("{header}..iv.{CANARY}.tag");
    let run = ["run", "--provider", "static", "--token", &token, "--allow-host", "*.example.com"];
    let outcome = Outcome::from(satkeeper(&run).output().unwrap());
    // To start again with it cannot help.
    assert_eq!(outcome.code, Some(3), "{}", outcome.err);
    assert!(
        outcome.err.contains("relay.evil.example") && outcome.err.contains("--allow-host"),
        "{}",
        outcome.err
    );
}

#[test]
fn an_outage_of_the_token_endpoint_is_no_refusal() {
    // survives W11
    let world = World::new("outage", Config::default());
    let effect = Effect::Status { code: 503, body: None, retry_after: None };
    world.server().faults().add(Fault::always(Target::EmbedsTokens, effect)).unwrap();
    let embed = ["--provider", "embed", "--embed-url", &world.https, "--embed-token", "c2c_x"];
    let outcome = world.ran(&[&embed[..], &["--connect-timeout", "3s"]].concat());
    assert_eq!(outcome.code, Some(5), "{}", outcome.err);
    // The last line names it by itself: with -qq there is no other.
    let last = outcome.err.lines().last().unwrap();
    assert!(last.starts_with("error: no session within 3.0 s: ") && last.contains("503"), "{}", outcome.err);
    assert!(!outcome.err.contains("repeated later"), "{}", outcome.err);
    assert!(outcome.err.contains("attempt 1 to get a token") && outcome.err.contains("; again in "));
    assert!(world.server().counts().of(Target::EmbedsTokens).total() >= 2);
}

#[test]
fn a_first_token_that_comes_at_the_fourth_attempt() {
    // survives W11
    let world = World::new("fourth", Config::default());
    let effect = Effect::Status { code: 503, body: None, retry_after: None };
    world.server().faults().add(Fault::new(Target::SubscribersTokens, Times::Next(3), effect)).unwrap();
    let token = format!("PT{CANARY}");
    let mut args = vec!["--provider", "subscriber", "--space-url", &world.https, "--project", "p"];
    args.extend(["--api-token", &token, "--reference", "alice@example.com", "--for", "12s"]);
    let outcome = world.ran(&args);
    assert_eq!(outcome.code, Some(0), "{}", outcome.err);
    assert!(is_live(&outcome), "{}", outcome.err);
    assert_eq!(outcome.err.matches("[credential_refresh_failed]").count(), 3, "{}", outcome.err);
}

#[cfg(unix)]
#[test]
fn signals_end_it_cleanly() {
    use std::process::Command;
    let world = World::new("signals", Config::default());
    let token = world.server().mint(MintSpec::default());
    for signal in ["-INT", "-TERM"] {
        let mut run = world.run(&["--provider", "static", "--token", &token]);
        let running = run.spawn().unwrap();
        let live = world.server().until(Duration::from_secs(8), |counts| counts.sessions_live == 1);
        assert!(tokio::runtime::Runtime::new().unwrap().block_on(live));
        // The client learns of it a moment after the server.
        std::thread::sleep(Duration::from_millis(300));
        Command::new("kill").args([signal, &running.id().to_string()]).status().unwrap();
        let outcome = Outcome::from(running.wait_with_output().unwrap());
        assert_eq!(outcome.code, Some(0), "{}", outcome.err);
        assert!(outcome.err.contains("ended as asked (SIG"), "{}", outcome.err);
        let gone = world.server().until(Duration::from_secs(2), |counts| counts.sessions_live == 0);
        assert!(tokio::runtime::Runtime::new().unwrap().block_on(gone));
    }
}
