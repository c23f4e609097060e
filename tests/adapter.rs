//! The adapters, as the tests see them: each test is written once and run with each of them.
//!
//! A test is a function that is generic over [`Adapter`]; [`with_each_adapter!`](crate::with_each_adapter) makes
//! tests of it. What is particular to one adapter is tested beside it (`adapters/*/tests`).

use std::fmt::Debug;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use satkeeper::core::session;
use satkeeper::{
    Answer, Connection, Credential, End, Error, Generation, InForce, Missed, SessionEvent, Status,
    Subscriber, Why,
};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::setup::Source;
pub use crate::setup::{Networks, Own, Setup};

/// The events of a session.
pub type Events = mpsc::UnboundedReceiver<Result<SessionEvent, Missed>>;

/// What the server tells the application.
pub type Notifications = mpsc::UnboundedReceiver<Result<Notification, Missed>>;

/// A notification of one of them.
#[derive(Clone, Debug)]
pub enum Notification {
    /// Of tokio's.
    OnTokio(satkeeper::Notification),
    /// Of the one for threads.
    OnThreads(satkeeper_blocking::Notification),
}

impl Notification {
    /// Answers it.
    ///
    /// # Errors
    /// Those of the adapter's.
    pub async fn respond(&self, answer: Answer) -> Result<(), Error> {
        match self {
            Self::OnTokio(notification) => notification.respond(answer).await,
            Self::OnThreads(notification) => on_a_thread(notification, |it| it.respond(answer)).await,
        }
    }
}

impl Deref for Notification {
    type Target = session::Notification;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::OnTokio(notification) => notification,
            Self::OnThreads(notification) => notification,
        }
    }
}

/// A client. Methods are those of the clients themselves; what waits is a future.
pub trait Adapter: Clone + Debug + Send + Sync + 'static {
    /// The module that [`with_each_adapter!`](crate::with_each_adapter) puts its tests into.
    const MODULE: &'static str;

    /// Starts a session.
    fn start(setup: Setup) -> impl Future<Output = Result<Self, Error>> + Send;
    /// Starts a session and waits until it is live.
    fn connect(setup: Setup) -> impl Future<Output = Result<Self, Error>> + Send;
    /// Until it is live.
    fn ready(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Calls a method.
    fn call(&self, method: &str, params: Value) -> impl Future<Output = Result<Value, Error>> + Send;
    /// Brings a token.
    fn update_token(&self, credential: Credential) -> impl Future<Output = Result<Generation, Error>> + Send;
    /// Renews.
    fn refresh_now(&self) -> impl Future<Output = Result<Generation, Error>> + Send;
    /// A request of the application was refused.
    fn rejected(&self, generation: Generation) -> impl Future<Output = Result<Generation, Error>> + Send;
    /// Another provider.
    fn set_provider(&self, provider: Own) -> impl Future<Output = Result<(), Error>> + Send;
    /// Rests.
    fn suspend(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Goes on.
    fn resume(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Another network.
    fn network_changed(&self) -> impl Future<Output = Result<(), Error>> + Send;
    /// Leaves it to the next process.
    fn leave(&self) -> impl Future<Output = End> + Send;
    /// Ends.
    fn disconnect(&self) -> impl Future<Output = End> + Send;
    /// Ends and forgets.
    fn destroy(&self) -> impl Future<Output = End> + Send;
    /// Until it is over.
    fn closed(&self) -> impl Future<Output = End> + Send;
    /// The next deadline.
    fn why(&self) -> impl Future<Output = Option<Why>> + Send;
    /// Where it stands.
    fn status(&self) -> Status;
    /// Until it stands so; `None` where it is over before.
    fn until(&self, wanted: fn(&Status) -> bool) -> impl Future<Output = Option<Status>> + Send;
    /// The token in force.
    fn credential(&self) -> Option<InForce>;
    /// What the server has told of the connection.
    fn connection(&self) -> Option<Arc<Connection>>;
    /// Who the subscriber is.
    fn subscriber(&self) -> Option<Arc<Subscriber>>;
    /// Asks who.
    fn refresh_subscriber(&self) -> impl Future<Output = Result<Arc<Subscriber>, Error>> + Send;
    /// Its events, from the first.
    fn events(&self) -> Events;
    /// What the server tells.
    fn notifications(&self) -> Notifications;
}

/// Makes a test of each of these functions, for each adapter.
#[macro_export]
macro_rules! with_each_adapter {
    ($($(#[$attribute:meta])* $test:ident),+ $(,)?) => {
        mod on_tokio {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test::<satkeeper::Client>().await;
            })+
        }

        mod on_threads {
            $($(#[$attribute])*
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test::<satkeeper_blocking::Client>().await;
            })+
        }
    };
}

/// The builders have the same methods, and no trait of their own.
macro_rules! told {
    ($builder:expr, $setup:expr) => {{
        let (mut builder, setup) = ($builder.allow_plain_on_loopback($setup.plain), $setup);
        if let Some(url) = setup.relay_url {
            builder = builder.relay_url(url);
        }
        if let Some(url) = setup.fabric_url {
            builder = builder.fabric_url(url);
        }
        if let Some(hosts) = setup.allow_hosts {
            builder = builder.allow_hosts(hosts);
        }
        if setup.strict_proofs {
            builder = builder.full_htu(true).ath_on_activation(true);
        }
        if let Some(pem) = setup.ca_pem {
            builder = builder.ca_pem(pem);
        }
        if let Some(networks) = setup.network {
            builder = builder.network(networks.as_ref());
        }
        if let Some(url) = setup.proxy {
            builder = builder.proxy(url);
        }
        if setup.online {
            builder = builder.online(true);
        }
        if let Some(contexts) = setup.contexts {
            builder = builder.contexts(contexts).eventing(["e"]).topics(["t"]);
        }
        if let Some(limit) = setup.answer_timeout {
            builder = builder.answer_timeout(limit);
        }
        if let Some(limit) = setup.call_timeout {
            builder = builder.call_timeout(limit);
        }
        if let Some(limit) = setup.connect_timeout {
            builder = builder.connect_timeout(limit);
        }
        if let Some(key) = setup.key {
            builder = builder.key(key);
        }
        if let Some(signer) = setup.signer {
            builder = builder.signer(signer);
        }
        if let Some(store) = setup.store {
            builder = builder.store(store);
        }
        if let Some(policy) = setup.policy {
            builder = builder.policy(policy);
        }
        if let Some(path) = setup.record_to {
            builder = builder.record_to(path);
        }
        match setup.source {
            None => builder,
            Some(Source::Subscriber { space, project, api_token, reference }) => {
                builder.subscriber(&space, &project, &api_token, &reference)
            }
            Some(Source::Guest { space, project, api_token, request }) => {
                builder.guest(&space, &project, &api_token, request)
            }
            Some(Source::Embed { token, host }) => builder.embed(&token, &host),
            Some(Source::Static(token)) => builder.static_token(token),
            Some(Source::Own(own)) => builder.provider(own),
        }
    }};
}

impl Adapter for satkeeper::Client {
    const MODULE: &'static str = "on_tokio";

    async fn start(setup: Setup) -> Result<Self, Error> {
        told!(Self::builder(), setup).start().await
    }

    async fn connect(setup: Setup) -> Result<Self, Error> {
        told!(Self::builder(), setup).connect().await
    }

    async fn ready(&self) -> Result<(), Error> {
        self.ready().await
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, Error> {
        self.call(method, params).await
    }

    async fn update_token(&self, credential: Credential) -> Result<Generation, Error> {
        self.update_token(credential).await
    }

    async fn refresh_now(&self) -> Result<Generation, Error> {
        self.refresh_now().await
    }

    async fn rejected(&self, generation: Generation) -> Result<Generation, Error> {
        self.rejected(generation).await
    }

    async fn set_provider(&self, provider: Own) -> Result<(), Error> {
        self.set_provider(provider).await
    }

    async fn suspend(&self) -> Result<(), Error> {
        self.suspend().await
    }

    async fn resume(&self) -> Result<(), Error> {
        self.resume().await
    }

    async fn network_changed(&self) -> Result<(), Error> {
        self.network_changed().await
    }

    async fn leave(&self) -> End {
        self.leave().await
    }

    async fn disconnect(&self) -> End {
        self.disconnect().await
    }

    async fn destroy(&self) -> End {
        self.destroy().await
    }

    async fn closed(&self) -> End {
        self.closed().await
    }

    async fn why(&self) -> Option<Why> {
        self.why().await
    }

    fn status(&self) -> Status {
        *self.status().borrow()
    }

    async fn until(&self, wanted: fn(&Status) -> bool) -> Option<Status> {
        self.status().wait_for(wanted).await.ok().map(|status| *status)
    }

    fn credential(&self) -> Option<InForce> {
        self.credential().borrow().clone()
    }

    fn connection(&self) -> Option<Arc<Connection>> {
        self.connection().borrow().clone()
    }

    fn subscriber(&self) -> Option<Arc<Subscriber>> {
        self.subscriber().borrow().clone()
    }

    async fn refresh_subscriber(&self) -> Result<Arc<Subscriber>, Error> {
        self.refresh_subscriber().await
    }

    fn events(&self) -> Events {
        let (mut events, (sender, receiver)) = (self.events(), mpsc::unbounded_channel());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await
                && sender.send(event).is_ok()
            {}
        });
        receiver
    }

    fn notifications(&self) -> Notifications {
        let (mut notifications, (sender, receiver)) = (self.notifications(), mpsc::unbounded_channel());
        tokio::spawn(async move {
            while let Some(notification) = notifications.recv().await
                && sender.send(notification.map(Notification::OnTokio)).is_ok()
            {}
        });
        receiver
    }
}

/// What blocks has a thread of its own, which nobody waits for where a test has given up: a runtime would wait for
/// its blocking tasks.
async fn on_a_thread<C: Clone + Send + 'static, T: Send + 'static>(
    client: &C,
    act: impl FnOnce(C) -> T + Send + 'static,
) -> T {
    let (client, (sender, done)) = (client.clone(), oneshot::channel());
    std::thread::spawn(move || sender.send(act(client)).is_ok());
    done.await.expect("no panic")
}

impl Adapter for satkeeper_blocking::Client {
    const MODULE: &'static str = "on_threads";

    async fn start(setup: Setup) -> Result<Self, Error> {
        on_a_thread(&setup, |setup| told!(Self::builder(), setup).start()).await
    }

    async fn connect(setup: Setup) -> Result<Self, Error> {
        on_a_thread(&setup, |setup| told!(Self::builder(), setup).connect()).await
    }

    async fn ready(&self) -> Result<(), Error> {
        on_a_thread(self, |client| client.ready()).await
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value, Error> {
        let method = method.to_owned();
        on_a_thread(self, move |client| client.call(method, params)).await
    }

    async fn update_token(&self, credential: Credential) -> Result<Generation, Error> {
        on_a_thread(self, |client| client.update_token(credential)).await
    }

    async fn refresh_now(&self) -> Result<Generation, Error> {
        on_a_thread(self, |client| client.refresh_now()).await
    }

    async fn rejected(&self, generation: Generation) -> Result<Generation, Error> {
        on_a_thread(self, move |client| client.rejected(generation)).await
    }

    async fn set_provider(&self, provider: Own) -> Result<(), Error> {
        on_a_thread(self, |client| client.set_provider(provider)).await
    }

    async fn suspend(&self) -> Result<(), Error> {
        on_a_thread(self, |client| client.suspend()).await
    }

    async fn resume(&self) -> Result<(), Error> {
        on_a_thread(self, |client| client.resume()).await
    }

    async fn network_changed(&self) -> Result<(), Error> {
        on_a_thread(self, |client| client.network_changed()).await
    }

    async fn leave(&self) -> End {
        on_a_thread(self, |client| client.leave()).await
    }

    async fn disconnect(&self) -> End {
        on_a_thread(self, |client| client.disconnect()).await
    }

    async fn destroy(&self) -> End {
        on_a_thread(self, |client| client.destroy()).await
    }

    async fn closed(&self) -> End {
        on_a_thread(self, |client| client.closed()).await
    }

    async fn why(&self) -> Option<Why> {
        on_a_thread(self, |client| client.why()).await
    }

    fn status(&self) -> Status {
        self.status().get()
    }

    async fn until(&self, wanted: fn(&Status) -> bool) -> Option<Status> {
        on_a_thread(&self.status(), move |status| status.wait_for(Duration::MAX, wanted)).await
    }

    fn credential(&self) -> Option<InForce> {
        self.credential().get()
    }

    fn connection(&self) -> Option<Arc<Connection>> {
        self.connection().get()
    }

    fn subscriber(&self) -> Option<Arc<Subscriber>> {
        self.subscriber().get()
    }

    async fn refresh_subscriber(&self) -> Result<Arc<Subscriber>, Error> {
        on_a_thread(self, |client| client.refresh_subscriber()).await
    }

    fn events(&self) -> Events {
        let (mut events, (sender, receiver)) = (self.events(), mpsc::unbounded_channel());
        std::thread::spawn(move || events.all(|event| sender.send(event).is_ok()));
        receiver
    }

    fn notifications(&self) -> Notifications {
        let (mut notifications, (sender, receiver)) = (self.notifications(), mpsc::unbounded_channel());
        std::thread::spawn(move || {
            notifications.all(|notification| sender.send(notification.map(Notification::OnThreads)).is_ok())
        });
        receiver
    }
}
