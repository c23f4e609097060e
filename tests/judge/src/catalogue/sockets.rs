//! What happens to sockets, connects and resumes.

use super::draft::Draft;
use super::{HERD, HOUR, MINUTE, ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Answer, Handling, Instant, Opening};

const MINUTES_APART: (Ms, Ms) = (3 * MINUTE, HOUR);
const NONE_IS_TAKEN: &str =
    "no connect is accepted in the spells, which are most of a session with tokens of 10 s";

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 19,
        name: "connect refused, then good",
        why: "An authentication backend that is down refuses everybody, and is mended in minutes.",
        allowed: "60",
        scarce: Some(NONE_IS_TAKEN),
        joins: true,
        lay: |draft| {
            let spells = draft.spells_apart(MINUTES_APART, (5 * SECOND, 8 * MINUTE));
            draft.connecting(&spells, |draws| Answer::Error(draws.pick(&[-32_002, -32_003])));
            for (from, _) in spells {
                draft.reconnects(from);
            }
            draft.bound.avoidable = MINUTE;
        },
        ..ROW
    },
    Row {
        number: 24,
        name: "connect {code: 401}, or without protocol",
        why: "A result that is no success, read as one, leaves a session live that nobody has authenticated.",
        allowed: "30",
        session_only: true,
        scarce: Some(NONE_IS_TAKEN),
        joins: true,
        lay: |draft| {
            let spells = draft.spells_apart(MINUTES_APART, (10 * SECOND, 5 * MINUTE));
            draft.connecting(&spells, |draws| draws.pick(&[Answer::Code(401), Answer::NoProtocol]));
            for (from, _) in spells {
                draft.reconnects(from);
            }
            draft.bound.avoidable = 30 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 25,
        name: "plain drops",
        why: "Mobile networks and proxies drop sockets all day: a resume must not be felt.",
        allowed: "0, D 0",
        joins: true,
        lay: |draft| {
            let every = draft.draws.span(20 * SECOND, HOUR);
            for at in draft.times(every / 2 + 1, every * 3 / 2) {
                draft.at(at, Instant::Cut);
            }
            draft.bound.disruptions = Some(0);
        },
        ..ROW
    },
    Row {
        number: 26,
        name: "a herd of 1,000 restarted",
        why: "A thousand clients that come back in the same second take the server down again.",
        allowed: "0, opens <= 40 % a second with a state, <= 15 % without",
        lives: &[5 * MINUTE, 2 * HOUR],
        together: HERD,
        lay: herd,
        ..ROW
    },
    Row {
        number: 27,
        name: "-32005 or 503 on resume",
        why: "A server that is at capacity wants to be left alone, not to lose the session's state.",
        allowed: "30, D 0",
        scarce: Some(NONE_IS_TAKEN),
        joins: true,
        lay: at_capacity,
        ..ROW
    },
    Row {
        number: 28,
        name: "resume refused, any code",
        why: "A state that the server does not take is worth nothing: a fresh connect is a second away.",
        allowed: "2",
        joins: true,
        lay: |draft| {
            let answer = draft.draws.pick(&[
                Answer::Error(-32_000),
                Answer::Error(-32_002),
                Answer::Error(-32_003),
                Answer::Error(-32_004),
                Answer::Error(-32_600),
                Answer::Error(-32_602),
                Answer::Error(-32_603),
                Answer::Error(404),
                Answer::Code(401),
                Answer::Code(404),
                Answer::Code(500),
                Answer::NoProtocol,
            ]);
            // -32000 and -32004 may be asked again twice: with a slow server that alone would be the bound.
            let takes = |was: &Handling| was.takes.min(400);
            draft.world.resume =
                draft.world.resume.changed(&[(0, Ms::MAX)], |_, was| Handling { takes: takes(was), answer });
            draft.world.connect =
                draft.world.connect.changed(&[(0, Ms::MAX)], |_, was| Handling { takes: takes(was), ..*was });
            for at in draft.times(MINUTE, HOUR) {
                draft.at(at, Instant::Cut);
            }
            draft.bound.avoidable = 2 * SECOND;
        },
        ..ROW
    },
];

fn herd(draft: &mut Draft) {
    let at = MINUTE;
    let (what, percent) = match draft.draws.below(4) {
        0 => (Instant::GoingAway, 40),
        1 => (Instant::Restart { wipe: false }, 40),
        _ => (Instant::Restart { wipe: true }, 15),
    };
    draft.at(at, what);
    draft.world.length = 3 * MINUTE;
    draft.bound.herd = Some((at, percent));
}

fn at_capacity(draft: &mut Draft) {
    let spells = draft.spells_apart(MINUTES_APART, (10 * SECOND, 5 * MINUTE));
    if draft.draws.once_in(2) {
        draft.connecting(&spells, |_| Answer::Error(-32_005));
    } else {
        let retry_after = draft.draws.once_in(3).then_some(draft.draws.span(SECOND, 20 * SECOND));
        draft.world.open =
            draft.world.open.changed(&spells, |_, _| Opening::Refuses { status: 503, retry_after });
    }
    for (from, _) in spells {
        draft.at(from, Instant::Cut);
    }
    draft.bound.avoidable = 30 * SECOND;
    draft.bound.disruptions = Some(0);
}
