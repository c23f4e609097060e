//! How a session is set up in a world, by an application that knows what its provider can do.

use satkeeper_core::lifecycle::{KeyAlgorithm, ProviderFacts};
use satkeeper_core::secret::Secret;
use satkeeper_core::session::{Config, KeyChoice, Provider};
use satkeeper_core::wire::rest::{CreateSubscriberToken, Space};
use satkeeper_core::wire::url::{Plain, SecureUrl};

use super::keys;
use crate::world::{Ends, Facts};

/// Who brings tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The provider that is built in for a backend with project credentials: it creates tokens and refreshes them with
    /// the secret that came with the last.
    Subscriber,
    /// The application's own functions.
    Callback,
}

impl Source {
    /// A one-time secret is the built-in provider's, where its other half, creating anew, is to be had too, and where the
    /// server says when tokens end: what comes with them it does not read, it goes by the two hours that are documented.
    pub(super) fn of(facts: &Facts) -> Self {
        let both = facts.can_refresh && facts.can_mint_again;
        if facts.one_time && both && facts.ends == Ends::Connect { Self::Subscriber } else { Self::Callback }
    }
}

/// The configuration, with the key that the host has kept, if it has kept one.
pub(super) fn config(facts: &Facts, kept: Option<KeyAlgorithm>) -> Config {
    let key = match kept.map(keys::key) {
        _ if !facts.key => KeyChoice::None,
        Some(Ok(key)) => KeyChoice::Held { key, proved: false },
        _ => KeyChoice::Auto,
    };
    Config::new(provider(facts)).key(key).durable(facts.durable)
}

fn provider(facts: &Facts) -> Provider {
    if Source::of(facts) == Source::Subscriber
        && let Ok(url) = SecureUrl::parse("https://judge.signalwire.test", Plain::Never)
        && let Ok(space) = Space::new(url, "project", &Secret::new("PT0123456789"))
    {
        let request = CreateSubscriberToken {
            reference: "user@example.com".to_owned(),
            ..CreateSubscriberToken::default()
        };
        return Provider::Subscriber { space, request: Box::new(request) };
    }
    callback(ProviderFacts {
        can_refresh: facts.can_refresh,
        can_mint_again: facts.can_mint_again,
        #[cfg(not(november))]
        may_be_asked_twice: facts.may_be_asked_twice,
    })
}

#[cfg(not(november))]
const fn callback(facts: ProviderFacts) -> Provider {
    Provider::callback(facts)
}

#[cfg(november)]
const fn callback(facts: ProviderFacts) -> Provider {
    Provider::Callback(facts)
}
