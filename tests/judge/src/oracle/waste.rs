//! Waste: more requests than one a life and what the pace allows, floods, and knocking within what was asked to wait.
//!
//! **Pace.** After a token that was a gain an endpoint need not be asked before a quarter of that token's life has passed
//! (with a lead of up to half of it, and half of the rest drawn, that is one a life). After the n-th failure in a row it
//! is left alone for half of `min(2ⁿ⁻¹ s, most)`, equal jitter's least: most is, while the session is served, 30 s and a
//! quarter of what its token has left, at least 5 s, where nobody answered or somebody on the way did, and a quarter of
//! what is left, 5 s to an hour, where the API itself refused or the token was no gain; while it is not served, 10 s and
//! 60 s. A `Retry-After` raises that to what was asked for, five minutes and half of what is left at most. What the
//! application asks for, a refused credential, a new process or a resume may have it asked again 5 s after.
//!
//! Who is early now and then is not accused: more than five times an hour, at one endpoint, is waste.
//!
//! **Floods.** Over 10 requests or over 5 sockets within 3 s (three attempts of anybody who backs off from 1 s fit, and
//! two of each); over 1,200 sockets an hour; over two within a `Retry-After` of an upgrade.

use super::served::Served;
use super::spell;
use super::story::{Asked, Endpoint, Story, Token};
use crate::client::{Ask, Bad, Good, Reply};
use crate::timeline::Ms;
use crate::verdict::{Fault, Kind};
use crate::world::User;

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const BURST: Ms = 3 * SECOND;
/// What devices/token and devices/refresh are asked for.
const ASKED: Ms = 15 * MINUTE;
/// So many early ones an hour are no waste.
const NOW_AND_THEN: usize = 5;

pub(super) fn judge(story: &Story<'_>, served: &Served, is_callback: bool, faults: &mut Vec<Fault>) {
    let mut waste = |at: Ms, what: String| faults.push(Fault { at, kind: Kind::Waste, what });
    let held = Held::of(story);
    let reasons = reasons(story);
    for endpoint in [Endpoint::Mint, Endpoint::Refresh, Endpoint::Activate, Endpoint::Renew] {
        let asked: Vec<&Asked> =
            story.asked.iter().filter(|asked| asked.endpoint() == Some(endpoint)).collect();
        // What the application's own code fails with, nobody knows: who refused, or whether anybody did.
        let blind = is_callback && matches!(endpoint, Endpoint::Mint | Endpoint::Refresh);
        let early = early(story, served, &held, &reasons, &asked, blind);
        if let Some(at) = crowds(&early, NOW_AND_THEN, HOUR).first() {
            let count = early.len();
            waste(
                *at,
                format!("asked {endpoint:?} earlier than is polite, {count} times of {}", asked.len()),
            );
        }
    }
    let requests = |asked: &&Asked| asked.endpoint().is_some() || matches!(asked.ask, Ask::Inspect(_));
    let requests: Vec<Ms> = story.asked.iter().filter(requests).map(|asked| asked.at).collect();
    let opens: Vec<Ms> =
        story.asked.iter().filter(|asked| matches!(asked.ask, Ask::Open(_))).map(|asked| asked.at).collect();
    for (what, moments, most, width) in
        [("requests", &requests, 10, BURST), ("sockets", &opens, 5, BURST), ("sockets", &opens, 1_200, HOUR)]
    {
        let crowds = crowds(moments, most, width);
        if let Some(at) = crowds.first() {
            waste(*at, format!("over {most} {what} within {}, {} times", spell(width), crowds.len()));
        }
    }
    for (at, asked, reply) in story.answers() {
        if let (Ask::Open(_), Err(Bad::Http { retry_after: Some(wait), .. })) = (asked.ask, reply.result) {
            let within = |open: &&Ms| (at..at + asked_for(wait, held.left(at))).contains(*open);
            let count = opens.iter().filter(within).count();
            if count > 2 {
                waste(at, format!("{count} sockets within a Retry-After of {}", spell(wait)));
                break;
            }
        }
    }
}

/// Where there are more of these moments than `most` within a window: at the first that is too many, and on from there.
fn crowds(moments: &[Ms], most: usize, width: Ms) -> Vec<Ms> {
    let (mut first, mut crowds) = (0, Vec::new());
    for (index, at) in moments.iter().enumerate() {
        while moments[first] + width <= *at {
            first += 1;
        }
        if index + 1 - first > most {
            crowds.push(*at);
            first = index + 1;
        }
        if first >= moments.len() {
            break;
        }
    }
    crowds
}

/// Moments that are a reason to ask anew.
fn reasons(story: &Story<'_>) -> Vec<Ms> {
    let mut reasons: Vec<Ms> =
        story.users.iter().filter(|(_, user)| *user != User::Calls).map(|(at, _)| *at).collect();
    reasons.extend(&story.began);
    reasons.extend(story.refused.iter().map(|(at, ..)| *at));
    reasons.sort_unstable();
    reasons
}

/// When an endpoint was asked earlier than is polite.
fn early(
    story: &Story<'_>,
    served: &Served,
    held: &Held,
    reasons: &[Ms],
    asked: &[&Asked],
    blind: bool,
) -> Vec<Ms> {
    let (mut early, mut failures, mut best) = (Vec::new(), 0_u32, 0);
    for pair in asked.windows(2) {
        let [one, next] = pair else { continue };
        let answer = one.answer.filter(|(at, _)| *at <= next.at);
        let since = answer.map_or(one.at, |(at, _)| at);
        let token = match answer.map(|(_, reply)| reply.result) {
            Some(Ok(Good::Token { token, .. })) => story.token(token),
            _ => None,
        };
        let is_bound = matches!(one.endpoint(), Some(Endpoint::Activate | Endpoint::Renew));
        let asked = if is_bound { asked_to_end(answer, since) } else { Ms::MAX };
        let ends = token.map(|token| said_to_end(token).min(asked));
        let news = ends.filter(|end| *end > best.max(since) + SECOND);
        if let Some(end) = news {
            failures = 0;
            best = end;
        }
        // What has come from elsewhere before is no gain: the first of another row of failures.
        let is_held = token.is_some_and(|token| token.received.is_some_and(|came| came < since));
        let mut wait = if news.is_some() && !is_held {
            // From asking to asking: where the answer takes most of a life, the next must be asked for at once.
            ((best - since) / 4).saturating_sub(since - one.at)
        } else {
            failures += 1;
            let refused = token.is_some()
                || (!blind && answer.is_some_and(|(_, reply)| reply.result.is_err_and(is_own_refusal)));
            // What it may be is what it is at the more hurried of the two ends.
            let most = [since, next.at].map(|at| most(served.served.has(at), held.left(at), refused));
            (SECOND << (failures - 1).min(12)).min(most[0].min(most[1])) / 2
        };
        if let Some((at, reply)) = answer
            && let Err(Bad::Http { retry_after: Some(asked), .. }) = reply.result
        {
            wait = wait.max(asked_for(asked, held.left(at)));
        }
        let reason = reasons.get(reasons.partition_point(|at| *at < one.at)).is_some_and(|at| *at <= next.at);
        if reason {
            wait = wait.min(5 * SECOND);
        }
        // At the end of a life the next request does not wait.
        let ended = held.left(since).is_some() && held.left(next.at).is_none();
        if next.at - since + 100 < wait * 9 / 10 && !ended {
            early.push(next.at);
        }
    }
    early
}

/// The latest end of the tokens that had come, by when; a revocation is told to nobody.
struct Held(Vec<(Ms, Ms)>);

impl Held {
    fn of(story: &Story<'_>) -> Self {
        let mut come: Vec<(Ms, Ms)> = story.received().map(|(at, token)| (at, said_to_end(token))).collect();
        come.sort_unstable();
        let mut latest = 0;
        for (_, end) in &mut come {
            latest = latest.max(*end);
            *end = latest;
        }
        Self(come)
    }

    /// What the best of them has left at `t`.
    fn left(&self, t: Ms) -> Option<Ms> {
        let come = self.0.partition_point(|(at, _)| *at <= t);
        let (_, end) = self.0.get(come.checked_sub(1)?)?;
        end.checked_sub(t).filter(|left| *left > 0)
    }
}

/// A client-bound token is asked for by its life: where the answer itself names none, a later end that is told elsewhere
/// may be that of the session, and whoever goes by what was asked for is careful.
fn asked_to_end(answer: Option<(Ms, Reply)>, since: Ms) -> Ms {
    match answer.map(|(_, reply)| reply.result) {
        Some(Ok(Good::Token { says, .. })) if says.life.or(says.end).is_none() => since + ASKED,
        _ => Ms::MAX,
    }
}

fn said_to_end(token: &Token) -> Ms {
    token.told.unwrap_or(token.ends)
}

fn most(served: bool, left: Option<Ms>, refused: bool) -> Ms {
    match (left.filter(|_| served), refused) {
        (Some(left), false) => (left / 4).clamp(5 * SECOND, 30 * SECOND),
        (Some(left), true) => (left / 4).clamp(5 * SECOND, HOUR),
        (None, false) => 10 * SECOND,
        (None, true) => MINUTE,
    }
}

fn asked_for(wait: Ms, left: Option<Ms>) -> Ms {
    wait.min(5 * MINUTE).min(left.map_or(Ms::MAX, |left| left / 2))
}

fn is_own_refusal(bad: Bad) -> bool {
    match bad {
        Bad::Http { status, own, .. } => {
            own && (400..500).contains(&status) && status != 408 && status != 425
        }
        Bad::Rejected => true,
        _ => false,
    }
}
