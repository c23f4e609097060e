//! The graph as text, compared with what is committed. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use super::{Edge, Graph};

/// One edge in one line: when, what happens, what the machine does and when it wakes, where that leads.
fn edge(graph: &Graph, edge: &Edge) -> String {
    let (letter, outputs) = (&graph.words[edge.letter as usize], &graph.words[edge.outputs as usize]);
    let late = if edge.draws == 0 { String::new() } else { format!(" draws {:b}", edge.draws) };
    let to = edge.to + 1;
    format!("{:>4}  {letter}{late} → {outputs} ⇒ {to}", edge.moment.name())
}

/// The whole relation: each state, and below it each of its edges.
pub fn relation(graph: &Graph) -> String {
    let mut text = format!(
        "# {}: {} states, {} edges. Written by core/tests/lifecycle_model.rs (UPDATE_GOLDEN=1).\n\
         # Times in units, relative to now; t is the deadline shown as @+n before it. A tick at t-1 does nothing.\n",
        graph.slice,
        graph.states.len(),
        graph.edges.len()
    );
    let mut edges = graph.edges.iter().peekable();
    for (number, state) in graph.states.iter().enumerate() {
        let _ = write!(text, "\n{} {}\n", number + 1, state.line);
        while let Some(next) = edges.next_if(|edge| edge.from as usize == number) {
            let _ = writeln!(text, "{}", edge(graph, next));
        }
    }
    text
}

/// A digest of the whole relation.
pub fn digest(graph: &Graph) -> u64 {
    let states = graph.states.iter().map(|state| state.line.clone());
    let edges = graph.edges.iter().map(|one| format!("{} {}", one.from, edge(graph, one)));
    super::digest(states.chain(edges))
}

/// Which phase leads to which, and by what; which input was met in which phase.
#[derive(Default)]
pub struct Map {
    pub arrows: BTreeMap<(&'static str, &'static str), BTreeSet<String>>,
    pub met: BTreeSet<(&'static str, String)>,
    pub inputs: BTreeSet<String>,
}

/// All phases, in the order of a life.
pub const PHASES: [&str; 9] =
    ["idle", "minting", "connecting", "live", "reconnecting", "expired", "suspended", "ending", "over"];

impl Map {
    pub fn add(&mut self, graph: &Graph) {
        let phases: Vec<&'static str> = graph.states.iter().map(|state| state.phase().name()).collect();
        for edge in &graph.edges {
            let (from, to) = (phases[edge.from as usize], phases[edge.to as usize]);
            let letter = graph.words[edge.letter as usize].split(", no ").next().unwrap_or_default();
            let letter = letter.split(", reserve").next().unwrap_or_default().trim().to_owned();
            self.met.insert((from, letter.clone()));
            self.inputs.insert(letter.clone());
            if from != to {
                self.arrows.entry((from, to)).or_default().insert(letter);
            }
        }
    }

    /// `core/docs/states.md`.
    pub fn diagram(&self) -> String {
        let mut text = String::from(
            "# From phase to phase\n\n\
             Every way there is from one phase of `Lifecycle` to another in the searched slices, and what leads along it. Written\n\
             by `core/tests/lifecycle_model.rs` (`UPDATE_GOLDEN=1`), compared by the same test. `tick`: a deadline.\n\n\
             ```mermaid\nstateDiagram-v2\n",
        );
        for (from, to) in self.arrows.keys() {
            let _ = writeln!(text, "    {from} --> {to}");
        }
        text.push_str("```\n\n| from | to | by |\n|---|---|---|\n");
        for from in PHASES {
            for to in PHASES {
                if let Some(by) = self.arrows.get(&(from, to)) {
                    let by: Vec<&str> = by.iter().map(String::as_str).collect();
                    let _ = writeln!(text, "| {from} | {to} | {} |", by.join("; "));
                }
            }
        }
        text
    }

    /// The pairs of phase and input that no slice has met.
    pub fn unmet(&self) -> String {
        let mut text = String::from(
            "# Pairs of phase and input that no searched slice meets. Answers are left out where a phase has no such\n\
             # command open; nothing is put in while it is idle but a start, nor after the end.\n",
        );
        for phase in PHASES {
            if matches!(phase, "idle" | "over") {
                continue;
            }
            let unmet: Vec<&str> = self
                .inputs
                .iter()
                .filter(|input| !input.starts_with("start") && !self.met.contains(&(phase, (*input).clone())))
                .map(String::as_str)
                .collect();
            let _ = writeln!(text, "\n{phase}: {}", unmet.join("; "));
        }
        text
    }
}

/// Compares with what is committed.
pub fn golden(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("written");
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    if known == text {
        return;
    }
    let (mut ours, mut theirs) = (text.lines(), known.lines());
    let mut line = 0;
    loop {
        line += 1;
        let (one, other) = (ours.next(), theirs.next());
        if one != other || one.is_none() {
            panic!(
                "{}:{line} has changed (UPDATE_GOLDEN=1 writes it anew):\n  was {}\n  is  {}",
                path.display(),
                other.unwrap_or("nothing"),
                one.unwrap_or("nothing")
            );
        }
    }
}
