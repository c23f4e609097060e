//! What a session has asked for and is still under way: requests, calls of the provider, keys. Each runs on a
//! task of its own and ends in exactly one input of the session.

use std::collections::HashMap;
use std::sync::Arc;

use satkeeper_core::Tick;
use satkeeper_core::error::Error as SessionError;
use satkeeper_core::lifecycle::KeyAlgorithm;
use satkeeper_core::session::{ProviderCall, ProviderError, Record, RequestId, SessionInput, StoreFailure};
use satkeeper_core::wire::http::HttpRequest;
use tokio::task::{AbortHandle, Id, JoinSet, spawn_blocking};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::http::Http;
use crate::keys;
use crate::provider::{AuthenticateContext, CredentialProvider};
use crate::signer::{ExternalSigner, SigningRequest};
use crate::store::{Keeper, store_error};

/// The tasks of one session. Dropping it aborts them.
pub(crate) struct Work {
    tasks: JoinSet<SessionInput>,
    /// What to say for a task that panics: an application's provider may.
    names: HashMap<Id, Errand>,
    http: Http,
    clock: Clock,
    /// The session's store, its own for as long as this is.
    keeper: Option<Keeper>,
}

#[derive(Clone, Copy)]
enum Errand {
    Request(RequestId),
    Provider(RequestId),
    Key(RequestId),
    Signature(RequestId),
    Store(RequestId),
}

impl Work {
    pub(crate) fn new(http: Http, clock: Clock, keeper: Option<Keeper>) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), http, clock, keeper }
    }

    pub(crate) fn request(&mut self, id: RequestId, request: HttpRequest, deadline: Tick) {
        let sending = self.http.clone().send(request, deadline, self.clock);
        let task = self.tasks.spawn(async move { SessionInput::Http { id, result: sending.await } });
        self.remember(&task, Errand::Request(id));
    }

    pub(crate) fn ask_provider(
        &mut self,
        id: RequestId,
        provider: Option<Arc<dyn CredentialProvider>>,
        call: ProviderCall,
        deadline: Tick,
    ) {
        let within = self.clock.until(deadline);
        let task = self.tasks.spawn(async move {
            let Some(provider) = provider else {
                // Only where a built-in provider took its place meanwhile.
                let gone = ProviderError::Rejected("the provider has been replaced".to_owned());
                return SessionInput::Credential { id, result: Err(gone) };
            };
            let answer = async {
                match call {
                    ProviderCall::Authenticate { fingerprint } => {
                        provider.authenticate(AuthenticateContext::new(fingerprint)).await
                    }
                    ProviderCall::Refresh => provider.refresh().await,
                }
            };
            let result = timeout(within, answer).await;
            SessionInput::Credential { id, result: result.unwrap_or_else(|_| Err(no_answer(within))) }
        });
        self.remember(&task, Errand::Provider(id));
    }

    pub(crate) fn sign(
        &mut self,
        id: RequestId,
        signer: Option<Arc<dyn ExternalSigner>>,
        request: SigningRequest,
        deadline: Tick,
    ) {
        let within = self.clock.until(deadline);
        let task = self.tasks.spawn(async move {
            let Some(signer) = signer else {
                return SessionInput::Signature { id, result: Err(no_signature("no signer was named")) };
            };
            let result = match timeout(within, signer.sign(request)).await {
                Ok(signed) => signed.map_err(|error| no_signature(&error.to_string())),
                Err(_) => Err(no_signature(&format!("no answer within {} ms", within.as_millis()))),
            };
            SessionInput::Signature { id, result }
        });
        self.remember(&task, Errand::Signature(id));
    }

    pub(crate) fn make_key(&mut self, id: RequestId, algorithm: KeyAlgorithm) {
        let keeper = self.keeper.clone();
        let task = self.tasks.spawn_blocking(move || {
            let Some(keeper) = keeper else { return SessionInput::Key { id, result: keys::make(algorithm) } };
            // Kept before its first use. Where it cannot be kept it serves as long as this process.
            let result = keys::make_to_keep(algorithm).map(|(key, pem)| keeper.keep_key(pem).unwrap_or(key));
            SessionInput::Key { id, result }
        });
        self.remember(&task, Errand::Key(id));
    }

    pub(crate) fn persist(&mut self, id: RequestId, record: Box<Record>, deadline: Tick) {
        let Some(keeper) = self.keeper.clone() else { return };
        let turn = keeper.turn();
        self.store(id, deadline, move || keeper.save(&turn, &record));
    }

    pub(crate) fn erase(&mut self, id: RequestId, deadline: Tick) {
        let Some(keeper) = self.keeper.clone() else { return };
        self.store(id, deadline, move || keeper.erase());
    }

    fn store(
        &mut self,
        id: RequestId,
        deadline: Tick,
        act: impl FnOnce() -> Result<(), StoreFailure> + Send + 'static,
    ) {
        let within = self.clock.until(deadline);
        let acting = spawn_blocking(act);
        let task = self.tasks.spawn(async move {
            let result = match timeout(within, acting).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(StoreFailure::Failed(store_error("it panicked"))),
                Err(_) => {
                    let message = format!("no answer within {} ms", within.as_millis());
                    Err(StoreFailure::Failed(store_error(&message)))
                }
            };
            SessionInput::Stored { id, result }
        });
        self.remember(&task, Errand::Store(id));
    }

    /// The next input that work has led to; `None` where there is none under way. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<SessionInput> {
        loop {
            match self.tasks.join_next_with_id().await? {
                Ok((id, input)) => {
                    self.names.remove(&id);
                    return Some(input);
                }
                Err(error) => {
                    if let Some(errand) = self.names.remove(&error.id()) {
                        return Some(errand.panicked());
                    }
                }
            }
        }
    }

    fn remember(&mut self, task: &AbortHandle, errand: Errand) {
        self.names.insert(task.id(), errand);
    }
}

impl Errand {
    fn panicked(self) -> SessionInput {
        match self {
            Self::Request(id) => {
                let message = "the HTTP client panicked".to_owned();
                SessionInput::Http { id, result: Err(SessionError::Transport { message }) }
            }
            Self::Provider(id) => SessionInput::Credential { id, result: Err(transient("it panicked")) },
            Self::Store(id) => {
                let error = store_error("it panicked");
                SessionInput::Stored { id, result: Err(StoreFailure::Failed(error)) }
            }
            Self::Signature(id) => SessionInput::Signature { id, result: Err(no_signature("it panicked")) },
            Self::Key(id) => {
                let message = "making it panicked".to_owned();
                SessionInput::Key { id, result: Err(SessionError::DpopInit { message }) }
            }
        }
    }
}

fn no_signature(message: &str) -> SessionError {
    SessionError::DpopInit { message: format!("the external signer failed: {message}") }
}

fn no_answer(within: std::time::Duration) -> ProviderError {
    transient(&format!("no answer within {} ms", within.as_millis()))
}

fn transient(message: &str) -> ProviderError {
    ProviderError::Transient { message: message.to_owned(), retry_after: None }
}
