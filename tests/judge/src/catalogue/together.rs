//! Three at once: what no row of its own can find.

use super::draft::Draft;
use super::draws::Draws;
use super::{ROW, Row, rows};

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

/// The weather of three rows over one calm day, and the sum of what they may cost.
pub(super) fn three(index: u64, seed: u64) -> Draft {
    let mut draws = Draws::of(seed, THREE, index);
    let joining: Vec<&'static Row> = rows().into_iter().filter(|row| row.joins).collect();
    loop {
        let mut three = [draws.pick(&joining), draws.pick(&joining), draws.pick(&joining)];
        three.sort_by_key(|row| row.number);
        let [one, two, last] = three;
        if one.number == two.number || two.number == last.number {
            continue;
        }
        let common = |row: &Row| (row.lives.to_vec(), row.mechanisms.to_vec());
        let (mut lives, mut mechanisms) = common(one);
        for other in [two, last] {
            lives.retain(|life| other.lives.contains(life));
            mechanisms.retain(|mechanism| other.mechanisms.contains(mechanism));
        }
        if lives.is_empty() || mechanisms.is_empty() {
            continue;
        }
        let (life, mechanism) = (draws.pick(&lives), draws.pick(&mechanisms));
        let mut draft = Draft::calm(THREE, draws, life, mechanism);
        let mut sum = super::Bound { disruptions: Some(0), ..super::Bound::default() };
        for row in three {
            draft.bound = super::Bound::default();
            (row.lay)(&mut draft);
            sum = sum.and(&draft.bound);
        }
        draft.bound = sum;
        return draft;
    }
}
