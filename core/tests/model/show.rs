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
        "# {}: {} states, {} edges. Written by core/tests/model (UPDATE_GOLDEN=1).\n\
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
    /// Inputs by kind: whatever came of a command is one.
    pub met: BTreeSet<(&'static str, String)>,
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
            let kind = letter.split(':').next().unwrap_or_default();
            let kind = kind.split(" +").next().unwrap_or_default().split(" -").next().unwrap_or_default();
            self.met.insert((from, kind.to_owned()));
            // A process that begins anew is another story (R30).
            if from != to && !kind.starts_with("process dies") {
                self.arrows.entry((from, to)).or_default().insert(letter);
            }
        }
    }

    /// The arrows alone, as a diagram.
    pub fn arrows(&self) -> String {
        let mut text = String::from("```mermaid\nstateDiagram-v2\n");
        for (from, to) in self.arrows.keys() {
            let _ = writeln!(text, "    {from} --> {to}");
        }
        text.push_str("```\n");
        text
    }

    /// `core/docs/states.md`.
    pub fn diagram(&self) -> String {
        let mut text = String::from(
            "# From phase to phase\n\n\
             Every way there is from one phase of `Lifecycle` to another in the searched slices, and what leads along it. Written\n\
             by `core/tests/model` (`UPDATE_GOLDEN=1`), compared by the same test. Causes are grouped by whose they are; of an\n\
             answer stands how it came out, and not what ends and times it told. `a deadline`: of any kind.\n\n",
        );
        text.push_str(&self.arrows());
        text.push_str("\n| from | to | the application | answers | the connection | time |\n|---|---|---|---|---|---|\n");
        for from in PHASES {
            for to in PHASES {
                if let Some(by) = self.arrows.get(&(from, to)) {
                    let _ = writeln!(text, "| {from} | {to} | {} |", Causes::of(by).cells().join(" | "));
                }
            }
        }
        text
    }
}

/// What leads along one arrow, by whose it is.
#[derive(Default)]
struct Causes<'a> {
    application: BTreeSet<&'a str>,
    /// By command, how its answers came out.
    answers: BTreeMap<&'a str, BTreeSet<&'a str>>,
    connection: BTreeSet<&'a str>,
    time: BTreeSet<&'a str>,
}

impl<'a> Causes<'a> {
    fn of(letters: &'a BTreeSet<String>) -> Self {
        let mut causes = Self::default();
        for letter in letters {
            match letter.split_once(": ") {
                Some((command, outcome)) => {
                    causes.answers.entry(command).or_default().insert(outcome_of(outcome));
                }
                None if letter == "tick" => drop(causes.time.insert("a deadline")),
                None if ["restart", "socket", "parting"].iter().any(|it| letter.starts_with(it)) => {
                    causes.connection.insert(letter);
                }
                None => drop(causes.application.insert(letter)),
            }
        }
        causes
    }

    fn cells(&self) -> [String; 4] {
        let listed = |words: &BTreeSet<&str>, by| words.iter().copied().collect::<Vec<_>>().join(by);
        let list = |words| listed(words, "; ");
        let answers =
            self.answers.iter().map(|(command, outcomes)| format!("{command}: {}", listed(outcomes, ", ")));
        let answers = answers.collect::<Vec<_>>().join("; ");
        [list(&self.application), answers, list(&self.connection), list(&self.time)]
    }
}

/// How an answer came out, without the ends and times that it told.
fn outcome_of(outcome: &str) -> &str {
    let told = [" for ", " until ", " without ", " about ", " by ", ", "];
    let end = told.iter().filter_map(|mark| outcome.find(mark)).min().unwrap_or(outcome.len());
    outcome.get(..end).unwrap_or(outcome)
}

/// Compares the diagram within a document with what is committed.
pub fn golden_diagram(path: &str, diagram: &str) {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("it is there");
    let text = text.replace("\r\n", "\n");
    let (before, rest) = text.split_once("```mermaid\n").expect("a diagram");
    let (_, after) = rest.split_once("```\n").expect("its end");
    golden(path, &format!("{before}{diagram}{after}"));
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
