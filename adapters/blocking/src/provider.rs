//! Credential providers of the application's own (L42).

use satkeeper_core::lifecycle::ProviderFacts;
use satkeeper_core::session::{Credential, ProviderError};
use satkeeper_host::AuthenticateContext;

/// Brings tokens to a session. [`Callback`] makes one of closures.
///
/// Each call has a thread of its own and may block. It has a deadline (60 s for the first `authenticate`, then
/// 30 s), after which the session goes on without it; an answer that comes later is of no use, but the thread
/// stays until it is there. So what is called should have a time-out of its own.
///
/// ```
/// use satkeeper_blocking::{AuthenticateContext, Credential, CredentialProvider, ProviderError, Secret};
///
/// struct Backend;
///
/// impl CredentialProvider for Backend {
///     fn authenticate(&self, context: AuthenticateContext) -> Result<Credential, ProviderError> {
///         let token = format!("a token for {:?} from the backend", context.fingerprint);
///         Ok(Credential::new(Secret::new(token)))
///     }
///
///     fn can_mint_again(&self) -> bool {
///         true
///     }
/// }
/// # let _ = satkeeper_blocking::Client::builder().provider(Backend);
/// ```
pub trait CredentialProvider: Send + Sync + 'static {
    /// Gets a token, perhaps by asking a person.
    ///
    /// # Errors
    /// The first call's error goes to the caller of `connect`.
    fn authenticate(&self, context: AuthenticateContext) -> Result<Credential, ProviderError>;

    /// Gets a newer token in place of the last one. Only called where [`CredentialProvider::can_refresh`].
    ///
    /// # Errors
    /// [`ProviderError::Rejected`]: this credential will never be renewed, the session goes on to its end.
    /// [`ProviderError::Transient`]: it is asked again.
    fn refresh(&self) -> Result<Credential, ProviderError> {
        Err(ProviderError::Rejected("it has no refresh".to_owned()))
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

type Answer = Result<Credential, ProviderError>;

/// A provider made of closures.
///
/// ```
/// use satkeeper_blocking::{Callback, Credential, Secret};
/// let provider = Callback::new(|context| {
///     let _fingerprint = context.fingerprint;
///     Ok(Credential::new(Secret::new("from the backend")))
/// })
/// .with_refresh(|| Ok(Credential::new(Secret::new("a newer one"))));
/// # let _ = satkeeper_blocking::Client::builder().provider(provider);
/// ```
#[must_use]
pub struct Callback {
    authenticate: Box<dyn Fn(AuthenticateContext) -> Answer + Send + Sync>,
    refresh: Option<Box<dyn Fn() -> Answer + Send + Sync>>,
    again: bool,
}

impl Callback {
    /// With this `authenticate`, which is called once unless [`Callback::repeatable`] says more.
    pub fn new(authenticate: impl Fn(AuthenticateContext) -> Answer + Send + Sync + 'static) -> Self {
        Self { authenticate: Box::new(authenticate), refresh: None, again: false }
    }

    /// With this `refresh` as well.
    pub fn with_refresh(mut self, refresh: impl Fn() -> Answer + Send + Sync + 'static) -> Self {
        self.refresh = Some(Box::new(refresh));
        self
    }

    /// `authenticate` may be called again at any time: it bothers nobody.
    pub fn repeatable(mut self) -> Self {
        self.again = true;
        self
    }
}

impl CredentialProvider for Callback {
    fn authenticate(&self, context: AuthenticateContext) -> Answer {
        (self.authenticate)(context)
    }

    fn refresh(&self) -> Answer {
        match &self.refresh {
            Some(refresh) => refresh(),
            None => Err(ProviderError::Rejected("it has no refresh".to_owned())),
        }
    }

    fn can_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    fn can_mint_again(&self) -> bool {
        self.again
    }
}
