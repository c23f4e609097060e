//! When a session could have been served: what tokens could be had, when a connect would have gone through.

use super::conditions::Conditions;
use super::spans::Spans;
use super::story::{Endpoint, Story};
use crate::log::Source;
use crate::timeline::{Ms, Timeline};
use crate::world::{Answer, Awake, Instant, Opening, Outcome, Service, World};

/// What an upgrade takes beside the connect on the new socket.
pub(super) const UPGRADE: Ms = 2;

/// A stretch in which whoever asks an endpoint gets a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chance {
    /// Asked from then on.
    pub(super) from: Ms,
    /// Asked before then.
    pub(super) to: Ms,
    /// The token comes so much later.
    pub(super) latency: Ms,
    /// It lives so long; 0 of what is handed out until it ends.
    pub(super) life: Ms,
    pub(super) endpoint: Endpoint,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Possible {
    /// Of the provider's calls, each sorted.
    pub(super) provider: [Vec<Chance>; 2],
    /// Of devices/token and devices/refresh, each sorted.
    pub(super) devices: [Vec<Chance>; 2],
    /// When a connect, begun then with such a token, goes through.
    pub(super) connectable: Spans,
    /// When the session could have been served.
    pub(super) possible: Spans,
}

impl Possible {
    pub(super) fn of(world: &World, story: &Story<'_>, conditions: &Conditions) -> Self {
        let provider = provider(world, story, conditions);
        let cuts = token_cuts(world, story);
        let mut bases: Vec<(Ms, Ms)> =
            provider.iter().flatten().filter_map(|chance| had(chance, &cuts)).collect();
        bases.extend(story.held(super::story::Token::is_base));
        let bases = Spans::of(bases);
        let mut devices = [const { Vec::new() }; 2];
        let mut bound: Vec<(Ms, Ms)> = story.held(|token| !token.is_base()).collect();
        if world.facts.scope && world.facts.key {
            devices = device_chances(world, conditions, &bases, &bound, &cuts);
            if !world.facts.capped {
                bound.extend(devices.iter().flatten().filter_map(|chance| had(chance, &cuts)));
            }
        }
        let obtainable = bases.or(&Spans::of(bound));
        let (connectable, ready) = ready(world, conditions, &obtainable);
        let possible = ready.and(&conditions.able).and(&obtainable);
        Self { provider, devices, connectable, possible }
    }
}

/// Where tokens of before count no more: they were revoked, or another subscriber is there.
fn token_cuts(world: &World, story: &Story<'_>) -> Vec<Ms> {
    let revoked = world.instants.iter().filter(|(_, instant)| *instant == Instant::Revoke).map(|(at, _)| *at);
    let mut cuts: Vec<Ms> = revoked.chain(story.identities.iter().map(|(at, _)| *at)).collect();
    cuts.sort_unstable();
    cuts
}

/// When a token of a chance could be had: from the first that is issued to the end of the last.
fn had(chance: &Chance, cuts: &[Ms]) -> Option<(Ms, Ms)> {
    let (first, last) = (chance.from + chance.latency, chance.to + chance.latency);
    let cut = cuts.get(cuts.partition_point(|cut| *cut < last)).copied().unwrap_or(Ms::MAX);
    let end = (last - 1).saturating_add(chance.life).min(cut);
    (first < end).then_some((first, end))
}

/// What the provider gives, of its calls that may be made then.
fn provider(world: &World, story: &Story<'_>, conditions: &Conditions) -> [Vec<Chance>; 2] {
    let facts = &world.facts;
    let ended = story.rejected().unwrap_or(Ms::MAX);
    let may = conditions.able.and(&Spans::of(vec![(0, ended)]));
    let (mut mint, mut refresh) = (Vec::new(), Vec::new());
    if facts.can_mint_again {
        chances_of(&world.mint, Endpoint::Mint, &may, conditions, &mut mint);
    } else {
        let once = Spans::of(fresh_starts(world, story).map(|at| (at, at + 1)).collect());
        chances_at(&world.mint, Endpoint::Mint, &once, &may, conditions, &mut mint);
    }
    if facts.can_refresh {
        let alive = if facts.one_time { may.without(&broken_chain(story)) } else { may.clone() };
        chances_at(&world.refresh, Endpoint::Refresh, &alive, &may, conditions, &mut refresh);
    }
    [mint, refresh]
}

/// Where a process began that has nothing of an earlier one, as far as the store let it.
pub(super) fn fresh_starts<'a>(world: &'a World, story: &'a Story) -> impl Iterator<Item = Ms> + 'a {
    story.began.iter().enumerate().filter(|(index, _)| *index == 0 || !world.facts.durable).map(|(_, at)| *at)
}

/// When no `refresh()` can bring anything, because the reply that held the next one-time secret was lost: until a mint
/// has begun another chain.
fn broken_chain(story: &Story<'_>) -> Spans {
    let lost = story.tokens().filter(|token| token.of == Source::Refresh && token.received.is_none());
    let mended = |at: Ms| {
        story
            .received()
            .filter(|(received, token)| token.of == Source::Mint && *received >= at)
            .map(|(received, _)| received)
            .min()
            .unwrap_or(Ms::MAX)
    };
    Spans::of(lost.map(|token| (token.issued, mended(token.issued))).collect())
}

fn chances_of(
    line: &Timeline<Service>,
    endpoint: Endpoint,
    may: &Spans,
    conditions: &Conditions,
    chances: &mut Vec<Chance>,
) {
    chances_at(line, endpoint, may, may, conditions, chances);
}

/// Who asks within `when` is answered, if it is able all the time until the answer.
fn chances_at(
    line: &Timeline<Service>,
    endpoint: Endpoint,
    when: &Spans,
    able: &Spans,
    conditions: &Conditions,
    chances: &mut Vec<Chance>,
) {
    for (a, b, service) in line.pieces(conditions.horizon) {
        let life = match service.outcome {
            Outcome::Grants { life } if life > 0 => life.unsigned_abs(),
            Outcome::Cached { life } if life > 0 => 0,
            _ => continue,
        };
        for (from, to) in when.within(a, b) {
            for (x, y) in able.touching(from, to) {
                let (from, to) = (from.max(x), to.min(y.saturating_sub(service.latency)));
                if from < to {
                    chances.push(Chance { from, to, latency: service.latency, life, endpoint });
                }
            }
        }
    }
}

/// What an exchange gives: an activation to who has a base, a renewal to who has a client-bound token.
fn device_chances(
    world: &World,
    conditions: &Conditions,
    bases: &Spans,
    held: &[(Ms, Ms)],
    cuts: &[Ms],
) -> [Vec<Chance>; 2] {
    let mut chances = Vec::new();
    chances_at(&world.activate, Endpoint::Activate, bases, &conditions.able, conditions, &mut chances);
    let mut bound: Vec<(Ms, Ms)> = chances.iter().filter_map(|chance| had(chance, cuts)).collect();
    bound.extend(held);
    let mut renewals = Vec::new();
    chances_of(&world.renew, Endpoint::Renew, &conditions.able, conditions, &mut renewals);
    let (mut bound, mut renewed) = (Spans::of(bound), Vec::new());
    for renewal in renewals {
        // Who has one when the stretch begins, or gets one in it, goes on from there to its end.
        if let Some(from) = bound.next(renewal.from).filter(|from| *from < renewal.to) {
            let renewal = Chance { from, ..renewal };
            bound = bound.or(&Spans::of(had(&renewal, cuts).into_iter().collect()));
            renewed.push(renewal);
        }
    }
    [chances, renewed]
}

/// When a connect goes through that is begun then, and when one that has gone through still holds.
fn ready(world: &World, conditions: &Conditions, obtainable: &Spans) -> (Spans, Spans) {
    let open = Spans::of_timeline(&world.open, conditions.horizon, |open| *open == Opening::Upgrades);
    let able = conditions.able.and(obtainable);
    let cuts = socket_cuts(world, conditions);
    let (mut connectable, mut ready) = (Vec::new(), Vec::new());
    for (a, b, handling) in world.connect.pieces(conditions.horizon) {
        if handling.answer != Answer::Accepts {
            continue;
        }
        let takes = handling.takes + UPGRADE;
        for (from, to) in open.within(a, b) {
            for (x, y) in able.touching(from, to) {
                let (mut from, to) = (from.max(x), to.min(y.saturating_sub(takes)));
                while from < to {
                    let cut = cuts.get(cuts.partition_point(|cut| *cut <= from)).copied().unwrap_or(Ms::MAX);
                    let done = from + takes;
                    let held = obtainable.around(done).map_or(done, |(_, end)| end.min(cut));
                    if done <= cut {
                        connectable.push((from, to.min(cut - takes + 1)));
                        ready.push((done, held));
                    }
                    from = cut;
                }
            }
        }
    }
    (Spans::of(connectable), Spans::of(ready))
}

/// What ends a socket, whoever's it is.
pub(super) fn socket_cuts(world: &World, conditions: &Conditions) -> Vec<Ms> {
    let cuts = |instant: &Instant| {
        matches!(
            instant,
            Instant::Cut
                | Instant::HalfOpen { .. }
                | Instant::Restart { .. }
                | Instant::GoingAway
                | Instant::Revoke
        )
    };
    let mut all: Vec<Ms> =
        world.instants.iter().filter(|(_, instant)| cuts(instant)).map(|(at, _)| *at).collect();
    all.extend(conditions.net.iter().chain(conditions.wish.iter()).map(|(_, to)| to));
    let dead = Spans::of_timeline(&world.awake, conditions.horizon, |awake| *awake == Awake::Dead);
    all.extend(dead.iter().map(|(from, _)| from));
    all.sort_unstable();
    all.dedup();
    all
}
