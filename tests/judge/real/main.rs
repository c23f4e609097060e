//! The judge in the real world: both adapters against the fixture server, over real sockets and in real seconds, in one
//! world of each kind for which that can be honestly done ([`catalogue`]), all at once. `tests/judge` plays the machine in
//! 45 kinds of worlds in virtual time; what only an adapter can get wrong is found here.
//!
//! | file | what it holds |
//! |---|---|
//! | `world`, `catalogue` | what the server is told and when; what is left out, and why |
//! | `play`, `said` | one session in one of them, and what it said of itself |
//! | `server`, `spans` | what the server's own log says of it |
//! | `verdict` | what its user has suffered |
//!
//! A round of 45 s for each push; `SATKEEPER_JUDGE_ROUNDS=7` plays the weather so many times (`.ci/full`), and
//! `SATKEEPER_JUDGE_WORLD=tunnel` those worlds alone whose name has that in it, and tells their stories, as a world does that is out of its bound.
#![allow(clippy::print_stdout, reason = "shown when a test fails or is asked to talk")]

mod catalogue;
mod play;
mod said;
mod server;
mod spans;
mod verdict;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use satkeeper_fixtures::What;
use satkeeper_tests::adapter::Adapter;
use satkeeper_tests::with_each_adapter;

use crate::play::{Play, it_lives_until_it_is_killed};
use crate::said::now_ms;
use crate::verdict::Verdict;
use crate::world::{Ms, World};

/// Worlds do not begin all in the same moment.
const APART: Duration = Duration::from_millis(60);
/// A heart beats so often; what it is late is what the machine stood still.
const BEAT: Duration = Duration::from_millis(50);
/// Less is no stall.
const LATE: Ms = 150;

/// Adds up by how much this machine is late, so that a verdict can allow for it.
fn heart() -> Arc<AtomicI64> {
    let stalled = Arc::new(AtomicI64::new(0));
    let adding = Arc::downgrade(&stalled);
    tokio::spawn(async move {
        let mut last = now_ms();
        while let Some(stalled) = adding.upgrade() {
            tokio::time::sleep(BEAT).await;
            let beat = now_ms();
            let late = beat - last - Ms::try_from(BEAT.as_millis()).unwrap_or(0);
            if late > LATE {
                stalled.fetch_add(late, Ordering::Relaxed);
            }
            last = beat;
        }
    });
    stalled
}

/// What happened, told shortly.
fn tell(play: &Play) {
    let seen = play.seen.iter().filter(|seen| {
        let text = |frame: &serde_json::Value| frame["method"].as_str().unwrap_or_default().to_owned();
        match &seen.what {
            What::FrameOut { frame, .. } => !frame["error"].is_null(),
            What::FrameIn { frame, .. } => text(frame).starts_with("signalwire."),
            _ => true,
        }
    });
    let seen = seen
        .map(|seen| (seen.ms, format!("server: {}", serde_json::to_string(&seen.what).unwrap_or_default())));
    let said = play.said.iter().map(|(at, word)| (*at, format!("client: {word}")));
    let done = play.done.iter().map(|(at, what)| (*at, format!("user:   {what:?}")));
    let mut all: Vec<_> = seen.chain(said).chain(done).collect();
    all.sort_by_key(|(at, _)| *at);
    for (at, line) in all {
        let short: String = line.chars().take(240).collect();
        println!("    {:7} {short}", at - play.began);
    }
}

fn row(world: &World, verdict: &Verdict) -> String {
    let seconds = |ms: Ms| format!("{:.1}", Duration::from_millis(ms.unsigned_abs()).as_secs_f64());
    format!(
        "{:>2} {:<38} due {:>6} served {:>6} excused {:>5} avoidable {:>5} of {:>3}  disruptions {} connects {} tokens {}{}",
        world.row,
        world.name,
        seconds(verdict.due),
        seconds(verdict.served),
        seconds(verdict.excused),
        seconds(verdict.avoidable),
        world.bound / 1_000,
        verdict.disruptions,
        verdict.connects,
        verdict.lives,
        if verdict.faults.is_empty() { "" } else { "  <-- out of bound" },
    )
}

async fn in_no_real_world_a_user_suffers<A: Adapter>() {
    let named = std::env::var("SATKEEPER_JUDGE_WORLD").unwrap_or_default();
    let rounds =
        std::env::var("SATKEEPER_JUDGE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let worlds = catalogue::worlds().into_iter().filter(|world| world.name.contains(&named));
    let stalled = heart();
    let mut playing = Vec::new();
    for world in worlds {
        playing.push(tokio::spawn(async move {
            let (world, length) = world.rounds(rounds);
            let play = play::play::<A>(&world, length).await;
            (world, play)
        }));
        tokio::time::sleep(APART).await;
    }
    let mut failed = Vec::new();
    let mut played = Vec::new();
    for playing in playing {
        played.push(playing.await.expect("it can be played"));
    }
    let stalled = stalled.load(Ordering::Relaxed);
    println!("{}: the machine stood still for {stalled} ms", A::MODULE);
    for (world, play) in &played {
        let verdict = verdict::judge(world, play, stalled);
        println!("{}", row(world, &verdict));
        if !verdict.faults.is_empty() {
            failed.push(world.name);
        }
        if !verdict.faults.is_empty() || !named.is_empty() {
            tell(play);
        }
        for (at, what) in &verdict.faults {
            println!("    !!!! {:7} {what}", at - play.began);
        }
    }
    assert!(failed.is_empty(), "{} of {} worlds are out of bound: {failed:?}", failed.len(), played.len());
}

with_each_adapter! {
    in_no_real_world_a_user_suffers,
    #[ignore = "a process that another test begins and kills"]
    it_lives_until_it_is_killed,
}
