//! What a session has suffered: from its world and its log alone.

mod conditions;
mod disruptions;
mod excuses;
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
    waste::judge(&story, &served, &mut faults);
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
        mints: endpoint(Some(Endpoint::Mint)),
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
