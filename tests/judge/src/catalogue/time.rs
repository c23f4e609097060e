//! Clocks, and what a host does with its time.

use super::draft::{Draft, Mechanism};
use super::{HOUR, LIVES, MINUTE, ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Awake, Ends, Instant, Outcome};

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 32,
        name: "sleep, and naps of 4.9 in 10 s",
        why: "A laptop that is opened again has an hour less than its clocks say.",
        allowed: "5",
        scarce: Some("the host sleeps"),
        joins: true,
        lay: sleeping,
        ..ROW
    },
    Row {
        number: 33,
        name: "late steps",
        why: "A busy event loop or a throttled tab comes late, and nothing may be lost over it.",
        allowed: "2",
        joins: true,
        lay: |draft| {
            let late = draft.draws.span(SECOND, MINUTE.min(draft.life / 4));
            let spells = draft.spells(10 * SECOND, 10 * MINUTE);
            draft.world.late = draft.world.late.changed(&spells, |_, _| late);
            draft.bound.avoidable = 2 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 34,
        name: "clock +- 1 h, steps, drift; hints by either clock",
        why: "The wall clock of a phone or a container is anything, and what is dated by it as well.",
        allowed: "5",
        joins: true,
        lay: clocks,
        ..ROW
    },
    Row {
        number: 35,
        name: "stored 503 or false Date, 1 to 3 in a row",
        why: "An answer out of somebody's cache is an hour old, and so is the time that it tells.",
        allowed: "0",
        joins: true,
        lay: |draft| {
            let spells = draft.spells_apart((5 * SECOND, MINUTE.max(draft.life / 8)), (SECOND, 8 * SECOND));
            draft.outcomes(&spells, |draws| Outcome::Http {
                status: 503,
                own: false,
                retry_after: draws.once_in(2).then_some(draws.span(SECOND, HOUR)),
                date_off: if draws.once_in(2) { -(HOUR as i64) } else { draws.around(2 * HOUR) },
                stored: draws.once_in(2),
            });
        },
        ..ROW
    },
    Row {
        number: 44,
        name: "proof window +- 5 s, clock off, no Date on sockets",
        why: "A server that is strict about proofs and a host that does not know the time must find together.",
        allowed: "10",
        lives: LIVES,
        mechanisms: &[Mechanism::Bound, Mechanism::BoundAndRefresh, Mechanism::BoundAndMint],
        lay: |draft| {
            draft.world.facts.window = Some(5 * SECOND);
            draft.world.facts.date_on_sockets = false;
            let off = draft.draws.span(SECOND, HOUR) as i64;
            let off = if draft.draws.once_in(2) { off } else { -off };
            draft.world.wall = draft.world.wall.changed(&[(0, Ms::MAX)], |_, _| off);
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
];

fn sleeping(draft: &mut Draft) {
    let naps = draft.draws.once_in(3);
    let spells = if naps {
        // Hours of them would be all there is.
        let until = draft.world.length.min(2 * HOUR);
        (0..until / (10 * SECOND)).map(|nap| (nap * 10_000 + 5_100, nap * 10_000 + 10_000)).collect()
    } else {
        draft.spells_apart((10 * SECOND, HOUR), (SECOND, 12 * HOUR))
    };
    draft.world.awake = draft.world.awake.changed(&spells, |_, _| Awake::Sleeps);
    for (from, to) in spells.into_iter().filter(|_| !naps) {
        // The other end rarely waits for whoever does not answer for over a minute.
        if to - from > MINUTE && !draft.draws.once_in(3) {
            draft.at(from + MINUTE, Instant::Cut);
        }
    }
    draft.bound.avoidable = 5 * SECOND;
}

fn clocks(draft: &mut Draft) {
    let off = draft.draws.around(HOUR);
    let wall = draft.world.wall.changed(&[(0, Ms::MAX)], |_, _| off);
    draft.world.wall = match draft.draws.below(3) {
        0 => wall,
        1 => {
            let spells = draft.spells_apart((10 * MINUTE, 2 * HOUR), (MINUTE, 2 * HOUR));
            let steps: Vec<i64> = spells.iter().map(|_| draft.draws.around(HOUR)).collect();
            wall.changed(&spells, |spell, _| steps[spell])
        }
        _ => {
            // Up to one part in a hundred, in either direction.
            let each = draft.draws.around(600);
            let minutes: Vec<(Ms, Ms)> = (1..draft.world.length / MINUTE)
                .map(|minute| (minute * MINUTE, (minute + 1) * MINUTE))
                .collect();
            wall.changed(&minutes, |minute, _| off + each * (minute as i64 + 1))
        }
    };
    draft.world.facts.server_clock = if draft.draws.once_in(3) { draft.draws.around(HOUR) } else { 0 };
    draft.world.facts.ends = match draft.draws.below(4) {
        0 => Ends::Hint(off),
        1 => Ends::Hint(draft.world.facts.server_clock),
        2 => Ends::Connect,
        _ => Ends::Exchange,
    };
    draft.world.facts.hints_too = draft.draws.once_in(3).then_some(off);
    draft.bound.avoidable = 5 * SECOND;
}
