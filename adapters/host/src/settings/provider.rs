//! Where tokens are to come from, as it was named.

use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Credential, Provider};
use satkeeper_core::wire::rest::{CreateSubscriberToken, GuestToken, Space};
use satkeeper_core::wire::url::Plain;

use super::url::{Kind, parse_url, with_scheme};
use crate::error::Error;

/// A provider as it was named; its URLs are validated when all is known.
///
/// ```
/// use satkeeper_host::{Clock, Settings, ProviderChoice};
/// let provider = Some(ProviderChoice::embed("c2c_7acc0e5e968706a032983cd80cdca219", "embeds.signalwire.com"));
/// let settings = Settings { provider, ..Settings::default() };
/// let opened = settings.validate()?.open(Clock::start().now())?;
/// assert!(!opened.session.is_restored() && opened.store.is_none());
/// # Ok::<(), satkeeper_host::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ProviderChoice {
    /// One that is ready made: the application's own functions, or one that the session implements itself.
    Ready(Provider),
    /// An embed token and its host.
    Embed {
        /// `c2c_…`
        token: Secret,
        /// A name or a URL.
        host: String,
    },
    /// Tokens of a subscriber.
    Subscriber {
        /// Whose.
        space: Project,
        /// Which.
        request: Box<CreateSubscriberToken>,
    },
    /// Tokens of a guest.
    Guest {
        /// Whose.
        space: Project,
        /// Which.
        request: GuestToken,
    },
}

/// A space and the project credentials for it.
///
/// ```
/// use satkeeper_host::{Error, Project, Settings, ProviderChoice};
/// let request = Default::default();
/// let space = Project::new("example.signalwire.com", "project:id", "api-token");
/// let provider = Some(ProviderChoice::Subscriber { space, request });
/// let refused = Settings { provider, ..Settings::default() }.validate().err();
/// assert!(refused.is_some_and(|error| error.code() == "invalid_field"), "an id has no colon");
/// ```
#[derive(Debug)]
pub struct Project {
    url: String,
    id: String,
    api_token: Secret,
}

impl Project {
    /// `space`: `example.signalwire.com` or a URL.
    #[must_use]
    pub fn new(space: &str, id: &str, api_token: &str) -> Self {
        Self { url: with_scheme(space), id: id.to_owned(), api_token: Secret::new(api_token) }
    }

    fn validate(self, plain: Plain) -> Result<Space, Error> {
        let url = parse_url(&self.url, plain, Kind::Http)?;
        Ok(Space::new(url, &self.id, &self.api_token)?)
    }
}

impl ProviderChoice {
    /// One token, ready made.
    #[must_use]
    pub fn static_token(token: impl Into<String>) -> Self {
        Self::Ready(Provider::Static(Credential::new(Secret::new(token))))
    }

    /// Tokens that are exchanged for a click-to-call token at `host`.
    #[must_use]
    pub fn embed(token: &str, host: &str) -> Self {
        Self::Embed { token: Secret::new(token), host: with_scheme(host) }
    }

    pub(super) fn validate(self, plain: Plain) -> Result<Provider, Error> {
        Ok(match self {
            Self::Ready(provider) => provider,
            Self::Embed { token, host } => {
                Provider::Embed { token, host: parse_url(&host, plain, Kind::Http)? }
            }
            Self::Subscriber { space, request } => {
                let space = space.validate(plain)?;
                // So that a field that is no good is told now and not by the first mint.
                request.request(&space)?;
                Provider::Subscriber { space, request }
            }
            Self::Guest { space, request } => {
                let space = space.validate(plain)?;
                request.request(&space)?;
                Provider::Guest { space, request }
            }
        })
    }
}
