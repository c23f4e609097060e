//! Which part of the product is searched.

use satkeeper_core::lifecycle::model::{Budget, View};
use satkeeper_core::lifecycle::*;

use super::{GRANTED, Moment};

/// A part of the whole product: who may renew, what may happen, and when.
#[derive(Clone)]
pub struct Slice {
    pub name: &'static str,
    pub starts: Vec<(&'static str, Start)>,
    /// What subscriber/info may say.
    pub scopes: Vec<bool>,
    /// When inputs other than ticks come.
    pub moments: Vec<Moment>,
    /// Ticks may also be one unit late.
    pub after: bool,
    /// Ticks may also be later than `Policy::jump`.
    pub late: bool,
    /// Transient failures; time-outs there are always.
    pub failures: bool,
    /// Only these commands fail or are refused; none named: all may.
    pub fail_only: &'static [&'static str],
    /// Refusals for the credential.
    pub refusals: bool,
    /// Replies that no honest server gives.
    pub hostile: bool,
    /// What is known of a token's end may change.
    pub ends_move: bool,
    pub no_key: bool,
    /// The socket is lost, dies, is restarted, can be resumed; the network changes.
    pub socket: bool,
    /// `refresh_now`, `rejected`.
    pub asks: bool,
    /// `update_token`.
    pub updates: bool,
    /// `set_provider`.
    pub providers: bool,
    /// `suspend`, `resume`.
    pub rest: bool,
    /// `disconnect`, `destroy`.
    pub ends: bool,
    /// The governor refuses, too.
    pub governed: bool,
    /// Only the command that has been open longest is answered, or none; else in any order.
    pub in_order: bool,
    /// While a command is open it is answered: no time passes.
    pub prompt: bool,
    /// With more commands open, only answers come.
    pub most_open: usize,
    pub most_asks: usize,
    pub most_edges: usize,
    pub grace: u64,
    pub jitter: bool,
    /// Each so many-th edge to a known class yields a member to compare.
    pub twin_every: usize,
}

pub const NOBODY: ProviderFacts = ProviderFacts { can_refresh: false, can_mint_again: false };
pub const REFRESHES: ProviderFacts = ProviderFacts { can_refresh: true, can_mint_again: false };
pub const MINTS: ProviderFacts = ProviderFacts { can_refresh: false, can_mint_again: true };
pub const KEY: KeyFacts = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: true };

impl Slice {
    /// One way to start, a server and a network that do as they should but for time.
    pub fn new(name: &'static str, provider: ProviderFacts, key: KeyFacts, scope: bool) -> Self {
        Self {
            name,
            starts: vec![("", Start { provider, key, durable: false })],
            scopes: vec![scope],
            moments: vec![Moment::Now],
            after: false,
            late: false,
            failures: false,
            fail_only: &[],
            refusals: false,
            hostile: false,
            ends_move: false,
            no_key: false,
            socket: false,
            asks: false,
            updates: false,
            providers: false,
            rest: false,
            ends: false,
            governed: false,
            in_order: false,
            prompt: false,
            most_open: 4,
            most_asks: 1,
            most_edges: 50_000,
            grace: Policy::model().grace,
            jitter: true,
            twin_every: 17,
        }
    }

    pub fn policy(&self) -> Policy {
        Policy { grace: self.grace, jitter: self.jitter, ..Policy::model() }
    }

    /// What of a state can matter in it.
    pub fn view(&self) -> View {
        View {
            ends_move: self.ends_move,
            tokens_return: self.hostile || self.updates,
            clocks: false,
            causes: self.name.starts_with("read"),
        }
    }

    /// What the governor may say, and how that is called.
    pub fn budgets(&self) -> Vec<(&'static str, (Budget, Budget))> {
        let mut all = vec![("", GRANTED)];
        if self.governed {
            all.push((", reserve only", (Budget::Reserve, Budget::Full)));
            all.push((", no requests", (Budget::Wait(2), Budget::Full)));
            all.push((", no sockets", (Budget::Full, Budget::Wait(2))));
        }
        all
    }
}

/// The slices that are searched.
pub fn catalogue() -> Vec<Slice> {
    let none = KeyFacts::Unavailable;
    let base = |slice: Slice| Slice { most_edges: slice.most_edges.min(15_000), ..slice };
    let fails = |slice: Slice| base(Slice { failures: true, refusals: true, jitter: false, ..slice });
    let all = vec![
        base(Slice::new("nobody", NOBODY, none, false)),
        fails(Slice {
            moments: vec![Moment::Now, Moment::Before, Moment::At, Moment::After],
            ..Slice::new("nobody, failures", NOBODY, none, false)
        }),
        Slice {
            most_edges: 40_000,
            ..fails(Slice { socket: true, after: true, ..Slice::new("nobody, socket", NOBODY, none, false) })
        },
        base(Slice { in_order: true, ..Slice::new("provider", REFRESHES, none, false) }),
        fails(Slice {
            scopes: vec![true, false],
            ..Slice::new("provider, failures", REFRESHES, none, false)
        }),
        fails(Slice { asks: true, updates: true, ..Slice::new("provider, asks", REFRESHES, none, false) }),
        Slice { in_order: true, most_edges: 40_000, ..Slice::new("bound", NOBODY, KEY, true) },
        fails(Slice::new("bound, failures", NOBODY, KEY, true)),
        fails(Slice { socket: true, ..Slice::new("bound, socket", NOBODY, KEY, true) }),
        base(Slice { in_order: true, ..Slice::new("both", REFRESHES, KEY, true) }),
        fails(Slice { scopes: vec![true, false], ..Slice::new("both, failures", REFRESHES, KEY, true) }),
        fails(Slice { asks: true, updates: true, ..Slice::new("both, asks", REFRESHES, KEY, true) }),
        fails(Slice {
            rest: true,
            ends: true,
            providers: true,
            ..Slice::new("both, rest", REFRESHES, KEY, true)
        }),
        fails(Slice { governed: true, asks: true, ..Slice::new("mints, governed", MINTS, KEY, true) }),
        fails(Slice { hostile: true, updates: true, ..Slice::new("mints, hostile", MINTS, KEY, true) }),
        fails(Slice {
            no_key: true,
            in_order: true,
            ..Slice::new("mints, keys", MINTS, KeyFacts::Auto, true)
        }),
        fails(Slice { prompt: true, ..Slice::new("provider, prompt", REFRESHES, none, false) }),
        fails(Slice { prompt: true, ..Slice::new("bound, prompt", NOBODY, KEY, true) }),
        fails(Slice { prompt: true, ..Slice::new("both, prompt", REFRESHES, KEY, true) }),
    ];
    all.into_iter().map(|slice| if slice.name.contains("rest") { durable(slice) } else { slice }).collect()
}

/// With a record that is kept.
fn durable(mut slice: Slice) -> Slice {
    for (_, start) in &mut slice.starts {
        start.durable = true;
    }
    slice
}

/// The slices whose whole relation is committed as text: a prompt server, one command answered at a time.
pub fn readable() -> Vec<Slice> {
    let none = KeyFacts::Unavailable;
    let read = |slice: Slice| Slice { prompt: true, in_order: true, after: true, jitter: false, ..slice };
    let fails = |slice: Slice| read(Slice { failures: true, refusals: true, ..slice });
    let fail = |slice: Slice, fail_only| fails(Slice { fail_only, ..slice });
    vec![
        fails(Slice::new("read nobody", NOBODY, none, false)),
        read(Slice::new("read provider", REFRESHES, none, false)),
        read(Slice::new("read bound", NOBODY, KEY, true)),
        read(Slice::new("read both", REFRESHES, KEY, true)),
        fail(Slice::new("read provider, refresh fails", REFRESHES, none, false), &["refresh"]),
        fail(Slice::new("read provider, push fails", REFRESHES, none, false), &["reauthenticate"]),
        fail(Slice::new("read bound, exchange fails", NOBODY, KEY, true), &["activate", "renew"]),
        fail(Slice::new("read both, activation fails", REFRESHES, KEY, true), &["activate"]),
        fail(Slice::new("read bound, connect is refused", NOBODY, KEY, true), &["authenticate"]),
    ]
}
