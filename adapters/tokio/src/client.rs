//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use satkeeper_core::Now;
use satkeeper_core::lifecycle::{Generation, Status, Why};
use satkeeper_core::session::{CallId, Connection, Credential, InForce, Provider, SessionInput, Subscriber};
use satkeeper_core::wire::json;
use satkeeper_host::dispatch::{GIVE_UP, Reply};
use satkeeper_host::{Clock, End, Error, Progress};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::ask::{Ask, Asks, ask};
use crate::builder::Builder;
use crate::events::Events;
use crate::notifications::Notifications;
use crate::provider::{self, CredentialProvider};
use crate::state::StateReceivers;

/// A session that is kept authenticated. Cheap to clone; all clones speak of the same session.
///
/// The session lives on a task of the runtime on which it was started. It ends when its credential can be
/// renewed no more, with [`Client::leave`], [`Client::disconnect`] or [`Client::destroy`], or when the last clone is
/// dropped: that leaves it where it has a store, and disconnects where it has none.
///
/// ```no_run
/// # async fn example() -> Result<(), satkeeper::Error> {
/// use satkeeper::Client;
/// let client = Client::builder()
///     .subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", "alice@example.com")
///     .connect()
///     .await?;
/// let answer = client.call("subscriber.online", serde_json::json!({})).await?;
/// # let _ = answer;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    asks: Asks,
    seen: StateReceivers,
    calls: Arc<AtomicU64>,
    clock: Clock,
}

impl Client {
    /// Begins to set a session up.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(asks: Asks, seen: StateReceivers, clock: Clock) -> Self {
        Self { asks, seen, calls: Arc::new(AtomicU64::new(0)), clock }
    }

    /// Waits until the session is live for the first time. At once where it has been.
    ///
    /// # Errors
    /// Where it ends before: the error that ended it, of a first mint that is not repeated the provider's own.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut progress = self.seen.progress.clone();
        match progress.wait_for(Progress::has_begun).await.map(|progress| progress.clone()) {
            Ok(Progress::Over(end)) => Err(end.into_error()),
            Ok(_) => Ok(()),
            Err(_) => Err(Error::DriverStopped),
        }
    }

    /// It was not live within this time: it is let go of, and what went wrong last is told.
    pub(crate) async fn give_up(self, after: Duration) -> Error {
        let (mut events, phase) = (self.events(), self.seen.status.borrow().phase);
        drop(self);
        let mut told = Vec::new();
        // Down to its last word: after that its store is free for another try.
        let listening = async {
            while let Some(event) = events.recv().await {
                told.extend(event);
            }
        };
        let _ = timeout(GIVE_UP, listening).await;
        Error::connect_timeout(after, phase, told)
    }

    /// Calls a JSON-RPC method of the server and returns its `result`.
    ///
    /// While the session is not live the call waits, 60 s at most; once it has been sent it waits for its
    /// answer as long as [`Builder::call_timeout`] says. Where the server refuses it for its credential, the
    /// credential is renewed and the call repeated, once. Dropping the future withdraws the call; it may have
    /// been sent by then.
    ///
    /// # Errors
    /// [`SessionError::Rpc`](crate::SessionError::Rpc): what the server answered. [`SessionError::Timeout`](crate::SessionError::Timeout),
    /// [`SessionError::Transport`](crate::SessionError::Transport): no answer, the call may or may not have had its effect.
    /// [`SessionError::InvalidField`](crate::SessionError::InvalidField): a frame of over 1 MiB, or a method that is the session's own.
    /// [`SessionError::Throttled`](crate::SessionError::Throttled): 1,024 calls are open, calls of 4 MiB in all are, or of 1 MiB wait for the session.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn call(&self, method: impl Into<String>, params: Value) -> Result<Value, Error> {
        let method = method.into();
        // Only uniqueness matters; no order between calls is implied.
        let call = CallId(self.calls.fetch_add(1, Ordering::Relaxed));
        let mut withdrawal = Withdrawal { asks: &self.asks, call, due: true };
        let returned = self.ask(|reply| Ask::Call { call, method, params, reply }).await;
        withdrawal.due = false;
        Ok(json::whole(&returned??))
    }

    /// Hands in a token that the application got by itself. Resolves when the server has accepted it.
    ///
    /// ```no_run
    /// # async fn example(client: satkeeper::Client, jwt: String) -> Result<(), satkeeper::Error> {
    /// use satkeeper::{Credential, Secret};
    /// client.update_token(Credential::new(Secret::new(jwt))).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::InvalidCredentials`](crate::SessionError::InvalidCredentials) or [`SessionError::Rpc`](crate::SessionError::Rpc) with the server's message where it is
    /// refused: the old token stays in force. [`SessionError::TokenRefresh`](crate::SessionError::TokenRefresh) where a newer call took its place.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn update_token(&self, credential: Credential) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::UpdateToken { credential, reply }).await??)
    }

    /// Renews the credential now. Resolves when the new one is in force; shares a renewal that is under way.
    ///
    /// # Errors
    /// [`SessionError::TokenRefresh`](crate::SessionError::TokenRefresh) where it failed or nobody can renew, [`SessionError::Throttled`](crate::SessionError::Throttled) where
    /// too many were asked for, [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn refresh_now(&self) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::RefreshNow { reply }).await??)
    }

    /// Says that the application's own request, outside of the session, was refused for its credential, the one
    /// of this generation. Resolves when a newer one is in force: the request may then be repeated once. A newer
    /// one that is in force already is enough. Calls over the session need not say so.
    ///
    /// ```no_run
    /// # async fn fetch(_: &satkeeper::Secret) -> u16 { 200 }
    /// # async fn example(client: satkeeper::Client) -> Result<(), satkeeper::Error> {
    /// let credential = client.credential();
    /// let held = credential.borrow().clone();
    /// if let Some(held) = held
    ///     && fetch(&held.token).await == 401
    /// {
    ///     client.rejected(held.generation).await?;
    ///     // once more, with what `credential` holds now
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As those of [`Client::refresh_now`].
    pub async fn rejected(&self, generation: Generation) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::Rejected { generation, reply }).await??)
    }

    /// Replaces the provider. The token in force stays until it has to be renewed.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn set_provider(&self, provider: impl CredentialProvider) -> Result<(), Error> {
        let described = provider::described(&provider);
        let own: Option<Arc<dyn CredentialProvider>> = Some(Arc::new(provider));
        self.ask(|done| Ask::SetProvider { provider: described, own, done }).await
    }

    /// Replaces the provider by one of those that the session implements itself.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn set_builtin_provider(&self, provider: Provider) -> Result<(), Error> {
        self.ask(|done| Ask::SetProvider { provider, own: None, done }).await
    }

    /// Stops renewing and closes the socket; tokens, key and resume state are kept. Calls wait.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn suspend(&self) -> Result<(), Error> {
        self.tell(SessionInput::Suspend).await
    }

    /// Goes on after [`Client::suspend`].
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn resume(&self) -> Result<(), Error> {
        self.tell(SessionInput::Resume).await
    }

    /// Says that the host's network has changed: the socket is probed, or a new one tried, at once.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn network_changed(&self) -> Result<(), Error> {
        self.tell(SessionInput::NetworkChanged).await
    }

    /// Puts the session to rest in its store, whole: the next client that opens the store resumes it, calls and all,
    /// as long as the server keeps it. What a process does that will be followed by another. The record is written
    /// last; resolves when that is done (2 s at most) and the socket closed. Without a store nothing is kept.
    ///
    /// ```no_run
    /// # async fn example(client: satkeeper::Client) {
    /// let end = client.leave().await;
    /// assert_eq!(end.reason, satkeeper::TeardownReason::Left);
    /// # }
    /// ```
    pub async fn leave(&self) -> End {
        // An error says that it is over already.
        let _ = self.tell(SessionInput::Leave).await;
        self.closed().await
    }

    /// Ends the session, for good: how to resume it is forgotten, in the store, too. What stays there are tokens and
    /// key, with which the next client connects afresh. To go on in another process: [`Client::leave`]. Resolves when it is over and its socket closed (2 s at most); of a session that
    /// was over already, says how it ended.
    pub async fn disconnect(&self) -> End {
        // An error says that it is over already.
        let _ = self.tell(SessionInput::Disconnect).await;
        self.closed().await
    }

    /// Ends the session and erases what was kept of it, the key included. Otherwise as
    /// [`Client::disconnect`].
    pub async fn destroy(&self) -> End {
        let _ = self.tell(SessionInput::Destroy).await;
        self.closed().await
    }

    /// Waits for the end of the session.
    pub async fn closed(&self) -> End {
        let mut progress = self.seen.progress.clone();
        match progress.wait_for(Progress::is_over).await.map(|progress| progress.clone()) {
            Ok(Progress::Over(end)) => end,
            _ => End::stopped(),
        }
    }

    /// Where the session stands, now and from now on. Its ticks are milliseconds of [`Client::now`]; changes of
    /// `time_left` alone wake nobody.
    ///
    /// ```no_run
    /// # fn example(client: satkeeper::Client) {
    /// let phase = client.status().borrow().phase;
    /// println!("{}", phase.name());
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.seen.status.clone()
    }

    /// The token in force, now and from now on, for the application's own HTTP calls. `None` until the server
    /// has accepted one.
    ///
    /// Where a server refuses it: [`Client::rejected`].
    #[must_use]
    pub fn credential(&self) -> watch::Receiver<Option<InForce>> {
        self.seen.credential.clone()
    }

    /// What the server has told of the connection, now and from now on: who this is, its node, its ICE servers with
    /// their credentials. `None` until the session is live and after its end; up to date when `Live` is told.
    ///
    /// ```no_run
    /// # fn example(client: satkeeper::Client) {
    /// if let Some(connection) = client.connection().borrow().as_deref() {
    ///     for server in &connection.ice_servers {
    ///         println!("{:?}, good until {:?}", server.urls, connection.ice_expires_at);
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn connection(&self) -> watch::Receiver<Option<Arc<Connection>>> {
        self.seen.connection.clone()
    }

    /// Who the subscriber is, as far as that was asked: by the session where it needs to know what a token may do, and
    /// by [`Client::refresh_subscriber`].
    #[must_use]
    pub fn subscriber(&self) -> watch::Receiver<Option<Arc<Subscriber>>> {
        self.seen.subscriber.clone()
    }

    /// Asks who the subscriber is (`subscriber/info`), with the token in force; shares a request that is under way.
    ///
    /// ```no_run
    /// # async fn example(client: satkeeper::Client) -> Result<(), satkeeper::Error> {
    /// let subscriber = client.refresh_subscriber().await?;
    /// println!("{:?} can be reached at {:?}", subscriber.display_name, subscriber.addresses);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::Http`](crate::SessionError::Http): what the server answered, after a renewal where it refused the
    /// token. [`SessionError::Timeout`](crate::SessionError::Timeout): no token within 60 s, no answer within 30 s.
    /// [`SessionError::Throttled`](crate::SessionError::Throttled): 64 wait. [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub async fn refresh_subscriber(&self) -> Result<Arc<Subscriber>, Error> {
        Ok(self.ask(|reply| Ask::FetchSubscriber { reply }).await??)
    }

    /// The session's events, from the first; what to match on is [`SessionEvent::kind`](crate::SessionEvent::kind).
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(&self.seen.events)
    }

    /// The server's requests and events that are not the session's own.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications::of(&self.seen.notifications, &self.asks)
    }

    /// The next deadline of the session, what it is for, and from which numbers it was computed. `None` where
    /// there is none or the session is over.
    pub async fn why(&self) -> Option<Why> {
        self.ask(|reply| Ask::Why { reply }).await.ok().flatten()
    }

    /// What the session's clocks read: ticks are milliseconds since the client was started.
    #[must_use]
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    async fn tell(&self, input: SessionInput) -> Result<(), Error> {
        self.ask(|done| Ask::Command { input, done }).await
    }

    async fn ask<T: Send + 'static>(&self, wanted: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Error> {
        ask(&self.asks, wanted).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = *self.seen.status.borrow();
        f.debug_struct("Client")
            .field("phase", &status.phase.name())
            .field("mechanism", &status.mechanism.name())
            .field("generation", &status.generation.0)
            .finish_non_exhaustive()
    }
}

/// Withdraws a call whose future is dropped before its answer.
struct Withdrawal<'a> {
    asks: &'a Asks,
    call: CallId,
    due: bool,
}

impl Drop for Withdrawal<'_> {
    fn drop(&mut self) {
        if self.due {
            let _ = self.asks.send(Ask::CancelCall(self.call));
        }
    }
}
