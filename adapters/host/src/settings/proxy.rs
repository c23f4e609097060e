//! Which way a session is told to go.

use satkeeper_core::secret::Secret;

use crate::error::Error;
use crate::proxy::Proxies;

/// Whether to go through a proxy, and through which.
///
/// ```
/// use satkeeper_core::secret::Secret;
/// use satkeeper_host::{ProxyChoice, Settings, ProviderChoice};
/// let proxy = ProxyChoice::Through(Secret::new("socks5://proxy.example.com"));
/// let provider = Some(ProviderChoice::static_token("eyJ…"));
/// let refused = Settings { proxy, provider, ..Settings::default() }.validate().err();
/// assert!(refused.is_some_and(|error| error.code() == "invalid_field"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum ProxyChoice {
    /// As the environment says ([`Proxies::from_env`]).
    #[default]
    Environment,
    /// Through none, whatever the environment says.
    None,
    /// Through this one: its URL may hold credentials.
    Through(Secret),
}

impl ProxyChoice {
    pub(super) fn validate(&self) -> Result<Proxies, Error> {
        match self {
            Self::Environment => Ok(Proxies::from_env()),
            Self::None => Ok(Proxies::none()),
            Self::Through(url) => Proxies::through(url.expose()),
        }
    }
}
