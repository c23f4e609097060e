//! Everything that is written down, as it is written: a change of any of it is a change of a format. And that
//! nothing is written down that is not in here.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unreachable,
    clippy::unwrap_used,
    missing_docs,
    reason = "a failing test is a panic"
)]

mod session_world;
mod story;

use std::fmt::Write as _;
use std::path::Path;

use satkeeper_core::lifecycle::*;
use satkeeper_core::session::{Config, KeyChoice};
use satkeeper_core::{Now, Tick, UnixMillis};
use serde::Serialize;
use session_world::World;
use story::{Story, scoped};

/// One value a line, as JSON.
fn lines<T: Serialize>(of: &str, values: &[T]) -> String {
    let mut text = format!("{of}\n");
    for value in values {
        let _ = writeln!(text, "  {}", serde_json::to_string(value).expect("plain data"));
    }
    text
}

const STATEMENT: Statement = Statement {
    expires_at: Some(UnixMillis(1)),
    expires_in: Some(2),
    expiry_hint: Some(UnixMillis(3)),
    assumed_life: Some(4),
    scope: Some(true),
    cnf: Confirmation::Ours,
};
const FACTS: TokenFacts = TokenFacts { token: TokenId(1), statement: STATEMENT, new_secret: true };
const CAUSE: Cause = Cause { command: CommandId(1), failure: Failure::Timeout };
const PROVIDER: ProviderFacts = ProviderFacts { can_refresh: true, can_mint_again: false };
const SOCKET: SocketId = SocketId(1);
const ASK: AskId = AskId(1);
const GENERATION: Generation = Generation(1);
const TOKEN: TokenId = TokenId(1);
const END: Option<Tick> = Some(Tick(1));

fn failures() -> Vec<Failure> {
    vec![
        Failure::Timeout,
        Failure::Transport,
        Failure::Malformed,
        Failure::Http { status: 429, retry_after: Some(1) },
        Failure::Rpc { code: -32_003, credential: true },
        Failure::Rejected,
        Failure::Provider { retry_after: None },
        Failure::NoKey,
        Failure::Conflict,
    ]
}

fn replies() -> Vec<Reply> {
    vec![
        Reply::KeyMade,
        Reply::Token(FACTS),
        Reply::Inspected(STATEMENT),
        Reply::Opened,
        Reply::Authenticated { resumed: true, statement: STATEMENT },
        Reply::Reauthenticated(STATEMENT),
        Reply::Alive,
        Reply::Finished,
    ]
}

fn actions() -> Vec<Action> {
    let offset = Some(-1);
    vec![
        Action::MakeKey { algorithm: KeyAlgorithm::Es256 },
        Action::Mint { fingerprint: Some(KeyAlgorithm::Rs256) },
        Action::Refresh,
        Action::Inspect { base: TOKEN },
        Action::Activate { base: TOKEN, offset },
        Action::Renew { bound: TOKEN, offset },
        Action::Open { socket: SOCKET, token: TOKEN },
        Action::Authenticate { socket: SOCKET, token: TOKEN, resume: true, offset: None },
        Action::Reauthenticate { socket: SOCKET, token: TOKEN, offset },
        Action::Probe { socket: SOCKET },
        Action::Persist,
        Action::Erase,
        Action::Close { socket: SOCKET },
    ]
}

fn warnings() -> Vec<Warning> {
    vec![
        Warning::RefreshFallback { reason: FallbackReason::NoScope },
        Warning::NoRefreshHandler { ends: END, assumed: true },
        Warning::Expiring { ends: Tick(1), assumed: false, mechanism: Mechanism::Bound },
        Warning::RefreshFailed { attempt: 1, mechanism: Mechanism::Provider, cause: CAUSE, next: END },
        Warning::PushFailed { token: TOKEN, cause: CAUSE },
        Warning::ConnectFailed { cause: CAUSE, next: END },
        Warning::StoreFailed { cause: CAUSE },
        Warning::ExpiryShortened { token: TOKEN, by: 1 },
        Warning::KeySwitched { to: KeyAlgorithm::Rs256 },
        Warning::Clamped { token: TOKEN },
        Warning::ForeignKey { token: TOKEN },
    ]
}

fn inputs() -> Vec<Input> {
    let outcome = Outcome { result: Ok(Reply::Alive), server_time: Some(UnixMillis(1)), signed_at: None };
    vec![
        Input::Start(Start { provider: PROVIDER, key: KeyFacts::Auto, durable: true }),
        Input::Tick,
        Input::Done(CommandId(1), outcome),
        Input::SocketLost { socket: SOCKET },
        Input::SocketDead { socket: SOCKET },
        Input::ServerRestart { socket: SOCKET, wipe: true },
        Input::ResumeState { socket: SOCKET },
        Input::ServerTime(UnixMillis(1)),
        Input::Rejected { ask: ASK, generation: GENERATION },
        Input::RefreshNow { ask: ASK },
        Input::NewBase { ask: ASK, token: FACTS },
        Input::NewProvider(PROVIDER),
        Input::Suspend,
        Input::Resume,
        Input::NetworkChanged,
        Input::Disconnect,
        Input::Destroy,
    ]
}

fn events() -> Vec<Event> {
    let by = Some(Mechanism::Provider);
    vec![
        Event::Live { resumed: true, generation: GENERATION },
        Event::Bound { token: TOKEN },
        Event::Renewed { generation: GENERATION, token: TOKEN, by, ends: END },
        Event::Warn(Warning::Clamped { token: TOKEN }),
        Event::Failed { ask: ASK, error: AskError::NoMechanism },
        Event::Recovered { ask: ASK, generation: GENERATION },
        Event::ClockJump { by: 1 },
        Event::Expired { renewing: true },
        Event::Suspended,
        Event::Ignored(Ignored::OutOfPlace),
        Event::Teardown { reason: TeardownReason::Expired, cause: Some(CAUSE) },
    ]
}

fn wakes() -> Vec<Wake> {
    vec![
        Wake::Deadline(CommandId(1)),
        Wake::Expiry,
        Wake::GraceOver,
        Wake::Lapse,
        Wake::Vain,
        Wake::Refused,
        Wake::SecondRound,
        Wake::Stable,
        Wake::Expiring,
        Wake::Handover,
        Wake::Promotion,
        Wake::Fallback,
        Wake::NoMechanism,
        Wake::MakeKey,
        Wake::Mint,
        Wake::Inspect,
        Wake::Activate,
        Wake::Renew,
        Wake::Refresh,
        Wake::Persist,
        Wake::Push,
        Wake::Verdict,
        Wake::Open,
        Wake::Farewell,
    ]
}

/// The alphabets of the lifecycle, each variant of each.
fn alphabets() -> String {
    use TeardownReason::{Destroyed, Disconnected, Expired, InvalidCredentials, MintFailed};
    let held = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: true };
    let fixed = KeyFacts::Fixed(KeyAlgorithm::Rs256);
    let command = Command { id: CommandId(1), deadline: Tick(2), action: Action::Refresh };
    let phases = [
        Phase::Idle,
        Phase::Minting,
        Phase::Connecting,
        Phase::Live,
        Phase::Reconnecting,
        Phase::Expired,
        Phase::Suspended,
        Phase::Ending,
        Phase::Over(Destroyed),
    ];
    let holds = [
        Hold::Suspended,
        Hold::Governor,
        Hold::Rejected,
        Hold::Verdict,
        Hold::NoPath,
        Hold::BackOff,
        Hold::Key,
        Hold::Scope,
        Hold::NoEnd,
    ];
    let asks = [
        AskError::NoMechanism,
        AskError::Exchange(CAUSE),
        AskError::InvalidCredentials,
        AskError::Throttled,
        AskError::Superseded,
        AskError::Suspended,
        AskError::SessionOver,
    ];
    let ignored = [
        Ignored::StaleAnswer(CommandId(1)),
        Ignored::WrongReply(CommandId(1)),
        Ignored::StaleSocket,
        Ignored::OutOfPlace,
    ];
    let reasons = [
        FallbackReason::NoScope,
        FallbackReason::NoDpopSupport,
        FallbackReason::EndpointFailed,
        FallbackReason::ActivationTimeout,
    ];
    let cnf = [Confirmation::Unknown, Confirmation::Unbound, Confirmation::Ours, Confirmation::Others];
    [
        lines("Tick", &[Tick(1)]),
        lines("UnixMillis", &[UnixMillis(1)]),
        lines("Now", &[Now::new(1, 2)]),
        lines("TokenId", &[TOKEN]),
        lines("SocketId", &[SOCKET]),
        lines("AskId", &[ASK]),
        lines("CommandId", &[CommandId(1)]),
        lines("Generation", &[GENERATION]),
        lines("Input", &inputs()),
        lines("Start", &[Start { provider: PROVIDER, key: held, durable: false }]),
        lines("ProviderFacts", &[PROVIDER]),
        lines("KeyFacts", &[KeyFacts::Auto, fixed, held, KeyFacts::Unavailable]),
        lines("KeyAlgorithm", &[KeyAlgorithm::Es256, KeyAlgorithm::Rs256]),
        lines("Outcome", &[Outcome::failed(Failure::Timeout)]),
        lines("Reply", &replies()),
        lines("TokenFacts", &[FACTS]),
        lines("Statement", &[STATEMENT, Statement::default()]),
        lines("Confirmation", &cnf),
        lines("Failure", &failures()),
        lines("Output", &[Output::Do(command.clone()), Output::Tell(Event::Suspended)]),
        lines("Command", &[command]),
        lines("Action", &actions()),
        lines("Event", &events()),
        lines("Mechanism", &[Mechanism::Bound, Mechanism::Provider, Mechanism::None]),
        lines("Cause", &[CAUSE]),
        lines("Warning", &warnings()),
        lines("FallbackReason", &reasons),
        lines("AskError", &asks),
        lines("Ignored", &ignored),
        lines("TeardownReason", &[Expired, InvalidCredentials, MintFailed, Disconnected, Destroyed]),
        lines("Wake", &wakes()),
        lines("Phase", &phases),
        lines("Hold", &holds),
    ]
    .concat()
}

/// A durable session, a quarter of an hour old.
fn story() -> Story {
    let mut story = scoped().refreshes().mints().durable().begin();
    story.until(60_000);
    story.resume_state();
    story.until(850_000);
    story
}

#[test]
fn the_alphabets() {
    // proves L2
    insta::assert_snapshot!(alphabets());
}

#[test]
fn what_a_machine_says_of_itself() {
    // proves L3
    let machine = story().machine;
    let text = lines("Status", &[machine.status()]) + &lines("Why", &[machine.why()]);
    insta::assert_snapshot!(text);
}

#[test]
fn the_snapshot() {
    // proves L5: Snapshot, KeyMemory, Token, Gain, Kind, Base, Inspection, Declined, Stopwatch, Stated, Hint
    let text = serde_json::to_string_pretty(&story().machine.snapshot()).expect("plain data");
    insta::assert_snapshot!(text);
}

#[test]
fn the_policy() {
    // proves L53
    let text = lines("Policy", &[Policy::default(), Policy::browser_sdk_v4()]);
    insta::assert_snapshot!(text.replace(",\"", ",\n    \""));
}

#[test]
fn the_record() {
    // proves L5: Contents, WrittenToken, WrittenOneTime, WrittenKey, Counters
    let key = KeyChoice::Fixed(KeyAlgorithm::Es256);
    let mut world = World::start(Config::new(session_world::subscriber()).durable(true).key(key));
    world.push_state();
    world.pass(30_000);
    // What is known for a secret everywhere stands in no snapshot, not even where it belongs.
    let text = world.records.last().unwrap().replace(session_world::CANARY, "SECRET");
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&record).unwrap());
}

/// All sources of the crate.
fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The types of a source that are written down: name, variants. Those inside functions are bodies of requests and
/// frames, which the tests of those compare word for word.
fn written(source: &str) -> Vec<(String, Vec<String>)> {
    let mut types = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let mut derives = line.to_owned();
        while derives.starts_with("#[derive(") && !derives.ends_with(")]") {
            derives.push_str(lines.next().unwrap());
        }
        if !derives.starts_with("#[derive(") || !derives.contains("Serialize") {
            continue;
        }
        let head = lines.by_ref().find(|line| !line.starts_with("#[")).unwrap();
        let mut words =
            head.split(|c: char| !c.is_alphanumeric()).skip_while(|it| *it != "struct" && *it != "enum");
        let is_enum = words.next() == Some("enum");
        let name = words.next().unwrap().to_owned();
        let body = lines.clone().take_while(|line| !line.starts_with('}'));
        let variant = |line: &str| {
            let word = line.strip_prefix("    ").filter(|rest| rest.starts_with(char::is_uppercase))?;
            Some(word.split(|c: char| !c.is_alphanumeric()).next()?.to_owned())
        };
        types.push((name, if is_enum { body.filter_map(variant).collect() } else { Vec::new() }));
    }
    types
}

/// A variant as serde spells it, in any of the ways in use.
fn spellings(variant: &str) -> [String; 3] {
    let with = |mark: char| {
        let mut text = String::new();
        for letter in variant.chars() {
            if letter.is_uppercase() && !text.is_empty() {
                text.push(mark);
            }
            text.extend(letter.to_lowercase());
        }
        format!("\"{text}\"")
    };
    [format!("\"{variant}\""), with('_'), with('-')]
}

#[test]
fn nothing_is_written_down_that_is_not_in_here() {
    let (mut found, here) = (Vec::new(), include_str!("serialised.rs"));
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let alphabets = alphabets();
    let mut seen = 0;
    for (file, source) in found {
        for (name, variants) in written(&source) {
            let is_named = here.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
            assert!(is_named, "{name} of {file} has no snapshot");
            seen += 1;
            let Some(sample) = alphabets.split(&format!("{name}\n  ")).nth(1) else { continue };
            let sample = sample
                .split("\n")
                .take_while(|line| !line.is_empty() && !line.starts_with(char::is_uppercase));
            let sample: String = sample.collect();
            for variant in variants {
                let spelt = spellings(&variant).iter().any(|spelling| sample.contains(spelling));
                assert!(spelt, "{name}::{variant} of {file} has no snapshot");
            }
        }
    }
    assert!(seen > 50, "{seen}");
}
