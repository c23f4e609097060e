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
/// It may be called while an earlier call has not returned.
pub const TWICE: ProviderFacts =
    ProviderFacts { can_refresh: true, can_mint_again: true, may_be_asked_twice: true };
pub const KEY: KeyFacts = KeyFacts::Held { algorithm: KeyAlgorithm::Es256, proved: true };

/// Nothing is drawn: what is searched whole with more inputs than one.
pub fn without_jitter(slice: Slice) -> Slice {
    Slice { policy: slice.policy.with(|it| it.jitter = false), ..slice }
}

/// Budgets that are used up.
pub fn budgets(slice: Slice) -> Slice {
    let small = |it: &mut Policy| {
        (it.exchange_burst, it.exchange_reserve) = (2, 1);
        (it.exchange_refill_min, it.exchange_refill_max) = (2, 2);
        (it.socket_burst, it.socket_refill) = (2, 2);
    };
    Slice { policy: slice.policy.with(small), ..slice }
}

/// The host's tick stands while it sleeps.
pub fn sleepless(slice: Slice) -> Slice {
    Slice { policy: slice.policy.with(|it| it.tick_counts_sleep = false), ..slice }
}

/// All of them.
pub fn catalogue() -> Vec<Slice> {
    let none = KeyFacts::Unavailable;
    let fails = |slice: Slice| Slice { failures: true, refusals: true, ..slice };
    let brief = without_jitter;
    let all_moments = vec![Moment::Now, Moment::Before, Moment::At, Moment::After];
    let two_ends = vec![Ends::Time, Ends::Both];
    let soft_ends = vec![Ends::Hint, Ends::Assumed, Ends::Never];
    // One command after the other is answered, or none in time.
    let brisk = |slice: Slice| brief(Slice { in_order: true, ..slice });
    // Whoever is asked answers, one after the other; what else happens does so in between.
    let calm = |slice: Slice| brief(Slice { prompt: true, in_order: true, ..slice });
    let fail = |slice: Slice, fail_only| fails(Slice { fail_only, ..slice });
    // So much of it, and then all goes well.
    let bounded = |slice: Slice| Slice { disturbances: Some(4), ..slice };
    // But those have to be waited for, or do not answer at all.
    let slow = |slice: Slice, slow| calm(Slice { slow, ..slice });
    vec![
        Slice::new("nobody", NOBODY, none, false),
        brief(fails(Slice {
            moments: all_moments.clone(),
            ..Slice::new("nobody, failures", NOBODY, none, false)
        })),
        calm(fail(
            Slice { socket: true, ..Slice::new("nobody, socket", NOBODY, none, false) },
            &["open", "authenticate"],
        )),
        calm(fail(Slice { doubt: true, ..Slice::new("nobody, doubt", NOBODY, none, false) }, &["probe"])),
        calm(fail(
            Slice { network: true, ..Slice::new("nobody, network", NOBODY, none, false) },
            &["open", "probe", "authenticate"],
        )),
        calm(sleepless(Slice {
            offsets: vec![0, 4],
            jumps: vec![6],
            late: true,
            ends_as: two_ends.clone(),
            ..Slice::new("nobody, clocks", NOBODY, none, false)
        })),
        brisk(fails(Slice {
            ends_as: soft_ends.clone(),
            restates: true,
            ..Slice::new("nobody, ends", NOBODY, none, false)
        })),
        Slice { prompt: true, in_order: true, ..Slice::new("provider", REFRESHES, none, false) },
        calm(fail(Slice::new("provider, failures", REFRESHES, none, false), &["mint", "refresh"])),
        calm(Slice {
            refusals: true,
            fail_only: &["reauthenticate"],
            ..Slice::new("provider, pushes", REFRESHES, none, false)
        }),
        calm(fail(Slice::new("provider, connects", REFRESHES, none, false), &["open", "authenticate"])),
        calm(bounded(Slice {
            moments: all_moments,
            ..Slice::new("provider, moments", REFRESHES, none, false)
        })),
        slow(Slice::new("provider, silence", REFRESHES, none, false), &["mint", "refresh"]),
        slow(
            Slice::new("provider, silent sockets", REFRESHES, none, false),
            &["authenticate", "reauthenticate"],
        ),
        slow(
            bounded(Slice { late_answers: true, ..Slice::new("provider, late", REFRESHES, none, false) }),
            &["refresh"],
        ),
        slow(
            bounded(Slice { late_answers: true, ..Slice::new("provider, twice", TWICE, none, false) }),
            &["refresh"],
        ),
        calm(fail(
            Slice { asks: true, ..Slice::new("provider, asks", REFRESHES, none, false) },
            &["refresh"],
        )),
        calm(Slice {
            offsets: vec![0, 4],
            ends_as: two_ends,
            ..Slice::new("provider, clocks", REFRESHES, none, false)
        }),
        calm(sleepless(Slice {
            jumps: vec![6],
            offsets: vec![0],
            late: true,
            ..Slice::new("provider, sleep", REFRESHES, none, false)
        })),
        calm(Slice {
            ends_as: soft_ends,
            restates: true,
            ..Slice::new("provider, ends", REFRESHES, none, false)
        }),
        calm(durable(fail(
            Slice { deaths: true, ..Slice::new("provider, deaths", REFRESHES, none, false) },
            &["persist"],
        ))),
        Slice { prompt: true, in_order: true, ..Slice::new("bound", NOBODY, KEY, true) },
        calm(fail(Slice::new("bound, failures", NOBODY, KEY, true), &["activate", "renew"])),
        calm(fail(Slice::new("bound, pushes", NOBODY, KEY, true), &["reauthenticate"])),
        calm(fail(Slice::new("bound, connects", NOBODY, KEY, true), &["authenticate"])),
        calm(Slice {
            doubt: true,
            refusals: true,
            fail_only: &["reauthenticate"],
            disturbances: Some(3),
            ..Slice::new("bound, doubt", NOBODY, KEY, true)
        }),
        calm(Slice { socket: true, ..Slice::new("bound, socket", NOBODY, KEY, true) }),
        calm(fail(
            Slice { retry_after: true, ..Slice::new("bound, retries", NOBODY, KEY, true) },
            &["activate"],
        )),
        slow(
            bounded(Slice { late_answers: true, ..Slice::new("bound, late", NOBODY, KEY, true) }),
            &["renew"],
        ),
        calm(fail(
            Slice { offsets: vec![0, 4], ..Slice::new("bound, clocks", NOBODY, KEY, true) },
            &["activate"],
        )),
        calm(durable(Slice { deaths: true, ..Slice::new("bound, deaths", NOBODY, KEY, true) })),
        Slice { prompt: true, in_order: true, ..Slice::new("both", REFRESHES, KEY, true) },
        calm(fail(
            Slice { scopes: vec![true, false], ..Slice::new("both, failures", REFRESHES, KEY, true) },
            &["activate", "refresh"],
        )),
        calm(Slice { asks: true, ..Slice::new("both, asks", REFRESHES, KEY, true) }),
        calm(Slice { updates: true, ..Slice::new("both, updates", REFRESHES, KEY, true) }),
        calm(durable(Slice { rest: true, ends: true, ..Slice::new("both, rest", REFRESHES, KEY, true) })),
        calm(Slice { providers: true, ..Slice::new("both, providers", REFRESHES, KEY, true) }),
        calm(budgets(Slice { asks: true, ..Slice::new("mints, budgets", MINTS, none, true) })),
        calm(fail(Slice { hostile: true, ..Slice::new("mints, hostile", MINTS, none, true) }, &["inspect"])),
        calm(all_events(Slice {
            most_edges: 30_000,
            ..Slice::new("provider, all events", REFRESHES, none, false)
        })),
        calm(all_events(Slice {
            only_while: &["expired", "suspended"],
            slow: &["refresh"],
            most_edges: 40_000,
            ..Slice::new("provider, expired", REFRESHES, none, false)
        })),
        calm(fail(
            Slice { no_key: true, ..Slice::new("mints, keys", MINTS, KeyFacts::Auto, true) },
            &["activate"],
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
        deaths: true,
        late: true,
        no_key: true,
        socket: true,
        doubt: true,
        network: true,
        asks: true,
        updates: true,
        providers: true,
        rest: true,
        ends: true,
        in_order: true,
        eager: true,
        late_answers: true,
        most_edges: 60_000,
        ..sleepless(without_jitter(Slice::new("everything", REFRESHES, KEY, true)))
    }
}

/// Everything that comes unasked, and a provider that may fail.
fn all_events(slice: Slice) -> Slice {
    durable(Slice {
        failures: true,
        refusals: true,
        fail_only: &["mint", "refresh"],
        socket: true,
        doubt: true,
        network: true,
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
    let read = |slice: Slice| Slice { prompt: true, in_order: true, after: true, ..without_jitter(slice) };
    let fails = |slice: Slice| read(Slice { failures: true, refusals: true, ..slice });
    // Two things at most come otherwise than from a well-behaved world: a page to be read.
    let fail = |slice: Slice, fail_only| fails(Slice { fail_only, disturbances: Some(2), ..slice });
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
