//! What may happen, in groups. No machine has room for the product of them all (`catalogue::everything`); each
//! two of them are searched together, by hand:
//! `SLICE=pair cargo test --release -p satkeeper-core --test lifecycle_model every_slice -- --nocapture`
//!
//! On 2026-11-21: 600 searches, 13,880,803 states, 38,409,772 edges; 358 to the end, the others cut at 300,000
//! edges (`both` and `mints` at 60,000). Two defects were found on the way, and mended.

use satkeeper_core::lifecycle::*;

use super::catalogue::{KEY, MINTS, NOBODY, REFRESHES, short};
use super::slices::{Ends, Slice};

/// A group, and how a slice comes to have it.
type Group = (&'static str, fn(Slice) -> Slice);

const GROUPS: [Group; 16] = [
    ("failures", |slice| Slice { failures: true, ..slice }),
    ("refusals", |slice| Slice { refusals: true, ..slice }),
    ("retry-after", |slice| Slice { failures: true, retry_after: true, ..slice }),
    ("hostile", |slice| Slice { hostile: true, ..slice }),
    ("scopes", |slice| Slice { scopes: vec![true, false], no_key: true, ..slice }),
    ("ends", |slice| Slice { ends_as: vec![Ends::Hint, Ends::Assumed, Ends::Never], ..slice }),
    ("restated", |slice| Slice { restates: true, ..slice }),
    ("clocks", |slice| Slice { offsets: vec![0, 4], ends_as: vec![Ends::Time], unasked_time: true, ..slice }),
    ("sleep", |slice| Slice { jumps: vec![6], late: true, ..slice }),
    ("deaths", |mut slice| {
        slice.starts.iter_mut().for_each(|(_, start)| start.durable = true);
        Slice { deaths: true, ..slice }
    }),
    ("socket", |slice| Slice { socket: true, ..slice }),
    ("asks", |slice| Slice { asks: true, ..slice }),
    ("updates", |slice| Slice { updates: true, ..slice }),
    ("providers", |slice| Slice { providers: true, ..slice }),
    ("rest", |slice| Slice { rest: true, ends: true, ..slice }),
    ("governed", |slice| Slice { governed: true, ..slice }),
];

/// Each two groups, for each way to start. Whoever is asked answers before time goes on, in order.
pub fn each_two() -> Vec<Slice> {
    let starts = [
        ("nobody", NOBODY, KeyFacts::Unavailable),
        ("provider", REFRESHES, KeyFacts::Unavailable),
        ("bound", NOBODY, KEY),
        ("both", REFRESHES, KEY),
        ("mints", MINTS, KeyFacts::Auto),
    ];
    let mut all = Vec::new();
    for (start, provider, key) in starts {
        for (place, (name, first)) in GROUPS.iter().enumerate() {
            for (other, second) in &GROUPS[place + 1..] {
                // A name for as long as the search: a test's memory ends with it.
                let name = Box::leak(format!("pair {start}, {name}, {other}").into_boxed_str());
                let slice = Slice { prompt: true, in_order: true, ..Slice::new(name, provider, key, true) };
                let slice =
                    Slice { policy: short(), base_life: 6, bound_life: 4, most_edges: 300_000, ..slice };
                let slice = Slice { twin_every: 101, alike_for: 3, ..slice };
                all.push(second(first(slice)));
            }
        }
    }
    all
}
