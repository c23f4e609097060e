//! Silence: not served for over five seconds after the client heard what shows it, and no event that names the cause and
//! says when the next attempt is made. Time counts in which its process runs and its user wants it.
//!
//! What is announced and still ahead, or under way, covers what is heard meanwhile; so does a named cause with an attempt
//! that is begun within those five seconds. So do the last words: a named cause after which nothing is tried any more,
//! because the session is over within half a minute, with a token that nobody can put in another's place.

use super::conditions::Conditions;
use super::late;
use super::overstay::{AWAITED, told_end};
use super::served::Served;
use super::spell;
use super::story::Story;
use crate::client::{Ask, Tell};
use crate::timeline::Ms;
use crate::verdict::{Fault, Kind};
use crate::world::World;

const ALLOWED: Ms = 5_000;
const SECOND: Ms = 1_000;
/// Who waits longer than this for an answer should have said so.
const LONGEST: Ms = 15_000;

pub(super) fn judge(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    served: &Served,
    over: Option<Ms>,
    faults: &mut Vec<Fault>,
) {
    let awake = conditions.runs.and(&conditions.wish);
    let end = over.unwrap_or(world.length);
    let mut told_until = 0;
    for at in story.evidence.iter().copied().filter(|at| *at < end) {
        if at < told_until || served.served.has(at) {
            continue;
        }
        let Some(deadline) = awake.after(at, ALLOWED) else { continue };
        let deadline = late::told_by(world, deadline);
        let again = served.served.next(at).unwrap_or(Ms::MAX);
        if again <= deadline || end <= deadline || !awake.has(at) {
            continue;
        }
        if !is_told(story, at, deadline) && !says_its_last(world, story, at, deadline, over) {
            let told = story.tells[story.tells.partition_point(|(when, _)| *when <= deadline)..].iter();
            let told =
                told.filter(|(_, tell)| matches!(tell, Tell::Warned { cause: true, next: Some(_), .. }));
            told_until = told.map(|(when, _)| *when).next().unwrap_or(Ms::MAX).min(again).min(end);
            let what = format!("nothing said for {} of why it is not served", spell(told_until - at));
            faults.push(Fault { at: deadline, kind: Kind::Silence, what });
        }
    }
}

fn says_its_last(world: &World, story: &Story<'_>, at: Ms, deadline: Ms, over: Option<Ms>) -> bool {
    let Some((over, end)) = over.zip(told_end(world, story)) else { return false };
    let words = |(when, tell): &&(Ms, &Tell)| {
        (at..=deadline).contains(when) && matches!(tell, Tell::Warned { cause: true, next: None, .. })
    };
    let soon = over <= at + AWAITED && over <= end + AWAITED + SECOND;
    soon && story.tells.iter().find(words).is_some_and(|(when, _)| !attempts(story, when + 1, over))
}

fn is_told(story: &Story<'_>, at: Ms, deadline: Ms) -> bool {
    let first = story.tells.partition_point(|(when, _)| *when < at);
    let said = |tell: &Tell| match tell {
        Tell::Warned { cause: true, next, .. } => next.is_some() || attempts(story, at, deadline),
        Tell::Suspended | Tell::Over { .. } => true,
        _ => false,
    };
    let now =
        story.tells[first..].iter().take_while(|(when, _)| *when <= deadline).any(|(_, tell)| said(tell));
    let ahead = |tell: &Tell| matches!(tell, Tell::Warned { cause: true, next: Some(next), .. } if *next >= at || is_under_way(story, *next, at));
    now || story.tells[..first].iter().rev().take(8).any(|(_, tell)| ahead(tell))
}

/// What was announced for then was begun, and is not answered at `at`.
fn is_under_way(story: &Story<'_>, next: Ms, at: Ms) -> bool {
    let (from, to) = (next.saturating_sub(SECOND), next + SECOND);
    let first = story.asked.partition_point(|asked| asked.at < from);
    story.asked[first..].iter().take_while(|asked| asked.at <= to.min(at)).any(|asked| {
        let open = asked.answer.is_none_or(|(answered, _)| answered > at) && asked.at + LONGEST > at;
        is_attempt(asked.ask) && open
    })
}

fn attempts(story: &Story<'_>, at: Ms, deadline: Ms) -> bool {
    let first = story.asked.partition_point(|asked| asked.at < at);
    story.asked[first..].iter().take_while(|asked| asked.at <= deadline).any(|asked| is_attempt(asked.ask))
}

const fn is_attempt(ask: Ask) -> bool {
    matches!(
        ask,
        Ask::Open(_)
            | Ask::Connect { .. }
            | Ask::Mint
            | Ask::Refresh { .. }
            | Ask::Activate(..)
            | Ask::Renew(..)
    )
}
