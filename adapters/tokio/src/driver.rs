//! The task that owns the machine: carries out what it asks for, hands in what happens, wakes it when it wants.
//! Nothing else touches the session, so there are no locks. What it owes the application is
//! [the contract](satkeeper_host::dispatch) of all drivers.

use std::sync::Arc;

use satkeeper_core::Tick;
use satkeeper_core::session::{SessionInput, SessionOutput};
use satkeeper_host::dispatch::Effect;
use satkeeper_host::leased_store::PATIENCE;
use satkeeper_host::recorder::Recorder;
use satkeeper_host::{Clock, Progress, SigningRequest};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

use crate::ask::{Ask, Dispatcher};
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;
use crate::socket::{SocketEvent, Sockets};
use crate::state::PublishedState;
use crate::work::Work;

/// The parts of a session that the application implements.
pub(crate) struct Hooks {
    pub(crate) provider: Option<Arc<dyn CredentialProvider>>,
    pub(crate) signer: Option<Arc<dyn ExternalSigner>>,
}

/// Drives one session until it is over.
pub(crate) struct Driver {
    dispatcher: Dispatcher,
    clock: Clock,
    asks: mpsc::UnboundedReceiver<Ask>,
    /// The last handle has been dropped.
    orphaned: bool,
    work: Work,
    sockets: Sockets,
    events: mpsc::Receiver<SocketEvent>,
    hooks: Hooks,
    published: PublishedState,
}

impl Driver {
    pub(crate) fn new(
        dispatcher: Dispatcher,
        clock: Clock,
        asks: mpsc::UnboundedReceiver<Ask>,
        hooks: Hooks,
        work: Work,
        (sockets, events): (Sockets, mpsc::Receiver<SocketEvent>),
        published: PublishedState,
    ) -> Self {
        Self { dispatcher, clock, asks, orphaned: false, work, sockets, events, hooks, published }
    }

    pub(crate) async fn run(mut self) {
        loop {
            match self.dispatcher.poll(self.clock.now()) {
                Effect::Perform(output) => self.perform(output),
                Effect::Show(update) => self.published.show(update),
                Effect::SetProvider(provider) => self.hooks.provider = provider,
                Effect::NetworkChanged => self.work.network_changed(),
                Effect::Wait(until) => self.wait(until).await,
                Effect::Over => return self.finish().await,
            }
        }
    }

    async fn wait(&mut self, until: Option<Tick>) {
        let nap = sleep(self.clock.nap(until));
        tokio::select! {
            ask = self.asks.recv(), if !self.orphaned => match ask {
                Some(ask) => self.dispatcher.ask(ask),
                None => {
                    self.orphaned = true;
                    self.dispatcher.orphaned();
                }
            },
            Some(input) = self.work.next() => self.dispatcher.take(input),
            Some(event) = self.events.recv() => {
                if self.sockets.knows(event.socket) {
                    self.dispatcher.take(event.input);
                }
            }
            () = nap => self.dispatcher.take(SessionInput::Tick),
        }
    }

    fn perform(&mut self, output: SessionOutput) {
        match output {
            SessionOutput::Request { id, request, deadline } => self.work.request(id, request, deadline),
            SessionOutput::Open { socket, url, deadline } => {
                self.sockets.open(socket, url, self.clock.until(deadline));
            }
            SessionOutput::Send { socket, text } => {
                if let Err(error) = self.sockets.send(socket, text) {
                    self.dispatcher.take(SessionInput::Closed { socket, error: Some(error) });
                }
            }
            SessionOutput::Close { socket } => self.sockets.close(socket),
            SessionOutput::AskProvider { id, call, deadline: _ } => {
                self.work.ask_provider(id, self.hooks.provider.clone(), call);
            }
            SessionOutput::MakeKey { id, algorithm, deadline: _ } => self.work.make_key(id, algorithm),
            SessionOutput::Sign { id, algorithm, thumbprint, input, deadline } => {
                let request = SigningRequest::new(algorithm, thumbprint, input);
                self.work.sign(id, self.hooks.signer.clone(), request, deadline);
            }
            SessionOutput::Persist { id, record, deadline } => self.work.persist(id, record, deadline),
            SessionOutput::Erase { id, deadline } => self.work.erase(id, deadline),
            other => self.dispatcher.decline(other),
        }
    }

    /// The session is over: nothing is taken on any more, what is under way is ended, whoever still waits is told.
    async fn finish(self) {
        let Self { mut dispatcher, mut asks, work, sockets, events, published, .. } = self;
        asks.close();
        while asks.try_recv().is_ok() {}
        tokio::join!(work.finish(), sockets.finish(events), recorded(dispatcher.take_recorder()));
        published.progress.send_replace(Progress::Over(dispatcher.close()));
    }
}

/// Waits for the run to be written, no longer than for a store.
async fn recorded(recorder: Option<Recorder>) {
    if let Some(recorder) = recorder {
        let (tell, told) = oneshot::channel::<()>();
        recorder.finish(move || drop(tell));
        let _ = timeout(PATIENCE, told).await;
    }
}
