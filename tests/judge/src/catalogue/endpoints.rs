//! What happens to the endpoints that give tokens.

use super::draft::{Draft, Mechanism};
use super::{HOUR, LIVES, MINUTE, ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Outcome, Service};

const LIFE_PASSES: &str =
    "with tokens of 10 s and 60 s the spells are longer than lives, and nothing is to be had in them";

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 2,
        name: "slow endpoint",
        why: "Tokens that come late are good tokens: who throws them away asks for ever and is never served.",
        allowed: "2",
        joins: true,
        lay: slow,
        ..ROW
    },
    Row {
        number: 3,
        name: "latency alternates 0.2 / 20 s",
        why: "An endpoint that was quick the last time is no promise for the next.",
        allowed: "5",
        lives: &[MINUTE, 5 * MINUTE, 15 * MINUTE, 2 * HOUR],
        joins: true,
        lay: alternating,
        ..ROW
    },
    Row {
        number: 4,
        name: "endpoint silent",
        why: "A request that nobody answers must not hold up the next, and a healed endpoint must be found soon.",
        allowed: "10",
        scarce: Some(LIFE_PASSES),
        joins: true,
        lay: |draft| {
            let spells = draft.spells(10 * SECOND, 10 * MINUTE);
            draft.outcomes(&spells, |_| Outcome::Silent);
            // Who may be asked but once at a time is asked again after two minutes (A1): that is row 42.
            draft.world.facts.may_be_asked_twice = true;
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 5,
        name: "5xx",
        why: "An overloaded or restarted endpoint comes back: the session must be there when it does.",
        allowed: "10",
        scarce: Some(LIFE_PASSES),
        joins: true,
        lay: |draft| {
            let spells = draft.spells(10 * SECOND, 30 * MINUTE);
            draft.outcomes(&spells, |draws| http(draws.pick(&[500, 502, 503, 504]), draws.once_in(2), None));
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 6,
        name: "HTML 404 or 200",
        why: "A page of a proxy or of a deployment is nobody's verdict on a credential.",
        allowed: "10",
        scarce: Some(LIFE_PASSES),
        joins: true,
        lay: |draft| {
            let spells = draft.spells(10 * SECOND, 10 * MINUTE);
            draft.outcomes(&spells, |draws| match draws.below(3) {
                0 => Outcome::Page,
                1 => http(404, false, None),
                _ => http(403, false, None),
            });
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 7,
        name: "JSON 403 or 404",
        why: "The API's own refusal may be a mistake of minutes, and the token in force is still good.",
        allowed: "60",
        scarce: Some(LIFE_PASSES),
        joins: true,
        lay: |draft| {
            let spells = draft.spells(30 * SECOND, 10 * MINUTE);
            draft.outcomes(&spells, |draws| http(draws.pick(&[403, 404]), true, None));
            draft.bound.avoidable = MINUTE;
        },
        ..ROW
    },
    Row {
        number: 8,
        name: "429 with Retry-After",
        why: "Who is told to wait a day waits a day, with a token that has an hour left, unless somebody thinks.",
        allowed: "5 beyond it",
        scarce: Some(
            "nothing is to be had while the endpoint limits, and what it asks for is longer than short lives",
        ),
        joins: true,
        lay: |draft| {
            let spells = draft.spells(5 * SECOND, 10 * MINUTE);
            draft.outcomes(&spells, |draws| {
                let after = draws.span(SECOND, 24 * HOUR);
                http(429, true, Some(after))
            });
            draft.bound.avoidable = 5 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 9,
        name: "bound endpoint 403 for ever, good provider",
        why: "A space without client-bound tokens must not be asked for them each second, nor be worse off for it.",
        allowed: "0, <= 12 activations/h",
        lives: LIVES,
        mechanisms: &[Mechanism::BoundAndRefresh, Mechanism::BoundAndMint],
        lay: |draft| {
            draft.base_lives(Outcome::Grants { life: draft.life as i64 });
            let refused = |_, was: &Service| Service { outcome: http(403, true, None), ..*was };
            for line in [&mut draft.world.activate, &mut draft.world.renew] {
                *line = line.changed(&[(0, Ms::MAX)], refused);
            }
            draft.bound.activations_an_hour = Some(12);
        },
        ..ROW
    },
];

pub(super) const fn http(status: u16, own: bool, retry_after: Option<Ms>) -> Outcome {
    Outcome::Http { status, own, retry_after, date_off: 0, stored: false }
}

fn slow(draft: &mut Draft) {
    let latency = draft.draws.span(2 * SECOND, (40 * SECOND).min(draft.life * 9 / 10));
    // All day, or every now and then for longer than a life.
    let spells = if draft.draws.once_in(3) {
        draft.spells_apart((draft.life, draft.life * 3), (draft.life, draft.life * 3))
    } else {
        vec![(0, Ms::MAX)]
    };
    draft.services(&spells, |_, was| Service { latency, ..*was });
    draft.bound.avoidable = 2 * SECOND;
}

fn alternating(draft: &mut Draft) {
    let spells = draft.spells_apart((draft.life / 4, draft.life), (draft.life / 4, draft.life));
    draft.all_services(&[(0, Ms::MAX)], |_, was| Service { latency: 200, ..*was });
    draft.services(&spells, |_, was| Service { latency: 20 * SECOND, ..*was });
    draft.bound.avoidable = 5 * SECOND;
}
