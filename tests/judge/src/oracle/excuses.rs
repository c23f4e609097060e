//! What is missing and nobody's fault: for each cause an allowance, used from the cause on.
//!
//! An allowance is counted in time in which the session could have been served, so that what is impossible (no network,
//! asleep, no token to be had) uses nothing of it. It ends when it is used up, or with the first service that begins
//! after its cause: what is lost again after that has another cause, or none. Allowances of several causes run side by
//! side and are not added. Nothing that a client does begins one, but for asking where it is told to wait, or
//! whom nobody may ask twice.

use std::collections::BTreeMap;

use super::conditions::Conditions;
use super::possible::{Chance, Possible, UPGRADE};
use super::served::Served;
use super::spans::Spans;
use super::story::{Endpoint, Story, Token};
use crate::client::{Ask, Bad};
use crate::timeline::{Ms, Timeline};
use crate::verdict::Excuse;
use crate::world::{Answer, Awake, Handling, Health, Instant, Opening, Outcome, Service, User, World};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;

/// Who was without a network for longer than this may take its time.
const LONG_OUTAGE: Ms = MINUTE;

/// A server may be asked for 1,200 sockets an hour: who is not told that the network is there again meets it within this.
const AGAIN: Ms = 3 * SECOND;

/// A token is asked for in good time if that is done in the last tenth of its life, but five minutes before its end at
/// the latest (a day's token needs no hours), and half a minute before it where half a life is as long: nobody may ask more
/// often than once a life, and who asked earlier would.
const GOOD_TIME: Ms = 5 * MINUTE;
/// See [`GOOD_TIME`].
const LEAST_TIME: Ms = 30 * SECOND;

/// Who asks again and again, as seldom as is polite while it is served, may miss a chance shorter than this.
const SHORT_CHANCE: Ms = 30 * SECOND;

/// Something that excuses.
#[derive(Clone, Copy, Debug)]
struct Cause {
    at: Ms,
    excuse: Excuse,
    /// Of possible time, but for `RetryAfter`: that is time as it passes.
    allowance: Ms,
}

/// What is excused by what, until the session was lost; no moment stands twice.
pub(super) fn excused(
    world: &World,
    story: &Story<'_>,
    conditions: &Conditions,
    possible: &Possible,
    served: &Served,
    missing: &Spans,
    until: Ms,
) -> Vec<(Excuse, Spans)> {
    let missing = missing.and(&Spans::of(vec![(0, until)]));
    let unforeseen = unforeseen(story, possible, world.length);
    let clock = possible.possible.without(&unforeseen);
    let mut left = missing.without(&unforeseen);
    let mut all = vec![(Excuse::Unforeseen, missing.and(&unforeseen))];
    if left.total() == 0 {
        return all;
    }
    let mut by_excuse: BTreeMap<Excuse, Vec<(Ms, Ms)>> = BTreeMap::new();
    for cause in causes(world, story, conditions) {
        let used_up = match cause.excuse {
            Excuse::RetryAfter => cause.at.saturating_add(cause.allowance),
            _ => clock.after(cause.at, cause.allowance).unwrap_or(Ms::MAX),
        };
        let served_again = served.served.next_beginning(cause.at).map_or(Ms::MAX, |(at, _)| at);
        by_excuse.entry(cause.excuse).or_default().push((cause.at, used_up.min(served_again)));
    }
    for (excuse, windows) in by_excuse {
        let windows = Spans::of(windows);
        all.push((excuse, left.and(&windows)));
        left = left.without(&windows);
    }
    all
}

/// Moments at which the client holds no token that is owed because its last one ended while nobody could have got
/// another in good time, and the request that brings the next one is still under way for whoever asks at once.
///
/// The page's `possible` knows what no client can: that an endpoint will fail for half an hour in ten minutes, so that
/// one had better ask now. Nobody may ask more than once a life, so it is enough to have asked as the plainest client
/// does, in the last tenth of the life. Where there was a chance then, the whole gap is the client's. A chance that came
/// and went while its endpoint had asked to be left alone was none.
///
/// A revocation is foreseen by nobody: what was asked for before it, and comes after it, is no client's merit. Where nobody
/// gives a token to who asks just then, the gap ends when somebody does.
fn unforeseen(story: &Story<'_>, possible: &Possible, length: Ms) -> Spans {
    let mut gaps = Vec::new();
    let open = [Endpoint::Mint, Endpoint::Refresh].map(|endpoint| {
        let waits = waits(story, endpoint);
        let chances = possible.provider.iter().flatten().filter(|chance| chance.endpoint == endpoint);
        let missed = |chance: &&Chance| waits.around(chance.from).is_some_and(|(_, to)| chance.to <= to);
        chances.filter(|chance| !missed(chance)).copied().collect::<Vec<Chance>>()
    });
    for (from, end) in story.holding().iter().filter(|(_, end)| *end < length) {
        if story.received().any(|(_, token)| token.revoked == Some(end) && token.ends > end) {
            let asked = |chance: &&Chance| chance.to > end;
            let next =
                open.iter().filter_map(|chances| chances.iter().find(asked)).map(|it| it.from.max(end));
            let next = next.min().unwrap_or(length);
            if next > end {
                gaps.push((end, next));
            }
            continue;
        }
        let last = |token: &&Token| token.owed_until() == end && token.revoked.is_none_or(|at| at > end);
        let Some((_, token)) = story.received().filter(|(_, token)| last(token)).max_by_key(|(at, _)| *at)
        else {
            continue;
        };
        let base_held = story.received().any(|(_, token)| token.is_base() && token.owed_until() >= end);
        let mut useful = possible.provider.iter().chain(&possible.devices).filter(|chances| {
            chances.first().is_some_and(|chance| match chance.endpoint {
                Endpoint::Mint | Endpoint::Refresh => true,
                Endpoint::Activate => base_held,
                Endpoint::Renew => !token.is_base(),
            })
        });
        if !useful.any(|chances| was_a_chance(chances, token.issued.max(from), token.issued, end)) {
            let next = open.iter().filter_map(|chances| next_token(chances, end)).min();
            gaps.push((end, next.unwrap_or(length)));
        }
    }
    Spans::of(gaps)
}

/// When this endpoint had asked to be left alone.
fn waits(story: &Story<'_>, endpoint: Endpoint) -> Spans {
    let waits = story.answers().filter(|(_, asked, _)| asked.endpoint() == Some(endpoint));
    let waits = waits.filter_map(|(at, _, reply)| match reply.result {
        Err(Bad::Http { retry_after: Some(wait), .. }) => Some((at, at + wait.min(5 * MINUTE))),
        _ => None,
    });
    Spans::of(waits.collect())
}

/// In the good time before a token ends that was issued then and is known since then, there was a chance of some length.
fn was_a_chance(chances: &[Chance], known: Ms, issued: Ms, end: Ms) -> bool {
    let life = end - issued.min(end);
    let touching = &chances[chances.partition_point(|chance| chance.to <= known)..];
    touching.iter().take_while(|chance| chance.from < end).any(|chance| {
        let usual = (life / 10).clamp(LEAST_TIME, GOOD_TIME).min(life / 2);
        let good_time = usual.max(2 * chance.latency).min(life);
        let first = (end - good_time).max(known).max(chance.from);
        let last = end.saturating_sub(chance.latency).min(chance.to);
        last.saturating_sub(first) >= SHORT_CHANCE.min(life / 8)
    })
}

/// The first moment from `t` on at which a token comes to whoever asks at the right moment.
pub(super) fn next_token(chances: &[Chance], t: Ms) -> Option<Ms> {
    let later = &chances[chances.partition_point(|chance| chance.to + chance.latency <= t)..];
    later.first().map(|chance| chance.from.max(t.saturating_sub(chance.latency)) + chance.latency)
}

fn causes(world: &World, story: &Story<'_>, conditions: &Conditions) -> Vec<Cause> {
    let facts = &world.facts;
    let holding = story.holding();
    let connect = |at: Ms| world.connect.at(at).takes.max(world.resume.at(at).takes) + UPGRADE;
    // Where the socket was lost, it is possible again when a fresh connect is done; a resume may take longer.
    let slower = |at: Ms| connect(at) - world.connect.at(at).takes - UPGRADE;
    // A timer may be late; news are not.
    let late = |at: Ms| *world.late.at(at);
    // Who holds no token has to ask for one.
    let ask = |at: Ms| if holding.has(at) { 0 } else { latency(world, at) };
    let mut causes = Vec::new();
    let mut put = |at: Ms, excuse: Excuse, allowance: Ms| {
        causes.push(Cause { at, excuse, allowance: allowance.saturating_add(late(at)) });
    };
    for (index, began) in story.began.iter().enumerate() {
        let at = *began;
        let mint = ask(at);
        // The first is possible when the first token and connect are done; a later one knows of tokens of before.
        put(at, Excuse::Start, if index == 0 { 0 } else { mint } + slower(at));
        let before = index.checked_sub(1).and_then(|index| story.began.get(index));
        if before.is_some_and(|before| !store_kept(world, *before, at)) {
            put(at, Excuse::Takeover, 6 * SECOND + latency(world, at));
        }
    }
    for (at, user) in &story.users {
        if *user == User::Resumes {
            put(*at, Excuse::Start, ask(*at) + slower(*at));
        }
    }
    for (at, instant) in &world.instants {
        let at = *at;
        match instant {
            Instant::Cut => put(at, Excuse::Cut, 2 * SECOND + slower(at)),
            Instant::Restart { wipe } => {
                let spread = if *wipe || !facts.resumes { 10 } else { 3 };
                put(at, Excuse::ServerWide, spread * SECOND + slower(at));
            }
            Instant::GoingAway => {
                let spread = if facts.resumes { 3 } else { 10 };
                put(at, Excuse::ServerWide, spread * SECOND + slower(at));
            }
            Instant::HalfOpen { out: true, back: true } => {}
            Instant::HalfOpen { back, .. } => put(at, Excuse::SilentDeath, silent_death(world, at, *back)),
            Instant::Revoke => put(at, Excuse::Revoked, latency(world, at) + slower(at) + 5 * SECOND),
            Instant::ForgetStates | Instant::User(_) => {}
        }
    }
    let gaps = Spans::of(vec![(0, conditions.horizon)]).without(&conditions.net);
    for (off, on) in gaps.iter() {
        let told = story.users.iter().find(|(at, user)| *user == User::NetworkChanged && *at >= on);
        let told = told.map_or(Ms::MAX, |(at, _)| at - on + 2 * SECOND);
        if on - off <= LONG_OUTAGE {
            put(off, Excuse::Cut, told.min(AGAIN) + slower(on) + ask(on));
            continue;
        }
        let busy = if holding.has(on) { 0 } else { busy(world, story, off, on) };
        put(on, Excuse::NoNetwork, told.min(30 * SECOND).max(busy) + slower(on) + ask(on));
    }
    for (from, to, awake) in world.awake.pieces(conditions.horizon) {
        if matches!(awake, Awake::Sleeps | Awake::Stopped) && from < to {
            put(to, Excuse::Wake, 5 * SECOND + connect(to) + ask(to));
        }
    }
    for (at, allowance) in healed(world, conditions.horizon) {
        put(at, Excuse::Healed, allowance + connect(at) + ask(at));
    }
    for (at, allowance) in accepts_again(world, conditions.horizon) {
        put(at, Excuse::Healed, allowance + connect(at));
    }
    for (at, asked, reply) in story.answers() {
        if let Err(Bad::Http { retry_after: Some(wait), .. }) = reply.result
            && (asked.endpoint().is_some() || matches!(asked.ask, Ask::Open(_)))
        {
            put(at, Excuse::RetryAfter, wait.min(5 * MINUTE) + connect(at) + ask(at));
        }
    }
    causes
}

/// How long after a network that swallows everything is there again no provider's call may be made: who may be asked but
/// once at a time, and was asked while it was gone, is asked again after two minutes (A1).
fn busy(world: &World, story: &Story<'_>, off: Ms, on: Ms) -> Ms {
    let facts = &world.facts;
    let calls = [(facts.can_mint_again, Endpoint::Mint), (facts.can_refresh, Endpoint::Refresh)];
    let hangs = |endpoint: Endpoint| {
        let asked = story.asked.iter().rfind(|asked| asked.at < on && asked.endpoint() == Some(endpoint))?;
        let hangs = asked.at >= off && asked.answer.is_none_or(|(at, _)| at > on);
        hangs.then(|| (asked.at + 2 * MINUTE).saturating_sub(on))
    };
    let free = calls.into_iter().filter(|(may, _)| *may).map(|(_, endpoint)| hangs(endpoint).unwrap_or(0));
    if facts.may_be_asked_twice { 0 } else { free.min().unwrap_or(0) }
}

/// How long an answer takes of the endpoints that bring a first token.
fn latency(world: &World, at: Ms) -> Ms {
    let refresh = if world.facts.can_refresh { world.refresh.at(at).latency } else { 0 };
    world.mint.at(at).latency.max(refresh)
}

/// In that time all that was written was kept.
fn store_kept(world: &World, from: Ms, to: Ms) -> bool {
    world.store.pieces(to).all(|(_, end, store)| end <= from || store.health == Health::Keeps)
}

/// How long a death may go unnoticed of which nobody tells: the server's pings stop, or its answers to the client's. Who
/// gets the one and is never given the other has nothing to notice.
fn silent_death(world: &World, at: Ms, back: bool) -> Ms {
    let pings = world.facts.pings > 0;
    match (pings && !back, *world.pongs.at(at)) {
        (false, false) => Ms::MAX,
        _ if pings => 40 * SECOND,
        _ => 70 * SECOND,
    }
}

/// Where an endpoint begins to give tokens again, and none of the others had given any until then.
fn healed(world: &World, horizon: Ms) -> Vec<(Ms, Ms)> {
    let facts = &world.facts;
    let lines: Vec<&Timeline<Service>> = [
        (facts.can_mint_again, &world.mint),
        (facts.can_refresh, &world.refresh),
        (facts.scope && facts.key, &world.activate),
        (facts.scope && facts.key, &world.renew),
    ]
    .into_iter()
    .filter_map(|(may, line)| may.then_some(line))
    .collect();
    let mut all = Vec::new();
    for line in &lines {
        let mut before: Option<&Service> = None;
        for (at, _, service) in line.pieces(horizon) {
            if let Some(ill) = before.filter(|ill| !gives(ill.outcome) && gives(service.outcome))
                && !lines.iter().any(|line| at > 0 && gives(line.at(at - 1).outcome))
            {
                all.push((at, if refuses(ill.outcome) { MINUTE } else { 10 * SECOND }));
            }
            before = Some(service);
        }
    }
    all
}

/// Where connects, resumes or upgrades begin to be accepted again: found as an endpoint is.
fn accepts_again(world: &World, horizon: Ms) -> Vec<(Ms, Ms)> {
    let mut all = Vec::new();
    for line in [&world.connect, &world.resume] {
        let mut before: Option<&Handling> = None;
        for (at, _, handling) in line.pieces(horizon) {
            if let Some(ill) = before.filter(|ill| ill.answer != Answer::Accepts)
                && handling.answer == Answer::Accepts
            {
                let refused =
                    matches!(ill.answer, Answer::Error(-32_003 | -32_002) | Answer::Code(401 | 403));
                all.push((at, if refused { MINUTE } else { 10 * SECOND }));
            }
            before = Some(handling);
        }
    }
    let mut upgrades = true;
    for (at, _, opening) in world.open.pieces(horizon) {
        if *opening == Opening::Upgrades && !upgrades {
            all.push((at, 10 * SECOND));
        }
        upgrades = *opening == Opening::Upgrades;
    }
    all
}

const fn gives(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Grants { life } | Outcome::Cached { life } if life > 0)
}

/// The API's own refusal, which is a reason to come back seldom.
const fn refuses(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Http { status, own: true, .. }
        if status >= 400 && status < 500 && status != 408 && status != 425)
}
