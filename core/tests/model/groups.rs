//! What may happen, in groups. No machine has room for the product of them all (`catalogue::everything`); each
//! two of them are searched together, by hand:
//! `SLICE=pair cargo test --release -p satkeeper-core --test model every_slice::every_slice -- --nocapture`
//!
//! All of them together are searched under a bound: so many times may anything come otherwise than from a
//! well-behaved world. Once is whole in continuous integration; twice, by hand (`SLICE=twice`).

use satkeeper_core::lifecycle::*;

use super::catalogue::{KEY, MINTS, NOBODY, REFRESHES, budgets, sleepless, without_jitter};
use super::slices::{Ends, Slice};

/// A group, and how a slice comes to have it.
type Group = (&'static str, fn(Slice) -> Slice);

const GROUPS: [Group; 18] = [
    ("failures", |slice| Slice { failures: true, ..slice }),
    ("refusals", |slice| Slice { refusals: true, ..slice }),
    ("retry-after", |slice| Slice { failures: true, retry_after: true, ..slice }),
    ("hostile", |slice| Slice { hostile: true, ..slice }),
    ("scopes", |slice| Slice { scopes: vec![true, false], no_key: true, ..slice }),
    ("ends", |slice| Slice { ends_as: vec![Ends::Hint, Ends::Assumed, Ends::Never], ..slice }),
    ("restated", |slice| Slice { restates: true, ..slice }),
    ("clocks", |slice| Slice { offsets: vec![0, 4], ends_as: vec![Ends::Time], ..slice }),
    ("sleep", |slice| sleepless(Slice { jumps: vec![6], late: true, ..slice })),
    ("late", |slice| Slice { late_answers: true, ..slice }),
    ("deaths", |mut slice| {
        slice.starts.iter_mut().for_each(|(_, start)| start.durable = true);
        Slice { deaths: true, ..slice }
    }),
    ("socket", |slice| Slice { socket: true, ..slice }),
    ("doubt", |slice| Slice { doubt: true, network: true, ..slice }),
    ("asks", |slice| Slice { asks: true, ..slice }),
    ("updates", |slice| Slice { updates: true, ..slice }),
    ("providers", |slice| Slice { providers: true, ..slice }),
    ("rest", |slice| Slice { rest: true, ends: true, ..slice }),
    ("budgets", budgets),
];

/// The ways to start.
const STARTS: [(&str, ProviderFacts, KeyFacts); 5] = [
    ("nobody", NOBODY, KeyFacts::Unavailable),
    ("provider", REFRESHES, KeyFacts::Unavailable),
    ("bound", NOBODY, KEY),
    ("both", REFRESHES, KEY),
    ("mints", MINTS, KeyFacts::Auto),
];

/// Whoever is asked answers before time goes on, in order.
fn calm(name: String, provider: ProviderFacts, key: KeyFacts) -> Slice {
    // A name for as long as the search: a test's memory ends with it.
    let slice = Slice::new(Box::leak(name.into_boxed_str()), provider, key, true);
    let slice = Slice { prompt: true, in_order: true, ..without_jitter(slice) };
    Slice { most_edges: 300_000, twin_every: 101, alike_for: 3, ..slice }
}

/// Each two groups, for each way to start.
pub fn each_two() -> Vec<Slice> {
    let mut all = Vec::new();
    for (start, provider, key) in STARTS {
        for (place, (name, first)) in GROUPS.iter().enumerate() {
            for (other, second) in &GROUPS[place + 1..] {
                all.push(second(first(calm(format!("pair {start}, {name}, {other}"), provider, key))));
            }
        }
    }
    all
}

/// All groups together, for each way to start; but so many things at most come otherwise than from a well-behaved
/// world, and then everything goes well for ever.
pub fn disturbed((often, times): (&str, u8)) -> [Slice; 5] {
    STARTS.map(|(start, provider, key)| {
        let slice = calm(format!("disturbed {often}, {start}"), provider, key);
        let slice = GROUPS.iter().fold(slice, |slice, (_, group)| group(slice));
        let ends_as = vec![Ends::Life, Ends::Time, Ends::Both, Ends::Hint, Ends::Assumed, Ends::Never];
        Slice { ends_as, prompt: false, disturbances: Some(times), most_edges: 5_000_000, ..slice }
    })
}
