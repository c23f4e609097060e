//! Every state of a slice of the machine is reached, and each edge is checked: `check()`, R29, places, progress,
//! early and stale inputs, the teardown last (`rules.rs`, `records.rs`); equal classes have equal successors; a
//! well-behaved server brings every state live or over. Printed: states, edges, depth, time, digest.
//!
//! `EDGES=2000000 SLICE=both cargo test --release -p satkeeper-core --test model -- --nocapture`
//! goes deeper. `SLICE=twice` searches all that two disturbances of whatever kinds can do, `SLICE=pair` each two
//! groups of inputs together (`groups.rs`), which is more than a continuous integration has time for.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use crate::catalogue::{catalogue, everything, readable};
use crate::groups::{disturbed, each_two};
use crate::*;

/// How often everything may be disturbed; once is searched always.
const BY_HAND: [(&str, u8); 2] = [("twice", 2), ("thrice", 3)];

/// Searches; proves liveness and that the canonical form is a bisimulation; says what was seen.
fn explore(slice: &Slice) -> (Graph, String) {
    let began = Instant::now();
    let graph = search(slice, |_, _| {});
    let searched = began.elapsed();
    let (stuck, steps) = liveness::stuck(&graph, graph.expanded);
    if let Some(state) = stuck.first() {
        panic!("{}: with a well-behaved server neither live nor over:\n{}", slice.name, graph.story(*state));
    }
    let mut compared = 0;
    for (state, twin) in &graph.twins {
        match search::is_bisimilar(slice, &graph.states[*state as usize], twin) {
            Ok(count) => compared += count,
            Err(differs) => panic!("not a bisimulation: {differs}\n{}", graph.story(*state)),
        }
    }
    let reach = if graph.whole { "whole" } else { "cut" };
    let report = format!(
        "{:<24} {:>7} states {:>8} edges, depth {:>3}, {reach:<5}, live or over within {steps:>2}, \
         {:>6} twins, digest {:016x}",
        slice.name,
        graph.states.len(),
        graph.edges.len(),
        graph.depth,
        graph.twins.len(),
        show::digest(&graph)
    );
    eprintln!(
        "{report}, {searched:?} and {:?} for {compared} successors of twins",
        began.elapsed() - searched
    );
    (graph, report)
}

// proves R10, R14, R25, R27, R29: every state, every edge, of each slice
#[test]
fn every_slice() {
    let edges = std::env::var("EDGES").ok().map(|edges| edges.parse().expect("a number"));
    let only = std::env::var("SLICE").unwrap_or_default();
    let slices: Vec<Slice> = catalogue()
        .into_iter()
        .chain((only == "everything").then(everything))
        .chain(disturbed(("once", 1)))
        .chain(BY_HAND.into_iter().filter(|(often, _)| only.contains(often)).flat_map(disturbed))
        .chain(only.starts_with("pair").then(each_two).into_iter().flatten())
        .filter(|slice| slice.name.contains(&only))
        .map(|slice| Slice { most_edges: edges.unwrap_or(slice.most_edges), ..slice })
        .collect();
    let (map, counts) = (Mutex::new(show::Map::default()), Mutex::new(vec![String::new(); slices.len()]));
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((number, slice)) =
                    Some(next.fetch_add(1, Relaxed)).and_then(|at| Some((at, slices.get(at)?)))
                {
                    let (graph, report) = explore(slice);
                    // A pair that takes more disturbances than are allowed is no pair that cannot be.
                    if slice.disturbances.is_none() {
                        map.lock().expect("no panic").add(&graph);
                    }
                    counts.lock().expect("no panic")[number] = report;
                }
            });
        }
    });
    let (map, counts) = (map.into_inner().expect("no panic"), counts.into_inner().expect("no panic"));
    let counts = format!("# What each slice comes to (core/tests/model).\n{}\n", counts.join("\n"));
    if edges.is_none() && only.is_empty() {
        show::golden("tests/golden/counts.txt", &counts);
        if let Err(wrong) = pairs::agree(&map.met) {
            panic!("pairs of phase and input:\n{wrong}");
        }
        show::golden("docs/states.md", &map.diagram());
        show::golden_diagram("../README.md", &map.arrows());
    }
}

// proves R16 to R26 as a relation: what changes it is seen, edge by edge
#[test]
fn golden_slices() {
    for slice in readable() {
        let (graph, _) = explore(&slice);
        assert!(graph.whole && graph.edges.len() <= 50_000, "{} is to be read whole", slice.name);
        let path = format!("tests/golden/{}.txt", slice.name.replace(", ", "-").replace(' ', "-"));
        show::golden(&path, &show::relation(&graph));
    }
}
