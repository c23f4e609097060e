//! The handle that applications hold.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use satkeeper_core::Now;
use satkeeper_core::lifecycle::{Generation, Status, Why};
use satkeeper_core::session::{CallId, Connection, Credential, InForce, Provider, SessionInput, Subscriber};
use satkeeper_core::wire::json;
use satkeeper_host::dispatch::{GIVE_UP, Reply};
use satkeeper_host::{Clock, End, Error, Progress};
use serde_json::Value;

use crate::ask::{Ask, ask};
use crate::builder::Builder;
use crate::events::Events;
use crate::mailbox::{Mailbox, Message};
use crate::notifications::Notifications;
use crate::provider::{self, CredentialProvider};
use crate::state::PublishedState;
use crate::watch::Watch;

/// A session that is kept authenticated. Cheap to clone; all clones speak of the same session, from any thread.
///
/// The session lives on a thread of its own. It ends when its credential can be renewed no more, with
/// [`Client::leave`], [`Client::disconnect`] or [`Client::destroy`], or when the last clone is dropped: that leaves it
/// where it has a store, disconnects where it has none, and does not wait.
///
/// ```no_run
/// # fn main() -> Result<(), satkeeper_blocking::Error> {
/// use satkeeper_blocking::Client;
/// let client = Client::builder()
///     .subscriber("example.signalwire.com", "PROJECT_ID", "API_TOKEN", "alice@example.com")
///     .connect()?;
/// let answer = client.call("subscriber.online", serde_json::json!({}))?;
/// # let _ = answer;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client(Arc<Handle>);

struct Handle {
    mailbox: Mailbox,
    shown: PublishedState,
    calls: AtomicU64,
    clock: Clock,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.mailbox.send(Message::Orphaned);
    }
}

impl Client {
    /// Begins to set a session up.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(mailbox: Mailbox, shown: PublishedState, clock: Clock) -> Self {
        Self(Arc::new(Handle { mailbox, shown, calls: AtomicU64::new(0), clock }))
    }

    /// Waits until the session is live for the first time. At once where it has been.
    ///
    /// # Errors
    /// Where it ends before: the error that ended it, of a first mint that is not repeated the provider's own.
    pub fn ready(&self) -> Result<(), Error> {
        match self.0.shown.progress.wait_for(Duration::MAX, Progress::has_begun) {
            Some(Progress::Over(end)) => Err(end.into_error()),
            Some(_) => Ok(()),
            None => Err(Error::DriverStopped),
        }
    }

    /// Waits for it as [`Client::ready`] does, for so long at most: then it is let go of, and what went wrong last
    /// is told.
    pub(crate) fn ready_within(self, left: Duration, limit: Duration) -> Result<Self, Error> {
        match self.0.shown.progress.wait_for(left, Progress::has_begun) {
            Some(Progress::Over(end)) => Err(end.into_error()),
            Some(_) => Ok(self),
            None => Err(self.give_up(limit)),
        }
    }

    fn give_up(self, after: Duration) -> Error {
        let (mut events, phase) = (self.events(), self.status().get().phase);
        drop(self);
        let (by, mut told) = (Instant::now() + GIVE_UP, Vec::new());
        // Down to its last word: after that its store is free for another try.
        while let Ok(event) = events.recv_timeout(by.saturating_duration_since(Instant::now())) {
            told.extend(event);
        }
        Error::connect_timeout(after, phase, told)
    }

    /// Calls a JSON-RPC method of the server and returns its `result`.
    ///
    /// While the session is not live the call waits, 60 s at most; once it has been sent it waits for its
    /// answer as long as [`Builder::call_timeout`] says. Where the server refuses it for its credential, the
    /// credential is renewed and the call repeated, once. Nobody can take a call back: who does not want to wait so
    /// long leaves it to a thread.
    ///
    /// # Errors
    /// [`SessionError::Rpc`](crate::SessionError::Rpc): what the server answered. [`SessionError::Timeout`](crate::SessionError::Timeout),
    /// [`SessionError::Transport`](crate::SessionError::Transport): no answer, the call may or may not have had its effect.
    /// [`SessionError::InvalidField`](crate::SessionError::InvalidField): a frame of over 1 MiB, or a method that is the session's own.
    /// [`SessionError::Throttled`](crate::SessionError::Throttled): 1,024 calls are open, or calls of 1 MiB in all wait for the session.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn call(&self, method: impl Into<String>, params: Value) -> Result<Value, Error> {
        let method = method.into();
        // Only uniqueness matters; no order between calls is implied.
        let call = CallId(self.0.calls.fetch_add(1, Ordering::Relaxed));
        Ok(json::whole(&self.ask(|reply| Ask::Call { call, method, params, reply })??))
    }

    /// Hands in a token that the application got by itself. Returns when the server has accepted it.
    ///
    /// ```no_run
    /// # fn example(client: satkeeper_blocking::Client, jwt: String) -> Result<(), satkeeper_blocking::Error> {
    /// use satkeeper_blocking::{Credential, Secret};
    /// client.update_token(Credential::new(Secret::new(jwt)))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::InvalidCredentials`](crate::SessionError::InvalidCredentials) or [`SessionError::Rpc`](crate::SessionError::Rpc) with the server's message where it is
    /// refused: the old token stays in force. [`SessionError::TokenRefresh`](crate::SessionError::TokenRefresh) where a newer call took its place.
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn update_token(&self, credential: Credential) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::UpdateToken { credential, reply })??)
    }

    /// Renews the credential now. Returns when the new one is in force; shares a renewal that is under way.
    ///
    /// # Errors
    /// [`SessionError::TokenRefresh`](crate::SessionError::TokenRefresh) where it failed or nobody can renew, [`SessionError::Throttled`](crate::SessionError::Throttled) where
    /// too many were asked for, [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn refresh_now(&self) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::RefreshNow { reply })??)
    }

    /// Says that the application's own request, outside of the session, was refused for its credential, the one
    /// of this generation. Returns when a newer one is in force: the request may then be repeated once. A newer
    /// one that is in force already is enough. Calls over the session need not say so.
    ///
    /// ```no_run
    /// # fn fetch(_: &satkeeper_blocking::Secret) -> u16 { 200 }
    /// # fn example(client: satkeeper_blocking::Client) -> Result<(), satkeeper_blocking::Error> {
    /// if let Some(held) = client.credential().get()
    ///     && fetch(&held.token) == 401
    /// {
    ///     client.rejected(held.generation)?;
    ///     // once more, with what `credential` holds now
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As those of [`Client::refresh_now`].
    pub fn rejected(&self, generation: Generation) -> Result<Generation, Error> {
        Ok(self.ask(|reply| Ask::Rejected { generation, reply })??)
    }

    /// Replaces the provider. The token in force stays until it has to be renewed.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn set_provider(&self, provider: impl CredentialProvider) -> Result<(), Error> {
        let described = provider::described(&provider);
        let own: Option<Arc<dyn CredentialProvider>> = Some(Arc::new(provider));
        self.ask(|done| Ask::SetProvider { provider: described, own, done })
    }

    /// Replaces the provider by one of those that the session implements itself.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn set_builtin_provider(&self, provider: Provider) -> Result<(), Error> {
        self.ask(|done| Ask::SetProvider { provider, own: None, done })
    }

    /// Stops renewing and closes the socket; tokens, key and resume state are kept. Calls wait.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn suspend(&self) -> Result<(), Error> {
        self.tell(SessionInput::Suspend)
    }

    /// Goes on after [`Client::suspend`].
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn resume(&self) -> Result<(), Error> {
        self.tell(SessionInput::Resume)
    }

    /// Says that the host's network has changed: the socket is probed, or a new one tried, at once.
    ///
    /// # Errors
    /// [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn network_changed(&self) -> Result<(), Error> {
        self.tell(SessionInput::NetworkChanged)
    }

    /// Puts the session to rest in its store, whole: the next client that opens the store resumes it, calls and all,
    /// as long as the server keeps it. What a process does that will be followed by another. The record is written
    /// last; returns when that is done (2 s at most) and the socket closed. Without a store nothing is kept.
    ///
    /// ```no_run
    /// # fn example(client: satkeeper_blocking::Client) {
    /// let end = client.leave();
    /// assert_eq!(end.reason, satkeeper_blocking::TeardownReason::Left);
    /// # }
    /// ```
    pub fn leave(&self) -> End {
        // An error says that it is over already.
        let _ = self.tell(SessionInput::Leave);
        self.closed()
    }

    /// Ends the session, for good: how to resume it is forgotten, in the store, too. What stays there are tokens and
    /// key, with which the next client connects afresh. To go on in another process: [`Client::leave`]. Returns when it is over and its socket closed (2 s at most); of a session that
    /// was over already, says how it ended.
    pub fn disconnect(&self) -> End {
        // An error says that it is over already.
        let _ = self.tell(SessionInput::Disconnect);
        self.closed()
    }

    /// Ends the session and erases what was kept of it, the key included. Otherwise as
    /// [`Client::disconnect`].
    pub fn destroy(&self) -> End {
        let _ = self.tell(SessionInput::Destroy);
        self.closed()
    }

    /// Waits for the end of the session.
    pub fn closed(&self) -> End {
        match self.0.shown.progress.wait_for(Duration::MAX, Progress::is_over) {
            Some(Progress::Over(end)) => end,
            _ => End::stopped(),
        }
    }

    /// Where the session stands, now and from now on. Its ticks are milliseconds of [`Client::now`]; changes of
    /// `time_left` alone wake nobody.
    #[must_use]
    pub fn status(&self) -> Watch<Status> {
        self.0.shown.status.clone()
    }

    /// The token in force, now and from now on, for the application's own HTTP calls. `None` until the server
    /// has accepted one.
    ///
    /// Where a server refuses it: [`Client::rejected`].
    #[must_use]
    pub fn credential(&self) -> Watch<Option<InForce>> {
        self.0.shown.credential.clone()
    }

    /// What the server has told of the connection, now and from now on: who this is, its node, its ICE servers with
    /// their credentials. `None` until the session is live and after its end; up to date when `Live` is told.
    ///
    /// ```no_run
    /// # fn example(client: satkeeper_blocking::Client) {
    /// if let Some(connection) = client.connection().get() {
    ///     for server in &connection.ice_servers {
    ///         println!("{:?}, good until {:?}", server.urls, connection.ice_expires_at);
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn connection(&self) -> Watch<Option<Arc<Connection>>> {
        self.0.shown.connection.clone()
    }

    /// Who the subscriber is, as far as that was asked: by the session where it needs to know what a token may do, and
    /// by [`Client::refresh_subscriber`].
    #[must_use]
    pub fn subscriber(&self) -> Watch<Option<Arc<Subscriber>>> {
        self.0.shown.subscriber.clone()
    }

    /// Asks who the subscriber is (`subscriber/info`), with the token in force; shares a request that is under way.
    ///
    /// # Errors
    /// [`SessionError::Http`](crate::SessionError::Http): what the server answered, after a renewal where it refused the
    /// token. [`SessionError::Timeout`](crate::SessionError::Timeout): no token within 60 s, no answer within 30 s.
    /// [`SessionError::Throttled`](crate::SessionError::Throttled): 64 wait. [`SessionError::SessionOver`](crate::SessionError::SessionOver).
    pub fn refresh_subscriber(&self) -> Result<Arc<Subscriber>, Error> {
        Ok(self.ask(|reply| Ask::FetchSubscriber { reply })??)
    }

    /// The session's events, from the first; what to match on is [`SessionEvent::kind`](crate::SessionEvent::kind).
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(&self.0.shown.events)
    }

    /// The server's requests and events that are not the session's own.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        Notifications::of(&self.0.shown.notifications, &self.0.mailbox)
    }

    /// The next deadline of the session, what it is for, and from which numbers it was computed. `None` where
    /// there is none or the session is over.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.ask(|reply| Ask::Why { reply }).ok().flatten()
    }

    /// What the session's clocks read: ticks are milliseconds since the client was started.
    #[must_use]
    pub fn now(&self) -> Now {
        self.0.clock.now()
    }

    fn tell(&self, input: SessionInput) -> Result<(), Error> {
        self.ask(|done| Ask::Command { input, done })
    }

    fn ask<T: Send + 'static>(&self, wanted: impl FnOnce(Reply<T>) -> Ask) -> Result<T, Error> {
        ask(&self.0.mailbox, wanted)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status().get();
        f.debug_struct("Client")
            .field("phase", &status.phase.name())
            .field("mechanism", &status.mechanism.name())
            .field("generation", &status.generation.0)
            .finish_non_exhaustive()
    }
}
