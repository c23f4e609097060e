//! Overstay: it went on though nothing could become of it any more.
//!
//! - A second after an end (half a minute, where a request of the last half minute is unanswered) that it was told of (a provider's word counts where nobody else has one), of the last token
//!   that it held, where nobody can bring another: the provider has no call to make, or has said that it will never do
//!   it again.
//! - Else eleven minutes in which it reached somebody after nothing could become possible any more: no token owed and
//!   none to be had, or no connect that goes through and no socket that serves; a day awake where it reached nobody. It
//!   reaches somebody while an endpoint that it may call answers with anything, or an upgrade does while it may believe
//!   in a token. A callback that fails by itself has reached nobody.

use super::conditions::Conditions;
use super::lost::last_end;
use super::possible::Possible;
use super::served::Served;
use super::spans::Spans;
use super::spell;
use super::story::{Story, Token};
use crate::timeline::{Ms, Timeline};
use crate::verdict::{Fault, Kind};
use crate::world::{Answer, Opening, Outcome, Service, World};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const PATIENCE: Ms = 11 * MINUTE;
const DAY: Ms = 24 * 60 * MINUTE;
/// An answer that has been on its way for less is awaited before an end.
pub(super) const AWAITED: Ms = 30 * SECOND;

pub(super) fn judge(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    possible: &Possible,
    served: &Served,
    over: Option<Ms>,
) -> Option<Fault> {
    let ends = over.unwrap_or(world.length);
    let stayed = |since: Ms, limit: Ms, why: &str| {
        (limit < ends).then(|| Fault {
            at: limit,
            kind: Kind::Overstay,
            what: format!("went on for {} after {why}", spell(ends - since)),
        })
    };
    if let Some(end) = told_end(world, story) {
        let awake = conditions.runs.and(&conditions.wish);
        if let Some(at) = awake.next(end) {
            let awaited = if awaits(story, at) { AWAITED } else { 0 };
            let fault =
                stayed(end, at + awaited + SECOND + *world.late.at(at), "an end that nobody could put off");
            if fault.is_some() {
                return fault;
            }
        }
    }
    let hopeless = hopeless_from(world, story, conditions, possible, served);
    let reach = reach(world, story, conditions);
    let awake = conditions.runs.and(&conditions.wish);
    let limits = [reach.after(hopeless, PATIENCE), awake.after(hopeless, DAY + PATIENCE)];
    let limit = limits.into_iter().flatten().min()?;
    stayed(hopeless, limit + *world.late.at(limit), "nothing could become of it any more")
}

/// A request for a token has been under way for less than half a minute then: its answer may yet come (H).
fn awaits(story: &Story<'_>, at: Ms) -> bool {
    story.asked.iter().any(|asked| {
        let open = asked.answer.as_ref().is_none_or(|(answered, _)| *answered > at);
        asked.endpoint().is_some() && asked.at <= at && at - asked.at < AWAITED && open
    })
}

/// The end of the last token, if it was told and nobody can bring another.
pub(super) fn told_end(world: &World, story: &Story<'_>) -> Option<Ms> {
    let rejected = story.rejected();
    if (world.facts.can_refresh || world.facts.can_mint_again) && rejected.is_none() {
        return None;
    }
    let last = story.received().map(|(_, token)| token).max_by_key(|token| token.owed_until())?;
    let lasts = |token: &Token| token.told.unwrap_or(token.ends) > last.owed_until();
    if story.received().any(|(_, token)| token.revoked.is_some() && lasts(token)) {
        // Nobody tells a client of that; it can only be refused, and may be accepted yet.
        return None;
    }
    let told = last.told.is_some() || (rejected.is_none() && last.hinted(&world.facts).is_some());
    let end = last_end(world, story, world.length)?;
    told.then(|| end.max(rejected.unwrap_or(0)))
}

/// From when on nothing can become possible; `Ms::MAX`: it can.
fn hopeless_from(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    possible: &Possible,
    served: &Served,
) -> Ms {
    let horizon = conditions.horizon;
    let lasting = |end: Ms| if end >= horizon { Ms::MAX } else { end };
    let chances = possible.provider.iter().flatten().map(|chance| lasting(chance.to));
    let owed = last_end(world, story, world.length);
    let tokens = chances.chain(owed).max().unwrap_or(0);
    let open = Spans::of_timeline(&world.open, horizon, |open| *open == Opening::Upgrades);
    let fresh = Spans::of_timeline(&world.connect, horizon, |handling| handling.answer == Answer::Accepts);
    let resumed = Spans::of_timeline(&world.resume, horizon, |handling| handling.answer == Answer::Accepts);
    let goes = if world.facts.resumes { fresh.or(&resumed) } else { fresh };
    let connects = lasting(goes.and(&open).and(&conditions.net).end().unwrap_or(0));
    tokens.min(connects.max(served.served.end().unwrap_or(0)))
}

/// When it reaches somebody, if it tries.
fn reach(world: &World, story: &Story<'_>, conditions: &Conditions) -> Spans {
    let horizon = conditions.horizon;
    let answers = |line: &Timeline<Service>| {
        Spans::of_timeline(line, horizon, |service| {
            !matches!(
                service.outcome,
                Outcome::Silent | Outcome::Breaks | Outcome::Fails | Outcome::LosesReply { .. }
            )
        })
    };
    let mut reached = Spans::default();
    if world.facts.can_refresh {
        reached = reached.or(&answers(&world.refresh));
    }
    if world.facts.can_mint_again {
        reached = reached.or(&answers(&world.mint));
    }
    reached = reached.and(&Spans::of(vec![(0, story.rejected().unwrap_or(Ms::MAX))]));
    let open = Spans::of_timeline(&world.open, horizon, |open| {
        matches!(open, Opening::Upgrades | Opening::Refuses { .. })
    });
    let believed = story.received().map(|(at, token)| (at, token.told.unwrap_or(token.ends)));
    reached.or(&open.and(&Spans::of(believed.collect()))).and(&conditions.able)
}
