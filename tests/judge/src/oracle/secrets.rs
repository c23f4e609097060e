//! Secrets presented that were spent, and another subscriber's token that served.
//!
//! A one-time secret is spent when its successor was issued, whether its holder knows or not: who has no answer has to
//! suppose it. Not so where the store said that it kept the successor, and a new process finds that it has not.

use super::spell;
use super::story::Story;
use crate::client::Ask;
use crate::log::By;
use crate::timeline::Ms;
use crate::verdict::{Fault, Kind};
use crate::world::{Health, World};

pub(super) fn spent(world: &World, story: &Story<'_>, faults: &mut Vec<Fault>) {
    for (at, secret, newest, twice) in story.presented.iter().copied() {
        let what = match (secret < newest, twice) {
            (true, _) if forgotten(world, story, at) => continue,
            (true, _) => format!("presented secret {secret} when {newest} was issued"),
            (false, true) => format!("presented secret {secret} twice at once"),
            (false, false) => continue,
        };
        faults.push(Fault { at, kind: Kind::SpentTwice, what });
    }
}

/// The process began with a record that was older than the store had said.
fn forgotten(world: &World, story: &Story<'_>, at: Ms) -> bool {
    let began = story.began.iter().rev().find(|began| **began <= at).copied().unwrap_or(0);
    world.store.pieces(began).any(|(_, _, store)| store.health == Health::Loses)
}

/// A connect or push with a token of the subscriber before, asked for after the application brought another's.
pub(super) fn identity(story: &Story<'_>, faults: &mut Vec<Fault>) {
    if story.identities.is_empty() {
        return;
    }
    for asked in &story.asked {
        let (token, what) = match asked.ask {
            Ask::Connect { token, .. } => (token, "connected"),
            Ask::Push(_, token, _) => (token, "pushed"),
            _ => continue,
        };
        if is_another(story, token, asked.at) {
            let what = format!("{what} with token {token} of the subscriber before");
            faults.push(Fault { at: asked.at, kind: Kind::Identity, what });
        }
    }
    for (socket, sock) in &story.sockets {
        for (at, what) in &sock.authenticated {
            let Some((token, By::Resume)) = what else { continue };
            let asked = story
                .asked_until(*at)
                .find(|asked| matches!(asked.ask, Ask::Connect { socket: on, .. } if on == *socket));
            if asked.is_some_and(|asked| is_another(story, *token, asked.at)) {
                let what = format!(
                    "resumed the session of the subscriber before, {} after",
                    spell(since(story, *at))
                );
                faults.push(Fault { at: *at, kind: Kind::Identity, what });
            }
        }
    }
}

fn is_another(story: &Story<'_>, token: u32, at: Ms) -> bool {
    story.token(token).is_some_and(|token| token.identity < story.identity(at))
}

fn since(story: &Story<'_>, at: Ms) -> Ms {
    story.identities.iter().rev().find(|(when, _)| *when <= at).map_or(0, |(when, _)| at - when)
}
