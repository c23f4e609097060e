//! Lost: torn down though a token was owed, or could have been had soon.
//!
//! It is no loss where the user disconnected, where another holder took over and the store said so, where a server that
//! has never served the session does not speak its protocol (-32001), or where `connect()` of the application gave up
//! before anything was live: after its own 30 s, or at once over a credential that was refused and that nobody could
//! replace. Nor is it one where nothing can become possible any more, nor where fresh connects were refused for ten
//! minutes: nobody can know that a server that has said no for so long will say yes.

use super::conditions::Conditions;
use super::excuses::next_token;
use super::possible::Possible;
use super::served::Served;
use super::spans::Spans;
use super::spell;
use super::story::{Story, Token};
use crate::client::{Ask, Bad, Tell};
use crate::timeline::Ms;
use crate::verdict::{Fault, Kind};
use crate::world::{Answer, User, World};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;

/// The server does not speak this version of the protocol.
const INCOMPATIBLE: i64 = -32_001;

/// How long `connect()` of an application tries.
const CONNECT_TIMEOUT: Ms = 30 * SECOND;

/// When it was over.
pub(super) fn over(story: &Story<'_>) -> Option<Ms> {
    story.tells.iter().find(|(_, tell)| matches!(tell, Tell::Over { .. })).map(|(at, _)| *at)
}

/// What the last end is that was owed of the tokens that it held, as far as anybody could know.
pub(super) fn last_end(world: &World, story: &Story<'_>, at: Ms) -> Option<Ms> {
    let known = |token: &Token| {
        let renewable = world.facts.can_refresh || world.facts.can_mint_again;
        let hint = token.hinted(&world.facts).filter(|_| !renewable && token.told.is_none());
        hint.map_or(token.owed_until(), |hint| hint.min(token.owed_until()))
    };
    let identity = story.identity(at);
    let held = story.tokens().filter(|token| token.is_known(at) && token.identity >= identity);
    held.map(known).max()
}

pub(super) fn judge(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    possible: &Possible,
    served: &Served,
) -> Option<Fault> {
    let at = over(story)?;
    if ended_by_others(story, at)
        || gave_up_connecting(world, story, at)
        || possible.connectable.next(at).is_none()
        || refused_for_long(world, conditions, served, at)
    {
        return None;
    }
    let lost = |what: String| Some(Fault { at, kind: Kind::Lost, what });
    let last = last_end(world, story, at);
    if let Some(last) = last.filter(|last| *last > at + SECOND) {
        return lost(format!("torn down with a token that was owed for {} more", spell(last - at)));
    }
    let from = last.or(story.began.first().copied()).unwrap_or(0);
    let soon = conditions.able.after(from, 5 * MINUTE).unwrap_or(conditions.horizon);
    let had = possible.provider.iter().filter_map(|chances| next_token(chances, from)).min();
    match had.filter(|had| *had <= soon)? {
        had if had >= at => lost(format!("torn down {} before a token could be had", spell(had - at))),
        had => lost(format!("torn down though a token could be had {} before", spell(at - had))),
    }
}

/// The user, or another holder.
fn ended_by_others(story: &Story<'_>, over: Ms) -> bool {
    let disconnected = story.users.iter().any(|(at, user)| *at <= over && *user == User::Disconnects);
    let taken =
        story.answers().any(|(at, _, reply)| at <= over && reply.result == Err(Bad::NotKept { taken: true }));
    disconnected || taken
}

/// Before it was ever live.
fn gave_up_connecting(world: &World, story: &Story<'_>, over: Ms) -> bool {
    if story.first_live().is_some_and(|live| live <= over) {
        return false;
    }
    let began = story.began.last().copied().unwrap_or(0);
    let facts = &world.facts;
    let replaceable = facts.can_refresh || facts.can_mint_again || facts.scope;
    let refused = story.answers().any(|(_, asked, reply)| {
        matches!(asked.ask, Ask::Connect { .. })
            && match reply.result {
                Err(Bad::Error(INCOMPATIBLE)) => true,
                Err(bad) => is_about_the_credential(bad) && !replaceable,
                Ok(_) => false,
            }
    });
    let never_had_one = story.received().next().is_none() && !facts.can_mint_again;
    refused || never_had_one || over >= began + CONNECT_TIMEOUT
}

/// It says that the credential is no good.
pub(super) const fn is_about_the_credential(bad: Bad) -> bool {
    matches!(
        bad,
        Bad::Error(-32_002 | -32_003) | Bad::Code(401 | 403) | Bad::Http { status: 401 | 403, own: true, .. }
    )
}

/// Fresh connects have been refused for ten minutes in which they could be tried, since it was last served.
fn refused_for_long(world: &World, conditions: &Conditions, served: &Served, over: Ms) -> bool {
    let refuses = |answer: Answer| matches!(answer, Answer::Error(_) | Answer::Code(_) | Answer::NoProtocol);
    let refusing = Spans::of_timeline(&world.connect, over, |handling| refuses(handling.answer));
    let since = served.served.within(0, over).last().map_or(0, |(_, to)| to);
    conditions.able.and(&refusing).total_within(since, over) >= 10 * MINUTE
}
