//! Every number that the machine decides with (L18, L20, L36, L53).

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The numbers behind the decisions, in milliseconds unless said otherwise. Rules are not in here: no value
/// switches one off.
///
/// ```
/// use satkeeper_core::lifecycle::Policy;
/// let policy = Policy::default().with(|policy| policy.grace = 120_000);
/// assert_eq!(policy.device_life, 900_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// Lead = `min(clamp(ttl / lead_share, lead_min, lead_max), ttl / 2)` for bound tokens.
    pub lead_share: u64,
    /// See [`Policy::lead_share`].
    pub lead_min: Millis,
    /// See [`Policy::lead_share`].
    pub lead_max: Millis,
    /// The same as [`Policy::lead_min`] for tokens of the provider.
    pub provider_lead_min: Millis,
    /// The same as [`Policy::lead_max`] for tokens of the provider.
    pub provider_lead_max: Millis,
    /// Whether due times are spread at random. Off only in comparisons with the official client.
    pub jitter: bool,
    /// Least time an attempt gets.
    pub attempt_min: Millis,
    /// Most time an attempt of our own gets.
    pub attempt_max: Millis,
    /// Most time a call of the application's provider gets.
    pub provider_max: Millis,
    /// Time that the first `authenticate()` gets, and the making of a key.
    pub first_mint: Millis,
    /// Time that an attempt leaves for the push of what it brings; a sixth of the lead if that is less.
    pub push_reserve: Millis,
    /// First wait between attempts to renew.
    pub backoff_min: Millis,
    /// Longest wait between attempts to renew.
    pub backoff_max: Millis,
    /// The same between attempts to get a first token: nobody is served while they last.
    pub backoff_max_first: Millis,
    /// Budget of an activation in connected time, at most; a third of the base's life if that is less.
    pub activation_budget: Millis,
    /// After this long a declined client-bound mechanism is tried again.
    pub promotion: Millis,
    /// Without a mechanism `credential_expiring` comes this long before the end.
    pub expiring_notice: Millis,
    /// After expiry attempts go on at least this long and at least [`Policy::grace_attempts`] times.
    /// `u64::MAX`: for ever.
    pub grace: Millis,
    /// See [`Policy::grace`].
    pub grace_attempts: u32,
    /// From this long before its end a token opens no socket.
    pub reopen_margin: Millis,
    /// Lifetime asked of devices/token and devices/refresh.
    pub device_life: Millis,
    /// First ceiling of the wait before a reconnect.
    pub reconnect_min: Millis,
    /// Ceiling until an outage is [`Policy::early_outage`] old.
    pub reconnect_early_max: Millis,
    /// Ceiling from then on.
    pub reconnect_max: Millis,
    /// See [`Policy::reconnect_early_max`].
    pub early_outage: Millis,
    /// Authenticated for this long: the connection counts as stable.
    pub stable: Millis,
    /// Time for Inspect, Open, Probe each.
    pub network: Millis,
    /// Time for Authenticate.
    pub connect: Millis,
    /// Time for Reauthenticate.
    pub push: Millis,
    /// Time for Close and Erase, and at most for Persist.
    pub local: Millis,
    /// A second round of offers to a server that refused them all waits this long.
    pub second_round: Millis,
    /// A step this much later than `wake_at`, or a wall clock this much ahead, may have been sleep.
    pub jump: Millis,
    /// A proof signed by more than this off the server's time may have been refused for that alone.
    pub skew: Millis,
    /// A server tells its time in steps of this: what it says may be up to this much old.
    pub clock_grain: Millis,
    /// Two readings of the server's clock that differ by up to this, less what the round trip explains, agree.
    pub clock_slack: Millis,
    /// A time stamp that came unasked was sent at most this long ago.
    pub underway: Millis,
    /// A source that puts a token's end earlier by more than this is warned of.
    pub shortened: Millis,
    /// Work that is due after a wake, a resume or an outage is spread over at most this.
    pub spread: Millis,
    /// Token bucket for token endpoints: its size.
    pub exchange_burst: u32,
    /// The last ones of it, kept for due renewals.
    pub exchange_reserve: u32,
    /// One more each `clamp(ttl / 12, exchange_refill_min, exchange_refill_max)`.
    pub exchange_refill_min: Millis,
    /// See [`Policy::exchange_refill_min`].
    pub exchange_refill_max: Millis,
    /// Token bucket for sockets: its size.
    pub socket_burst: u32,
    /// One more each.
    pub socket_refill: Millis,
    /// Least interval to the next renewal after one that did not extend the end; doubles.
    pub barren_min: Millis,
    /// See [`Policy::barren_min`].
    pub barren_max: Millis,
    /// However near the end is, that interval may grow up to this.
    pub barren_near_end: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lead_share: 10,
            lead_min: 30_000,
            lead_max: 300_000,
            provider_lead_min: 30_000,
            provider_lead_max: 300_000,
            jitter: true,
            attempt_min: 2_000,
            attempt_max: 10_000,
            provider_max: 30_000,
            first_mint: 60_000,
            push_reserve: 5_000,
            backoff_min: 1_000,
            backoff_max: 30_000,
            backoff_max_first: 10_000,
            activation_budget: 30_000,
            promotion: 300_000,
            expiring_notice: 120_000,
            grace: 60_000,
            grace_attempts: 4,
            reopen_margin: 5_000,
            device_life: 900_000,
            reconnect_min: 500,
            reconnect_early_max: 3_000,
            reconnect_max: 30_000,
            early_outage: 60_000,
            stable: 10_000,
            network: 10_000,
            connect: 10_000,
            push: 5_000,
            local: 2_000,
            second_round: 30_000,
            jump: 5_000,
            skew: 5_000,
            clock_grain: 1_000,
            clock_slack: 1_000,
            underway: 2_000,
            shortened: 10_000,
            spread: 5_000,
            exchange_burst: 10,
            exchange_reserve: 4,
            exchange_refill_min: 1_000,
            exchange_refill_max: 5_000,
            socket_burst: 5,
            socket_refill: 3_000,
            barren_min: 1_000,
            barren_max: 300_000,
            barren_near_end: 30_000,
        }
    }
}

impl Policy {
    /// With some of them changed.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The numbers of the official browser SDK (v4.0.0-rc.2), for people who move over and
    /// for comparison with recordings of it (L53). Its numbers only: every rule holds, so what comes of five
    /// seconds for a renewal does not end a session early; but the default leaves it more time.
    ///
    /// ```
    /// use satkeeper_core::lifecycle::Policy;
    /// let policy = Policy::browser_sdk_v4();
    /// assert_eq!((policy.lead(900_000), policy.provider_lead(7_200_000)), (30_000, 5_000));
    /// ```
    #[must_use]
    pub fn browser_sdk_v4() -> Self {
        Self {
            lead_min: 30_000,
            lead_max: 30_000,
            provider_lead_min: 5_000,
            provider_lead_max: 5_000,
            jitter: false,
            // 1000 · 2ⁿ times [0.5, 1), n from 1.
            backoff_min: 2_000,
            backoff_max: 30_000,
            // The floor under any delay.
            barren_min: 1_000,
            reconnect_min: 100,
            reconnect_early_max: 3_000,
            reconnect_max: 3_000,
            connect: 5_000,
            push: 5_000,
            ..Self::default()
        }
    }

    /// Small numbers in whole units, none above 16, for searching all states: the smallest at which each
    /// rule still has room to differ from its neighbours.
    #[must_use]
    pub const fn model() -> Self {
        Self {
            lead_share: 3,
            lead_min: 3,
            lead_max: 4,
            provider_lead_min: 3,
            provider_lead_max: 4,
            connect: 2,
            jitter: true,
            attempt_min: 1,
            attempt_max: 2,
            provider_max: 2,
            first_mint: 2,
            push_reserve: 1,
            backoff_min: 1,
            backoff_max: 4,
            backoff_max_first: 2,
            activation_budget: 3,
            promotion: 3,
            expiring_notice: 2,
            grace: 3,
            grace_attempts: 2,
            reopen_margin: 1,
            device_life: 6,
            reconnect_min: 1,
            reconnect_early_max: 2,
            reconnect_max: 4,
            early_outage: 3,
            stable: 1,
            network: 2,
            push: 2,
            local: 1,
            second_round: 2,
            jump: 3,
            skew: 1,
            clock_grain: 1,
            clock_slack: 1,
            underway: 2,
            shortened: 1,
            spread: 2,
            exchange_burst: 16,
            exchange_reserve: 1,
            exchange_refill_min: 1,
            exchange_refill_max: 1,
            socket_burst: 16,
            socket_refill: 1,
            barren_min: 1,
            barren_max: 4,
            barren_near_end: 2,
        }
    }

    /// How long before `renew_by` the renewal of a bound token with this life must have begun (L18).
    #[must_use]
    pub fn lead(&self, life: Millis) -> Millis {
        self.share(life).max(self.lead_min).min(self.lead_max).min(life / 2)
    }

    /// The same for a token of the provider.
    #[must_use]
    pub fn provider_lead(&self, life: Millis) -> Millis {
        self.share(life).max(self.provider_lead_min).min(self.provider_lead_max).min(life / 2)
    }

    fn share(&self, life: Millis) -> Millis {
        life.checked_div(self.lead_share).unwrap_or(life)
    }
}
