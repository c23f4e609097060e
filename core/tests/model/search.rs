//! The search itself.

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

use super::slices::Slice;
use super::{BEGIN, Edge, Going, Graph, Letter, Moment, State, records, rules, world};

/// All that one letter can come to: one result for each way that the draws can fall.
pub fn results(
    slice: &Slice,
    state: &State,
    at: u64,
    letter: &Letter,
    mut each: impl FnMut(Vec<bool>, State, Step),
) {
    let mut scripts = vec![Vec::new()];
    let mut seen: Vec<(String, Step)> = Vec::new();
    while let Some(script) = scripts.pop() {
        let (machine, step) = letter.step(slice, &state.machine, at, state.wall, script.clone());
        for used in script.len()..machine.draws_used() {
            let mut other = script.clone();
            other.resize(used, false);
            other.push(true);
            scripts.push(other);
        }
        let wall = state.wall + letter.wall;
        let disturbed = state.disturbed + u8::from(slice.disturbances.is_some() && !letter.well);
        let line = line(slice, &machine, wall, disturbed);
        // Draws that make no difference are no branch.
        if !seen.iter().any(|(known, same)| *known == line && *same == step) {
            seen.push((line.clone(), step.clone()));
            each(
                script,
                State { machine, now: at, wall, depth: state.depth + 1, disturbed, line, by: None },
                step,
            );
        }
    }
}

/// A state of the machine and of its world.
fn line(slice: &Slice, machine: &Lifecycle, wall: i64, disturbed: u8) -> String {
    let mut line = machine.canonical(slice.view());
    if wall != 0 {
        line.push_str(&format!(" wall{wall:+}"));
    }
    if disturbed > 0 {
        line.push_str(&format!(" disturbed-{disturbed}"));
    }
    line
}

/// Searches a slice; calls `visit` on each edge.
pub fn search(slice: &Slice, mut visit: impl FnMut(&Graph, &Going<'_>)) -> Graph {
    let mut graph = Graph::new(slice.name);
    let machine = Lifecycle::new(slice.policy(), &Seed::from_bytes([0; 32]));
    let line = line(slice, &machine, 0, 0);
    graph.add(State { machine, now: BEGIN, wall: 0, depth: 0, disturbed: 0, line, by: None });
    let mut world = world::World::default();
    let mut at = 0;
    while at < graph.states.len() {
        if graph.edges.len() >= slice.most_edges {
            graph.whole = false;
            break;
        }
        expand(slice, &mut graph, &mut world, at as u32, &mut visit);
        at += 1;
        graph.expanded = at;
    }
    graph
}

fn expand(
    slice: &Slice,
    graph: &mut Graph,
    world: &mut world::World,
    from: u32,
    visit: &mut impl FnMut(&Graph, &Going<'_>),
) {
    let state = graph.states[from as usize].clone();
    if state.is_over() {
        rules::nothing_follows_the_end(&state);
        return;
    }
    let wake = state.wake();
    rules::early_and_stale_change_nothing(slice, &state);
    records::hold_what_is_held(slice, &state, from);
    for (moment, letter) in world.letters(slice, &state) {
        let Some(at) = moment.of(state.now, wake) else { continue };
        results(slice, &state, at, &letter, |draws, mut after, step| {
            let outputs = after.machine.describe(&step, slice.view());
            let going = Going { before: &state, at, moment, letter: &letter, step: &step, after: &after };
            if let Err(broken) = rules::on_edge(slice, &going) {
                panic!(
                    "{broken}\n{}\n{at:>4} {} (at {}) → {outputs}\n      {}",
                    graph.story(from),
                    letter.name,
                    moment.name(),
                    after.line
                );
            }
            visit(graph, &going);
            let (letter_word, outputs) = (graph.word(&letter.name), graph.word(&outputs));
            after.by = Some(graph.edges.len() as u32);
            let to = graph.find(&after.line);
            // A member in so many, by a fixed rule, so that each run is the same.
            let twin = to.is_some() && graph.edges.len() % slice.twin_every == slice.twin_every - 1;
            if let Some(to) = to.filter(|_| twin) {
                graph.twins.push((to, after.clone()));
            }
            let to = to.unwrap_or_else(|| graph.add(after));
            let draws = draws.iter().rev().fold(0, |bits, bit| (bits << 1) | u16::from(*bit));
            let well = letter.well && matches!(moment, Moment::Now | Moment::At);
            graph.edges.push(Edge { from, to, moment, letter: letter_word, outputs, draws, well });
        });
    }
}

/// Successors of two members of a class fall in equal classes, with equal outputs: what the search is built
/// on.
pub fn is_bisimilar(slice: &Slice, first: &State, twin: &State) -> Result<usize, String> {
    behave_alike(slice, first, twin, slice.alike_for)
}

/// The same; or they do the same for so many steps more.
fn behave_alike(slice: &Slice, first: &State, twin: &State, steps: usize) -> Result<usize, String> {
    let relative = |state: &State| state.wake().map(|at| at - state.now);
    if relative(first) != relative(twin) {
        return Err(format!("they wake at different times: {}\n{}", first.line, twin.line));
    }
    if first.is_over() {
        return Ok(0);
    }
    let successors = |state: &State| {
        let mut all = Vec::new();
        for (moment, letter) in world::World::apart().letters(slice, state) {
            let Some(at) = moment.of(state.now, state.wake()) else { continue };
            results(slice, state, at, &letter, |draws, after, step| {
                let outputs = after.machine.describe(&step, slice.view());
                all.push(((moment, letter.name.clone(), draws, outputs), after));
            });
        }
        all
    };
    let (ours, theirs) = (successors(first), successors(twin));
    if ours.len() != theirs.len() {
        return Err(format!("{} and {} successors of {}", ours.len(), theirs.len(), first.line));
    }
    for ((one, after), (other, theirs)) in ours.iter().zip(&theirs) {
        let differ = one != other || (steps == 0 && slice.alike_for == 0 && after.line != theirs.line);
        if differ {
            let (after, theirs) = (&after.line, &theirs.line);
            return Err(format!("{}\n{one:?} {after}\n{other:?} {theirs}", first.line));
        }
        if after.line != theirs.line && steps > 0 {
            behave_alike(slice, after, theirs, steps - 1)?;
        }
    }
    Ok(ours.len())
}
