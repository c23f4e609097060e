//! What applications do, and what their callbacks do not.

use super::draft::{Draft, Mechanism};
use super::{HOUR, MINUTE, PROVIDED, RENEWED, ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Outcome, Service, User};

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 37,
        name: "suspend and resume at random, in the grace",
        why: "An application that is put aside and taken up again is not over, whenever that happens.",
        allowed: "2",
        scarce: Some("the session is suspended"),
        joins: true,
        lay: suspending,
        ..ROW
    },
    Row {
        number: 41,
        name: "abusive: asks at 10 a second",
        why: "A loop in an application must not become a flood at the server, nor cost the session.",
        allowed: "0, <= limits",
        mechanisms: RENEWED,
        lay: abusive,
        ..ROW
    },
    Row {
        number: 42,
        name: "hung callback, 1 in 5; always",
        why: "A promise that never settles is the commonest fault of a callback.",
        allowed: "10; ends",
        lives: &[MINUTE, 15 * MINUTE, 5 * MINUTE, 2 * HOUR],
        mechanisms: PROVIDED,
        scarce: Some("a callback that always hangs ends the session by design"),
        lay: hanging,
        ..ROW
    },
    Row {
        number: 43,
        name: "update_token while an old refresh is late",
        why: "Who logs another user in must never be given the old one's token.",
        allowed: "0, old identity never served",
        lives: &[MINUTE, 5 * MINUTE, 15 * MINUTE, 2 * HOUR],
        mechanisms: PROVIDED,
        lay: updating,
        ..ROW
    },
];

fn suspending(draft: &mut Draft) {
    for (from, to) in draft
        .spells_apart((10 * SECOND, HOUR.min(draft.life).max(MINUTE)), (SECOND, 2 * HOUR.min(draft.life)))
    {
        draft.user(from, User::Suspends);
        draft.user(to, User::Resumes);
    }
    // So that the last token has ended when it is put aside, and before nobody has hoped for ten minutes.
    if draft.draws.once_in(2) {
        let spells = draft.spells(10 * SECOND, 8 * MINUTE);
        draft.outcomes(&spells, |draws| draws.pick(&[Outcome::Fails, Outcome::Silent, Outcome::Breaks]));
    }
    draft.bound.avoidable = 2 * SECOND;
}

fn abusive(draft: &mut Draft) {
    draft.world.length = draft.world.length.min(2 * HOUR);
    let life = draft.life;
    let asks = [
        User::Refreshes,
        User::WasRefused,
        User::NetworkChanged,
        User::Updates { life, other_identity: false },
    ];
    let one = draft.draws.pick(&asks);
    let mixed = draft.draws.once_in(2);
    for (from, to) in draft.spells_apart((10 * SECOND, 10 * MINUTE), (10 * SECOND, 20 * MINUTE)) {
        for at in (from..to.min(draft.world.length)).step_by(100) {
            let what = if mixed { draft.draws.pick(&asks) } else { one };
            draft.user(at, what);
        }
    }
}

fn hanging(draft: &mut Draft) {
    if draft.life < 15 * MINUTE {
        draft.world.facts.may_be_asked_twice = true;
    }
    draft.bound.avoidable = 10 * SECOND;
    let spells = if draft.draws.once_in(4) {
        let from = draft.draws.between(5 * SECOND, 2 * draft.life);
        // Nobody answers any more, so nobody says that there is no hope: the hard cap is what ends it.
        let latest = from + draft.life + 24 * HOUR + 5 * MINUTE;
        draft.world.length = latest + 10 * MINUTE;
        draft.bound.ends = Some((from, latest));
        vec![(from, Ms::MAX)]
    } else {
        // One second in five, so that one call in five hangs, whenever it comes.
        draft.spells_apart((2 * SECOND, 16 * SECOND), (500, 4 * SECOND))
    };
    for line in [&mut draft.world.mint, &mut draft.world.refresh] {
        *line = line.changed(&spells, |_, was| Service { outcome: Outcome::Silent, ..*was });
    }
}

fn updating(draft: &mut Draft) {
    let life = draft.life;
    let latency = draft.draws.span(2 * SECOND, (40 * SECOND).min(life / 2));
    if draft.mechanism == Mechanism::Mint {
        draft.world.mint =
            draft.world.mint.changed(&[(SECOND, Ms::MAX)], |_, was| Service { latency, ..*was });
    }
    draft.world.refresh = draft.world.refresh.changed(&[(0, Ms::MAX)], |_, was| Service { latency, ..*was });
    for at in draft.times(life / 4, life * 2) {
        // The old one's refresh is on its way.
        let before = draft.draws.between(100, latency);
        draft.user(at.saturating_sub(before), User::Refreshes);
        draft.user(at, User::Updates { life, other_identity: true });
    }
}
