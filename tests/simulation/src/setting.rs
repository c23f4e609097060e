//! What does not change within a session's life: what its provider, its key and its server are like.

use satkeeper_core::lifecycle::{KeyAlgorithm, KeyFacts, Policy, ProviderFacts, Start};

use crate::draws::Draws;

/// How the ends of tokens become known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Says {
    /// A lifetime with the exchange.
    Lifetime,
    /// A time with the exchange and afterwards.
    Time,
    /// Both.
    Both,
    /// A time, but only in the results of connects and pushes.
    Afterwards,
    /// The provider's `expiry_at`, for bases; a lifetime for bound ones.
    Hint,
    /// What was asked for.
    Assumed,
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) start: Start,
    pub(crate) policy: Policy,
    pub(crate) base_life: u64,
    pub(crate) bound_life: u64,
    /// Minted bases carry `sat:refresh`.
    pub(crate) scope: bool,
    pub(crate) refreshed_scope: bool,
    pub(crate) says: Says,
    /// Every answer says what time it is; else only those to connects.
    pub(crate) tells_time: bool,
    /// Proofs signed further off are refused.
    pub(crate) window: Option<u64>,
    /// A bound token ends with its base.
    pub(crate) caps: bool,
    /// The socket is closed when its token ends.
    pub(crate) closes: bool,
    /// Connects hand out resume state.
    pub(crate) resumable: bool,
    /// Pushes, too: else the state of the connect stays.
    pub(crate) renews_state: bool,
    /// The connect result says that the token is bound to our key.
    pub(crate) confirms: bool,
    /// Proofs with ES256 are refused.
    pub(crate) rs256_only: bool,
    pub(crate) latency: u64,
}

impl Setting {
    pub(crate) fn draw(draws: &mut Draws) -> Self {
        let (can_refresh, can_mint_again) =
            draws.pick(&[(true, false), (true, true), (false, true), (false, false)]);
        let rs256_only = draws.once_in(8);
        let key = match draws.below(8) {
            0 if !rs256_only => KeyFacts::Fixed(KeyAlgorithm::Es256),
            1 => KeyFacts::Fixed(KeyAlgorithm::Rs256),
            2 => KeyFacts::Held { algorithm: KeyAlgorithm::Rs256, proved: draws.bit() },
            3 => KeyFacts::Unavailable,
            _ => KeyFacts::Auto,
        };
        let window = draws.pick(&[None, None, Some(300_000), Some(15_000)]);
        Self {
            start: Start {
                provider: ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: draws.bit() },
                key,
                durable: draws.bit(),
            },
            policy: Policy::default().with(|it| {
                it.patience = draws.pick(&[600_000, 600_000, 600_000, 60_000, 3_600_000]);
                it.tick_counts_sleep = draws.bit();
            }),
            base_life: draws
                .pick(&[7_200_000, 7_200_000, 7_200_000, 3_600_000, 900_000, 86_400_000, 180_000]),
            bound_life: draws.pick(&[900_000, 900_000, 900_000, 3_600_000, 300_000, 61_000]),
            scope: !draws.once_in(4),
            refreshed_scope: draws.bit(),
            says: draws.pick(&[
                Says::Lifetime,
                Says::Time,
                Says::Both,
                Says::Both,
                Says::Afterwards,
                Says::Hint,
                Says::Assumed,
            ]),
            tells_time: window.is_some() || !draws.once_in(4),
            window,
            caps: draws.once_in(3),
            closes: draws.bit(),
            resumable: !draws.once_in(4),
            renews_state: draws.bit(),
            confirms: draws.bit(),
            rs256_only,
            latency: draws.pick(&[5, 20, 40, 80, 400]),
        }
    }

    /// What a fleet of one application is like: everything usual.
    pub(crate) fn usual() -> Self {
        Self {
            start: Start {
                provider: ProviderFacts {
                    can_refresh: true,
                    can_mint_again: false,
                    may_be_asked_twice: false,
                },
                key: KeyFacts::Auto,
                durable: false,
            },
            policy: Policy::default(),
            base_life: 7_200_000,
            bound_life: 900_000,
            scope: true,
            refreshed_scope: true,
            says: Says::Both,
            tells_time: true,
            window: Some(300_000),
            caps: false,
            closes: true,
            resumable: true,
            renews_state: true,
            confirms: true,
            rs256_only: false,
            latency: 40,
        }
    }

    pub(crate) fn shortest_life(&self) -> u64 {
        self.base_life.min(self.bound_life)
    }
}
