//! The thread that owns the machine: carries out what it asks for, hands in what happens, wakes it when it wants.
//! Nothing else touches the session, so there are no locks around it. What it owes the application is
//! [the contract](satkeeper_host::dispatch) of all drivers.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use mio::{Events as PollEvents, Poll, Token};
use satkeeper_core::Tick;
use satkeeper_core::session::{SessionInput, SessionOutput};
use satkeeper_host::dispatch::Effect;
use satkeeper_host::leased_store::PATIENCE;
use satkeeper_host::{Clock, End, Opened, SigningRequest};

use crate::ask::Dispatcher;
use crate::http::Http;
use crate::mailbox::{Mailbox, Message};
use crate::network::Network;
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;
use crate::sockets::Sockets;
use crate::state::PublishedState;
use crate::threads::Threads;
use crate::work::Work;

/// The mailbox's; sockets have the numbers after it.
const MAIL: Token = Token(0);

/// The parts of a session that the application implements.
pub(crate) struct Hooks {
    pub(crate) provider: Option<Arc<dyn CredentialProvider>>,
    pub(crate) signer: Option<Arc<dyn ExternalSigner>>,
}

/// Drives one session until it is over.
pub(crate) struct Driver {
    dispatcher: Dispatcher,
    clock: Clock,
    poll: Poll,
    ready: PollEvents,
    inbox: Receiver<Message>,
    work: Work,
    sockets: Sockets,
    hooks: Hooks,
    pub(crate) published: PublishedState,
}

impl Driver {
    pub(crate) fn new(
        opened: Opened,
        hooks: Hooks,
        network: Network,
        clock: Clock,
    ) -> io::Result<(Self, Mailbox)> {
        let (dispatcher, store) = Dispatcher::new(opened);
        let (poll, ready) = (Poll::new()?, PollEvents::with_capacity(16));
        let (mailbox, inbox) = Mailbox::new(poll.registry(), MAIL)?;
        let (threads, http) = (Threads::default(), Http::new(network.clone()));
        let sockets =
            Sockets::new(poll.registry().try_clone()?, MAIL.0 + 1, mailbox.clone(), threads.clone(), network);
        let work = Work::new(mailbox.clone(), threads, http, clock, store);
        let published = PublishedState::new(&dispatcher);
        Ok((Self { dispatcher, clock, poll, ready, inbox, work, sockets, hooks, published }, mailbox))
    }

    pub(crate) fn run(mut self) -> End {
        loop {
            match self.dispatcher.poll(self.clock.now()) {
                Effect::Perform(output) => self.perform(output),
                Effect::Show(update) => self.published.show(update),
                Effect::SetProvider(provider) => self.hooks.provider = provider,
                Effect::NetworkChanged => self.work.network_changed(),
                Effect::Wait(until) => self.wait(until),
                Effect::Over => return self.finish(),
            }
        }
    }

    fn wait(&mut self, until: Option<Tick>) {
        let mut inputs = VecDeque::new();
        let patience = self.sockets.turn(&mut inputs);
        inputs.extend(self.work.overdue(self.clock.now().tick));
        if inputs.is_empty() {
            // Woken without a reason that is seen below, it is a tick: an early one does nothing.
            let nap = self.clock.nap(earliest(until, self.work.writes_until()));
            wait(&mut self.poll, &mut self.ready, patience.min(nap));
            inputs.push_back(SessionInput::Tick);
        }
        inputs.into_iter().for_each(|input| self.dispatcher.take(input));
        while let Ok(message) = self.inbox.try_recv() {
            self.take(message);
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ask(ask) => self.dispatcher.ask(ask),
            Message::Done(input) => {
                if let SessionInput::Stored { id, .. } = &input {
                    self.work.answered(*id);
                }
                self.dispatcher.take(input);
            }
            Message::Dialed(socket, dialed) => {
                if let Some(input) = self.sockets.dialed(socket, *dialed) {
                    self.dispatcher.take(input);
                }
            }
            Message::Orphaned => self.dispatcher.orphaned(),
        }
    }

    fn perform(&mut self, output: SessionOutput) {
        match output {
            SessionOutput::Request { id, request, deadline } => self.work.request(id, request, deadline),
            SessionOutput::Open { socket, url, deadline } => {
                if let Err(error) = self.sockets.open(socket, url, self.clock.until(deadline)) {
                    self.dispatcher.take(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Send { socket, text } => {
                if let Err(error) = self.sockets.send(socket, &text) {
                    self.dispatcher.take(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Close { socket } => self.sockets.close(socket),
            SessionOutput::AskProvider { id, call, deadline: _ } => {
                self.work.ask_provider(id, self.hooks.provider.clone(), call);
            }
            SessionOutput::MakeKey { id, algorithm, deadline: _ } => self.work.make_key(id, algorithm),
            SessionOutput::Sign { id, algorithm, thumbprint, input, deadline: _ } => {
                let request = SigningRequest::new(algorithm, thumbprint, input);
                self.work.sign(id, self.hooks.signer.clone(), request);
            }
            SessionOutput::Persist { id, record, deadline } => self.work.persist(id, record, deadline),
            SessionOutput::Erase { id, deadline } => self.work.erase(id, deadline),
            other => self.dispatcher.decline(other),
        }
    }

    /// The session is over: nothing is taken on any more, what is under way is ended, whoever still waits is told.
    fn finish(self) -> End {
        let Self { mut dispatcher, mut poll, mut ready, mut sockets, inbox, mut work, .. } = self;
        let (begun, store) = (Instant::now(), work.release());
        let run = dispatcher.take_recorder().map(|recorder| {
            let (tell, told) = sync_channel::<()>(1);
            recorder.finish(move || drop(tell));
            (PATIENCE, told)
        });
        drop((inbox, work));
        sockets.close_all();
        while sockets.are_leaving() {
            let patience = sockets.turn(&mut VecDeque::new());
            if sockets.are_leaving() {
                wait(&mut poll, &mut ready, patience);
            }
        }
        for (patience, done) in store.into_iter().chain(run) {
            // Whether it is or not: nobody waits for longer.
            let _ = done.recv_timeout(patience.saturating_sub(begun.elapsed()));
        }
        dispatcher.close()
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
