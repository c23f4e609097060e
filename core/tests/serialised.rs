//! What outlives a process and what goes into recordings, as it is written: a change of any of it is a change of a
//! format. Each sample stands under the names of the types that it shows (`tests/serialised.rs` of the workspace sees
//! to it that none is missing); what is sent is in `serialised_wire.rs`.
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

#[path = "session/world/mod.rs"]
mod session_world;
#[path = "lifecycle/story/mod.rs"]
mod story;

use std::fmt::Write as _;

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::session::{Config, KeyChoice, Session, SessionInput};
use satkeeper_core::{Now, Tick, UnixMillis};
use serde::Serialize;
use session_world::World;
use story::{FORBIDDEN, Story, Treatment, UNAVAILABLE, scoped, unscoped};

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
const PROVIDER: ProviderFacts =
    ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
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
        Failure::Page { status: 404, retry_after: Some(1) },
        Failure::NoSecret,
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
        Warning::ConnectionLost { cause: CAUSE, next: END },
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
        Input::SocketAlive { socket: SOCKET },
        Input::ServerRestart { socket: SOCKET, wipe: true },
        Input::ResumeState { socket: SOCKET },
        Input::Rejected { ask: ASK, generation: GENERATION },
        Input::RefreshNow { ask: ASK },
        Input::NewBase { ask: ASK, token: FACTS },
        Input::NewProvider(PROVIDER),
        Input::Suspend,
        Input::Resume,
        Input::NetworkChanged,
        Input::Disconnect,
        Input::Leave,
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
        Wake::Hopeless,
        Wake::GiveUp,
        Wake::TokenEnds,
        Wake::Vain,
        Wake::Pending,
        Wake::Stable,
        Wake::Part,
        Wake::Expiring,
        Wake::Fallback,
        Wake::NoMechanism,
        Wake::MakeKey,
        Wake::Mint,
        Wake::Refresh,
        Wake::Activate,
        Wake::Renew,
        Wake::Inspect,
        Wake::ReachOut,
        Wake::Persist,
        Wake::Push,
        Wake::Show,
        Wake::Open,
        Wake::Farewell,
    ]
}

/// The alphabets of the lifecycle, each variant of each.
fn alphabets() -> String {
    use TeardownReason::{
        Destroyed, Disconnected, Expired, HandedOver, Incompatible, InvalidCredentials, Left, MintFailed,
    };
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
    let asks = [
        AskError::NoMechanism,
        AskError::Exchange(CAUSE),
        AskError::InvalidCredentials,
        AskError::Throttled,
        AskError::Superseded,
        AskError::Pending,
        AskError::Suspended,
        AskError::SessionOver,
    ];
    let ignored = [
        Ignored::StaleAnswer(CommandId(1)),
        Ignored::WrongReply(CommandId(1)),
        Ignored::StaleSocket,
        Ignored::OutOfPlace,
    ];
    let reasons = [FallbackReason::NoScope, FallbackReason::NoDpopSupport, FallbackReason::EndpointFailed];
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
        lines("ProviderFacts", &[PROVIDER, ProviderFacts { may_be_asked_twice: true, ..PROVIDER }]),
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
        lines(
            "TeardownReason",
            &[
                Expired,
                InvalidCredentials,
                MintFailed,
                Disconnected,
                Left,
                Destroyed,
                HandedOver,
                Incompatible,
            ],
        ),
        lines("Wake", &wakes()),
        lines("Phase", &phases),
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
    // proves R29.9
    insta::assert_snapshot!(alphabets());
}

#[test]
fn what_a_machine_says_of_itself() {
    // proves R29.10
    let machine = story().machine;
    let text = lines("Status", &[machine.status()]) + &lines("Why", &[machine.why()]);
    insta::assert_snapshot!(text);
}

/// One JSON text on lines of its own under the names of the types that are in it.
fn whole(names: &str, text: &str) -> String {
    format!("{names}\n  {}\n", text.replace('\n', "\n  "))
}

/// A part of what a machine keeps.
fn kept(of: &Story, part: &str) -> String {
    let snapshot = serde_json::to_value(of.machine.snapshot()).expect("plain data");
    snapshot[part].to_string()
}

/// Nobody has connected yet: what a mint has said of its token is all that is known of it.
fn minted(says: Statement) -> Story {
    let mint = Reply::Token(TokenFacts { token: TOKEN, statement: says, new_secret: false });
    let mut story = scoped()
        .refreshes()
        .next("mint", Treatment::Say(mint))
        .always("inspect", Treatment::Silence)
        .always("authenticate", Treatment::Silence)
        .begin();
    story.until(1_000);
    story
}

#[test]
fn the_snapshot() {
    // proves R13.1, R13.2
    let text = serde_json::to_string_pretty(&story().machine.snapshot()).expect("plain data");
    // A base is asked about once: that is over, under way, and has not begun at rest.
    let mut asked = scoped().always("inspect", Treatment::Silence).begin();
    asked.until(1_000);
    let mut late = scoped().next("mint", Treatment::Late(2_000)).begin();
    late.until(1_000);
    late.input(Input::Suspend);
    late.until(3_000);
    let inspections = [&story(), &asked, &late].map(|story| kept(story, "held"));
    // Whose word an end is.
    let says = Statement::default();
    let words = [
        says,
        Statement { assumed_life: Some(900_000), ..says },
        Statement { expiry_hint: Some(UnixMillis(story::EPOCH + 900_000)), ..says },
        Statement { expires_in: Some(900_000), ..says },
    ];
    let words = words.map(|says| kept(&minted(says), "held"));
    // An end that was named before any server told its time.
    let end = Some(UnixMillis(story::EPOCH + 900_000));
    let undated = [Statement { expires_at: end, ..says }, Statement { expiry_hint: end, ..says }];
    let seed = Seed::from_bytes([7; 32]);
    let now = Now::new(0, story::EPOCH);
    let held = |machine: &Lifecycle| {
        serde_json::to_value(machine.snapshot()).expect("plain data")["held"].to_string()
    };
    let mut undated = undated.map(|says| {
        let mut machine = Lifecycle::new(Policy::default(), &seed);
        let start = Start { provider: PROVIDER, key: KeyFacts::Unavailable, durable: false };
        let _ = machine.step(now, Input::Start(start));
        let mint = Reply::Token(TokenFacts { token: TOKEN, statement: says, new_secret: false });
        let _ = machine.step(now, Input::Done(CommandId(0), Outcome::ok(mint)));
        held(&machine)
    });
    // And a hint that a process of before had read in the server's time.
    let hinted = minted(Statement { expiry_hint: end, ..says }).machine.snapshot();
    let hinted = held(&Lifecycle::restore(Policy::default(), &seed, &hinted, now));
    undated[1] = format!("{}\n{hinted}", undated[1]);
    // A key that is being made, is there, was not wanted, and could not be had.
    let mut wanted = scoped().always("make_key", Treatment::Silence).begin();
    let mut failed = scoped().always("make_key", Treatment::Fail(Failure::NoKey)).begin();
    for story in [&mut wanted, &mut failed] {
        story.until(1_000);
    }
    let keys = [&wanted, &story(), &unscoped().keyless().begin(), &failed].map(|story| kept(story, "key"));
    // How an endpoint has failed.
    let ended = Statement { expires_in: Some(0), ..says };
    let barren = Reply::Token(TokenFacts { token: TokenId(99), statement: ended, new_secret: false });
    let treatments = [Treatment::Fail(UNAVAILABLE), Treatment::Fail(FORBIDDEN), Treatment::Say(barren)];
    let paces = treatments.map(|treatment| {
        let mut story = unscoped().refreshes().keyless().always("refresh", treatment).begin();
        story.until(10_000);
        story.refresh_now();
        story.until(12_000);
        kept(&story, "paces")
    });
    // Whether the record holds a token.
    let mut underway = unscoped().refreshes().durable().always("persist", Treatment::Silence).begin();
    underway.until(100);
    let saved = [&asked, &underway, &story()].map(|story| kept(story, "held"));
    // Who has brought one.
    let mut refreshed = unscoped().refreshes().keyless().begin();
    refreshed.until(10_000);
    refreshed.refresh_now();
    let mut activated = scoped().begin();
    for story in [&mut refreshed, &mut activated] {
        story.until(20_000);
    }
    let brought = [&asked, &refreshed, &activated, &story()].map(|story| kept(story, "held"));
    let text = whole("Snapshot, Key, Paces, Pace, Token, Kind, Base", &text)
        + &whole("Inspection", &inspections.join("\n"))
        + &whole("Word", &words.join("\n"))
        + &whole("Undated", &undated.join("\n"))
        + &whole("KeyState", &keys.join("\n"))
        + &whole("Endpoint", &brought.join("\n"))
        + &whole("Class", &paces.join("\n"))
        + &whole("Saved", &saved.join("\n"));
    for word in ["Wanted", "Ready", "Declined", "Failed", "Nobody", "Assumed", "Hinted", "Told", "Unanswered"]
    {
        assert!(text.contains(&format!("\"{word}\"")), "{word}");
    }
    for word in ["Refusal", "Barren", "No", "Underway", "Yes", "Asked", "Over"] {
        assert!(text.contains(&format!("\"{word}\"")), "{word}");
    }
    insta::assert_snapshot!(text);
}

#[test]
fn the_run() {
    // proves R30.1
    let config = Config::new(session_world::CALLBACK).key(KeyChoice::None);
    let mut session = Session::new(config, Seed::from_bytes([7; 32]));
    let now = Now::new(1, 1_800_000_000_000);
    session.record_run(now, [8; 32]);
    let _ = session.step(now, SessionInput::Start);
    insta::assert_snapshot!(whole("Head, Line", &session.take_run().join("\n")));
}

#[test]
fn the_policy() {
    // proves R37.2, R37.3
    let text = lines("Policy", &[Policy::default(), Policy::browser_sdk_v4()]);
    insta::assert_snapshot!(text.replace(",\"", ",\n    \""));
}

#[test]
fn the_record() {
    // proves R13.1
    let key = KeyChoice::Fixed(KeyAlgorithm::Es256);
    let mut world = World::start(Config::new(session_world::subscriber()).durable(true).key(key));
    world.push_state();
    world.pass(30_000);
    // What is known for a secret everywhere stands in no snapshot, not even where it belongs.
    let text = world.records.last().unwrap().replace(session_world::CANARY, "SECRET");
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names = "Contents, WrittenToken, WrittenOneTime, WrittenKey, Counters, Text";
    insta::assert_snapshot!(whole(names, &serde_json::to_string_pretty(&record).unwrap()));
}
