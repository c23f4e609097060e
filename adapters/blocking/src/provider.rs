//! Credential providers of the application's own (R34).

use std::fmt;

use satkeeper_core::lifecycle::ProviderFacts;
use satkeeper_core::session::{Credential, Provider, ProviderCall, ProviderError};
use satkeeper_host::{AuthenticateContext, RefreshContext};

/// Brings tokens to a session. [`Callback`] makes one of closures.
///
/// Each call has a thread of its own, may block and may take its time. One that has not answered within
/// [`Policy::provider_max`](crate::Policy) (120 s; earlier where [`CredentialProvider::may_be_asked_twice`]) is followed by
/// another, and goes on: what it brings late counts. Nothing ends a thread but its own return, and after 32 that have not
/// returned there is no other: what is called should have a time-out of its own.
///
/// ```
/// use satkeeper_blocking::{AuthenticateContext, Credential, CredentialProvider, ProviderError, Refresh, Secret};
///
/// struct Backend;
///
/// impl Backend {
///     fn get(&self, path: &str, fingerprint: Option<String>) -> Result<Credential, ProviderError> {
///         # let status = 200;
///         if status != 200 {
///             return Err(ProviderError::from_status(status, format!("{path} was refused")));
///         }
///         let token = format!("what the backend has at {path} for {fingerprint:?}");
///         Ok(Credential::new(Secret::new(token)))
///     }
/// }
///
/// impl CredentialProvider for Backend {
///     fn authenticate(&self, context: AuthenticateContext) -> Result<Credential, ProviderError> {
///         self.get("/token", context.fingerprint)
///     }
///
///     fn refresh(&self) -> Option<Refresh<'_>> {
///         Some(Refresh::new(|context| self.get("/token/newer", context.fingerprint)))
///     }
/// }
/// # let _ = satkeeper_blocking::Client::builder().provider(Backend);
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// Gets a token, perhaps by asking a person.
    ///
    /// # Errors
    /// The first call's error goes to the caller of `connect`, unless [`CredentialProvider::can_mint_again`]: then
    /// one that is [`ProviderError::Transient`] is followed by another call.
    fn authenticate(&self, context: AuthenticateContext) -> Result<Credential, ProviderError>;

    /// How a newer token is got in place of the last one; default `None`, it cannot be. Having one is giving one:
    /// nothing else says whether there is a refresh, so that none is ever overlooked.
    ///
    /// Whether there is one is looked at when the provider is named; what is to be done when a newer token is
    /// wanted belongs into the [`Refresh`].
    ///
    /// ```compile_fail,E0053
    /// # use satkeeper_blocking::{AuthenticateContext, Credential, CredentialProvider, ProviderError};
    /// # struct Backend;
    /// impl CredentialProvider for Backend {
    ///     # fn authenticate(&self, _: AuthenticateContext) -> Result<Credential, ProviderError> { Err(ProviderError::rejected("no")) }
    ///     // Not one that nobody would know of.
    ///     fn refresh(&self) -> Result<Credential, ProviderError> { Err(ProviderError::rejected("no")) }
    /// }
    /// ```
    fn refresh(&self) -> Option<Refresh<'_>> {
        None
    }

    /// Whether `authenticate` may be called again without bothering a person. Default no: it is called once.
    fn can_mint_again(&self) -> bool {
        false
    }

    /// Whether it may be asked again while an earlier call has not answered: it uses no secret that can be used only once.
    /// Default no: the session then waits for long (120 s) before it asks once more, and renews earlier for it.
    fn may_be_asked_twice(&self) -> bool {
        false
    }

    /// Whose tokens it brings, in words and without a secret, such as the name of a user. A store that keeps the session
    /// of one is refused to another ([`Error::StoreOfAnother`](crate::Error::StoreOfAnother)). Default `None`: the
    /// application sees to it that a store is always used for the same one. It is looked at when the provider is named.
    fn whose(&self) -> Option<String> {
        None
    }
}

/// One refresh, begun when it is called: what [`CredentialProvider::refresh`] returns.
///
/// It may end in [`ProviderError::Rejected`]: this credential will never be renewed, the session goes on to its end;
/// or in [`ProviderError::Transient`]: it is asked again.
///
/// ```
/// use satkeeper_blocking::{Credential, Refresh, RefreshContext, Secret};
/// let refresh = Refresh::new(|context| {
///     let _fingerprint = context.fingerprint;
///     Ok(Credential::new(Secret::new("a newer one")))
/// });
/// assert!(refresh.call(RefreshContext::new(None)).is_ok());
/// ```
#[must_use = "nothing happens before it is called"]
pub struct Refresh<'a>(Box<dyn FnOnce(RefreshContext) -> Answer + 'a>);

impl<'a> Refresh<'a> {
    /// This one.
    pub fn new(refresh: impl FnOnce(RefreshContext) -> Result<Credential, ProviderError> + 'a) -> Self {
        Self(Box::new(refresh))
    }

    /// Carries it out. For tests of providers and for providers that wrap another.
    ///
    /// # Errors
    /// Those of the provider.
    pub fn call(self, context: RefreshContext) -> Result<Credential, ProviderError> {
        (self.0)(context)
    }
}

impl fmt::Debug for Refresh<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh").finish_non_exhaustive()
    }
}

/// What a session knows of it.
pub(crate) fn described(provider: &dyn CredentialProvider) -> Provider {
    let facts = ProviderFacts {
        can_refresh: provider.refresh().is_some(),
        can_mint_again: provider.can_mint_again(),
        may_be_asked_twice: provider.may_be_asked_twice(),
    };
    Provider::Callback { facts, whose: provider.whose() }
}

/// Calls the function that the session wants.
pub(crate) fn ask(provider: &dyn CredentialProvider, call: ProviderCall) -> Answer {
    match call {
        ProviderCall::Authenticate { fingerprint } => {
            provider.authenticate(AuthenticateContext::new(fingerprint))
        }
        ProviderCall::Refresh { fingerprint } => match provider.refresh() {
            Some(refresh) => refresh.call(RefreshContext::new(fingerprint)),
            None => Err(ProviderError::rejected("it has no refresh any more")),
        },
        other => Err(ProviderError::transient(format!("this adapter does not know {other:?}"))),
    }
}

type Answer = Result<Credential, ProviderError>;

/// A provider made of closures.
///
/// ```
/// use satkeeper_blocking::{Callback, Credential, Secret};
/// let provider = Callback::new(|context| {
///     let _fingerprint = context.fingerprint;
///     Ok(Credential::new(Secret::new("from the backend")))
/// })
/// .with_refresh(|_| Ok(Credential::new(Secret::new("a newer one"))))
/// .of("alice@example.com");
/// # let _ = satkeeper_blocking::Client::builder().provider(provider);
/// ```
#[must_use]
pub struct Callback {
    authenticate: Box<dyn Fn(AuthenticateContext) -> Answer + Send + Sync>,
    refresh: Option<Box<dyn Fn(RefreshContext) -> Answer + Send + Sync>>,
    again: bool,
    concurrent: bool,
    whose: Option<String>,
}

impl Callback {
    /// With this `authenticate`, which is called once unless [`Callback::repeatable`] says more.
    pub fn new(authenticate: impl Fn(AuthenticateContext) -> Answer + Send + Sync + 'static) -> Self {
        Self {
            authenticate: Box::new(authenticate),
            refresh: None,
            again: false,
            concurrent: false,
            whose: None,
        }
    }

    /// With this `refresh` as well.
    pub fn with_refresh(
        mut self,
        refresh: impl Fn(RefreshContext) -> Answer + Send + Sync + 'static,
    ) -> Self {
        self.refresh = Some(Box::new(refresh));
        self
    }

    /// `authenticate` may be called again at any time: it bothers nobody.
    pub fn repeatable(mut self) -> Self {
        self.again = true;
        self
    }

    /// It may be asked again while an earlier call has not answered: see [`CredentialProvider::may_be_asked_twice`].
    pub fn concurrent(mut self) -> Self {
        self.concurrent = true;
        self
    }

    /// It brings this one's tokens, in words and without a secret: see [`CredentialProvider::whose`].
    pub fn of(mut self, whose: impl Into<String>) -> Self {
        self.whose = Some(whose.into());
        self
    }
}

impl CredentialProvider for Callback {
    fn authenticate(&self, context: AuthenticateContext) -> Answer {
        (self.authenticate)(context)
    }

    fn refresh(&self) -> Option<Refresh<'_>> {
        self.refresh.as_ref().map(Refresh::new)
    }

    fn can_mint_again(&self) -> bool {
        self.again
    }

    fn may_be_asked_twice(&self) -> bool {
        self.concurrent
    }

    fn whose(&self) -> Option<String> {
        self.whose.clone()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("refresh", &self.refresh.is_some())
            .field("repeatable", &self.again)
            .field("concurrent", &self.concurrent)
            .field("whose", &self.whose)
            .finish_non_exhaustive()
    }
}
