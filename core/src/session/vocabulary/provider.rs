//! Credential providers (R34): who brings tokens.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::lifecycle::ProviderFacts;
use crate::secret::Secret;
use crate::wire::rest::{CreateSubscriberToken, GuestToken, Space};
use crate::wire::url::SecureUrl;

use crate::session::vocabulary::credential::Credential;

/// Who brings tokens to a session. All but `Callback` are plain HTTP requests that the session makes itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Provider {
    /// One token, never renewed by itself (a client-bound exchange may still renew it).
    Static(Credential),
    /// A click-to-call token, exchanged at `POST {host}/api/fabric/embeds/tokens`; can be repeated.
    Embed {
        /// The embed token (`c2c_…`).
        token: Secret,
        /// Whom to ask.
        host: SecureUrl,
    },
    /// A backend with project credentials: creates subscriber tokens, refreshes them with the rotating
    /// refresh token, creates anew when that one is too old, refused or in doubt.
    Subscriber {
        /// `https://{space}.signalwire.com`, with project id and API token.
        space: Space,
        /// What to ask for; fingerprint and scope are filled in by the session.
        request: Box<CreateSubscriberToken>,
    },
    /// A backend with project credentials that mints tokens for a guest; can be repeated.
    Guest {
        /// `https://{space}.signalwire.com`, with project id and API token.
        space: Space,
        /// What to ask for.
        request: GuestToken,
    },
    /// The application's own functions, asked through
    /// [`SessionOutput::AskProvider`](crate::session::SessionOutput::AskProvider).
    Callback {
        /// What they can do.
        facts: ProviderFacts,
        /// Whose tokens they bring, in words and without a secret, such as the name of a user. `None`: always the
        /// same one's, as far as anybody knows.
        whose: Option<String>,
    },
}

impl Provider {
    /// The application's own functions, which do not say whose tokens they bring.
    #[must_use]
    pub const fn callback(facts: ProviderFacts) -> Self {
        Self::Callback { facts, whose: None }
    }

    /// What it can do.
    #[must_use]
    pub const fn facts(&self) -> ProviderFacts {
        match self {
            Self::Static(_) => {
                ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false }
            }
            Self::Embed { .. } | Self::Guest { .. } => {
                ProviderFacts { can_refresh: false, can_mint_again: true, may_be_asked_twice: true }
            }
            Self::Subscriber { .. } => {
                ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: true }
            }
            Self::Callback { facts, .. } => *facts,
        }
    }

    /// Whose tokens it brings, in words: what is kept of one is not to be overwritten by another's. No secret. `None`:
    /// an application's own functions that do not say.
    ///
    /// ```
    /// # use satkeeper_core::{lifecycle::ProviderFacts, secret::Secret, session::{Credential, Provider}};
    /// # use satkeeper_core::wire::{rest::{CreateSubscriberToken, Space}, url::{Plain, SecureUrl}};
    /// let space = Space::new(SecureUrl::parse("https://example.signalwire.com", Plain::Never)?, "project", &Secret::new("PT"))?;
    /// let request = CreateSubscriberToken { reference: "alice@example.com".into(), ..Default::default() };
    /// let provider = Provider::Subscriber { space, request: Box::new(request) };
    /// assert_eq!(provider.whose().as_deref(), Some("alice@example.com at https://example.signalwire.com/"));
    ///
    /// let facts = ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
    /// assert_eq!(Provider::callback(facts).whose(), None);
    /// let own = Provider::Callback { facts, whose: Some("alice".into()) };
    /// assert_eq!(own.whose().as_deref(), Some("alice"));
    /// # Ok::<(), satkeeper_core::error::Error>(())
    /// ```
    #[must_use]
    pub fn whose(&self) -> Option<String> {
        match self {
            // One follows the other: that this is another subscriber's, nobody can see.
            Self::Static(_) => Some("a token that was handed in".to_owned()),
            Self::Embed { token, host } => {
                let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(token.expose().as_bytes()));
                let short = digest.get(..8).unwrap_or_default();
                Some(format!("the click-to-call token of digest {short} at {}", host.as_str()))
            }
            Self::Subscriber { space, request } => {
                Some(format!("{} at {}", request.reference, space.url().as_str()))
            }
            Self::Guest { space, request } => {
                let addresses = request.allowed_addresses.join(" and ");
                Some(format!("a guest who may call {addresses} at {}", space.url().as_str()))
            }
            Self::Callback { whose, .. } => whose.clone(),
        }
    }

    /// Whose tokens it brings, as a digest: a record of another's is of no use.
    pub(crate) fn identity(&self) -> String {
        let mut hash = Sha256::new();
        let mut part = |text: &str| {
            hash.update(text.len().to_be_bytes());
            hash.update(text.as_bytes());
        };
        match self {
            Self::Static(credential) => {
                part("static");
                part(credential.token.expose());
            }
            Self::Embed { token, host } => {
                part("embed");
                part(host.as_str());
                part(token.expose());
            }
            Self::Subscriber { space, request } => {
                part("subscriber");
                part(space.url().as_str());
                part(&request.reference);
            }
            Self::Guest { space, request } => {
                part("guest");
                part(space.url().as_str());
                request.allowed_addresses.iter().for_each(|address| part(address));
            }
            Self::Callback { whose, .. } => {
                part("callback");
                whose.iter().for_each(|whose| part(whose));
            }
        }
        URL_SAFE_NO_PAD.encode(hash.finalize())
    }
}
