//! What the world of a story is like; every line `given …` changes one of these.

use satkeeper_core::lifecycle::{KeyAlgorithm, Policy, ProviderFacts};

use crate::statement::{Hint, Key, Provider, Setting};

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) provider: Provider,
    pub(crate) hint: Hint,
    pub(crate) base_life: u64,
    pub(crate) bound_life: u64,
    pub(crate) base_scope: bool,
    pub(crate) refreshed_scope: bool,
    pub(crate) clock_ahead: i64,
    pub(crate) proof_window: Option<u64>,
    pub(crate) latency: u64,
    pub(crate) states_ends: bool,
    pub(crate) tells_time: bool,
    pub(crate) resumes: bool,
    pub(crate) renews_state: bool,
    pub(crate) closes_at_end: bool,
    pub(crate) connect_tells_scope: bool,
    pub(crate) store: bool,
    pub(crate) key: Key,
    pub(crate) policy: &'static str,
    pub(crate) seed: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            provider: Provider::Callback(ProviderFacts {
                can_refresh: true,
                can_mint_again: false,
                may_be_asked_twice: false,
            }),
            hint: Hint::Nothing,
            base_life: 7_200_000,
            bound_life: 900_000,
            base_scope: true,
            refreshed_scope: false,
            clock_ahead: 0,
            proof_window: None,
            latency: 40,
            states_ends: true,
            tells_time: true,
            resumes: true,
            renews_state: true,
            closes_at_end: false,
            connect_tells_scope: false,
            store: false,
            key: Key::Fixed(KeyAlgorithm::Es256),
            policy: "exact",
            seed: 42,
        }
    }
}

impl Settings {
    pub(crate) fn set(&mut self, setting: &Setting) {
        match *setting {
            Setting::Provider(provider) => self.provider = provider,
            Setting::Hint(hint) => self.hint = hint,
            Setting::BaseLife(life) => self.base_life = life,
            Setting::BoundLife(life) => self.bound_life = life,
            Setting::BaseScope(scope) => self.base_scope = scope,
            Setting::RefreshedScope(scope) => self.refreshed_scope = scope,
            Setting::ClockAhead(ahead) => self.clock_ahead = ahead,
            Setting::ProofWindow(window) => self.proof_window = window,
            Setting::Latency(latency) => self.latency = latency,
            Setting::StatesEnds(states) => self.states_ends = states,
            Setting::TellsTime(tells) => self.tells_time = tells,
            Setting::Resumes(resumes) => self.resumes = resumes,
            Setting::RenewsState(renews) => self.renews_state = renews,
            Setting::ClosesAtEnd(closes) => self.closes_at_end = closes,
            Setting::ConnectTellsScope(tells) => self.connect_tells_scope = tells,
            Setting::Store(store) => self.store = store,
            Setting::Key(key) => self.key = key,
            Setting::Policy(policy) => self.policy = policy,
            Setting::Seed(seed) => self.seed = seed,
        }
    }

    /// What the provider can do.
    pub(crate) const fn capabilities(&self) -> ProviderFacts {
        match self.provider {
            Provider::Callback(facts) => facts,
            Provider::Subscriber => {
                ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: true }
            }
        }
    }

    pub(crate) fn policy(&self) -> Policy {
        let policy = match self.policy {
            "browser" => Policy::browser_sdk_v4(),
            "default" => Policy::default(),
            // Times can be told beforehand, but for those of attempts after failures.
            _ => Policy::default().with(|it| it.jitter = false),
        };
        // A story's monotonic clock stands while the lid is closed, unless it says otherwise.
        policy.with(|it| it.tick_counts_sleep = false)
    }

    pub(crate) fn seed(&self) -> [u8; 32] {
        let mut bytes = [42; 32];
        bytes[..4].copy_from_slice(&self.seed.to_le_bytes());
        bytes
    }
}
