//! What a session has asked for and is still under way: requests, calls of the provider, keys. Each runs on a
//! task of its own and ends in exactly one input of the session.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::session::{ProviderCall, Record, RequestId, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpRequest;
use satkeeper_host::leased_store::{LeasedStore, PATIENCE};
use satkeeper_host::{Clock, LATE, PendingOperation, SigningRequest, keys};
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinSet, spawn_blocking};
use tokio::time::timeout;

use crate::http::Http;
use crate::provider::{self, CredentialProvider};
use crate::signer::ExternalSigner;

/// The tasks of one session. Dropping it aborts them.
pub(crate) struct Work {
    tasks: JoinSet<SessionInput>,
    /// What to say for a task that panics: an application's provider may.
    names: HashMap<Id, PendingOperation>,
    /// Calls of the provider's `authenticate`, and of its `refresh`.
    minting: Places,
    refreshing: Places,
    http: Http,
    clock: Clock,
    /// The session's store, its own for as long as this is.
    store: Option<LeasedStore>,
}

impl Work {
    pub(crate) fn new(http: Http, clock: Clock, store: Option<LeasedStore>) -> Self {
        let (minting, refreshing) = (Places::default(), Places::default());
        Self { tasks: JoinSet::new(), names: HashMap::new(), minting, refreshing, http, clock, store }
    }

    pub(crate) fn request(&mut self, id: RequestId, request: HttpRequest, deadline: Tick) {
        let sending = self.http.clone().send(request, (deadline, LATE), self.clock);
        let task = self.tasks.spawn(async move { SessionInput::Http { id, result: sending.await } });
        self.remember(&task, PendingOperation::Request(id));
    }

    pub(crate) fn network_changed(&self) {
        self.http.network_changed();
    }

    /// It may take its time: its place is the session's to give away at its deadline, and what it brings then counts (R14).
    pub(crate) fn ask_provider(
        &mut self,
        id: RequestId,
        provider: Option<Arc<dyn CredentialProvider>>,
        call: ProviderCall,
    ) {
        let operation = PendingOperation::Provider(id);
        let refreshes = matches!(call, ProviderCall::Refresh { .. });
        let task = self.tasks.spawn(async move {
            let Some(provider) = provider else {
                // Only where a built-in provider took its place meanwhile.
                return operation.fail("the provider has been replaced");
            };
            SessionInput::Credential { id, result: provider::ask(provider.as_ref(), call).await }
        });
        self.remember(&task, operation);
        let places = if refreshes { &mut self.refreshing } else { &mut self.minting };
        places.take(task);
    }

    pub(crate) fn sign(
        &mut self,
        id: RequestId,
        signer: Option<Arc<dyn ExternalSigner>>,
        request: SigningRequest,
        deadline: Tick,
    ) {
        let (operation, within) = (PendingOperation::Signature(id), self.clock.until(deadline));
        let task = self.tasks.spawn(async move {
            let Some(signer) = signer else { return operation.fail("no signer was named") };
            match timeout(within, signer.sign(request)).await {
                Ok(Ok(signature)) => SessionInput::Signature { id, result: Ok(signature) },
                Ok(Err(error)) => operation.fail(&error.to_string()),
                Err(_) => operation.fail(&no_answer(within)),
            }
        });
        self.remember(&task, operation);
    }

    /// Made on a thread of the runtime, since it ends by itself; kept on the store's, which is waited for as long as for
    /// the last write of a session: where it cannot be kept, the key serves as long as this process.
    pub(crate) fn make_key(&mut self, id: RequestId, algorithm: KeyAlgorithm) {
        let (operation, store) = (PendingOperation::Key(id), self.store.clone());
        let task = self.tasks.spawn(async move {
            let (key, pem) = match spawn_blocking(move || keys::generate_to_keep(algorithm)).await {
                Ok(Ok(made)) => made,
                Ok(Err(error)) => return SessionInput::Key { id, result: Err(error) },
                Err(_) => return operation.fail("it panicked"),
            };
            let Some(store) = store else { return SessionInput::Key { id, result: Ok(key) } };
            let (tell, told) = oneshot::channel();
            store.keep_key(pem, move |kept| drop(tell.send(kept)));
            let kept = timeout(PATIENCE, told).await.ok().and_then(Result::ok).flatten();
            SessionInput::Key { id, result: Ok(kept.unwrap_or(key)) }
        });
        self.remember(&task, operation);
    }

    pub(crate) fn persist(&mut self, id: RequestId, record: Box<Record>, deadline: Tick) {
        let (tell, told) = oneshot::channel();
        if let Some(store) = &self.store {
            store.save(record, move |came| drop(tell.send(came)));
            self.await_store(id, deadline, told);
        }
    }

    pub(crate) fn erase(&mut self, id: RequestId, deadline: Tick) {
        let (tell, told) = oneshot::channel();
        if let Some(store) = &self.store {
            store.erase(move |came| drop(tell.send(came)));
            self.await_store(id, deadline, told);
        }
    }

    fn await_store(
        &mut self,
        id: RequestId,
        deadline: Tick,
        told: oneshot::Receiver<Result<(), StoreFailure>>,
    ) {
        let (operation, within, store) =
            (PendingOperation::Store(id), self.clock.until(deadline), self.store.clone());
        let task = self.tasks.spawn(async move {
            match timeout(within, told).await {
                Ok(Ok(result)) => SessionInput::Stored { id, result },
                // Dropped unheard: so many newer ones wait that nobody can wait for this one any more.
                Ok(Err(_)) | Err(_) => match store {
                    Some(store) => {
                        SessionInput::Stored { id, result: Err(store.unanswered(&no_answer(within))) }
                    }
                    None => operation.fail(&no_answer(within)),
                },
            }
        });
        self.remember(&task, operation);
    }

    /// The session is over: nothing under way is of interest, and its store is free from now on, or as soon as it has
    /// done what it is at.
    pub(crate) async fn finish(self) {
        let Self { tasks, store, .. } = self;
        drop(tasks);
        if let Some(store) = store {
            let (patience, (tell, told)) = (store.patience(), oneshot::channel());
            store.release(move |()| {
                let _ = tell.send(());
            });
            // Whether it is or not: nobody waits for longer.
            let _ = timeout(patience, told).await;
        }
    }

    /// The next input that work has led to; `None` where there is none under way. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<SessionInput> {
        loop {
            match self.tasks.join_next_with_id().await? {
                Ok((id, input)) => {
                    self.names.remove(&id);
                    return Some(input);
                }
                // One that was let go of: the session has given up on it long ago.
                Err(error) if error.is_cancelled() => drop(self.names.remove(&error.id())),
                Err(error) => {
                    if let Some(operation) = self.names.remove(&error.id()) {
                        return Some(operation.fail("it panicked"));
                    }
                }
            }
        }
    }

    fn remember(&mut self, task: &AbortHandle, operation: PendingOperation) {
        self.names.insert(task.id(), operation);
    }
}

/// The calls of one of the provider's functions that are under way. Two have a place, as the session sees it: where a third is
/// begun, the first has not answered since long after its deadline, and is let go of, so that one that never returns
/// costs two tasks and not one for each renewal.
#[derive(Default)]
struct Places(VecDeque<AbortHandle>);

impl Places {
    fn take(&mut self, call: AbortHandle) {
        self.0.retain(|call| !call.is_finished());
        self.0.push_back(call);
        while self.0.len() > 2 {
            self.0.pop_front().iter().for_each(AbortHandle::abort);
        }
    }
}

fn no_answer(within: Duration) -> String {
    format!("no answer within {} ms", within.as_millis())
}
