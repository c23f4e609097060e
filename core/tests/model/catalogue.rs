//! The slices that are searched.

use satkeeper_core::lifecycle::*;

use super::Moment;
use super::slices::{Ends, Slice};

pub const NOBODY: ProviderFacts =
    ProviderFacts { can_refresh: false, can_mint_again: false, may_be_asked_twice: false };
pub const REFRESHES: ProviderFacts =
    ProviderFacts { can_refresh: true, can_mint_again: false, may_be_asked_twice: false };
pub const MINTS: ProviderFacts =
    ProviderFacts { can_refresh: false, can_mint_again: true, may_be_asked_twice: false };
pub const KEY: KeyFacts = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: true };

fn without_jitter(policy: Policy) -> Policy {
    policy.with(|it| it.jitter = false)
}

/// The shortest spans at which everything still happens one after the other: what is searched whole with more
/// inputs than one.
pub fn short() -> Policy {
    Policy::model().with(|it| {
        it.lead_min = 2;
        it.lead_max = 2;
        it.provider_lead_min = 2;
        it.provider_lead_max = 2;
        it.jitter = false;
        it.attempt_max = 1;
        it.provider_max = 1;
        it.first_mint = 1;
        it.network = 1;
        it.connect = 1;
        it.push = 1;
        it.backoff_max = 2;
        it.activation_budget = 2;
        it.promotion = 2;
        it.expiring_notice = 1;
        it.grace = 2;
        it.grace_attempts = 1;
        it.second_round = 1;
        it.early_outage = 2;
        it.reconnect_early_max = 1;
        it.reconnect_max = 2;
        it.spread = 1;
        it.barren_max = 2;
        it.barren_near_end = 1;
    })
}

/// All of them.
pub fn catalogue() -> Vec<Slice> {
    let none = KeyFacts::Unavailable;
    let fails = |slice: Slice| Slice { failures: true, refusals: true, ..slice };
    let brief = |slice: Slice| Slice { policy: short(), base_life: 6, bound_life: 4, ..slice };
    let all_moments = vec![Moment::Now, Moment::Before, Moment::At, Moment::After];
    let two_ends = vec![Ends::Time, Ends::Both];
    let soft_ends = vec![Ends::Hint, Ends::Assumed, Ends::Never];
    // One command after the other is answered, or none in time.
    let brisk = |slice: Slice| brief(Slice { in_order: true, ..slice });
    // Whoever is asked answers, one after the other; what else happens does so in between.
    let calm = |slice: Slice| brief(Slice { prompt: true, in_order: true, ..slice });
    let fail = |slice: Slice, fail_only| fails(Slice { fail_only, ..slice });
    vec![
        Slice::new("nobody", NOBODY, none, false),
        fails(Slice {
            moments: all_moments.clone(),
            policy: without_jitter(Policy::model()),
            ..Slice::new("nobody, failures", NOBODY, none, false)
        }),
        brief(fails(Slice {
            socket: true,
            after: true,
            ..Slice::new("nobody, socket", NOBODY, none, false)
        })),
        calm(Slice {
            offsets: vec![0, 4],
            jumps: vec![6],
            late: true,
            unasked_time: true,
            ends_as: two_ends.clone(),
            ..Slice::new("nobody, clocks", NOBODY, none, false)
        }),
        brief(fails(Slice {
            ends_as: soft_ends.clone(),
            restates: true,
            in_order: true,
            ..Slice::new("nobody, ends", NOBODY, none, false)
        })),
        Slice { in_order: true, ..Slice::new("provider", REFRESHES, none, false) },
        calm(fails(Slice::new("provider, failures", REFRESHES, none, false))),
        brief(Slice { moments: all_moments, ..Slice::new("provider, moments", REFRESHES, none, false) }),
        brisk(Slice { asks: true, ..Slice::new("provider, asks", REFRESHES, none, false) }),
        calm(Slice {
            offsets: vec![0, 4],
            unasked_time: true,
            ends_as: two_ends,
            ..Slice::new("provider, clocks", REFRESHES, none, false)
        }),
        brief(Slice {
            prompt: true,
            offsets: vec![0, 4],
            jumps: vec![6],
            ends_as: vec![Ends::Time],
            most_edges: 30_000,
            ..Slice::new("provider, disorder", REFRESHES, none, false)
        }),
        calm(Slice {
            jumps: vec![6],
            offsets: vec![0],
            late: true,
            ..Slice::new("provider, sleep", REFRESHES, none, false)
        }),
        calm(Slice {
            ends_as: soft_ends,
            restates: true,
            ..Slice::new("provider, ends", REFRESHES, none, false)
        }),
        calm(durable(fail(
            Slice { deaths: true, ..Slice::new("provider, deaths", REFRESHES, none, false) },
            &["persist"],
        ))),
        Slice { in_order: true, ..Slice::new("bound", NOBODY, KEY, true) },
        calm(fails(Slice::new("bound, failures", NOBODY, KEY, true))),
        calm(fail(
            Slice { socket: true, ..Slice::new("bound, socket", NOBODY, KEY, true) },
            &["authenticate"],
        )),
        brisk(fail(
            Slice { retry_after: true, ..Slice::new("bound, retries", NOBODY, KEY, true) },
            &["activate", "renew"],
        )),
        calm(fail(
            Slice { offsets: vec![0, 4], ..Slice::new("bound, clocks", NOBODY, KEY, true) },
            &["activate", "renew", "authenticate"],
        )),
        calm(durable(Slice { deaths: true, ..Slice::new("bound, deaths", NOBODY, KEY, true) })),
        brief(Slice { in_order: true, ..Slice::new("both", REFRESHES, KEY, true) }),
        calm(fail(
            Slice { scopes: vec![true, false], ..Slice::new("both, failures", REFRESHES, KEY, true) },
            &["activate", "renew", "refresh"],
        )),
        calm(Slice { asks: true, ..Slice::new("both, asks", REFRESHES, KEY, true) }),
        calm(Slice { updates: true, ..Slice::new("both, updates", REFRESHES, KEY, true) }),
        calm(fail(
            durable(Slice { rest: true, ends: true, ..Slice::new("both, rest", REFRESHES, KEY, true) }),
            &["persist"],
        )),
        calm(fail(
            Slice { providers: true, ..Slice::new("both, providers", REFRESHES, KEY, true) },
            &["refresh"],
        )),
        calm(Slice { governed: true, asks: true, ..Slice::new("mints, governed", MINTS, none, true) }),
        calm(fail(
            Slice { hostile: true, ..Slice::new("mints, hostile", MINTS, none, true) },
            &["inspect", "reauthenticate"],
        )),
        calm(all_events(Slice {
            most_edges: 60_000,
            ..Slice::new("provider, all events", REFRESHES, none, false)
        })),
        calm(all_events(Slice {
            only_while: &["minting", "expired", "suspended"],
            // A first mint that is repeated is many states before there is anything to expire.
            most_edges: 120_000,
            offsets: vec![0],
            jumps: vec![6],
            unasked_time: true,
            ..Slice::new("provider, expired", REFRESHES, none, false)
        })),
        calm(fail(
            Slice { no_key: true, ..Slice::new("mints, keys", MINTS, KeyFacts::Auto, true) },
            &["authenticate", "activate"],
        )),
    ]
}

/// All that can happen, whenever it can: the product of the other slices. By hand:
/// `EDGES=14000000 SLICE=everything cargo test --release -p satkeeper-core --test model -- --nocapture`.
pub fn everything() -> Slice {
    let start = |provider, key| Start { provider, key, durable: true };
    Slice {
        starts: vec![
            ("with both", start(REFRESHES, KEY)),
            ("with a provider that mints", start(MINTS, KeyFacts::Auto)),
            ("with nobody", start(NOBODY, KeyFacts::Unavailable)),
        ],
        scopes: vec![true, false],
        failures: true,
        refusals: true,
        hostile: true,
        ends_as: vec![Ends::Life, Ends::Time],
        restates: true,
        offsets: vec![0, 4],
        jumps: vec![6],
        unasked_time: true,
        deaths: true,
        late: true,
        no_key: true,
        socket: true,
        asks: true,
        updates: true,
        providers: true,
        rest: true,
        ends: true,
        in_order: true,
        eager: true,
        policy: short(),
        base_life: 6,
        bound_life: 4,
        most_edges: 60_000,
        ..Slice::new("everything", REFRESHES, KEY, true)
    }
}

/// Everything that comes unasked, and a provider that may fail.
fn all_events(slice: Slice) -> Slice {
    durable(Slice {
        failures: true,
        refusals: true,
        fail_only: &["mint", "refresh"],
        socket: true,
        asks: true,
        updates: true,
        providers: true,
        rest: true,
        ends: true,
        deaths: true,
        eager: true,
        ..slice
    })
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
    let read = |slice: Slice| Slice {
        prompt: true,
        in_order: true,
        after: true,
        policy: without_jitter(slice.policy),
        ..slice
    };
    let fails = |slice: Slice| read(Slice { failures: true, refusals: true, ..slice });
    let fail = |slice: Slice, fail_only| fails(Slice { fail_only, ..slice });
    vec![
        fails(Slice::new("read nobody", NOBODY, none, false)),
        read(Slice {
            moments: vec![Moment::Now, Moment::Before, Moment::At, Moment::After],
            ..Slice::new("read provider", REFRESHES, none, false)
        }),
        read(Slice::new("read bound", NOBODY, KEY, true)),
        read(Slice::new("read both", REFRESHES, KEY, true)),
        fail(Slice::new("read provider, refresh fails", REFRESHES, none, false), &["refresh"]),
        fail(Slice::new("read provider, push fails", REFRESHES, none, false), &["reauthenticate"]),
        fail(Slice::new("read bound, exchange fails", NOBODY, KEY, true), &["activate", "renew"]),
        fail(Slice::new("read both, activation fails", REFRESHES, KEY, true), &["activate"]),
        fail(Slice::new("read bound, connect is refused", NOBODY, KEY, true), &["authenticate"]),
    ]
}
