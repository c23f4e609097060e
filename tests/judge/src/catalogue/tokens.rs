//! What tokens and secrets are, and what is said of them.

use super::draft::{Draft, Mechanism};
use super::endpoints::http;
use super::{HOUR, MINUTE, PROVIDED, ROW, Row, SECOND, SHORTER};
use crate::timeline::Ms;
use crate::world::{Answer, AtEnd, Ends, Handling, Instant, Outcome, Service};

const BOUND: &[Mechanism] = &[Mechanism::Bound, Mechanism::BoundAndRefresh, Mechanism::BoundAndMint];
const BOUND_AND_PROVIDED: &[Mechanism] = &[Mechanism::BoundAndRefresh, Mechanism::BoundAndMint];

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 10,
        name: "device answer without an end",
        why: "Fifteen minutes are documented, the real life is another, and nobody says so.",
        allowed: "a first life, then 5",
        lives: &[MINUTE, 5 * MINUTE, 15 * MINUTE],
        mechanisms: BOUND,
        lay: untold,
        ..ROW
    },
    Row {
        number: 11,
        name: "life 0 or past, 1 to 5 in a row",
        why: "A clock of the issuer's that is off for a moment gives tokens that are dead when they come.",
        allowed: "10",
        joins: true,
        lay: |draft| {
            let spells = draft.spells(SECOND, 40 * SECOND);
            draft.outcomes(&spells, |draws| {
                let life = if draws.once_in(2) { 0 } else { -(draws.span(SECOND, HOUR) as i64) };
                Outcome::Grants { life }
            });
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 12,
        name: "base shorter than bound asks",
        why: "A client-bound token that ends with its base looks as if it had been renewed for nothing.",
        allowed: "0",
        lives: &[MINUTE, 5 * MINUTE],
        mechanisms: BOUND_AND_PROVIDED,
        lay: |draft| {
            draft.base_lives(Outcome::Grants { life: draft.life as i64 });
            let asked = |_, was: &Service| Service { outcome: Outcome::Grants { life: 900_000 }, ..*was };
            for line in [&mut draft.world.activate, &mut draft.world.renew] {
                *line = line.changed(&[(0, Ms::MAX)], asked);
            }
            draft.world.facts.capped = true;
        },
        ..ROW
    },
    Row {
        number: 13,
        name: "provider caches to the end",
        why: "Who asks in time gets the old token: the new one is to be had only when the old one has ended.",
        allowed: "10 a life",
        mechanisms: PROVIDED,
        lay: |draft| {
            draft.base_lives(Outcome::Cached { life: draft.life as i64 });
            draft.bound.avoidable = 10 * SECOND * draft.lives();
        },
        ..ROW
    },
    Row {
        number: 14,
        name: "reply lost, rotating, mint possible",
        why: "The secret is spent, its successor is lost, and who presents it again is thrown out.",
        allowed: "10",
        mechanisms: &[Mechanism::RefreshAndMint],
        session_only: true,
        lay: |draft| {
            rotating(draft);
            let spells = draft.spells(5 * SECOND, 5 * MINUTE);
            lost_replies(draft, &spells);
            draft.bound.avoidable = 10 * SECOND;
        },
        ..ROW
    },
    Row {
        number: 15,
        name: "the same without a mint",
        why: "Nobody can bring another token: the session must be served to the end of this one, and then say so.",
        allowed: "0, ends at the end",
        lives: SHORTER,
        mechanisms: &[Mechanism::Refresh],
        session_only: true,
        ends: true,
        scarce: Some("the session ends by design"),
        lay: |draft| {
            rotating(draft);
            let from = draft.draws.between(5 * SECOND, 3 * draft.life);
            lost_replies(draft, &[(from, Ms::MAX)]);
            ends_with_its_token(draft, from);
            // Nobody tells that the reply is lost: a callback that waits for it may yet bring a token.
            draft.bound.ends = draft.bound.ends.map(|(from, latest)| (from, latest + 11 * MINUTE));
        },
        ..ROW
    },
    Row {
        number: 20,
        name: "subscriber removed for good",
        why: "Somebody whom the operator has removed must be told, and must not knock for ever.",
        allowed: "ends <= 11 min, <= 25 connects, <= 15 mints",
        ends: true,
        scarce: Some("the session ends by design"),
        lay: removed,
        ..ROW
    },
    Row {
        number: 21,
        name: "token revoked, a new one good",
        why: "A token may end before its time; the next one is there for the asking.",
        allowed: "0",
        mechanisms: &[
            Mechanism::Refresh,
            Mechanism::BoundAndRefresh,
            Mechanism::Mint,
            Mechanism::RefreshAndMint,
            Mechanism::BoundAndMint,
        ],
        joins: true,
        lay: |draft| {
            for at in draft.times(2 * MINUTE, HOUR) {
                draft.at(at, Instant::Revoke);
            }
        },
        ..ROW
    },
    Row {
        number: 22,
        name: "user logged out (Rejected)",
        why: "The application knows that there will be no other token: not one second early, not one late.",
        allowed: "0, then ends",
        lives: SHORTER,
        mechanisms: PROVIDED,
        ends: true,
        scarce: Some("the session ends by design"),
        lay: |draft| {
            let from = draft.draws.between(5 * SECOND, 3 * draft.life);
            for line in [&mut draft.world.mint, &mut draft.world.refresh] {
                *line =
                    line.changed(&[(from, Ms::MAX)], |_, was| Service { outcome: Outcome::Rejects, ..*was });
            }
            ends_with_its_token(draft, from);
        },
        ..ROW
    },
    Row {
        number: 23,
        name: "no renewer, hint and/or server's end",
        why: "One token and nobody to renew it: its end is the session's.",
        allowed: "+- 1 s",
        mechanisms: &[Mechanism::Static],
        ends: true,
        lay: one_token,
        ..ROW
    },
];

fn untold(draft: &mut Draft) {
    let life = draft.draws.span(MINUTE, 15 * MINUTE);
    draft.life = life;
    draft.world.length = 40 * life;
    for line in [&mut draft.world.activate, &mut draft.world.renew] {
        *line = line.changed(&[(0, Ms::MAX)], |_, was| Service {
            outcome: Outcome::Grants { life: life as i64 },
            ..*was
        });
    }
    draft.world.facts.ends = Ends::Nobody;
    if draft.world.facts.at_end == AtEnd::Refuses {
        draft.calls();
    }
    // What is documented is believed once.
    draft.bound.avoidable = 15 * MINUTE + 5 * SECOND;
}

/// A secret that each refresh replaces, and a store that keeps it. What a space answers says nothing of ends: the socket
/// does.
pub(super) const fn rotating(draft: &mut Draft) {
    draft.world.facts.one_time = true;
    draft.world.facts.durable = true;
    draft.world.facts.may_be_asked_twice = false;
    draft.world.facts.ends = Ends::Connect;
}

fn lost_replies(draft: &mut Draft, spells: &[(Ms, Ms)]) {
    let lost = Outcome::LosesReply { life: draft.life as i64 };
    draft.world.refresh = draft.world.refresh.changed(spells, |_, was| Service { outcome: lost, ..*was });
}

/// From then on there is no new token: the last one was had at the latest just then.
fn ends_with_its_token(draft: &mut Draft, from: Ms) {
    let latest = from + draft.life + 5 * SECOND;
    draft.world.length = latest + draft.life + 15 * MINUTE;
    draft.bound.ends = Some((from, latest));
}

fn removed(draft: &mut Draft) {
    let at = draft.draws.between(30 * SECOND, (3 * draft.life).clamp(MINUTE, 2 * HOUR));
    let forever = [(at, Ms::MAX)];
    draft.at(at, Instant::Revoke);
    let code = draft.draws.pick(&[-32_002, -32_003]);
    for line in [&mut draft.world.connect, &mut draft.world.resume, &mut draft.world.push] {
        *line = line.changed(&forever, |_, was| Handling { answer: Answer::Error(code), ..*was });
    }
    // The space knows as well, or goes on giving tokens that nobody takes.
    if draft.draws.once_in(2) {
        let status = draft.draws.pick(&[401, 403, 404, 422]);
        draft.all_services(&forever, |_, was| Service { outcome: http(status, true, None), ..*was });
    }
    draft.world.length = at + 30 * MINUTE;
    draft.bound.ends = Some((at, at + 11 * MINUTE));
    draft.bound.avoidable = 0;
    draft.bound.connects = Some(25);
    draft.bound.mints = Some((at, 15));
}

fn one_token(draft: &mut Draft) {
    let facts = &mut draft.world.facts;
    facts.ends = draft.draws.pick(&[Ends::Exchange, Ends::Connect, Ends::Hint(0)]);
    if facts.ends != Ends::Hint(0) {
        facts.server_clock = draft.draws.around(HOUR);
        facts.hints_too = draft.draws.once_in(2).then_some(0);
    }
    let end = draft.life + draft.world.mint.at(0).latency;
    draft.world.length = end + 15 * MINUTE;
    draft.bound.ends = Some((end - SECOND, end + SECOND));
    draft.bound.avoidable = SECOND;
}
