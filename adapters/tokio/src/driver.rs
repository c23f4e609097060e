//! The task that owns the machine: carries out what it asks for, hands in what happens, wakes it when it wants.
//! Nothing else touches the session, so there are no locks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::{AskId, Status};
use satkeeper_core::session::{
    CallId, Connection, EventKind, InForce, Notification, NotificationId, Session, SessionEvent,
    SessionInput, SessionOutput, SessionStep, Subscriber,
};
use satkeeper_host::feed::Publisher;
use satkeeper_host::keeper::PATIENCE;
use satkeeper_host::report::Log;
use satkeeper_host::tape::Tape;
use satkeeper_host::{Clock, End, Progress, SigningRequest, report};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::ask::{Ask, Fetched, Returned, Settled};
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;
use crate::socket::{News, Sockets};
use crate::work::Work;

/// What the driver shows to the handles.
pub(crate) struct Shown {
    pub(crate) status: watch::Sender<Status>,
    pub(crate) credential: watch::Sender<Option<InForce>>,
    pub(crate) connection: watch::Sender<Option<Arc<Connection>>>,
    pub(crate) subscriber: watch::Sender<Option<Arc<Subscriber>>>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) events: Publisher<SessionEvent>,
    pub(crate) notifications: Publisher<Notification>,
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
    asks: mpsc::UnboundedReceiver<Ask>,
    /// The last handle has been dropped.
    orphaned: bool,
    work: Work,
    sockets: Sockets,
    news: mpsc::Receiver<News>,
    own: Own,
    calls: BTreeMap<CallId, oneshot::Sender<Returned>>,
    waiting: BTreeMap<AskId, oneshot::Sender<Settled>>,
    asking: BTreeMap<AskId, oneshot::Sender<Fetched>>,
    /// In the order in which they were given.
    answering: VecDeque<(NotificationId, oneshot::Sender<Result<(), SessionError>>)>,
    next_ask: u64,
    /// Inputs that came of outputs.
    pending: VecDeque<SessionInput>,
    wake_at: Option<Tick>,
    end: Option<End>,
    shown: Shown,
}

impl Driver {
    pub(crate) fn new(
        (session, tape, first): (Session, Option<Tape>, Vec<SessionEvent>),
        clock: Clock,
        asks: mpsc::UnboundedReceiver<Ask>,
        own: Own,
        work: Work,
        (sockets, news): (Sockets, mpsc::Receiver<News>),
        shown: Shown,
    ) -> Self {
        Self {
            session,
            tape,
            first,
            log: Log::default(),
            clock,
            asks,
            orphaned: false,
            work,
            sockets,
            news,
            own,
            calls: BTreeMap::new(),
            waiting: BTreeMap::new(),
            asking: BTreeMap::new(),
            answering: VecDeque::new(),
            next_ask: 0,
            pending: VecDeque::from([SessionInput::Start]),
            wake_at: None,
            end: None,
            shown,
        }
    }

    pub(crate) async fn run(mut self) {
        for event in std::mem::take(&mut self.first) {
            self.carry_out(SessionOutput::Tell(event));
        }
        loop {
            while let Some(input) = self.pending.pop_front() {
                self.step(input);
            }
            if let Some(end) = self.end.take() {
                return self.finish(end).await;
            }
            let nap = sleep(self.clock.nap(self.wake_at));
            tokio::select! {
                ask = self.asks.recv(), if !self.orphaned => self.take(ask),
                Some(input) = self.work.next() => self.pending.push_back(input),
                Some(news) = self.news.recv() => {
                    if self.sockets.knows(news.socket) {
                        self.pending.push_back(news.input);
                    }
                }
                () = nap => self.pending.push_back(SessionInput::Tick),
            }
        }
    }

    fn step(&mut self, input: SessionInput) {
        self.log.input(&self.session, &input);
        if let SessionInput::Closed { socket, .. } = &input {
            self.sockets.close(*socket);
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
                self.sockets.open(socket, url, self.clock.until(deadline));
            }
            SessionOutput::Send { socket, text } => {
                if let Err(error) = self.sockets.send(socket, text) {
                    self.pending.push_back(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Close { socket } => self.sockets.close(socket),
            SessionOutput::AskProvider { id, call, deadline: _ } => {
                self.work.ask_provider(id, self.own.provider.clone(), call);
            }
            SessionOutput::MakeKey { id, algorithm, deadline: _ } => self.work.make_key(id, algorithm),
            SessionOutput::Sign { id, algorithm, thumbprint, input, deadline } => {
                let request = SigningRequest::new(algorithm, thumbprint, input);
                self.work.sign(id, self.own.signer.clone(), request, deadline);
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
            SessionOutput::Notification(notification) => self.shown.notifications.publish(notification),
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
            self.shown.progress.send_if_modified(Progress::begin);
        }
        self.end = End::told(&event).or(self.end.take());
        self.shown.events.publish(event);
    }

    /// One wish of the application; `None`: the last handle has gone.
    fn take(&mut self, ask: Option<Ask>) {
        let Some(ask) = ask else {
            self.orphaned = true;
            return self.pending.push_back(self.work.last_wish());
        };
        match ask {
            Ask::Call { call, method, params, reply } => {
                self.calls.insert(call, reply);
                self.pending.push_back(SessionInput::Call { call, method, params });
            }
            Ask::CancelCall(call) => {
                if self.calls.remove(&call).is_some() {
                    self.pending.push_back(SessionInput::CancelCall { call });
                }
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
                let ask = self.wait(reply);
                self.pending.push_back(SessionInput::UpdateToken { ask, credential });
            }
            Ask::RefreshNow { reply } => {
                let ask = self.wait(reply);
                self.pending.push_back(SessionInput::RefreshNow { ask });
            }
            Ask::Rejected { generation, reply } => {
                let ask = self.wait(reply);
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

    fn wait(&mut self, reply: oneshot::Sender<Settled>) -> AskId {
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
        self.shown.credential.send_if_modified(|shown| report::show_credential(shown, credential));
        let (connection, subscriber) = (self.session.connection(), self.session.subscriber());
        self.shown.connection.send_if_modified(|shown| report::show_shared(shown, connection));
        self.shown.subscriber.send_if_modified(|shown| report::show_shared(shown, subscriber));
        self.shown.status.send_if_modified(|shown| report::show_status(shown, status));
    }

    /// The session is over: nothing is taken on any more, sockets say goodbye, whoever still waits is told.
    async fn finish(self, end: End) {
        let Self { mut asks, work, sockets, news, calls, waiting, asking, answering, shown, tape, .. } = self;
        let Shown { events, notifications, progress, .. } = shown;
        // Nothing in flight can bring it back (R33); whatever was asked and not answered fails when its
        // `oneshot` is dropped.
        drop((calls, waiting, asking, answering));
        asks.close();
        while asks.try_recv().is_ok() {}
        tokio::join!(work.finish(), sockets.finish(news), taped(tape));
        drop((events, notifications));
        progress.send_replace(Progress::Over(end));
    }
}

/// Waits for the run to be written, no longer than for a store.
async fn taped(tape: Option<Tape>) {
    if let Some(tape) = tape {
        let (tell, told) = oneshot::channel::<()>();
        tape.finish(move || drop(tell));
        let _ = timeout(PATIENCE, told).await;
    }
}
