//! What has been reached, and on which ways.

use std::collections::HashMap;

use satkeeper_core::lifecycle::*;

use super::{Letter, Moment};

/// A state that has been reached, by the first machine that reached it.
#[derive(Clone)]
pub struct State {
    pub machine: Lifecycle,
    pub now: u64,
    /// How far the wall clock has been set since the beginning.
    pub wall: i64,
    pub depth: u32,
    /// How many disturbances have befallen it, where they are counted.
    pub disturbed: u8,
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
    pub after: &'a State,
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
    /// Other members of classes that were known, with the state that stands for each.
    pub twins: Vec<(u32, State)>,
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

    pub fn new(slice: &'static str) -> Self {
        Self {
            slice,
            states: Vec::new(),
            edges: Vec::new(),
            words: Vec::new(),
            whole: true,
            depth: 0,
            expanded: 0,
            twins: Vec::new(),
            word_of: HashMap::new(),
            known: HashMap::new(),
        }
    }

    /// The state of this line, if it has been reached.
    pub fn find(&self, line: &str) -> Option<u32> {
        self.known.get(line).copied()
    }

    /// A state that has not been reached before.
    pub fn add(&mut self, state: State) -> u32 {
        let number = self.states.len() as u32;
        self.known.insert(state.line.clone(), number);
        self.depth = self.depth.max(state.depth);
        self.states.push(state);
        number
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
