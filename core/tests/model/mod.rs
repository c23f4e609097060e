//! A search over all states of the real `Lifecycle`, breadth first: its inputs are what a slice allows, its
//! draws branch, its numbers are those of `Policy::model()`, its states are told apart by
//! `Lifecycle::canonical`.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "a module of test files, each of which uses a part of it; a failing test is a panic; no map is iterated"
)]

pub mod liveness;
pub mod rules;
pub mod show;
pub mod slices;
pub mod world;

use std::collections::HashMap;

use satkeeper_core::lifecycle::model::Budget;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;
use satkeeper_core::{Now, Tick};

pub use slices::Slice;
pub use world::Letter;

/// When everything begins, on the wall clock: far from zero, and far from where seconds and milliseconds
/// are told apart.
pub const EPOCH: u64 = 1_800_000_000_000;

/// When an input comes, relative to the deadline `t` that the machine asked to be woken at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moment {
    /// Together with the step before.
    Now,
    /// One unit before the deadline.
    Before,
    /// Exactly at it.
    At,
    /// One unit late.
    After,
    /// Later than `Policy::jump`: the machine must suspect sleep.
    Late,
}

impl Moment {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Before => "t-1",
            Self::At => "t",
            Self::After => "t+1",
            Self::Late => "t+5",
        }
    }

    /// When that is; `None` where it would be another moment once more.
    fn of(self, now: u64, wake: Option<u64>) -> Option<u64> {
        match self {
            Self::Now => Some(now),
            Self::Before => wake.map(|at| at - 1).filter(|at| *at > now),
            Self::At => wake,
            Self::After => wake.map(|at| at + 1),
            Self::Late => wake.map(|at| at + 5),
        }
    }
}

/// A state that has been reached, by the first machine that reached it.
pub struct State {
    pub machine: Lifecycle,
    pub now: u64,
    pub depth: u32,
    pub line: String,
    /// The edge that first led here; none to the start.
    pub by: Option<u32>,
}

impl State {
    pub fn phase(&self) -> Phase {
        self.machine.status().phase
    }

    pub fn is_over(&self) -> bool {
        matches!(self.phase(), Phase::Over(_))
    }

    pub fn wake(&self) -> Option<u64> {
        self.machine.why().filter(|_| !self.is_over()).map(|why| why.at.0)
    }
}

/// One edge, to keep.
#[derive(Clone, Copy)]
pub struct Edge {
    pub from: u32,
    pub to: u32,
    pub moment: Moment,
    /// Of [`Graph::words`].
    pub letter: u32,
    pub outputs: u32,
    /// Which draws were the greatest.
    pub draws: u16,
    /// What a well-behaved server and network do.
    pub well: bool,
}

/// One edge, as it is gone along.
pub struct Going<'a> {
    pub before: &'a State,
    pub at: u64,
    pub moment: Moment,
    pub letter: &'a Letter,
    pub step: &'a Step,
    pub after: &'a Lifecycle,
    pub line: &'a str,
}

pub struct Graph {
    pub slice: &'static str,
    pub states: Vec<State>,
    pub edges: Vec<Edge>,
    pub words: Vec<String>,
    /// All that is reachable has been reached.
    pub whole: bool,
    pub depth: u32,
    /// How many states have had all their edges followed.
    pub expanded: usize,
    /// Another member of a class that was known, with the state that stands for it.
    pub twins: Vec<(u32, Lifecycle, u64)>,
    word_of: HashMap<String, u32>,
    known: HashMap<String, u32>,
}

impl Graph {
    pub fn word(&mut self, text: &str) -> u32 {
        if let Some(known) = self.word_of.get(text) {
            return *known;
        }
        let number = self.words.len() as u32;
        self.words.push(text.to_owned());
        self.word_of.insert(text.to_owned(), number);
        number
    }

    fn add(&mut self, state: State) -> (u32, bool) {
        if let Some(known) = self.known.get(&state.line) {
            return (*known, false);
        }
        let number = self.states.len() as u32;
        self.known.insert(state.line.clone(), number);
        self.depth = self.depth.max(state.depth);
        self.states.push(state);
        (number, true)
    }

    /// How a state was reached, one line for each step.
    pub fn story(&self, state: u32) -> String {
        let mut lines = Vec::new();
        let mut at = Some(state);
        while let Some(number) = at {
            let state = &self.states[number as usize];
            lines.push(format!("      {}", state.line));
            if let Some(edge) = state.by.map(|edge| self.edges[edge as usize]) {
                let (letter, outputs) =
                    (&self.words[edge.letter as usize], &self.words[edge.outputs as usize]);
                lines.push(format!("{:>4} {letter} (at {}) → {outputs}", state.now, edge.moment.name()));
                at = Some(edge.from);
            } else {
                at = None;
            }
        }
        lines.reverse();
        lines.join("\n")
    }
}

/// All that one input can come to: one result for each way that the draws can fall.
pub fn results(
    slice: &Slice,
    machine: &Lifecycle,
    now: Now,
    letter: &Letter,
    mut each: impl FnMut(Vec<bool>, Lifecycle, Step, String),
) {
    let mut scripts = vec![Vec::new()];
    let mut seen: Vec<(String, Step)> = Vec::new();
    while let Some(script) = scripts.pop() {
        let mut next = machine.clone();
        if let Some((exchanges, sockets)) = letter.budgets {
            next.govern(exchanges, sockets);
        }
        next.script_draws(script.clone());
        let step = next.step(now, letter.input.clone());
        for used in script.len()..next.draws_used() {
            let mut other = script.clone();
            other.resize(used, false);
            other.push(true);
            scripts.push(other);
        }
        // Draws that make no difference are no branch.
        let line = next.canonical(slice.view());
        if !seen.iter().any(|(known, same)| *known == line && *same == step) {
            seen.push((line.clone(), step.clone()));
            each(script, next, step, line);
        }
    }
}

pub fn clock(at: u64) -> Now {
    Now::new(at, EPOCH + at)
}

/// Searches a slice; calls `visit` on each edge.
pub fn search(slice: &Slice, mut visit: impl FnMut(&Graph, &Going<'_>)) -> Graph {
    let mut graph = Graph {
        slice: slice.name,
        states: Vec::new(),
        edges: Vec::new(),
        words: Vec::new(),
        whole: true,
        depth: 0,
        expanded: 0,
        twins: Vec::new(),
        word_of: HashMap::new(),
        known: HashMap::new(),
    };
    let machine = Lifecycle::new(slice.policy(), &Seed::from_bytes([0; 32]));
    let line = machine.canonical(slice.view());
    graph.add(State { machine, now: 0, depth: 0, line, by: None });
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
    let (machine, now, depth, wake) = {
        let state = &graph.states[from as usize];
        if state.is_over() {
            rules::nothing_follows_the_end(state);
            return;
        }
        (state.machine.clone(), state.now, state.depth, state.wake())
    };
    rules::early_and_stale_change_nothing(slice, &machine, now, wake);
    for (moment, letter) in world.letters(slice, &machine, wake) {
        let Some(at) = moment.of(now, wake) else { continue };
        results(slice, &machine, clock(at), &letter, |draws, after, step, line| {
            let outputs = after.describe(&step, slice.view());
            let going = Going {
                before: &graph.states[from as usize],
                at,
                moment,
                letter: &letter,
                step: &step,
                after: &after,
                line: &line,
            };
            if let Err(broken) = rules::on_edge(&going) {
                panic!(
                    "{broken}\n{}\n{at:>4} {} (at {}) → {outputs}\n      {line}",
                    graph.story(from),
                    letter.name,
                    moment.name()
                );
            }
            visit(graph, &going);
            let (letter_word, outputs) = (graph.word(&letter.name), graph.word(&outputs));
            let state =
                State { machine: after, now: at, depth: depth + 1, line, by: Some(graph.edges.len() as u32) };
            let twin = (state.machine.clone(), state.now);
            let (to, new) = graph.add(state);
            let draws = draws.iter().rev().fold(0, |bits, bit| (bits << 1) | u16::from(*bit));
            graph.edges.push(Edge {
                from,
                to,
                moment,
                letter: letter_word,
                outputs,
                draws,
                well: letter.well
                    && moment != Moment::After
                    && moment != Moment::Late
                    && moment != Moment::Before,
            });
            // A member in so many, by a fixed rule, so that each run is the same.
            if !new && graph.edges.len().is_multiple_of(slice.twin_every) {
                graph.twins.push((to, twin.0, twin.1));
            }
        });
    }
}

/// Successors of two members of a class fall in equal classes, with equal outputs: what the search is built
/// on.
pub fn is_bisimilar(
    slice: &Slice,
    graph: &Graph,
    state: u32,
    twin: &Lifecycle,
    now: u64,
) -> Result<usize, String> {
    let first = &graph.states[state as usize];
    let wake = twin.why().map(|why| why.at.0).filter(|_| !first.is_over());
    let relative = |at: Option<u64>, now: u64| at.map(|at| at - now);
    if relative(first.wake(), first.now) != relative(wake, now) {
        return Err(format!("they wake at different times: {}", first.line));
    }
    if first.is_over() {
        return Ok(0);
    }
    let mut compared = 0;
    let successors = |machine: &Lifecycle, now: u64, wake: Option<u64>| {
        let mut all = Vec::new();
        for (moment, letter) in world::World::apart().letters(slice, machine, wake) {
            let Some(at) = moment.of(now, wake) else { continue };
            results(slice, machine, clock(at), &letter, |draws, after, step, line| {
                // Of what is due in one moment the order may differ with when it became due.
                let outputs = after.describe(&step, slice.view());
                let mut outputs: Vec<String> = outputs.split("; ").map(str::to_owned).collect();
                outputs.sort_unstable();
                all.push((moment, letter.name.clone(), draws, outputs, line));
            });
        }
        all
    };
    let (ours, theirs) = (successors(&first.machine, first.now, first.wake()), successors(twin, now, wake));
    if ours.len() != theirs.len() {
        return Err(format!("{} and {} successors of {}", ours.len(), theirs.len(), first.line));
    }
    for (one, other) in ours.iter().zip(&theirs) {
        compared += 1;
        if one != other {
            return Err(format!("{}\n{one:?}\n{other:?}", first.line));
        }
    }
    Ok(compared)
}

/// FNV-1a: a digest that is the same everywhere.
pub fn digest(parts: impl Iterator<Item = String>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([b'\n']) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

pub const GRANTED: (Budget, Budget) = (Budget::Full, Budget::Full);

pub fn tick_of(at: u64) -> Tick {
    Tick(at)
}
