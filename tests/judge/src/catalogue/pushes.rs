//! What becomes of a new token on the socket that serves.

use super::draft::Draft;
use super::{ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Answer, AtEnd, Ends};

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 16,
        name: "push silent or -32603 for ever",
        why: "The new token is good and does not take effect: the phase says live, and every call fails.",
        allowed: "5 a life, D 1 a life",
        lay: |draft| {
            never_taken(draft);
            draft.bound.avoidable = 5 * SECOND * draft.lives();
        },
        ..ROW
    },
    Row {
        number: 17,
        name: "push refused, connect accepts",
        why: "A server that cannot change a connection's credential has not refused the token.",
        allowed: "5, D 1 a life",
        lay: |draft| {
            not_taken(
                draft,
                &[Answer::Error(-32_002), Answer::Error(-32_003), Answer::Code(401), Answer::Error(-32_602)],
            );
            draft.bound.avoidable = 5 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 18,
        name: "push costs the socket",
        why: "Who repeats what costs the socket loses it again and again.",
        allowed: "15, D 1 a life",
        lay: |draft| {
            not_taken(draft, &[Answer::Cuts]);
            draft.bound.avoidable = 15 * SECOND;
        },
        ..ROW
    },
];

/// A push is never accepted, and there is no harm in it beyond that.
pub(super) fn never_taken(draft: &mut Draft) {
    not_taken(draft, &[Answer::Silent, Answer::Error(-32_603)]);
}

fn not_taken(draft: &mut Draft, answers: &[Answer]) {
    let answer = draft.draws.pick(answers);
    draft.pushing(answer);
    // Results of pushes tell no ends here.
    if draft.world.facts.ends == Ends::Connect {
        draft.world.facts.ends = Ends::Exchange;
    }
    if draft.world.facts.at_end == AtEnd::Refuses {
        draft.calls();
    }
    draft.bound.disruptions = Some(Ms::min(draft.lives() + 1, 1 << 20) as u32);
    draft.bound.disruption_a_life = true;
}
