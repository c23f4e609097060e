//! Three at once: what no row of its own can find.

use super::bound::Bound;
use super::draft::{Draft, Mechanism};
use super::draws::Draws;
use super::{ROW, Row, rows};
use crate::timeline::Ms;

/// Its number.
pub(super) const THREE: u8 = 45;

pub(super) static ROWS: &[Row] = &[Row {
    number: THREE,
    name: "three of these at once",
    why: "Troubles come together: what is fine for each may be fatal for two.",
    allowed: "their sum",
    scarce: Some("each of the three takes its part of the time"),
    ..ROW
}];

/// Three rows that have a life and a mechanism in common.
struct Chosen {
    rows: [&'static Row; 3],
    life: Ms,
    mechanism: Mechanism,
    draws: Draws,
}

fn choose(index: u64, seed: u64) -> Chosen {
    let mut draws = Draws::of(seed, THREE, index);
    let joining: Vec<&'static Row> = rows().into_iter().filter(|row| row.joins).collect();
    loop {
        let mut rows = [draws.pick(&joining), draws.pick(&joining), draws.pick(&joining)];
        rows.sort_by_key(|row| row.number);
        let [one, two, last] = rows;
        let shared = |life: &&Ms| two.lives.contains(life) && last.lives.contains(life);
        let lives: Vec<Ms> = one.lives.iter().filter(shared).copied().collect();
        let shared = |mechanism: &&Mechanism| {
            two.mechanisms.contains(mechanism) && last.mechanisms.contains(mechanism)
        };
        let mechanisms: Vec<Mechanism> = one.mechanisms.iter().filter(shared).copied().collect();
        let apart = one.number < two.number && two.number < last.number;
        if apart && !lives.is_empty() && !mechanisms.is_empty() {
            let (life, mechanism) = (draws.pick(&lives), draws.pick(&mechanisms));
            return Chosen { rows, life, mechanism, draws };
        }
    }
}

/// What they are called.
pub(super) fn names(index: u64, seed: u64) -> Vec<&'static str> {
    choose(index, seed).rows.iter().map(|row| row.name).collect()
}

/// The weather of three rows over one calm day, and the sum of what they may cost.
pub(super) fn three(index: u64, seed: u64) -> Draft {
    let Chosen { rows, life, mechanism, draws } = choose(index, seed);
    let mut draft = Draft::calm(THREE, draws, life, mechanism);
    let mut sum = Bound { disruptions: Some(0), ..Bound::default() };
    for row in rows {
        draft.bound = Bound::default();
        (row.lay)(&mut draft);
        sum = sum.and(&draft.bound);
    }
    draft.bound = sum;
    draft
}
