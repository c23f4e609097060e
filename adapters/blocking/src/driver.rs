//! The thread that owns the machine: carries out what it asks for, hands in what happens, wakes it when it wants.
//! Nothing else touches the session, so there are no locks around it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use mio::{Events as PollEvents, Poll, Token};
use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{AskId, Status};
use satkeeper_core::session::{
    CallId, Connection, EventKind, InForce, Notification, NotificationId, Session, SessionEvent,
    SessionInput, SessionOutput, SessionStep, Subscriber,
};
use satkeeper_host::feed::{Feed, Publisher};
use satkeeper_host::keeper::PATIENCE;
use satkeeper_host::report::Log;
use satkeeper_host::tape::Tape;
use satkeeper_host::{Clock, End, Opened, Progress, SigningRequest, report};

use crate::ask::{Ask, Fetched, Reply, Returned, Settled};
use crate::http::Http;
use crate::mailbox::{Mailbox, Message};
use crate::network::Network;
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;
use crate::sockets::Sockets;
use crate::threads::Threads;
use crate::watch::Watch;
use crate::work::Work;

/// The mailbox's; sockets have the numbers after it.
const MAIL: Token = Token(0);

/// What the driver shows to the handles. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) status: Watch<Status>,
    pub(crate) credential: Watch<Option<InForce>>,
    pub(crate) connection: Watch<Option<Arc<Connection>>>,
    pub(crate) subscriber: Watch<Option<Arc<Subscriber>>>,
    pub(crate) progress: Watch<Progress>,
    pub(crate) events: Feed<SessionEvent>,
    pub(crate) notifications: Feed<Notification>,
}

impl Shown {
    /// Nothing comes any more.
    pub(crate) fn finish(&self, end: End) {
        self.status.finish();
        self.credential.finish();
        self.connection.finish();
        self.subscriber.finish();
        self.progress.change(|progress| {
            *progress = Progress::Over(end);
            true
        });
        self.progress.finish();
    }
}

/// The parts of a session that the application implements.
pub(crate) struct Own {
    pub(crate) provider: Option<Arc<dyn CredentialProvider>>,
    pub(crate) signer: Option<Arc<dyn ExternalSigner>>,
}

/// Drives one session until it is over.
pub(crate) struct Driver {
    session: Session,
    tape: Option<Tape>,
    /// What is told before anything else.
    first: Vec<SessionEvent>,
    log: Log,
    clock: Clock,
    poll: Poll,
    inbox: Receiver<Message>,
    work: Work,
    sockets: Sockets,
    own: Own,
    events: Publisher<SessionEvent>,
    notifications: Publisher<Notification>,
    calls: BTreeMap<CallId, Reply<Returned>>,
    next_call: u64,
    waiting: BTreeMap<AskId, Reply<Settled>>,
    asking: BTreeMap<AskId, Reply<Fetched>>,
    /// In the order in which they were given.
    answering: VecDeque<(NotificationId, Reply<Result<(), SessionError>>)>,
    next_ask: u64,
    /// Inputs that came of outputs.
    pending: VecDeque<SessionInput>,
    wake_at: Option<Tick>,
    end: Option<End>,
    shown: Shown,
}

impl Driver {
    pub(crate) fn new(
        opened: Opened,
        own: Own,
        network: Network,
        clock: Clock,
        shown: Shown,
        (events, notifications): (Publisher<SessionEvent>, Publisher<Notification>),
    ) -> io::Result<(Self, Mailbox)> {
        let Opened { session, keeper, tape, news } = opened;
        let poll = Poll::new()?;
        let (mailbox, inbox) = Mailbox::new(poll.registry(), MAIL)?;
        let (threads, http) = (Threads::default(), Http::new(network.clone()));
        let sockets =
            Sockets::new(poll.registry().try_clone()?, MAIL.0 + 1, mailbox.clone(), threads.clone(), network);
        let work = Work::new(mailbox.clone(), threads, http, clock, keeper);
        let driver = Self {
            session,
            tape,
            first: news,
            log: Log::default(),
            clock,
            poll,
            inbox,
            work,
            sockets,
            own,
            events,
            notifications,
            calls: BTreeMap::new(),
            next_call: 0,
            waiting: BTreeMap::new(),
            asking: BTreeMap::new(),
            answering: VecDeque::new(),
            next_ask: 0,
            pending: VecDeque::from([SessionInput::Start]),
            wake_at: None,
            end: None,
            shown,
        };
        Ok((driver, mailbox))
    }

    pub(crate) fn run(mut self) -> End {
        let mut ready = PollEvents::with_capacity(16);
        for event in std::mem::take(&mut self.first) {
            self.carry_out(SessionOutput::Tell(event));
        }
        loop {
            while let Some(input) = self.pending.pop_front() {
                self.step(input);
            }
            if let Some(end) = self.end.take() {
                self.finish(&mut ready);
                return end;
            }
            let patience = self.sockets.turn(&mut self.pending);
            self.pending.extend(self.work.overdue(self.clock.now().tick));
            if self.pending.is_empty() {
                // Woken without a reason that is seen below, it is a tick: an early one does nothing.
                wait(
                    &mut self.poll,
                    &mut ready,
                    patience.min(self.clock.nap(earliest(self.wake_at, self.work.writes_until()))),
                );
                self.pending.push_back(SessionInput::Tick);
            }
            while let Ok(message) = self.inbox.try_recv() {
                self.take(message);
            }
        }
    }

    fn step(&mut self, input: SessionInput) {
        self.log.input(&self.session, &input);
        if let SessionInput::Closed { socket, .. } = &input {
            self.sockets.close(*socket);
        }
        if let SessionInput::Stored { id, .. } = &input {
            self.work.answered(*id);
        }
        let now = self.clock.now();
        let SessionStep { outputs, wake_at, .. } = self.session.step(now, input);
        self.log.count(now.tick);
        self.wake_at = wake_at.map(|(at, _)| at);
        if let Some(tape) = &self.tape {
            tape.write(&mut self.session);
        }
        // Before anybody is told: who is told that a token is in force, finds it.
        self.show();
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: SessionOutput) {
        self.log.output(self.clock.now().tick, &output);
        match output {
            SessionOutput::Request { id, request, deadline } => self.work.request(id, request, deadline),
            SessionOutput::Open { socket, url, deadline } => {
                if let Err(error) = self.sockets.open(socket, url, self.clock.until(deadline)) {
                    self.pending.push_back(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Send { socket, text } => {
                if let Err(error) = self.sockets.send(socket, &text) {
                    self.pending.push_back(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Close { socket } => self.sockets.close(socket),
            SessionOutput::AskProvider { id, call, deadline: _ } => {
                self.work.ask_provider(id, self.own.provider.clone(), call);
            }
            SessionOutput::MakeKey { id, algorithm, deadline: _ } => self.work.make_key(id, algorithm),
            SessionOutput::Sign { id, algorithm, thumbprint, input, deadline: _ } => {
                let request = SigningRequest::new(algorithm, thumbprint, input);
                self.work.sign(id, self.own.signer.clone(), request);
            }
            SessionOutput::Persist { id, record, deadline } => self.work.persist(id, record, deadline),
            SessionOutput::Erase { id, deadline } => self.work.erase(id, deadline),
            SessionOutput::Tell(event) => self.tell(event),
            SessionOutput::Settled { ask, result } => {
                if let Some(reply) = self.waiting.remove(&ask) {
                    // Who has stopped waiting needs no answer; so everywhere below.
                    let _ = reply.send(result);
                }
            }
            SessionOutput::Returned { call, result } => {
                if let Some(reply) = self.calls.remove(&call) {
                    let _ = reply.send(result);
                }
            }
            SessionOutput::Notification(notification) => self.notifications.publish(notification),
            SessionOutput::Responded { notification, result } => {
                let at = self.answering.iter().position(|(of, _)| *of == notification);
                if let Some((_, reply)) = at.and_then(|at| self.answering.remove(at)) {
                    let _ = reply.send(result);
                }
            }
            SessionOutput::Fetched { ask, result } => {
                if let Some(reply) = self.asking.remove(&ask) {
                    let _ = reply.send(result);
                }
            }
            // Shown already.
            SessionOutput::Connection(_) | SessionOutput::Subscriber(_) => {}
            other => {
                report::unknown(&other);
                self.pending.extend(other.decline());
            }
        }
    }

    fn tell(&mut self, event: SessionEvent) {
        if matches!(event.kind(), EventKind::Live { .. }) {
            self.shown.progress.change(Progress::begin);
        }
        self.end = End::told(&event).or(self.end.take());
        self.events.publish(event);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ask(ask) => self.wish(ask),
            Message::Done(input) => self.pending.push_back(input),
            Message::Dialed(socket, dialed) => {
                let input = self.sockets.dialed(socket, *dialed);
                self.pending.extend(input);
            }
            Message::Orphaned => self.pending.push_back(self.work.last_wish()),
        }
    }

    /// One wish of the application.
    fn wish(&mut self, ask: Ask) {
        match ask {
            Ask::Call { method, params, reply } => {
                let call = CallId(self.next_call);
                self.next_call = self.next_call.saturating_add(1);
                self.calls.insert(call, reply);
                self.pending.push_back(SessionInput::Call { call, method, params });
            }
            Ask::Respond { notification, answer, reply } => {
                self.answering.push_back((notification, reply));
                // After what has come before it, such as the loss of its socket.
                self.pending.push_back(SessionInput::Respond { notification, answer });
            }
            Ask::FetchSubscriber { reply } => {
                let ask = self.name();
                self.asking.insert(ask, reply);
                self.pending.push_back(SessionInput::FetchSubscriber { ask });
            }
            Ask::UpdateToken { credential, reply } => {
                let ask = self.wait_for(reply);
                self.pending.push_back(SessionInput::UpdateToken { ask, credential });
            }
            Ask::RefreshNow { reply } => {
                let ask = self.wait_for(reply);
                self.pending.push_back(SessionInput::RefreshNow { ask });
            }
            Ask::Rejected { generation, reply } => {
                let ask = self.wait_for(reply);
                self.pending.push_back(SessionInput::Rejected { ask, generation });
            }
            Ask::SetProvider { provider, own, done } => {
                self.own.provider = own;
                self.step(SessionInput::SetProvider(provider));
                let _ = done.send(());
            }
            Ask::Tell { input, done } => {
                if matches!(input, SessionInput::NetworkChanged) {
                    self.work.network_changed();
                }
                self.step(input);
                let _ = done.send(());
            }
            Ask::Why { reply } => drop(reply.send(self.session.why())),
        }
    }

    fn wait_for(&mut self, reply: Reply<Settled>) -> AskId {
        let ask = self.name();
        self.waiting.insert(ask, reply);
        ask
    }

    fn name(&mut self) -> AskId {
        let ask = AskId(self.next_ask);
        self.next_ask = self.next_ask.saturating_add(1);
        ask
    }

    /// Brings what the handles can see up to date; the status last, since that is what they wait for.
    fn show(&self) {
        let (credential, status) = (self.session.credential(), self.session.status());
        self.shown.credential.change(|shown| report::show_credential(shown, credential));
        let (connection, subscriber) = (self.session.connection(), self.session.subscriber());
        self.shown.connection.change(|shown| report::show_shared(shown, connection));
        self.shown.subscriber.change(|shown| report::show_shared(shown, subscriber));
        self.shown.status.change(|shown| report::show_status(shown, status));
    }

    /// The session is over: nothing is taken on any more, sockets say goodbye. Nothing in flight can bring it back
    /// (R33); whoever still waits is told when the reply is dropped.
    fn finish(self, ready: &mut PollEvents) {
        let Self { mut poll, mut sockets, inbox, mut work, calls, waiting, asking, answering, tape, .. } =
            self;
        let (begun, store) = (Instant::now(), work.release());
        let run = tape.map(|tape| {
            let (tell, told) = sync_channel::<()>(1);
            tape.finish(move || drop(tell));
            (PATIENCE, told)
        });
        drop((inbox, work, calls, waiting, asking, answering));
        sockets.close_all();
        while sockets.are_leaving() {
            let patience = sockets.turn(&mut VecDeque::new());
            if sockets.are_leaving() {
                wait(&mut poll, ready, patience);
            }
        }
        for (patience, done) in store.into_iter().chain(run) {
            // Whether it is or not: nobody waits for longer.
            let _ = done.recv_timeout(patience.saturating_sub(begun.elapsed()));
        }
    }
}

fn earliest(one: Option<Tick>, other: Option<Tick>) -> Option<Tick> {
    one.into_iter().chain(other).min()
}

/// Waits for the operating system, a message, or the end of this time.
fn wait(poll: &mut Poll, ready: &mut PollEvents, limit: Duration) {
    if poll.poll(ready, Some(limit)).is_err() {
        // Interrupted by a signal; whatever else it is, it must not make the driver spin.
        std::thread::sleep(Duration::from_millis(1));
    }
}
