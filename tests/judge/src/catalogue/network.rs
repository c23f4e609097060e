//! What passes between host and server.

use super::draft::Draft;
use super::pushes::never_taken;
use super::{HOUR, MINUTE, ROW, Row, SECOND};
use crate::timeline::Ms;
use crate::world::{Instant, Network, User};

const BOTH: Network = Network::Swallows { out: false, back: false };

pub(super) static ROWS: &[Row] = &[
    Row {
        number: 29,
        name: "half-open, both and either direction",
        why: "A socket that a box on the way has forgotten looks well for hours.",
        allowed: "0",
        session_only: true,
        joins: true,
        lay: |draft| {
            half_open(draft);
        },
        ..ROW
    },
    Row {
        number: 30,
        name: "tunnel, across ends",
        why: "A train in a tunnel is no reason to end a session, and whoever comes out of it does not want to wait.",
        allowed: "2",
        scarce: Some("no network in the tunnels, which are most of a session with tokens of 10 s or 60 s"),
        joins: true,
        lay: tunnels,
        ..ROW
    },
    Row {
        number: 31,
        name: "network gone for good",
        why: "A host that is forgotten in a cupboard must not try for years.",
        allowed: "ends <= 24 h awake",
        ends: true,
        scarce: Some("the network is gone"),
        lay: |draft| {
            let from = draft.draws.between(10 * SECOND, HOUR);
            let gone = draft.draws.pick(&[Network::Off, BOTH]);
            draft.world.network = draft.world.network.changed(&[(from, Ms::MAX)], |_, _| gone);
            draft.world.length = from + 26 * HOUR;
            draft.bound.ends = Some((from, from + 24 * HOUR + 2 * MINUTE));
        },
        ..ROW
    },
    Row {
        number: 36,
        name: "a displacing server, with 16, 29",
        why: "Two sockets of one session that displace each other never stop.",
        allowed: "5 (a life with 16), <= 3 opens each",
        session_only: true,
        lay: |draft| {
            draft.world.facts.displaces = true;
            let each = if draft.draws.once_in(2) {
                never_taken(draft);
                draft.bound.disruptions = None;
                draft.bound.avoidable = 5 * SECOND * draft.lives();
                draft.lives()
            } else {
                draft.bound.avoidable = 5 * SECOND;
                half_open(draft)
            };
            draft.bound.opens = Some(3 * each as u32 + 1);
        },
        ..ROW
    },
];

/// How many there are.
fn half_open(draft: &mut Draft) -> u64 {
    let times = draft.times(3 * MINUTE, HOUR);
    for at in &times {
        let what = draft.draws.pick(&[(false, false), (false, true), (true, false)]);
        draft.at(*at, Instant::HalfOpen { out: what.0, back: what.1 });
    }
    times.len() as u64
}

fn tunnels(draft: &mut Draft) {
    let spells = draft.spells_apart((2 * MINUTE, HOUR), (10 * SECOND, 2 * HOUR));
    let kind = draft.draws.pick(&[Network::Off, BOTH]);
    draft.world.network = draft.world.network.changed(&spells, |_, _| kind);
    let told = draft.draws.once_in(2);
    for (from, to) in spells {
        // Whoever is away for longer than a minute is forgotten at the other end.
        if kind == BOTH && to - from > MINUTE {
            draft.at(from + MINUTE, Instant::HalfOpen { out: false, back: false });
        }
        if told {
            draft.user(to + 100, User::NetworkChanged);
        }
    }
    draft.bound.avoidable = 2 * SECOND;
}
