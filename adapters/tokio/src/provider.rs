//! Credential providers of the application's own (L42).

use std::future::{Future, ready};
use std::pin::Pin;

use satkeeper_core::lifecycle::ProviderFacts;
use satkeeper_core::session::{Credential, ProviderError};
use satkeeper_host::AuthenticateContext;

/// A boxed future, as [`CredentialProvider`] returns it.
///
/// ```
/// let future: satkeeper::BoxFuture<'static, u8> = Box::pin(async { 7 });
/// # let _ = future;
/// ```
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Brings tokens to a session. [`Callback`] makes one of closures.
///
/// Each call has a deadline (60 s for the first `authenticate`, then 30 s); at it the future is dropped, so
/// what must not be interrupted, such as the use of a one-time secret, belongs into a task of its own. The
/// futures run on tasks of the client's runtime and must not block.
///
/// ```
/// use satkeeper::{AuthenticateContext, BoxFuture, Credential, CredentialProvider, ProviderError, Secret};
///
/// struct Backend;
///
/// impl CredentialProvider for Backend {
///     fn authenticate(
///         &self,
///         context: AuthenticateContext,
///     ) -> BoxFuture<'_, Result<Credential, ProviderError>> {
///         Box::pin(async move {
///             let token = format!("a token for {:?} from the backend", context.fingerprint);
///             Ok(Credential::new(Secret::new(token)))
///         })
///     }
///
///     fn can_mint_again(&self) -> bool {
///         true
///     }
/// }
/// # let _ = satkeeper::Client::builder().provider(Backend);
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// Gets a token, perhaps by asking a person.
    ///
    /// # Errors
    /// The first call's error goes to the caller of `connect`.
    fn authenticate(&self, context: AuthenticateContext) -> BoxFuture<'_, Result<Credential, ProviderError>>;

    /// Gets a newer token in place of the last one. Only called where [`CredentialProvider::can_refresh`].
    ///
    /// # Errors
    /// [`ProviderError::Rejected`]: this credential will never be renewed, the session goes on to its end.
    /// [`ProviderError::Transient`]: it is asked again.
    fn refresh(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        Box::pin(ready(Err(ProviderError::Rejected("it has no refresh".to_owned()))))
    }

    /// Whether there is a [`CredentialProvider::refresh`]. Default no.
    fn can_refresh(&self) -> bool {
        false
    }

    /// Whether `authenticate` may be called again without bothering a person. Default no: it is called once.
    fn can_mint_again(&self) -> bool {
        false
    }
}

pub(crate) fn facts(provider: &dyn CredentialProvider) -> ProviderFacts {
    ProviderFacts { can_refresh: provider.can_refresh(), can_mint_again: provider.can_mint_again() }
}

type Answer = BoxFuture<'static, Result<Credential, ProviderError>>;

/// A provider made of closures.
///
/// ```
/// use satkeeper::{Callback, Credential, Secret};
/// let provider = Callback::new(|context| async move {
///     let _fingerprint = context.fingerprint;
///     Ok(Credential::new(Secret::new("from the backend")))
/// })
/// .with_refresh(|| async { Ok(Credential::new(Secret::new("a newer one"))) });
/// # let _ = satkeeper::Client::builder().provider(provider);
/// ```
#[must_use]
pub struct Callback {
    authenticate: Box<dyn Fn(AuthenticateContext) -> Answer + Send + Sync>,
    refresh: Option<Box<dyn Fn() -> Answer + Send + Sync>>,
    again: bool,
}

impl Callback {
    /// With this `authenticate`, which is called once unless [`Callback::repeatable`] says more.
    pub fn new<F, A>(authenticate: F) -> Self
    where
        F: Fn(AuthenticateContext) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Credential, ProviderError>> + Send + 'static,
    {
        let authenticate = Box::new(move |context| -> Answer { Box::pin(authenticate(context)) });
        Self { authenticate, refresh: None, again: false }
    }

    /// With this `refresh` as well.
    pub fn with_refresh<F, A>(mut self, refresh: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<Credential, ProviderError>> + Send + 'static,
    {
        self.refresh = Some(Box::new(move || -> Answer { Box::pin(refresh()) }));
        self
    }

    /// `authenticate` may be called again at any time: it bothers nobody.
    pub fn repeatable(mut self) -> Self {
        self.again = true;
        self
    }
}

impl CredentialProvider for Callback {
    fn authenticate(&self, context: AuthenticateContext) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        (self.authenticate)(context)
    }

    fn refresh(&self) -> BoxFuture<'_, Result<Credential, ProviderError>> {
        match &self.refresh {
            Some(refresh) => refresh(),
            None => Box::pin(ready(Err(ProviderError::Rejected("it has no refresh".to_owned())))),
        }
    }

    fn can_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    fn can_mint_again(&self) -> bool {
        self.again
    }
}
