//! What a session has asked for and is still under way: requests, calls of the provider, keys. Each runs on a
//! thread of its own and ends in exactly one input of the session.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::session::{ProviderCall, Record, RequestId, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_host::keeper::{Keeper, make_key};
use satkeeper_host::{Clock, Errand, SigningRequest};

use crate::http::Http;
use crate::mailbox::{Mailbox, Message};
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;
use crate::threads::Threads;

/// The work of one session. Dropping it ends the requests; what is the application's returns when it does,
/// and nobody hears of it.
pub(crate) struct Work {
    mailbox: Mailbox,
    threads: Threads,
    http: Http,
    clock: Clock,
    /// The session's store, its own for as long as this is.
    keeper: Option<Keeper>,
    /// Writes without an answer yet, and until when they are waited for.
    writes: Vec<(Tick, RequestId)>,
}

impl Work {
    pub(crate) const fn new(
        mailbox: Mailbox,
        threads: Threads,
        http: Http,
        clock: Clock,
        keeper: Option<Keeper>,
    ) -> Self {
        Self { mailbox, threads, http, clock, keeper, writes: Vec::new() }
    }

    /// What becomes of a session that nobody holds any more: one that is kept waits for the next process.
    pub(crate) const fn last_wish(&self) -> SessionInput {
        if self.keeper.is_some() { SessionInput::Leave } else { SessionInput::Disconnect }
    }

    pub(crate) fn request(&self, id: RequestId, request: HttpRequest, deadline: Tick) {
        let (http, within) = (self.http.clone(), self.clock.until(deadline));
        self.run(Errand::Request(id), move || SessionInput::Http { id, result: http.send(&request, within) });
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
        let errand = Errand::Provider(id);
        self.run(errand, move || {
            // Only where a built-in provider took its place meanwhile.
            let Some(provider) = provider else { return errand.fail("the provider has been replaced") };
            SessionInput::Credential { id, result: provider::ask(provider.as_ref(), call) }
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

    pub(crate) fn persist(&mut self, id: RequestId, record: Box<Record>, deadline: Tick) {
        let mailbox = self.mailbox.clone();
        if let Some(keeper) = &self.keeper {
            keeper.save(record, move |result| {
                mailbox.send(stored(id, result));
            });
            self.writes.push((deadline, id));
        }
    }

    pub(crate) fn erase(&mut self, id: RequestId, deadline: Tick) {
        let mailbox = self.mailbox.clone();
        if let Some(keeper) = &self.keeper {
            keeper.erase(move |result| {
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
        let name = self.keeper.as_ref().map_or_else(String::new, |keeper| keeper.name().to_owned());
        let late = self.writes.extract_if(.., |(until, _)| *until <= now);
        late.map(|(_, id)| Errand::Store(id).fail(&format!("{name}: no answer in time"))).collect()
    }

    /// The session is over: its store is free from now on, or as soon as it has done what it is at. Who wants to wait
    /// for that waits so long at most, for this to be dropped.
    pub(crate) fn release(&mut self) -> Option<(Duration, Receiver<()>)> {
        let keeper = self.keeper.take()?;
        let (patience, (tell, told)) = (keeper.patience(), sync_channel(1));
        keeper.release(move |()| drop(tell));
        Some((patience, told))
    }

    /// What takes longer than its deadline is failed by the session itself, and what comes of it later is stale.
    fn run(&self, errand: Errand, act: impl FnOnce() -> SessionInput + Send + 'static) {
        let mailbox = self.mailbox.clone();
        let tell = move |done: Option<SessionInput>| {
            mailbox.send(Message::Done(done.unwrap_or_else(|| errand.fail("it panicked"))));
        };
        if let Err(why) = self.threads.run(act, tell) {
            self.mailbox.send(Message::Done(errand.fail(&why)));
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
    use crate::threads::Threads;
    use mio::{Poll, Token};
    use satkeeper_core::session::{RequestId, SessionInput};
    use satkeeper_core::wire::http::{HttpRequest, Method};
    use satkeeper_core::wire::url::{Plain, SecureUrl};
    use satkeeper_host::{Clock, Proxies};
    use std::net::TcpListener;
    use std::time::Duration;

    // proves L41
    #[test]
    fn a_request_that_is_not_answered_ends_with_its_session() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let url = SecureUrl::parse(&url, Plain::Loopback).unwrap();
        let poll = Poll::new().unwrap();
        let (mailbox, inbox) = Mailbox::new(poll.registry(), Token(0)).unwrap();
        let http = Http::new(Network::by_way_of(Proxies::none(), None).unwrap());
        let work = Work::new(mailbox, Threads::default(), http, Clock::start(), None);
        let request = HttpRequest { method: Method::Get, url, headers: Vec::new(), body: None };
        work.request(RequestId(1), request, work.clock.now().tick.after(600_000));
        let (_stream, _) = silent.accept().unwrap();
        drop(work);
        let told = inbox.recv_timeout(Duration::from_secs(10)).expect("long before its deadline");
        assert!(matches!(told, Message::Done(SessionInput::Http { id: RequestId(1), result: Err(_) })));
    }
}
