//! What a driver owes the application, and the half of a driver that is the same on each runtime.
//!
//! A driver is the one task or thread that owns a [`Session`]. Its [`Dispatcher`] is told what happens, and says one
//! [`Effect`] after the other what is to be done: it knows no runtime, no channel and no clock. The other half belongs to
//! the adapter: it performs the effects in the order in which they come, and waits.
//!
//! ```
//! # use satkeeper_core::session::{Config, Credential, Provider, Session, SessionInput, SessionOutput};
//! # use satkeeper_core::secret::{Secret, Seed};
//! use satkeeper_core::Now;
//! use satkeeper_host::Opened;
//! use satkeeper_host::dispatch::{Dispatcher, Effect};
//! # let config = Config::new(Provider::Static(Credential::new(Secret::new("no token at all"))));
//! # let session = Session::new(config, Seed::from_bytes([7; 32]));
//! # let opened = Opened { session, store: None, recorder: None, notices: Vec::new() };
//! let (mut dispatcher, _store) = Dispatcher::<()>::new(opened);
//! let mut events = dispatcher.events().subscribe();
//! loop {
//!     match dispatcher.poll(Now::new(0, 0)) {
//!         // Begin to send, to open, to write; what comes of it is handed in with `take`.
//!         Effect::Perform(output) => dispatcher.decline(output),
//!         // Until then, or until something happens.
//!         Effect::Wait(_until) => dispatcher.take(SessionInput::Tick),
//!         Effect::Over => break,
//!         // What handles look at, and what belongs to the adapter.
//!         _ => {}
//!     }
//! }
//! println!("{}", dispatcher.close());
//! ```
//!
//! # The contract
//! The dispatcher keeps these, on each runtime alike:
//!
//! | | when | then |
//! |---|---|---|
//! | D1 order | something happens | The session hears of it in the order of arrival. What a step led to is done in the session's order, all of it, before the session hears of anything else. |
//! | D2 first word | the store had something to say as it was opened | It is told before anything of the session. |
//! | D3 state before news | a step has changed the state | Handles see it before anything of that step is told, answered or sent: credential, connection, subscriber, and the status last, since that is what they wait for. |
//! | D4 beginning | the session is live for the first time | Who waits for that goes on, then `Live` is told. |
//! | D5 record first | the run is recorded | The recorder has the step before anything of it is done. |
//! | D6 write before the last word | a session that is kept ends | Its last record has been written, or is given up, before its end is told. The session waits for that, and the dispatcher for the session; elsewhere a write is one output among others (D1), and what must be written before it is used, the session waits for as well. |
//! | D7 one answer | somebody asks for something | They get one answer. Where there will be none, their reply is dropped: the session is over. Who has stopped waiting is left alone. |
//! | D8 withdrawal | somebody takes a call back | The session drops it, unless it has answered by then. |
//! | D9 done is done | somebody hands in a command | They are answered once all that it led to has been begun. A new provider is in its place, and idle connections have been let go of, before the session hears of it. |
//! | D10 last handle | nobody holds a handle any more | A session that has a store is left to the next process; one that has none is disconnected. |
//! | D11 ended socket | a socket has ended | The adapter has let go of it before the session acts on that. |
//! | D12 unknown output | the adapter does not know an output | The session is told that it is declined, and so is whoever reads the log. |
//! | D13 the end | the session has told its end | What had arrived before is still taken in. Then whoever waits is told, receivers stay open until [`Dispatcher::close`], and how it ended is known to nobody before that. |
//!
//! An adapter keeps these:
//!
//! | when | then |
//! |---|---|
//! | the session lasts | The driver waits for nobody: requests, the provider, the signer and the store report back, however late, and receivers that fall behind are told how much they missed. |
//! | somebody keeps a receiver or a notification and no handle | That does not keep the session. |
//! | it is over | Nothing that was asked since is taken on. Sockets say goodbye, the store is released, the recorder finishes, all at once and for 2 s at most. Then receivers end, and then, last, whoever waits for the end goes on: the store is free for another session by then, unless it hangs. |
//! | a first connect takes too long | The last handle is dropped, and its end is waited for, [`GIVE_UP`] at most. |
//! | the driver panics | Whoever waits is told that it has stopped. |

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use satkeeper_core::lifecycle::Status;
use satkeeper_core::session::{
    EventKind, Notification, Session, SessionEvent, SessionInput, SessionOutput, SessionStep,
};
use satkeeper_core::{Now, Tick};

use crate::end::End;
use crate::feed::{Feed, Publisher};
use crate::leased_store::LeasedStore;
use crate::recorder::Recorder;
use crate::report::{self, Log};
use crate::settings::Opened;

mod ask;
mod effect;
mod waiters;

pub use ask::{Ask, Fetched, Reply, Responded, Returned, Settled};
pub use effect::{Effect, StateUpdate};

use waiters::Waiters;

/// How long a session that is given up may take to end: closing its socket takes 2 s at most.
pub const GIVE_UP: Duration = Duration::from_secs(3);

/// The half of a driver that knows no runtime: see the [module](self). `P` is a provider of the application's own, as the
/// adapter holds it.
pub struct Dispatcher<P> {
    session: Session,
    recorder: Option<Recorder>,
    log: Log,
    queue: VecDeque<Next<P>>,
    waiters: Waiters,
    events: Publisher<SessionEvent>,
    notifications: Publisher<Notification>,
    wake_at: Option<Tick>,
    end: Option<End>,
    has_store: bool,
}

/// What is next.
enum Next<P> {
    /// The session hears this.
    Input(SessionInput),
    /// This is done.
    Effect(Effect<P>),
    /// Somebody is told that what they handed in has been taken in.
    Taken(Reply<()>),
}

impl<P> fmt::Debug for Dispatcher<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dispatcher").finish_non_exhaustive()
    }
}

impl<P> Dispatcher<P> {
    /// That of a session that has not started, and the hold on its store, which is the adapter's.
    #[must_use]
    pub fn new(opened: Opened) -> (Self, Option<LeasedStore>) {
        let Opened { session, store, recorder, notices } = opened;
        let first = notices.into_iter().map(|told| Next::Effect(Effect::Perform(SessionOutput::Tell(told))));
        let dispatcher = Self {
            session,
            recorder,
            log: Log::default(),
            queue: first.chain([Next::Input(SessionInput::Start)]).collect(),
            waiters: Waiters::default(),
            events: Feed::of_events().0,
            notifications: Feed::of_notifications().0,
            wake_at: None,
            end: None,
            has_store: store.is_some(),
        };
        (dispatcher, store)
    }

    /// Where receivers of events come from.
    #[must_use]
    pub fn events(&self) -> Feed<SessionEvent> {
        self.events.feed()
    }

    /// Where receivers of notifications come from.
    #[must_use]
    pub fn notifications(&self) -> Feed<Notification> {
        self.notifications.feed()
    }

    /// Where the session stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.session.status()
    }

    /// Something has happened.
    pub fn take(&mut self, input: SessionInput) {
        match &input {
            SessionInput::Closed { socket, .. } => {
                let close = SessionOutput::Close { socket: *socket };
                self.queue.push_back(Next::Effect(Effect::Perform(close)));
            }
            SessionInput::NetworkChanged => self.queue.push_back(Next::Effect(Effect::NetworkChanged)),
            _ => {}
        }
        self.queue.push_back(Next::Input(input));
    }

    /// Somebody asks for something.
    pub fn ask(&mut self, ask: Ask<P>) {
        let input = match ask {
            Ask::Call { call, method, params, reply } => {
                self.waiters.call(call, reply);
                SessionInput::Call { call, method, params }
            }
            Ask::CancelCall(call) if self.waiters.withdraw(call) => SessionInput::CancelCall { call },
            Ask::CancelCall(_) => return,
            Ask::Respond { notification, answer, reply } => {
                self.waiters.respond(notification, reply);
                SessionInput::Respond { notification, answer }
            }
            Ask::FetchSubscriber { reply } => {
                SessionInput::FetchSubscriber { ask: self.waiters.fetch(reply) }
            }
            Ask::UpdateToken { credential, reply } => {
                SessionInput::UpdateToken { ask: self.waiters.settle(reply), credential }
            }
            Ask::RefreshNow { reply } => SessionInput::RefreshNow { ask: self.waiters.settle(reply) },
            Ask::Rejected { generation, reply } => {
                SessionInput::Rejected { ask: self.waiters.settle(reply), generation }
            }
            Ask::SetProvider { provider, own, done } => {
                self.queue.push_back(Next::Effect(Effect::SetProvider(own)));
                return self.command(SessionInput::SetProvider(provider), done);
            }
            Ask::Command { input, done } => return self.command(input, done),
            Ask::Why { reply } => return reply(self.session.why()),
        };
        self.take(input);
    }

    /// The last handle has been dropped.
    pub fn orphaned(&mut self) {
        self.take(if self.has_store { SessionInput::Leave } else { SessionInput::Disconnect });
    }

    /// An output that the adapter is too old for.
    pub fn decline(&mut self, output: SessionOutput) {
        report::unknown(&output);
        if let Some(input) = output.decline() {
            self.take(input);
        }
    }

    /// What to do next. What is done takes no time, or is begun.
    pub fn poll(&mut self, now: Now) -> Effect<P> {
        while let Some(next) = self.queue.pop_front() {
            match next {
                Next::Input(input) => self.step(now, input),
                Next::Effect(Effect::Perform(output)) => {
                    self.log.output(now.tick, &output);
                    if let Some(output) = self.tell(output) {
                        return Effect::Perform(output);
                    }
                }
                Next::Effect(effect) => return effect,
                Next::Taken(done) => done(()),
            }
        }
        if self.end.is_none() {
            return Effect::Wait(self.wake_at);
        }
        // Nothing in flight can bring it back (R33).
        self.waiters = Waiters::default();
        Effect::Over
    }

    /// The recorder, to be finished at the end.
    pub const fn take_recorder(&mut self) -> Option<Recorder> {
        self.recorder.take()
    }

    /// Receivers are told that nothing comes any more. Returns how it ended, for those who wait for that.
    #[must_use]
    pub fn close(self) -> End {
        self.end.unwrap_or_else(End::stopped)
    }

    fn command(&mut self, input: SessionInput, done: Reply<()>) {
        self.take(input);
        self.queue.push_back(Next::Taken(done));
    }

    fn step(&mut self, now: Now, input: SessionInput) {
        self.log.input(&self.session, &input);
        let SessionStep { outputs, wake_at, .. } = self.session.step(now, input);
        self.log.count(now.tick);
        self.wake_at = wake_at.map(|(at, _)| at);
        if let Some(recorder) = &self.recorder {
            recorder.write(&mut self.session);
        }
        let later = std::mem::take(&mut self.queue);
        let shown = StateUpdate::all(&self.session).map(|update| Next::Effect(Effect::Show(update)));
        self.queue.extend(shown);
        for output in outputs {
            if matches!(&output, SessionOutput::Tell(told) if matches!(told.kind(), EventKind::Live { .. })) {
                self.queue.push_back(Next::Effect(Effect::Show(StateUpdate::Live)));
            }
            self.queue.push_back(Next::Effect(Effect::Perform(output)));
        }
        self.queue.extend(later);
    }

    /// Carries out what is for the application; what is not comes back.
    fn tell(&mut self, output: SessionOutput) -> Option<SessionOutput> {
        match output {
            SessionOutput::Tell(event) => {
                self.end = End::told(&event).or(self.end.take());
                self.events.publish(event);
            }
            SessionOutput::Settled { ask, result } => self.waiters.settled(ask, result),
            SessionOutput::Returned { call, result } => self.waiters.returned(call, result),
            SessionOutput::Responded { notification, result } => self.waiters.responded(notification, result),
            SessionOutput::Fetched { ask, result } => self.waiters.fetched(ask, result),
            SessionOutput::Notification(notification) => self.notifications.publish(notification),
            // Shown already.
            SessionOutput::Connection(_) | SessionOutput::Subscriber(_) => {}
            other => return Some(other),
        }
        None
    }
}

#[cfg(test)]
mod tests;
