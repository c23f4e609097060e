//! The run: sessions of each row for each machine, on all cores. How many threads there are decides nothing.

mod machine;
mod score;
mod size;

pub use machine::Machine;
pub use score::{Failure, KINDS, Score};
pub use size::Size;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::catalogue::bound::{Bound, seconds};
use crate::catalogue::{Row, draw};
use crate::oracle::judge;
use crate::play::play;
use crate::timeline::Ms;
use crate::verdict::Verdict;
use crate::world::World;

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rows.
    pub rows: Vec<&'static Row>,
    /// The machines.
    pub machines: Vec<Machine>,
    /// How many sessions.
    pub size: Size,
    /// Which.
    pub seed: u64,
    /// On so many cores.
    pub threads: usize,
}

/// What one machine made of one row.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The machine's name.
    pub machine: &'static str,
    /// The row.
    pub row: &'static Row,
    /// In figures.
    pub score: Score,
}

/// Plays one session, and judges it.
#[must_use]
pub fn one(machine: Machine, row: &Row, index: u64, seed: u64) -> Option<(Bound, World, Verdict)> {
    let (world, bound) = draw(row, index, seed);
    let mut client = machine.client(row, &world)?;
    let log = play(&world, client.as_mut());
    let verdict = judge(&world, &log);
    Some((bound, world, verdict))
}

/// Plays all of them: a cell for each row and machine that has a part in it.
#[must_use]
pub fn run(plan: &Plan) -> Vec<Cell> {
    let mut units: Vec<(Machine, &'static Row, Range<u64>)> = Vec::new();
    for row in &plan.rows {
        for machine in plan.machines.iter().filter(|machine| machine.has_part_in(row)) {
            let sessions = plan.size.sessions(row, *machine, plan.seed);
            let step = if row.together > 1 { row.together as usize } else { 4 };
            for from in (0..sessions).step_by(step) {
                units.push((*machine, row, from..(from + step as u64).min(sessions)));
            }
        }
    }
    let next = AtomicUsize::new(0);
    let mut parts: Vec<(usize, Score)> = std::thread::scope(|scope| {
        let numbered = || {
            let mut done = Vec::new();
            loop {
                let unit = next.fetch_add(1, Ordering::Relaxed);
                let Some((machine, row, sessions)) = units.get(unit) else { return done };
                done.push((unit, some(*machine, row, sessions.clone(), plan.seed)));
            }
        };
        let threads: Vec<_> = (0..plan.threads.max(1)).map(|_| scope.spawn(numbered)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    parts.sort_by_key(|(unit, _)| *unit);
    let mut cells: Vec<Cell> = Vec::new();
    for (unit, score) in parts {
        let (machine, row, _) = &units[unit];
        match cells.last_mut().filter(|cell| cell.row.number == row.number && cell.machine == machine.name())
        {
            Some(cell) => cell.score.add(&score),
            None => cells.push(Cell { machine: machine.name(), row, score }),
        }
    }
    cells
}

/// Some sessions of a row: a whole herd, where they belong together.
fn some(machine: Machine, row: &'static Row, sessions: Range<u64>, seed: u64) -> Score {
    let mut score = Score::default();
    let mut herd = Herd::default();
    for index in sessions {
        if let Some((bound, world, verdict)) = one(machine, row, index, seed) {
            score.session(index, bound.broken(&verdict), world.length, &verdict);
            herd.member(index, &bound, &verdict);
        }
    }
    if let Some((index, what)) = herd.broken() {
        score.fails(index, what);
    }
    score
}

/// How many of a herd ask for a socket in the same second.
#[derive(Debug, Default)]
struct Herd {
    allowed: Option<(Ms, u32)>,
    members: u32,
    seconds: std::collections::BTreeMap<Ms, (u32, u64)>,
}

impl Herd {
    fn member(&mut self, index: u64, bound: &Bound, verdict: &Verdict) {
        let Some((from, _)) = bound.herd else { return };
        self.allowed = bound.herd;
        self.members += 1;
        for at in verdict.opened_at.iter().filter(|at| **at >= from) {
            self.seconds.entry((at - from) / 1_000).or_insert((0, index)).0 += 1;
        }
    }

    fn broken(&self) -> Option<(u64, String)> {
        let (from, percent) = self.allowed?;
        let (second, (opens, index)) = self.seconds.iter().max_by_key(|(_, (opens, _))| *opens)?;
        (opens * 100 > percent * self.members).then(|| {
            let when = seconds(from + second * 1_000);
            (
                *index,
                format!(
                    "{opens} of {} ask for a socket in the second from {when}, {percent} % allowed",
                    self.members
                ),
            )
        })
    }
}
