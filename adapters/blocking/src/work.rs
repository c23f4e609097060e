//! What a session has asked for and is still under way: requests, calls of the provider, keys. Each runs on a
//! thread of its own and ends in exactly one input of the session.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::session::{ProviderCall, Record, RequestId, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_host::keeper::{Keeper, make_key};
use satkeeper_host::{AuthenticateContext, Clock, Errand, SigningRequest};

use crate::http::Http;
use crate::mailbox::{Mailbox, Message};
use crate::provider::CredentialProvider;
use crate::signer::ExternalSigner;

/// Most threads of one session. It never needs a handful, unless the application's code does not return.
const MOST: usize = 32;

/// The threads of one session. Dropping it ends the requests; what is the application's returns when it does,
/// and nobody hears of it.
pub(crate) struct Work {
    mailbox: Mailbox,
    http: Http,
    clock: Clock,
    /// The session's store, its own for as long as this is.
    keeper: Option<Keeper>,
    running: Arc<AtomicUsize>,
}

impl Work {
    pub(crate) fn new(mailbox: Mailbox, http: Http, clock: Clock, keeper: Option<Keeper>) -> Self {
        Self { mailbox, http, clock, keeper, running: Arc::default() }
    }

    pub(crate) fn request(&self, id: RequestId, request: HttpRequest, deadline: Tick) {
        let (http, within) = (self.http.clone(), self.clock.until(deadline));
        self.run(Errand::Request(id), move || SessionInput::Http { id, result: http.send(&request, within) });
    }

    pub(crate) fn ask_provider(
        &self,
        id: RequestId,
        provider: Option<Arc<dyn CredentialProvider>>,
        call: ProviderCall,
    ) {
        let errand = Errand::Provider(id);
        self.run(errand, move || {
            // Only where a built-in provider took its place meanwhile.
            let Some(provider) = provider else { return errand.fail("the provider has been replaced") };
            let result = match call {
                ProviderCall::Authenticate { fingerprint } => {
                    provider.authenticate(AuthenticateContext::new(fingerprint))
                }
                ProviderCall::Refresh => provider.refresh(),
            };
            SessionInput::Credential { id, result }
        });
    }

    pub(crate) fn sign(
        &self,
        id: RequestId,
        signer: Option<Arc<dyn ExternalSigner>>,
        request: SigningRequest,
    ) {
        let errand = Errand::Signature(id);
        self.run(errand, move || {
            let Some(signer) = signer else { return errand.fail("no signer was named") };
            match signer.sign(request) {
                Ok(signature) => SessionInput::Signature { id, result: Ok(signature) },
                Err(error) => errand.fail(&error.to_string()),
            }
        });
    }

    pub(crate) fn make_key(&self, id: RequestId, algorithm: KeyAlgorithm) {
        let keeper = self.keeper.clone();
        self.run(Errand::Key(id), move || SessionInput::Key {
            id,
            result: make_key(keeper.as_ref(), algorithm),
        });
    }

    pub(crate) fn persist(&self, id: RequestId, record: Box<Record>) {
        let Some(keeper) = self.keeper.clone() else { return };
        let turn = keeper.turn();
        self.store(id, move || keeper.save(&turn, &record));
    }

    pub(crate) fn erase(&self, id: RequestId) {
        let Some(keeper) = self.keeper.clone() else { return };
        self.store(id, move || keeper.erase());
    }

    fn store(&self, id: RequestId, act: impl FnOnce() -> Result<(), StoreFailure> + Send + 'static) {
        self.run(Errand::Store(id), move || SessionInput::Stored { id, result: act() });
    }

    /// What takes longer than its deadline is failed by the session itself, and what comes of it later is stale.
    fn run(&self, errand: Errand, act: impl FnOnce() -> SessionInput + Send + 'static) {
        let failed = |why: &str| {
            self.mailbox.send(Message::Done(errand.fail(why)));
        };
        if self.running.fetch_add(1, Ordering::SeqCst) >= MOST {
            self.running.fetch_sub(1, Ordering::SeqCst);
            return failed("too many earlier calls have not returned");
        }
        let (mailbox, running) = (self.mailbox.clone(), Arc::clone(&self.running));
        let thread = thread::Builder::new().name("satkeeper-work".to_owned()).spawn(move || {
            // An application's provider may panic; `act` is gone with it.
            let done = catch_unwind(AssertUnwindSafe(act));
            running.fetch_sub(1, Ordering::SeqCst);
            mailbox.send(Message::Done(done.unwrap_or_else(|_| errand.fail("it panicked"))));
        });
        if let Err(error) = thread {
            self.running.fetch_sub(1, Ordering::SeqCst);
            failed(&format!("there is no thread for it: {error}"));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.http.shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Work};
    use crate::http::Http;
    use crate::mailbox::{Mailbox, Message};
    use mio::{Poll, Token};
    use satkeeper_core::session::{RequestId, SessionInput};
    use satkeeper_core::wire::http::{HttpRequest, Method};
    use satkeeper_core::wire::url::{Plain, SecureUrl};
    use satkeeper_host::tls::Tls;
    use satkeeper_host::{Clock, Errand};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Duration;

    fn work() -> (Poll, Work, Receiver<Message>) {
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = Mailbox::new(poll.registry(), Token(0)).unwrap();
        let work = Work::new(mailbox, Http::new(Tls::new(None).unwrap()), Clock::start(), None);
        (poll, work, inbox)
    }

    // proves L41
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

    #[test]
    fn calls_that_do_not_return_have_threads_up_to_a_limit() {
        let (_poll, work, inbox) = work();
        let mut gates = Vec::new();
        for id in 0..=MOST as u64 {
            let (open, gate) = channel::<()>();
            gates.push(open);
            let errand = Errand::Key(RequestId(id));
            work.run(errand, move || {
                let _ = gate.recv();
                errand.fail("returned")
            });
        }
        // The one too many is told at once, the others when they return.
        let told = || match inbox.recv().unwrap() {
            Message::Done(SessionInput::Key { id, result: Err(error) }) => (id.0, error.to_string()),
            _ => panic!("a key that could not be made"),
        };
        let (id, why) = told();
        assert_eq!(id, MOST as u64);
        assert!(why.contains("earlier calls have not returned"), "{why}");
        drop(gates);
        for _ in 0..MOST {
            assert!(told().1.contains("returned"));
        }
        // And then there is room again, also after a panic.
        for _ in 0..2 * MOST {
            work.run(Errand::Key(RequestId(7)), || panic!("in the application"));
            assert!(told().1.contains("it panicked"));
        }
    }
}
