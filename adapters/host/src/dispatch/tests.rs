//! The clauses of the contract, in virtual time: a server that accepts the token, and no runtime.

use super::{Ask, Dispatcher, Effect, Reply, StateUpdate};
use crate::feed::Receiver;
use crate::leased_store::LeasedStore;
use crate::recorder::Recorder;
use crate::settings::Opened;
use crate::store::MemoryStore;
use satkeeper_core::Now;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{SocketId, TeardownReason};
use satkeeper_core::secret::{Secret, Seed};
use satkeeper_core::session::{
    CallId, Config, Credential, KeyChoice, Provider, Session, SessionEvent, SessionInput, SessionNews,
    SessionOutput,
};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::mpsc::{self, TryRecvError, channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
const START: u64 = 1_700_000_000;
const DATE: &str = "Tue, 14 Nov 2023 22:13:20 GMT";
/// A token that nobody renews; its header says `"typ":"SAT"`.
const TOKEN: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwidHlwIjoiU0FUIn0....";

fn session(durable: bool) -> Session {
    let provider = Provider::Static(Credential::new(Secret::new(TOKEN)));
    let mut config = Config::new(provider).key(KeyChoice::None);
    config.durable = durable;
    Session::new(config, Seed::from_bytes([7; 32]))
}

fn now(time: u64) -> Now {
    Now::new(time, START * 1_000 + time)
}

fn opened(durable: bool) -> Opened {
    let store = durable.then(|| LeasedStore::open(Box::new(MemoryStore::new())).unwrap().0);
    Opened { session: session(durable), store, recorder: None, notices: Vec::new() }
}

/// What the world makes of an output: the token is good for a minute, and the store writes.
fn served(output: &SessionOutput) -> Option<SessionInput> {
    match output {
        SessionOutput::Open { socket, .. } => {
            Some(SessionInput::Opened { socket: *socket, date: Some(DATE.to_owned()) })
        }
        SessionOutput::Send { socket, text } => {
            let frame: Value = serde_json::from_str(text.expose()).unwrap();
            let authorization = json!({"fabric_subscriber": {"expires_at": START + 60}});
            let result = json!({"protocol": "signalwire_p", "authorization": authorization});
            let answer = json!({"jsonrpc": "2.0", "id": frame.get("id"), "result": result});
            Some(SessionInput::Frame { socket: *socket, text: answer.to_string() })
        }
        SessionOutput::Persist { id, .. } => Some(SessionInput::Stored { id: *id, result: Ok(()) }),
        _ => None,
    }
}

/// One word for what is performed.
fn performed(output: &SessionOutput) -> &'static str {
    match output {
        SessionOutput::Open { .. } => "open",
        SessionOutput::Send { .. } => "send",
        SessionOutput::Close { .. } => "close",
        SessionOutput::Persist { .. } => "persist",
        _ => "another",
    }
}

fn told(event: &SessionEvent) -> String {
    format!("tell {}", event.kind().code())
}

fn reply<T: Send + 'static>() -> (Reply<T>, mpsc::Receiver<T>) {
    let (teller, told) = channel();
    (Box::new(move |answer| drop(teller.send(answer))), told)
}

/// An adapter that writes down what it is told to do.
struct World {
    dispatcher: Dispatcher<&'static str>,
    events: Receiver<SessionEvent>,
    time: u64,
    /// Effects and events in their order.
    seen: Vec<String>,
    /// What the world has to say.
    inputs: VecDeque<SessionInput>,
}

impl World {
    fn new(opened: Opened) -> Self {
        let (dispatcher, _store) = Dispatcher::new(opened);
        let events = dispatcher.events().subscribe();
        Self { dispatcher, events, time: 0, seen: Vec::new(), inputs: VecDeque::new() }
    }

    /// One that is live.
    fn live() -> Self {
        let mut world = Self::new(opened(false));
        world.run();
        assert!(world.saw("tell live").is_some(), "{:?}", world.seen);
        world.seen.clear();
        world
    }

    fn event(&mut self) -> Poll<Option<SessionEvent>> {
        let next = self.events.poll_recv(&mut Context::from_waker(Waker::noop()));
        next.map(|next| next.map(|event| event.unwrap()))
    }

    fn saw(&self, what: &str) -> Option<usize> {
        self.seen.iter().position(|seen| seen == what)
    }

    /// One effect, after the events that were told before it.
    fn turn(&mut self) -> Effect<&'static str> {
        let effect = self.dispatcher.poll(now(self.time));
        while let Poll::Ready(Some(event)) = self.event() {
            self.seen.push(told(&event));
        }
        self.seen.push(match &effect {
            Effect::Perform(output) => performed(output).to_owned(),
            Effect::Show(StateUpdate::Credential(_)) => "show credential".to_owned(),
            Effect::Show(StateUpdate::Connection(_)) => "show connection".to_owned(),
            Effect::Show(StateUpdate::Subscriber(_)) => "show subscriber".to_owned(),
            Effect::Show(StateUpdate::Status(status)) => format!("show status {}", status.phase.name()),
            Effect::Show(StateUpdate::Live) => "show live".to_owned(),
            Effect::SetProvider(own) => format!("ask {own:?}"),
            other => format!("{other:?}"),
        });
        if let Effect::Perform(output) = &effect {
            self.inputs.extend(served(output));
        }
        effect
    }

    /// Until nothing happens any more at this time, or all is over.
    fn run(&mut self) -> Effect<&'static str> {
        loop {
            match self.turn() {
                Effect::Wait(until) => match self.inputs.pop_front() {
                    Some(input) => self.dispatcher.take(input),
                    None => return Effect::Wait(until),
                },
                Effect::Over => return Effect::Over,
                _ => {}
            }
        }
    }

    /// Down to the end, however long that takes.
    fn run_out(&mut self) {
        while let Effect::Wait(Some(until)) = self.run() {
            self.time = until.0;
            self.dispatcher.take(SessionInput::Tick);
        }
        assert_eq!(self.seen.last().map(String::as_str), Some("Over"));
    }

    fn command(&mut self, input: SessionInput) -> mpsc::Receiver<()> {
        let (done, taken) = reply();
        self.dispatcher.ask(Ask::Command { input, done });
        taken
    }
}

/// What a session says to the same world when nothing is between them.
fn alone() -> Vec<String> {
    let (mut session, mut said) = (session(true), Vec::new());
    let (mut time, mut inputs) = (0, VecDeque::from([SessionInput::Start]));
    while let Some(input) = inputs.pop_front() {
        let step = session.step(now(time), input);
        for output in &step.outputs {
            inputs.extend(served(output));
            match output {
                SessionOutput::Tell(event) => said.push(told(event)),
                SessionOutput::Connection(_) | SessionOutput::Subscriber(_) => {}
                output => said.push(performed(output).to_owned()),
            }
        }
        if let (true, Some((at, _))) = (inputs.is_empty(), step.wake_at) {
            time = at.0;
            inputs.push_back(SessionInput::Tick);
        }
    }
    said
}

// D1 order
#[test]
fn a_whole_life_is_in_the_sessions_order() {
    let mut world = World::new(opened(true));
    world.run_out();
    let own = |seen: &String| !seen.starts_with("show") && !seen.starts_with("Wait") && seen != "Over";
    let seen: Vec<String> = world.seen.iter().filter(|seen| own(seen)).cloned().collect();
    assert!(seen.len() > 8 && seen.iter().any(|seen| seen == "persist"), "{seen:?}");
    assert_eq!(seen, alone());
    assert_eq!(world.dispatcher.close().reason, TeardownReason::Expired);
}

// D1 order
#[test]
fn a_step_is_done_with_before_the_next_one() {
    let mut world = World::new(opened(false));
    world.dispatcher.take(SessionInput::Tick);
    assert!(matches!(world.run(), Effect::Wait(_)));
    let steps = world.seen.iter().take_while(|seen| !seen.starts_with("Wait"));
    let steps: Vec<&str> = steps.map(String::as_str).filter(|seen| !seen.starts_with("tell")).collect();
    let begun: Vec<bool> = steps.iter().map(|seen| !seen.starts_with("show")).collect();
    let whole = [&[false; 4][..], &[true; 2], &[false; 4]].concat();
    assert_eq!(begun, whole, "shown, begun, and then the tick: {steps:?}");
}

// D2 first word
#[test]
fn what_the_store_had_to_say_is_told_first() {
    let first = SessionEvent::new(now(0), SessionNews::RecordUnused, None);
    let notices = vec![first.clone()];
    let mut world = World::new(Opened { notices, ..opened(false) });
    let _ = world.turn();
    assert_eq!(world.seen, [told(&first), "show credential".to_owned()]);
}

// D3 state before news
#[test]
fn who_is_told_finds_it_so_and_the_status_comes_last() {
    let mut world = World::new(opened(false));
    world.run();
    let (status, event) = (world.saw("show status live"), world.saw("tell live"));
    assert!(status.is_some() && status < event, "{:?}", world.seen);
    let shown = world.seen.iter().filter(|seen| seen.starts_with("show ") && *seen != "show live");
    let shown: Vec<&str> = shown.map(String::as_str).collect();
    assert!(shown.len() > 8);
    for step in shown.chunks(4) {
        let [credential, connection, subscriber, status] = step else { panic!("{step:?}") };
        assert_eq!(
            [*credential, *connection, *subscriber],
            ["show credential", "show connection", "show subscriber"]
        );
        assert!(status.starts_with("show status"));
    }
}

// D4 beginning
#[test]
fn who_waits_for_the_beginning_goes_on_before_it_is_told() {
    let mut world = World::new(opened(false));
    world.run();
    let shown = world.saw("show live").unwrap();
    assert!(Some(shown) < world.saw("tell live"), "{:?}", world.seen);
    assert!(world.seen.iter().take(shown).any(|seen| seen == "show status live"));
}

// D5 record first
#[test]
fn a_step_is_recorded_before_anything_of_it_is_done() {
    let path = std::env::temp_dir().join(format!("satkeeper-dispatch-{}", std::process::id()));
    let mut opened = opened(false);
    let recorder = Recorder::begin(&path, &mut opened.session, now(0), SOON).unwrap();
    let mut world = World::new(Opened { recorder: Some(recorder), ..opened });
    let _ = world.turn();
    assert_eq!(world.seen, ["show credential"]);
    let (done, finished) = reply();
    world.dispatcher.take_recorder().unwrap().finish(move || done(()));
    finished.recv_timeout(SOON).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(text.lines().count(), 3, "its head, the start, and the token that is at hand: {text}");
}

// D6 write before the last word
#[test]
fn the_end_of_a_session_that_is_kept_waits_for_its_store() {
    let mut world = World::new(opened(true));
    world.run();
    world.dispatcher.orphaned();
    let last = loop {
        match world.turn() {
            Effect::Perform(SessionOutput::Persist { id, .. }) => break id,
            Effect::Over => panic!("{:?}", world.seen),
            _ => {}
        }
    };
    world.inputs.clear();
    assert!(matches!(world.run(), Effect::Wait(Some(_))), "the store has not answered");
    assert_eq!(world.saw("tell teardown"), None);
    world.dispatcher.take(SessionInput::Stored { id: last, result: Ok(()) });
    assert!(matches!(world.run(), Effect::Over));
    assert!(world.saw("tell teardown").is_some());
}

// D7 one answer
#[test]
fn who_asks_is_answered_once() {
    let mut world = World::live();
    let ((reply, told), (other, heard)) = (reply(), reply());
    world.dispatcher.ask(Ask::RefreshNow { reply });
    world.dispatcher.ask(Ask::RefreshNow { reply: other });
    world.run();
    for told in [told, heard] {
        assert!(matches!(told.try_recv(), Ok(Err(_))), "nobody can renew it");
        assert_eq!(told.try_recv().err(), Some(TryRecvError::Disconnected));
    }
}

// D7 one answer
#[test]
fn who_still_waits_at_the_end_learns_of_it_before_the_adapter_ends_anything() {
    let mut world = World::live();
    let (reply, told) = reply();
    world.dispatcher.waiters.call(CallId(9), reply);
    let _ = world.command(SessionInput::Disconnect);
    world.run_out();
    assert_eq!(told.try_recv().err(), Some(TryRecvError::Disconnected));
}

// D8 withdrawal
#[test]
fn a_call_that_is_taken_back_is_not_made() {
    let mut world = World::new(opened(false));
    let call =
        |call, reply| Ask::Call { call: CallId(call), method: "a.call".into(), params: json!({}), reply };
    let ((reply, told), (other, heard)) = (reply(), reply());
    world.dispatcher.ask(call(7, reply));
    world.dispatcher.ask(Ask::CancelCall(CallId(7)));
    assert_eq!(told.try_recv().err(), Some(TryRecvError::Disconnected));
    let sent = |world: &World| world.seen.iter().filter(|seen| *seen == "send").count();
    world.run();
    assert_eq!(sent(&world), 1, "to connect");
    world.dispatcher.ask(call(8, other));
    world.run();
    assert_eq!(sent(&world), 2);
    assert!(matches!(heard.try_recv(), Ok(Ok(_))));
    world.dispatcher.ask(Ask::CancelCall(CallId(8)));
    assert!(world.dispatcher.queue.is_empty(), "it has its answer");
}

// D9 done is done
#[test]
fn a_command_is_done_when_all_it_led_to_has_been_begun() {
    let mut world = World::live();
    let taken = world.command(SessionInput::NetworkChanged);
    assert!(matches!(world.turn(), Effect::NetworkChanged), "before the session hears of it");
    while !matches!(world.turn(), Effect::Wait(_)) {
        assert_eq!(taken.try_recv(), Err(TryRecvError::Empty), "{:?}", world.seen);
    }
    assert!(world.saw("send").or(world.saw("open")).is_some(), "{:?}", world.seen);
    assert_eq!(taken.try_recv(), Ok(()));
}

// D9 done is done
#[test]
fn a_new_provider_is_in_its_place_before_the_session_hears_of_it() {
    let mut world = World::live();
    let (done, taken) = reply();
    let provider = Provider::Static(Credential::new(Secret::new(TOKEN)));
    world.dispatcher.ask(Ask::SetProvider { provider, own: Some("mine"), done });
    assert!(matches!(world.turn(), Effect::SetProvider(Some("mine"))));
    assert_eq!(taken.try_recv(), Err(TryRecvError::Empty));
    world.run();
    assert_eq!(taken.try_recv(), Ok(()));
}

// D10 last handle
#[test]
fn a_session_that_nobody_holds_is_left_where_it_has_a_store() {
    for (durable, reason) in [(true, TeardownReason::Left), (false, TeardownReason::Disconnected)] {
        let mut world = World::new(opened(durable));
        world.run();
        world.dispatcher.orphaned();
        world.run_out();
        assert_eq!(world.dispatcher.close().reason, reason);
    }
}

// D11 ended socket
#[test]
fn a_socket_that_has_ended_is_let_go_of_first() {
    let mut world = World::live();
    let error = Some(SessionError::Transport { message: "reset".to_owned() });
    world.dispatcher.take(SessionInput::Closed { socket: SocketId(0), error });
    let _ = world.turn();
    assert_eq!(world.seen, ["close"]);
    world.run();
    assert!(world.saw("tell connection_lost").is_some(), "{:?}", world.seen);
}

// D12 unknown output
#[test]
fn what_the_adapter_does_not_know_is_declined() {
    let mut world = World::new(opened(false));
    while !matches!(world.seen.last().map(String::as_str), Some("open")) {
        if let Effect::Perform(output) = world.turn() {
            world.inputs.clear();
            world.dispatcher.decline(output);
        }
    }
    world.run();
    assert!(world.saw("open") < world.saw("close"), "it has ended: {:?}", world.seen);
}

// D13 the end
#[test]
fn at_the_end_what_had_arrived_is_taken_in_and_receivers_end_last() {
    let mut world = World::live();
    let taken = world.command(SessionInput::Disconnect);
    let (reply, told) = reply();
    world.dispatcher.ask(Ask::RefreshNow { reply });
    world.run_out();
    assert_eq!(taken.try_recv(), Ok(()));
    assert!(matches!(told.try_recv(), Ok(Err(_))), "the session answers it");
    assert!(world.saw("tell teardown").is_some(), "{:?}", world.seen);
    assert!(world.event().is_pending(), "not before the adapter has ended what was under way");
    let World { dispatcher, mut events, .. } = world;
    assert_eq!(dispatcher.close().reason, TeardownReason::Disconnected);
    assert_eq!(events.poll_recv(&mut Context::from_waker(Waker::noop())), Poll::Ready(None));
}
