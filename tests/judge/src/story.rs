//! One session told: what the world did, what the client made of it, and where the judge objects.

use crate::catalogue::bound::seconds;
use crate::catalogue::{Row, draw, weather};
use crate::log::{Entry, Log};
use crate::oracle::judge;
use crate::play::play;
use crate::run::Machine;
use crate::timeline::{Ms, Timeline};
use crate::verdict::Verdict;
use crate::world::World;

/// The story, and whether the session has broken its bound.
#[must_use]
pub fn story(machine: Machine, row: &Row, index: u64, seed: u64) -> Option<(Vec<String>, bool)> {
    let (world, bound) = draw(row, index, seed);
    let mut client = machine.client(row, &world)?;
    let log = play(&world, client.as_mut());
    let verdict = judge(&world, &log);
    let mut lines = vec![
        format!("{} {}: {}", row.number, weather(row, index, seed).join("; "), row.why),
        format!(
            "session {index} of seed {seed}, {}, {} of {}",
            client.name(),
            row.allowed,
            clock(world.length)
        ),
        format!("{:?}", world.facts),
        format!("{bound:?}"),
        String::new(),
    ];
    let mut told = of_the_world(&world);
    told.extend(happened(&log));
    told.extend(accusations(&verdict));
    told.sort_by_key(|(at, order, _)| (*at, *order));
    lines.extend(told.into_iter().map(|(at, _, what)| format!("{:>14}  {what}", clock(at))));
    lines.push(String::new());
    lines.push(sum(&verdict));
    let broken = bound.broken(&verdict);
    lines.push(
        broken.as_ref().map_or_else(|| "within its bound".to_owned(), |broken| format!("BROKEN: {broken}")),
    );
    Some((lines, broken.is_some()))
}

type Told = (Ms, u8, String);

/// What each part of the world does from when on, and what happens in it.
fn of_the_world(world: &World) -> Vec<Told> {
    let mut told = Vec::new();
    let end = world.length;
    line(&mut told, "the provider's authenticate", &world.mint, end);
    line(&mut told, "the provider's refresh", &world.refresh, end);
    line(&mut told, "subscriber/info", &world.inspect, end);
    line(&mut told, "devices/token", &world.activate, end);
    line(&mut told, "devices/refresh", &world.renew, end);
    line(&mut told, "upgrades", &world.open, end);
    line(&mut told, "connects", &world.connect, end);
    line(&mut told, "resumes", &world.resume, end);
    line(&mut told, "pushes", &world.push, end);
    line(&mut told, "answers to pings", &world.pongs, end);
    line(&mut told, "network", &world.network, end);
    line(&mut told, "the process", &world.awake, end);
    line(&mut told, "lateness", &world.late, end);
    line(&mut told, "wall clock off by", &world.wall, end);
    line(&mut told, "store", &world.store, end);
    told.extend(world.instants.iter().map(|(at, what)| (*at, 1, format!("    == {what:?}"))));
    told
}

fn line<T: Clone + PartialEq + std::fmt::Debug>(
    told: &mut Vec<Told>,
    name: &str,
    line: &Timeline<T>,
    end: Ms,
) {
    told.extend(line.pieces(end).map(|(from, _, what)| (from, 0, format!("    == {name}: {what:?}"))));
}

/// Pings say nothing, and there are many.
fn happened(log: &Log) -> impl Iterator<Item = Told> {
    log.entries.iter().map(|(at, entry)| {
        let what = match entry {
            Entry::Asks(id, ask) => format!("-> {id} {ask:?}"),
            Entry::Heard(news) => format!("<- {news:?}"),
            Entry::Tells(tell) => format!("   tells {tell:?}"),
            Entry::Says(phase) => format!("   is {phase:?}"),
            Entry::Evidence => "   has evidence that it is not served".to_owned(),
            Entry::User(user) => format!("   its user: {user:?}"),
            Entry::Received(token) => format!("   has token {token}"),
            Entry::ToldEnd(token, end) => format!("   is told that token {token} ends at {}", clock(*end)),
            Entry::Issued { token, of, ends, identity } => {
                format!("    server: token {token} of {of:?}, to {}, identity {identity}", clock(*ends))
            }
            server => format!("    server: {server:?}"),
        };
        (*at, 2, what)
    })
}

fn accusations(verdict: &Verdict) -> Vec<Told> {
    let mut told: Vec<Told> = verdict
        .faults
        .iter()
        .map(|fault| (fault.at, 3, format!("!!!! {:?}: {}", fault.kind, fault.what)))
        .collect();
    if let Some((from, long)) = verdict.worst {
        told.push((from, 3, format!("!!!! avoidable from here on, {}", seconds(long))));
        told.push((from + long, 3, "!!!! to here".to_owned()));
    }
    told
}

fn sum(verdict: &Verdict) -> String {
    format!(
        "possible {}, served {}, excused {}, avoidable {}; {} disruptions, {} requests, {} sockets, {} connects, {} \
         mints, {} activations; {}; excused by {:?}",
        seconds(verdict.possible),
        seconds(verdict.served),
        seconds(verdict.excused),
        seconds(verdict.avoidable),
        verdict.disruptions,
        verdict.requests,
        verdict.opens,
        verdict.connects,
        verdict.minted_at.len(),
        verdict.activations,
        verdict.over.map_or_else(|| "not over".to_owned(), |at| format!("over at {}", clock(at))),
        verdict.excuses,
    )
}

/// Hours, minutes, seconds.
fn clock(ms: Ms) -> String {
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!("{}:{:02}:{:02}.{ms:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}
