//! Rules judged on states that are set by hand: edges that no run of a whole session reaches exactly, or that
//! cannot be seen from outside.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a failing test is a panic"
)]

mod answered;
mod asked;
mod check;
mod connect;
mod held;
mod record;
mod said;
mod timed;

use alloc::vec;

use super::connection::Known;
use super::input::{Outcome, Statement, TokenFacts};
use super::token::{Base, Inspection, Kind, Saved, Stated, Token};
use super::*;

/// When the scenes play.
const NOW: At = 10_000_000;
/// What the wall clock shows at moment zero.
const EPOCH: u64 = 1_800_000_000_000;

const BASE: TokenId = TokenId(1);
const BOUND: TokenId = TokenId(2);
const SOCKET: SocketId = SocketId(7);

fn token(id: TokenId, kind: Kind, life: Millis) -> Token {
    Token {
        id,
        kind,
        sent: NOW,
        received: NOW,
        stated: Stated { life: Some(life), ..Stated::default() },
        by: None,
        first: false,
        draw: 0,
        saved: Saved::No,
        restored: false,
        undated: false,
        gain: None,
        awaits_verdict: false,
    }
}

/// A base with the scope, about which nothing remains to be asked.
fn base(id: TokenId, life: Millis) -> Token {
    let known = Base { scope: Some(true), inspection: Inspection::Over, ..Base::default() };
    token(id, Kind::Base(known), life)
}

fn bound(id: TokenId, of: TokenId, life: Millis) -> Token {
    token(id, Kind::Bound { of }, life)
}

fn idle_with(policy: Policy) -> Lifecycle {
    let mut machine = Lifecycle::new(policy, &Seed::from_bytes([7; 32]));
    machine.clock.advance(Now::new(NOW, EPOCH + NOW), policy.jump);
    machine
}

fn live_with(policy: Policy) -> Lifecycle {
    let mut machine = idle_with(policy);
    machine.mode = Mode::Running;
    machine.provider.can_refresh = true;
    machine.key.state = KeyState::Ready;
    machine.minted = true;
    machine.ever_live = true;
    machine.held = vec![base(BASE, 7_200_000), bound(BOUND, BASE, 900_000)];
    machine.in_force = Some(BOUND);
    machine.link =
        Link::Live { socket: SOCKET, since: NOW, stable: true, known: Known::new(machine.generation) };
    machine.wake = machine.agenda();
    machine
}

/// A live session with a base and its bound token, which is in force; a provider could renew, too.
fn live() -> Lifecycle {
    live_with(Policy { jitter: false, ..Policy::default() })
}

impl Lifecycle {
    fn facts(&mut self, id: TokenId) -> &mut Base {
        self.token_mut(id).and_then(Token::base_mut).expect("a base is held")
    }

    fn set_now(&mut self, now: At) {
        self.clock.advance(Now::new(now, EPOCH + now), self.policy.jump);
    }

    fn events(&mut self) -> Vec<Event> {
        let tell = |output| match output {
            Output::Tell(event) => Some(event),
            Output::Do(_) => None,
        };
        core::mem::take(&mut self.out).into_iter().filter_map(tell).collect()
    }

    fn ids(&self) -> Vec<u32> {
        self.held.iter().map(|token| token.id.0).collect()
    }

    fn pend(&mut self, action: Action) -> Pending {
        let id = self.command(action, 1_000);
        *self.pending.iter().find(|pending| pending.id == id).expect("just given")
    }

    fn answer(&mut self, pending: Pending, result: Result<Reply, Failure>) {
        self.done(pending.id, &Outcome { result, server_time: None, signed_at: None });
    }
}

fn facts(id: u32, statement: Statement) -> TokenFacts {
    TokenFacts { token: TokenId(id), statement, new_secret: false }
}
