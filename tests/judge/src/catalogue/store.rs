//! What is kept, and who keeps it.

use super::draft::{Draft, Mechanism};
use super::tokens::rotating;
use super::{HOUR, MINUTE, ROW, Row, SECOND, SHORTER};
use crate::timeline::Ms;
use crate::world::{Awake, Health, Store};

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 38,
        name: "killed and restarted",
        why: "A deployment, a crash or a phone's system ends the process, and nobody wants to log in again.",
        allowed: "2 + c",
        session_only: true,
        joins: true,
        lay: |draft| {
            draft.world.facts.durable = true;
            let every = draft.draws.span(5 * SECOND, HOUR);
            let spells = draft.spells_apart((every / 2, every * 3 / 2), (100, 30 * SECOND));
            draft.world.awake = draft.world.awake.changed(&spells, |_, _| Awake::Dead);
            draft.bound.avoidable = 2 * SECOND + draft.c;
        },
        ..ROW
    },
    Row {
        number: 39,
        name: "store slow, or failing, rotating",
        why: "A full disk or a slow one must not cost a session whose holder is certain of it.",
        allowed: "0 if the lease is certain",
        mechanisms: &[Mechanism::Refresh, Mechanism::RefreshAndMint],
        session_only: true,
        lay: |draft| {
            rotating(draft);
            if draft.draws.once_in(2) {
                draft.world.store =
                    draft.world.store.changed(&[(0, Ms::MAX)], |_, was| Store { takes: 2 * SECOND, ..*was });
            }
            let spells = draft.spells(SECOND, 3 * HOUR);
            draft.world.store =
                draft.world.store.changed(&spells, |_, was| Store { health: Health::Fails, ..*was });
        },
        ..ROW
    },
    Row {
        number: 40,
        name: "stopped and taken over; failover that loses writes",
        why: "Whoever was stopped while another has taken over must be out, and a store may forget what it promised.",
        allowed: "6",
        lives: SHORTER,
        mechanisms: &[Mechanism::RefreshAndMint],
        session_only: true,
        lay: |draft| {
            rotating(draft);
            if draft.draws.once_in(2) {
                taken_over(draft);
            } else {
                failing_over(draft);
            }
        },
        ..ROW
    },
];

/// Somebody else holds the session while this process is stopped; it finds out when it writes next, at the latest for
/// its next renewal. What the other one does is another world.
fn taken_over(draft: &mut Draft) {
    let from = draft.draws.between(10 * SECOND, 2 * draft.life);
    let to = from + draft.draws.span(4 * SECOND, 10 * MINUTE);
    draft.world.awake = draft.world.awake.changed(&[(from, to)], |_, _| Awake::Stopped);
    draft.world.store =
        draft.world.store.changed(&[(from, Ms::MAX)], |_, was| Store { health: Health::Taken, ..*was });
    let latest = to + draft.life + 30 * SECOND;
    draft.world.length = latest + MINUTE;
    draft.bound.ends = Some((to, latest));
    // The user is served by the other one from then on.
    draft.bound.avoidable = draft.world.length - from;
}

/// The process ends, the writes of the last minutes are gone, and another one goes on from what there was.
fn failing_over(draft: &mut Draft) {
    let spells = draft.spells_apart((2 * MINUTE, HOUR), (SECOND, 4 * SECOND));
    let lost: Vec<(Ms, Ms)> = spells.iter().map(|(from, _)| (from.saturating_sub(MINUTE), *from)).collect();
    draft.world.store = draft.world.store.changed(&lost, |_, was| Store { health: Health::Loses, ..*was });
    draft.world.awake = draft.world.awake.changed(&spells, |_, _| Awake::Dead);
    draft.bound.avoidable = 6 * SECOND;
}
