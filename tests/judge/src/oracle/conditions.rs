//! What a session lives in, as sets of moments: its host runs, everything passes, its user wants it.

use super::spans::Spans;
use super::story::Story;
use crate::timeline::Ms;
use crate::world::{Awake, Network, User, World};

/// How far beyond the end of a world it is looked at, for what could still have become of a session that is over.
const BEYOND: Ms = 3_600_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Conditions {
    /// The world is known until then; what holds last in it holds on.
    pub(super) horizon: Ms,
    pub(super) runs: Spans,
    /// Both directions pass.
    pub(super) net: Spans,
    /// The user wants to be served: from the beginning on, but for what lies between `suspend` and `resume`, and until
    /// `disconnect`. A new process is begun by somebody who wants it.
    pub(super) wish: Spans,
    /// All three.
    pub(super) able: Spans,
}

impl Conditions {
    pub(super) fn of(world: &World, story: &Story<'_>) -> Self {
        let horizon = world.length.saturating_add(BEYOND);
        let runs = Spans::of_timeline(&world.awake, horizon, |awake| *awake == Awake::Runs);
        let net = Spans::of_timeline(&world.network, horizon, |network| passes(*network));
        let wish = wish(story, horizon);
        let able = runs.and(&net).and(&wish);
        Self { horizon, runs, net, wish, able }
    }
}

const fn passes(network: Network) -> bool {
    matches!(network, Network::Up | Network::Swallows { out: true, back: true })
}

fn wish(story: &Story<'_>, horizon: Ms) -> Spans {
    let mut turns: Vec<(Ms, Option<User>)> = story.began.iter().map(|at| (*at, None)).collect();
    turns.extend(story.users.iter().map(|(at, user)| (*at, Some(*user))));
    turns.sort_by_key(|(at, _)| *at);
    let (mut wished, mut spans) = (None, Vec::new());
    for (at, turn) in turns {
        match turn {
            None | Some(User::Resumes) => {
                wished.get_or_insert(at);
            }
            Some(User::Suspends | User::Disconnects) => spans.extend(wished.take().map(|from| (from, at))),
            Some(_) => {}
        }
        if turn == Some(User::Disconnects) {
            return Spans::of(spans);
        }
    }
    spans.extend(wished.map(|from| (from, horizon)));
    Spans::of(spans)
}
