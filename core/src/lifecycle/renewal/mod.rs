//! Who brings tokens: the application's provider and the key that binds them, how each has answered of late, and what is
//! asked for anew (R17, R18, R20, R35).

pub(crate) mod attempts;
pub(crate) mod key;

use crate::lifecycle::clock::At;
use crate::lifecycle::limits::bucket::Bucket;
use crate::lifecycle::limits::pace::{Pace, Paces};
use crate::lifecycle::renewal::attempts::Endpoint;
use crate::lifecycle::renewal::key::Key;
use crate::lifecycle::{Policy, ProviderFacts};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    pub(crate) provider: ProviderFacts,
    pub(crate) key: Key,
    /// How the endpoints have answered of late.
    pub(crate) paces: Paces,
    /// What may be asked for at once (R20).
    pub(crate) budget: Bucket,
    /// The first mint has been asked for.
    pub(crate) minted: bool,
    /// What is held came of the record, and nothing has been accepted since: this process has not asked for a first token.
    pub(crate) unasked: bool,
    /// The provider is asked for a new base by a mint: its refresh was refused, or the key has changed.
    pub(crate) remint: bool,
    /// The key has changed, and what is held is bound to the old one: a mint brings what is bound to the new one.
    pub(crate) rekeyed: bool,
    /// Work that came due together starts here, not before.
    pub(crate) spread: At,
}

impl Renewal {
    pub(crate) fn new(policy: &Policy) -> Self {
        Self {
            provider: ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false },
            key: Key::default(),
            paces: Paces::default(),
            budget: Bucket::new(policy.exchange_burst),
            minted: false,
            unasked: false,
            remint: false,
            rekeyed: false,
            spread: 0,
        }
    }

    pub(crate) const fn pace(&mut self, endpoint: Endpoint) -> &mut Pace {
        match endpoint {
            Endpoint::Mint => &mut self.paces.mint,
            Endpoint::Refresh => &mut self.paces.refresh,
            Endpoint::Activate => &mut self.paces.activate,
            Endpoint::Renew => &mut self.paces.renew,
        }
    }
}
