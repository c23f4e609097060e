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
use story::{FORBIDDEN, Story, Treatment, scoped, unscoped};

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
        Wake::Expiry,
        Wake::GraceOver,
        Wake::TokenEnds,
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
    use TeardownReason::{
        Destroyed, Disconnected, Expired, HandedOver, InvalidCredentials, Left, MintFailed,
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
            &[Expired, InvalidCredentials, MintFailed, Disconnected, Left, Destroyed, HandedOver],
        ),
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

/// One JSON text on lines of its own under the names of the types that are in it.
fn whole(names: &str, text: &str) -> String {
    format!("{names}\n  {}\n", text.replace('\n', "\n  "))
}

#[test]
fn the_snapshot() {
    // proves L5
    let text = serde_json::to_string_pretty(&story().machine.snapshot()).expect("plain data");
    let names = "Snapshot, KeyMemory, Token, Gain, Kind, Base, Stopwatch, Stated";
    let tokens = |of: &Story| {
        let snapshot = serde_json::to_value(of.machine.snapshot()).expect("plain data");
        snapshot["held"].to_string()
    };
    // A base is asked about once: that is over, under way, given up half-way, and has not begun at rest.
    let mut asked = scoped().always("inspect", Treatment::Silence).begin();
    asked.until(1_000);
    let mut stages = vec![tokens(&story()), tokens(&asked)];
    asked.input(Input::Suspend);
    stages.push(tokens(&asked));
    let mut late = scoped().next("mint", Treatment::Late(2_000)).begin();
    late.until(1_000);
    late.input(Input::Suspend);
    late.until(3_000);
    stages.push(tokens(&late));
    // An end that only the provider has named, and a mechanism that is declined.
    let hint = Statement { expiry_hint: Some(UnixMillis(story::EPOCH + 900_000)), ..Statement::default() };
    let mint = Reply::Token(TokenFacts { token: TOKEN, statement: hint, new_secret: false });
    let mut declined = scoped()
        .refreshes()
        .next("mint", Treatment::Say(mint))
        .always("activate", Treatment::Fail(FORBIDDEN))
        .begin();
    declined.until(10_000);
    // A token that came while no server had told its time.
    let mut undated = unscoped()
        .world(|world| (world.tells_time, world.states_ends) = (false, false))
        .always("authenticate", Treatment::Silence)
        .begin();
    undated.until(1_000);
    let text = whole(names, &(text + "\n" + &tokens(&undated)))
        + &whole("Inspection", &stages.join("\n"))
        + &whole("Declined, Hint", &tokens(&declined));
    insta::assert_snapshot!(text);
}

#[test]
fn the_run() {
    // proves L4
    let config = Config::new(session_world::CALLBACK).key(KeyChoice::None);
    let mut session = Session::new(config, Seed::from_bytes([7; 32]));
    let now = Now::new(1, 1_800_000_000_000);
    session.record_run(now, [8; 32]);
    let _ = session.step(now, SessionInput::Start);
    insta::assert_snapshot!(whole("Head, Line", &session.take_run().join("\n")));
}

#[test]
fn the_policy() {
    // proves L53
    let text = lines("Policy", &[Policy::default(), Policy::browser_sdk_v4()]);
    insta::assert_snapshot!(text.replace(",\"", ",\n    \""));
}

#[test]
fn the_record() {
    // proves L5
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
