//! Every number that the machine decides with.

use serde::{Deserialize, Serialize};

use crate::time::Millis;

/// The numbers behind the decisions, in milliseconds unless said otherwise. Rules are not in here: no value switches
/// one off.
///
/// ```
/// use satkeeper_core::lifecycle::Policy;
/// let policy = Policy::default().with(|policy| policy.patience = 120_000);
/// assert_eq!(policy.device_life, 900_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Policy {
    /// The host's tick goes on while it sleeps (R1).
    pub tick_counts_sleep: bool,
    /// Whether due times are spread at random. Off only in tests and comparisons.
    pub jitter: bool,
    /// Lead = `clamp(life / lead_share, lead_min, lead_max)`, or more where attempts have taken long, half the life at
    /// most (R16).
    pub lead_share: u64,
    /// See [`Policy::lead_share`].
    pub lead_min: Millis,
    /// See [`Policy::lead_share`].
    pub lead_max: Millis,
    /// Least time before an attempt yields its place.
    pub attempt_min: Millis,
    /// Most time before an attempt of our own yields its place.
    pub attempt_max: Millis,
    /// The same for a call of the application's provider, and for the making of a key.
    pub provider_max: Millis,
    /// Least of it where the provider may be asked twice.
    pub provider_min: Millis,
    /// A place that was yielded is free after this, or six times what attempts have taken of late (R14).
    pub place: Millis,
    /// First wait after a failure; doubles (R18).
    pub wait_min: Millis,
    /// The same where a session that is served is to be bound, and the API refuses.
    pub wait_upgrade: Millis,
    /// Least ceiling of waits while the session is served.
    pub wait_served: Millis,
    /// Greatest ceiling after attempts that nobody answered, while the session is served.
    pub wait_unanswered: Millis,
    /// The same while it is not.
    pub wait_unanswered_idle: Millis,
    /// Greatest ceiling after the API's own refusals, while the session is served.
    pub wait_refused: Millis,
    /// The same while it is not.
    pub wait_refused_idle: Millis,
    /// Most that a `Retry-After` is believed.
    pub retry_after: Millis,
    /// Without anybody who renews, `credential_expiring` comes this long before the end.
    pub expiring_notice: Millis,
    /// Hopeless for this long on the reach-clock, the session ends (R25).
    pub patience: Millis,
    /// Or awake for this long without anybody reached.
    pub unreached: Millis,
    /// An answer that has been on its way for less than this is awaited before an end.
    pub awaited: Millis,
    /// In its last `min(this, life / 10)` a token opens no socket (R21).
    pub reopen_margin: Millis,
    /// Lifetime asked of devices/token and devices/refresh.
    pub device_life: Millis,
    /// Greatest ceiling of waits before a socket until an outage is [`Policy::early_outage`] old.
    pub reconnect_early: Millis,
    /// See [`Policy::reconnect_early`].
    pub early_outage: Millis,
    /// From then on, until an outage is [`Policy::middle_outage`] old.
    pub reconnect_middle: Millis,
    /// See [`Policy::reconnect_middle`].
    pub middle_outage: Millis,
    /// From then on.
    pub reconnect: Millis,
    /// Authenticated for this long: the connection counts as stable.
    pub stable: Millis,
    /// Time for Inspect, Open, Probe, Authenticate each.
    pub network: Millis,
    /// Time for Reauthenticate.
    pub push: Millis,
    /// Time for Close, Erase and Persist.
    pub local: Millis,
    /// A refused token is shown again after this, twice this … (R10).
    pub shown_again: Millis,
    /// Greatest of it.
    pub shown_again_max: Millis,
    /// So long after a call was refused for its credential, a token that the socket has not accepted is shown to a
    /// fresh connect (R23).
    pub show_after_call: Millis,
    /// At most once in so long.
    pub show_interval: Millis,
    /// A step this much later than `wake_at`, or a wall clock this much ahead, was sleep (R1).
    pub sleep: Millis,
    /// A server's time that differs by more than this from what is known needs a second witness (R3).
    pub skew: Millis,
    /// Two witnesses agree within this.
    pub witness: Millis,
    /// A server tells its time in steps of this.
    pub clock_grain: Millis,
    /// A source that puts a token's end earlier by more than this is warned of.
    pub shortened: Millis,
    /// A renewal must put the end off by more than this to have gained anything (T3).
    pub gain: Millis,
    /// What has been longer on its way has been used up meanwhile: a named end plans the renewal so much earlier (K2).
    pub on_its_way: Millis,
    /// What was good until a fresh connect refused it is looked at once more after this and up to as much again (T4).
    pub second_look: Millis,
    /// Work that is due after a wake, a resume or an outage is spread over at most this.
    pub spread: Millis,
    /// The first reconnect after a server has ended many, with a state to resume (R19).
    pub herd_resume: Millis,
    /// The same without one.
    pub herd_fresh: Millis,
    /// A socket that was replaced is read for so long after the new one is live (R22).
    pub parting: Millis,
    /// A server that has served this session and does not know the protocol any more is asked again after this (R24).
    pub incompatible: Millis,
    /// A push that loses the socket within this has cost it (R23).
    pub cut_by_push: Millis,
    /// A hint that the network has changed counts at most once in this.
    pub network_hint: Millis,
    /// Who waits for a renewal is told within this that it is not there yet (R27).
    pub ask_patience: Millis,
    /// Records are written at most once in this, but for secrets (R13).
    pub write_interval: Millis,
    /// Token bucket for token endpoints: its size.
    pub exchange_burst: u32,
    /// The last ones of it, kept for due renewals.
    pub exchange_reserve: u32,
    /// One more each `clamp(life / 12, exchange_refill_min, exchange_refill_max)`.
    pub exchange_refill_min: Millis,
    /// See [`Policy::exchange_refill_min`].
    pub exchange_refill_max: Millis,
    /// Token bucket for sockets: its size.
    pub socket_burst: u32,
    /// One more each.
    pub socket_refill: Millis,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            tick_counts_sleep: true,
            jitter: true,
            lead_share: 10,
            lead_min: 30_000,
            lead_max: 300_000,
            attempt_min: 2_000,
            attempt_max: 10_000,
            provider_max: 120_000,
            provider_min: 5_000,
            place: 30_000,
            wait_min: 1_000,
            wait_upgrade: 10_000,
            wait_served: 5_000,
            wait_unanswered: 30_000,
            wait_unanswered_idle: 10_000,
            wait_refused: 3_600_000,
            wait_refused_idle: 60_000,
            retry_after: 300_000,
            expiring_notice: 120_000,
            patience: 600_000,
            unreached: 86_400_000,
            awaited: 30_000,
            reopen_margin: 5_000,
            device_life: 900_000,
            reconnect_early: 3_000,
            early_outage: 60_000,
            reconnect_middle: 10_000,
            middle_outage: 600_000,
            reconnect: 30_000,
            stable: 10_000,
            network: 10_000,
            push: 5_000,
            local: 2_000,
            shown_again: 5_000,
            shown_again_max: 60_000,
            show_after_call: 30_000,
            show_interval: 300_000,
            sleep: 5_000,
            skew: 5_000,
            witness: 2_000,
            clock_grain: 1_000,
            shortened: 10_000,
            gain: 1_000,
            on_its_way: 2_000,
            second_look: 500,
            spread: 5_000,
            herd_resume: 3_000,
            herd_fresh: 10_000,
            parting: 2_000,
            incompatible: 300_000,
            cut_by_push: 2_000,
            network_hint: 30_000,
            ask_patience: 60_000,
            write_interval: 1_000,
            exchange_burst: 10,
            exchange_reserve: 4,
            exchange_refill_min: 1_000,
            exchange_refill_max: 5_000,
            socket_burst: 5,
            socket_refill: 3_100,
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

    /// The numbers of the official browser SDK (v4.0.0-rc.2), for people who move over and for comparison with recordings
    /// of it. Its numbers only: every rule holds, so its defects are not reproduced.
    ///
    /// ```
    /// use satkeeper_core::lifecycle::Policy;
    /// assert_eq!(Policy::browser_sdk_v4().lead_max, 30_000);
    /// ```
    #[must_use]
    pub fn browser_sdk_v4() -> Self {
        Self {
            lead_min: 30_000,
            lead_max: 30_000,
            jitter: false,
            wait_min: 2_000,
            reconnect_early: 3_000,
            reconnect_middle: 3_000,
            reconnect: 3_000,
            ..Self::default()
        }
    }
}
