//! What a session has suffered: from its world and its log alone.
//!
//! | file | what it finds out |
//! |---|---|
//! | `spans` | sets of moments: all is done on sorted stretches of time, nothing per millisecond |
//! | `story`, `conditions` | the log by what it is about; the world as sets of moments |
//! | `possible`, `served` | when it could have been served, and when it was |
//! | `excuses` | what is missing and nobody's fault |
//! | `lost`, `overstay`, `lies`, `silence`, `waste`, `secrets` | what must never be |
//! | `disruptions` | sockets that served and were replaced |
//! | `tale`, `tests` | sessions told by hand |
//!
//! # What holds, and what was decided
//!
//! **Token.** *Owed* from when its client heard of it until the server honours it no more or the latest end that the
//! client was told, whichever is first; a provider's own `expiry_at` is such a word only where nobody can renew and
//! nobody else says anything. What a killed process had heard and not written (a write asked for and kept after that) is
//! owed to nobody. The subscriber before has none.
//!
//! **Obtainable.** The page's pieces, of whom may be asked: a request needs a process that runs, a user who wants it and
//! both directions of the network from its leaving to its answer. `Rejects` ends a provider from when the client hears
//! it. A provider that cannot mint again is asked once, when a process begins that knows nothing. A token that is handed
//! out until it ends counts as long as it is handed out. An activation needs a base and a renewal a client-bound token
//! that could be had or is held; a one-time chain is dead from the issue of a token that never came to the next mint
//! that did.
//!
//! **Possible.** A connect needs the token when it begins, takes an upgrade and `connect`'s time, and holds until the
//! next thing that ends sockets: a cut, a restart, a revocation, a half-open box, a lost network, a dead process, the
//! user's wish. A sleep ends none by itself.
//!
//! **Served** by the letter: what the client knows of it does not matter. Whether it *lies* is asked of what it can know.
//!
//! **Over.** What ended rightly is not missed after; of what was lost, all that could have been is avoidable to the end of
//! the world, and no excuse begins after it.
//!
//! Each module says what it decided of the excuse or the fault that it is about.

mod conditions;
mod disruptions;
mod excuses;
mod late;
mod lies;
mod lost;
mod overstay;
mod possible;
mod secrets;
mod served;
mod silence;
mod spans;
mod story;
#[cfg(test)]
mod tale;
#[cfg(test)]
mod tests;
mod waste;

use crate::client::Ask;
use crate::log::Log;
use crate::timeline::Ms;
use crate::verdict::{Fault, Verdict};
use crate::world::World;
use conditions::Conditions;
use lies::Lies;
use possible::Possible;
use served::Served;
use spans::Spans;
use story::{Endpoint, Story};

/// Judges a session.
#[must_use]
pub fn judge(world: &World, log: &Log) -> Verdict {
    let story = Story::of(world, log);
    let conditions = Conditions::of(world, &story);
    let possible = Possible::of(world, &story, &conditions);
    let served = Served::of(world, &story, &conditions);
    let over = lost::over(&story);
    let mut faults: Vec<Fault> = Vec::new();
    let lost = lost::judge(world, &story, &conditions, &possible, &served);
    // What is over rightly is not missed any more; what was lost is, to the end.
    let (until, excusable) = match (over, &lost) {
        (Some(over), None) => (ended(&served, over), over),
        (over, _) => (world.length, over.unwrap_or(world.length)),
    };
    faults.extend(lost);
    faults.extend(overstay::judge(world, &story, &conditions, &possible, &served, over));
    Lies { world, story: &story, conditions: &conditions, served: &served }.all(&mut faults);
    silence::judge(world, &story, &conditions, &served, over, &mut faults);
    waste::judge(&story, &served, !world.facts.one_time, &mut faults);
    secrets::spent(world, &story, &mut faults);
    secrets::identity(&story, &mut faults);
    faults.sort_by_key(|fault| (fault.at, fault.kind));

    let due = possible.possible.and(&Spans::of(vec![(0, until)]));
    let missing = due.without(&served.served);
    let excuses = excuses::excused(world, &story, &conditions, &possible, &served, &missing, excusable);
    let mut avoidable = missing.clone();
    for (_, excused) in &excuses {
        avoidable = avoidable.without(excused);
    }
    let opened_at: Vec<Ms> = asked(&story, |ask| matches!(ask, Ask::Open(_)));
    let activations: Vec<Ms> = asked(&story, |ask| matches!(ask, Ask::Activate(..)));
    let endpoint = |endpoint: Option<Endpoint>| match endpoint {
        None => number(story.asked.iter().filter(|asked| asked.endpoint().is_some()).count()),
        some => number(story.asked.iter().filter(|asked| asked.endpoint() == some).count()),
    };
    Verdict {
        possible: due.total(),
        served: due.and(&served.served).total(),
        excused: missing.total() - avoidable.total(),
        excuses: excuses
            .iter()
            .map(|(excuse, when)| (*excuse, when.total()))
            .filter(|(_, ms)| *ms > 0)
            .collect(),
        avoidable: avoidable.total(),
        worst: avoidable.iter().map(|(from, to)| (to - from, from)).max().map(|(spent, from)| (from, spent)),
        lives: number(story.received().count()),
        disruptions: disruptions::count(world, &story, &conditions, &served, over),
        requests: endpoint(None),
        opens: number(opened_at.len()),
        opened_at,
        activations: number(activations.len()),
        activations_an_hour: most_within(&activations, 3_600_000),
        connects: number(story.asked.iter().filter(|asked| matches!(asked.ask, Ask::Connect { .. })).count()),
        minted_at: asked(&story, |ask| matches!(ask, Ask::Mint)),
        over,
        faults,
    }
}

/// Who is over rightly is so from when it was last served, if that was just before: an end is noticed when it comes.
fn ended(served: &Served, over: Ms) -> Ms {
    let last = served.served.within(0, over).last().map_or(0, |(_, to)| to);
    if over - last <= 1_000 { last } else { over }
}

fn asked(story: &Story<'_>, of: impl Fn(Ask) -> bool) -> Vec<Ms> {
    story.asked.iter().filter(|asked| of(asked.ask)).map(|asked| asked.at).collect()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The most of these moments within a window of that width.
fn most_within(moments: &[Ms], width: Ms) -> u32 {
    let (mut first, mut most) = (0, 0);
    for (last, at) in moments.iter().enumerate() {
        while moments[first] + width <= *at {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    number(most)
}

/// A span of time as people write it.
fn spell(span: Ms) -> String {
    match span {
        0..1_000 => format!("{span} ms"),
        1_000..120_000 => format!("{}.{:03} s", span / 1_000, span % 1_000),
        120_000..7_200_000 => format!("{} min {} s", span / 60_000, span / 1_000 % 60),
        _ => format!("{} h {} min", span / 3_600_000, span / 60_000 % 60),
    }
}
