//! Who brings tokens: the application's provider and the key that binds them, how each has answered of late, and what is
//! asked for anew (R17, R18, R20, R35).

pub(crate) mod key;

use crate::lifecycle::attempts::Endpoint;
use crate::lifecycle::clock::At;
use crate::lifecycle::limits::bucket::Bucket;
use crate::lifecycle::limits::pace::{Pace, Paces};
use crate::lifecycle::renewal::key::Key;
use crate::lifecycle::{KeyFacts, Policy, ProviderFacts};

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Renewal {
    provider: ProviderFacts,
    pub(crate) key: Key,
    /// How the endpoints have answered of late.
    pub(crate) paces: Paces,
    /// What may be asked for at once (R20).
    pub(crate) budget: Bucket,
    /// The first mint has been asked for.
    minted: bool,
    /// What is held came of the record, and nothing has been accepted since: this process has not asked for a first token.
    unasked: bool,
    /// The provider is asked for a new base by a mint: its refresh was refused, or the key has changed.
    remint: bool,
    /// The key has changed, and what is held is bound to the old one: a mint brings what is bound to the new one.
    rekeyed: bool,
    /// Work that came due together starts here, not before.
    spread: At,
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

    pub(crate) const fn provider(&self) -> ProviderFacts {
        self.provider
    }

    /// The application starts: with tokens of the record, or with none.
    pub(crate) fn start(&mut self, provider: ProviderFacts, key: KeyFacts) {
        self.provider = provider;
        self.key = self.key.started(key, provider.can_mint_again);
    }

    /// What is held came of the record, or nothing is.
    pub(crate) const fn begin(&mut self, holds: bool) {
        (self.minted, self.unasked) = (holds, holds);
    }

    /// The application has another provider. Who held nothing asks it for a first token.
    pub(crate) fn replace_provider(&mut self, provider: ProviderFacts, holds: bool) {
        self.provider = provider;
        self.minted &= holds;
        (self.paces.mint, self.paces.refresh) = (Pace::default(), Pace::default());
        self.remint = false;
    }

    /// The first mint has been asked for.
    pub(crate) const fn has_minted(&self) -> bool {
        self.minted
    }

    /// What is held came of the record, and nothing has been accepted since: this process has not asked for a first token.
    pub(crate) const fn is_unasked(&self) -> bool {
        self.unasked
    }

    /// The provider is asked for a new base by a mint: its refresh was refused, or the key has changed.
    pub(crate) const fn mints_again(&self) -> bool {
        self.remint
    }

    /// The key has changed, and what is held is bound to the old one: a mint brings what is bound to the new one.
    pub(crate) const fn is_rekeyed(&self) -> bool {
        self.rekeyed
    }

    /// A mint is asked for.
    pub(crate) const fn mint(&mut self) {
        (self.minted, self.unasked) = (true, false);
    }

    /// From now on a mint is asked for instead of a refresh.
    pub(crate) const fn mint_again(&mut self) {
        self.remint = true;
    }

    /// A base has come: what is still wanted of a mint it has brought, if it was one.
    pub(crate) const fn base_came(&mut self, minted: bool) {
        self.rekeyed &= !minted;
        self.remint &= !minted && self.rekeyed;
    }

    /// The application brings a token of its own: nothing of before is wanted of anybody.
    pub(crate) const fn own_token_came(&mut self) {
        self.paces.activate.forgive();
        self.paces.renew.forgive();
        (self.remint, self.rekeyed) = (false, false);
    }

    /// The server has accepted something.
    pub(crate) const fn accepted(&mut self) {
        self.unasked = false;
    }

    /// The server may not take this kind of key: once, the other kind, and a mint. Whether that is so.
    pub(crate) fn switch_key(&mut self) -> bool {
        let switches = self.provider.can_mint_again && self.key.switch();
        if switches {
            (self.remint, self.rekeyed) = (true, true);
        }
        switches
    }

    /// Work that came due together starts here, not before; 0: none has.
    pub(crate) const fn spread(&self) -> At {
        self.spread
    }

    pub(crate) const fn spread_until(&mut self, at: At) {
        self.spread = at;
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

/// What `canonical` is made of.
#[cfg(feature = "model")]
impl Renewal {
    /// Minted, of the record, mints again, rekeyed.
    pub(crate) const fn flags(&self) -> [bool; 4] {
        let Self { provider: _, key: _, paces: _, budget: _, minted, unasked, remint, rekeyed, spread: _ } =
            self;
        [*minted, *unasked, *remint, *rekeyed]
    }
}
