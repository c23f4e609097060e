//! What a session has asked for and is still under way: requests, calls of the provider, keys. Each runs on a
//! thread of its own and ends in exactly one input of the session.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::session::{ProviderCall, Record, RequestId, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_host::leased_store::{LeasedStore, make_key};
use satkeeper_host::{Clock, LATE, PendingOperation, SigningRequest};

use crate::http::Http;
use crate::mailbox::{Mailbox, Message};
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;
use crate::threads::Threads;

/// The work of one session. Dropping it ends the requests; what is the application's returns when it does,
/// and nobody hears of it.
pub(crate) struct Work {
    mailbox: Mailbox,
    /// For what ends by itself, shared with sockets that are opened.
    threads: Threads,
    /// For the application's code: what does not return must not take the threads that the session's own I/O needs.
    calls: Threads,
    http: Http,
    clock: Clock,
    /// The session's store, its own for as long as this is.
    store: Option<LeasedStore>,
    /// Writes without an answer yet, and until when they are waited for.
    writes: Vec<(Tick, RequestId)>,
}

impl Work {
    pub(crate) fn new(
        mailbox: Mailbox,
        threads: Threads,
        http: Http,
        clock: Clock,
        store: Option<LeasedStore>,
    ) -> Self {
        Self { mailbox, threads, calls: Threads::default(), http, clock, store, writes: Vec::new() }
    }

    pub(crate) fn request(&self, id: RequestId, request: HttpRequest, deadline: Tick) {
        // Its place is the session's to give away at its deadline; what it brings then counts (R14).
        let (http, within) = (self.http.clone(), self.clock.until(deadline) + LATE);
        self.run(&self.threads, PendingOperation::Request(id), move || SessionInput::Http {
            id,
            result: http.send(&request, within),
        });
    }

    pub(crate) fn network_changed(&self) {
        self.http.network_changed();
    }

    pub(crate) fn ask_provider(
        &self,
        id: RequestId,
        provider: Option<Arc<dyn CredentialProvider>>,
        call: ProviderCall,
    ) {
        let operation = PendingOperation::Provider(id);
        self.run(&self.calls, operation, move || {
            // Only where a built-in provider took its place meanwhile.
            let Some(provider) = provider else { return operation.fail("the provider has been replaced") };
            SessionInput::Credential { id, result: provider::ask(provider.as_ref(), call) }
        });
    }

    pub(crate) fn sign(
        &self,
        id: RequestId,
        signer: Option<Arc<dyn ExternalSigner>>,
        request: SigningRequest,
    ) {
        let operation = PendingOperation::Signature(id);
        self.run(&self.calls, operation, move || {
            let Some(signer) = signer else { return operation.fail("no signer was named") };
            match signer.sign(request) {
                Ok(signature) => SessionInput::Signature { id, result: Ok(signature) },
                Err(error) => operation.fail(&error.to_string()),
            }
        });
    }

    pub(crate) fn make_key(&self, id: RequestId, algorithm: KeyAlgorithm) {
        let store = self.store.clone();
        self.run(&self.threads, PendingOperation::Key(id), move || SessionInput::Key {
            id,
            result: make_key(store.as_ref(), algorithm),
        });
    }

    pub(crate) fn persist(&mut self, id: RequestId, record: Box<Record>, deadline: Tick) {
        let mailbox = self.mailbox.clone();
        if let Some(store) = &self.store {
            store.save(record, move |result| {
                mailbox.send(stored(id, result));
            });
            self.writes.push((deadline, id));
        }
    }

    pub(crate) fn erase(&mut self, id: RequestId, deadline: Tick) {
        let mailbox = self.mailbox.clone();
        if let Some(store) = &self.store {
            store.erase(move |result| {
                mailbox.send(stored(id, result));
            });
            self.writes.push((deadline, id));
        }
    }

    /// The store has answered.
    pub(crate) fn answered(&mut self, id: RequestId) {
        self.writes.retain(|(_, waiting)| *waiting != id);
    }

    /// When a write has been waited for long enough, at the earliest.
    pub(crate) fn writes_until(&self) -> Option<Tick> {
        self.writes.iter().map(|(until, _)| *until).min()
    }

    /// What is said for the writes that have been waited for long enough: what waits for one goes on without it.
    pub(crate) fn overdue(&mut self, now: Tick) -> Vec<SessionInput> {
        let Some(store) = &self.store else { return Vec::new() };
        let late = self.writes.extract_if(.., |(until, _)| *until <= now);
        let unanswered = |id| SessionInput::Stored { id, result: Err(store.unanswered("no answer in time")) };
        late.map(|(_, id)| unanswered(id)).collect()
    }

    /// The session is over: its store is free from now on, or as soon as it has done what it is at. Who wants to wait
    /// for that waits so long at most, for this to be dropped.
    pub(crate) fn release(&mut self) -> Option<(Duration, Receiver<()>)> {
        let store = self.store.take()?;
        let (patience, (tell, told)) = (store.patience(), sync_channel(1));
        store.release(move |()| drop(tell));
        Some((patience, told))
    }

    /// What takes longer than its deadline is failed by the session itself, and what comes of it later is stale.
    fn run(
        &self,
        threads: &Threads,
        operation: PendingOperation,
        act: impl FnOnce() -> SessionInput + Send + 'static,
    ) {
        let mailbox = self.mailbox.clone();
        let tell = move |done: Option<SessionInput>| {
            mailbox.send(Message::Done(done.unwrap_or_else(|| operation.fail("it panicked"))));
        };
        if let Err(why) = threads.run(act, tell) {
            self.mailbox.send(Message::Done(operation.fail(&why)));
        }
    }
}

fn stored(id: RequestId, result: Result<(), StoreFailure>) -> Message {
    Message::Done(SessionInput::Stored { id, result })
}

impl Drop for Work {
    fn drop(&mut self) {
        self.http.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::Work;
    use crate::http::Http;
    use crate::mailbox::{Mailbox, Message};
    use crate::network::Network;
    use crate::provider::CredentialProvider;
    use crate::threads::{MOST, Threads};
    use mio::{Poll, Token};
    use satkeeper_core::session::{Credential, ProviderCall, ProviderError, RequestId, SessionInput};
    use satkeeper_core::wire::http::{HttpRequest, Method};
    use satkeeper_core::wire::url::{Plain, SecureUrl};
    use satkeeper_host::{AuthenticateContext, Clock, Proxies};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    fn work() -> (Poll, Work, Receiver<Message>) {
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = Mailbox::new(poll.registry(), Token(0)).unwrap();
        let http = Http::new(Network::by_way_of(Proxies::none(), None).unwrap());
        (poll, Work::new(mailbox, Threads::default(), http, Clock::start(), None), inbox)
    }

    /// Returns when its gate is dropped.
    struct Stuck(Mutex<Receiver<()>>);

    impl CredentialProvider for Stuck {
        fn authenticate(&self, _: AuthenticateContext) -> Result<Credential, ProviderError> {
            let _ = self.0.lock().unwrap().recv();
            Err(ProviderError::transient("too late"))
        }
    }

    // survives W5
    #[test]
    fn an_application_that_does_not_return_leaves_threads_for_requests() {
        let (_poll, work, inbox) = work();
        let (open, gate): (Sender<()>, _) = channel();
        let stuck = Arc::new(Stuck(Mutex::new(gate)));
        let mut refused = 0;
        for id in 0..2 * MOST as u64 {
            let call = ProviderCall::Authenticate { fingerprint: None };
            work.ask_provider(RequestId(id), Some(stuck.clone()), call);
        }
        while let Ok(Message::Done(SessionInput::Credential { result: Err(_), .. })) = inbox.try_recv() {
            refused += 1;
        }
        assert_eq!(refused, MOST, "it has its own, and no more");
        let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = SecureUrl::parse(&format!("http://{dead}/"), Plain::Loopback).unwrap();
        let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: None };
        work.request(RequestId(999), request, work.clock.now().tick.after(5_000));
        let told = inbox.recv_timeout(Duration::from_secs(10)).expect("an answer");
        let Message::Done(SessionInput::Http { id: RequestId(999), result: Err(error) }) = told else {
            panic!("an answer to the request")
        };
        assert!(error.to_string().contains("nothing listens"), "{error}");
        drop(open);
    }

    // proves R33
    #[test]
    fn a_request_that_is_not_answered_ends_with_its_session() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let url = SecureUrl::parse(&url, Plain::Loopback).unwrap();
        let (_poll, work, inbox) = work();
        let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: None };
        work.request(RequestId(1), request, work.clock.now().tick.after(600_000));
        let (_stream, _) = silent.accept().unwrap();
        drop(work);
        let told = inbox.recv_timeout(Duration::from_secs(10)).expect("long before its deadline");
        assert!(matches!(told, Message::Done(SessionInput::Http { id: RequestId(1), result: Err(_) })));
    }
}
