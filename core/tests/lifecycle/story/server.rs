//! The server of a story: what its tokens are like, and what it makes of a command.

use std::collections::VecDeque;

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::*;

use super::{Story, Underway};

/// How a server treats one command.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// As a healthy one would.
    Well,
    /// With this failure.
    Fail(Failure),
    /// With this reply.
    Say(Reply),
    /// Not at all.
    Silence,
    /// As a healthy one would, after this long.
    Late(u64),
    /// With this failure, after this long.
    FailLate(Failure, u64),
}

/// What the tokens of this story are like.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Life of base tokens.
    pub base_life: u64,
    /// Life of bound tokens.
    pub bound_life: u64,
    /// Minted bases carry `sat:refresh`.
    pub scope: bool,
    /// Refreshed bases carry `sat:refresh`.
    pub refreshed_scope: bool,
    /// The server states ends.
    pub states_ends: bool,
    /// One way and back.
    pub latency: u64,
    /// The server's clock is ahead of ours by this.
    pub skew: i64,
    /// The server says what time it is in every answer; else only when a connect is refused or accepted.
    pub tells_time: bool,
    /// Proofs signed further off are refused.
    pub window: Option<u64>,
    /// The connect result says that the token is bound to our key.
    pub confirms: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            base_life: 7_200_000,
            bound_life: 900_000,
            scope: true,
            refreshed_scope: false,
            states_ends: true,
            latency: 40,
            skew: 0,
            tells_time: true,
            window: None,
            confirms: false,
        }
    }
}

impl Story {
    pub(super) fn serve(&mut self, command: &Command) {
        let name = command.action.name();
        let queued = self.treatments.get_mut(name).and_then(VecDeque::pop_front);
        let treatment = queued.or_else(|| self.always.get(name).cloned()).unwrap_or(Treatment::Well);
        let mut delay = self.world.latency;
        let result = match treatment {
            Treatment::Silence => return,
            Treatment::Fail(failure) => Err(failure),
            Treatment::Say(reply) => Ok(reply),
            Treatment::Late(by) => {
                delay = by;
                Ok(self.healthy(&command.action))
            }
            Treatment::FailLate(failure, by) => {
                delay = by;
                Err(failure)
            }
            Treatment::Well => Ok(self.healthy(&command.action)),
        };
        let signed_at = match command.action {
            Action::Activate { offset, .. }
            | Action::Renew { offset, .. }
            | Action::Authenticate { offset, .. }
            | Action::Reauthenticate { offset, .. } => Some(self.clock().unix.shifted(offset.unwrap_or(0))),
            _ => None,
        };
        let missigned = signed_at
            .zip(self.world.window)
            .is_some_and(|(signed, window)| signed.0.abs_diff(self.server_now()) > window);
        let result = match name {
            "activate" | "renew" if missigned => Err(Failure::Http { status: 401, retry_after: None }),
            _ if missigned => Err(Failure::Rpc { code: -32_003, credential: true }),
            _ => result,
        };
        let local = matches!(name, "make_key" | "persist" | "erase" | "close");
        let silent = matches!(result, Err(Failure::Timeout | Failure::Transport));
        let at = self.now + if local { 0 } else { delay };
        let told = self.world.tells_time || name == "authenticate";
        let then = self.server_now() + (at - self.now);
        let server_time = (!local && !silent && told).then_some(UnixMillis(then / 1_000 * 1_000));
        let outcome = Outcome { result, server_time, signed_at };
        self.underway.push(Underway { at, input: Input::Done(command.id, outcome) });
    }

    pub fn token(&mut self, bound: bool) -> TokenFacts {
        let token = TokenId(self.next_token);
        self.next_token += 1;
        let life = if bound { self.world.bound_life } else { self.world.base_life };
        self.lives.insert(token, (bound, self.server_now() + life));
        let expires_in = (bound && self.world.states_ends).then_some(life);
        TokenFacts { token, statement: Statement { expires_in, ..Statement::default() }, new_secret: false }
    }

    fn statement(&self, token: TokenId) -> Statement {
        let ends = self.lives.get(&token).map(|(_, ends)| UnixMillis(*ends / 1_000 * 1_000));
        Statement { expires_at: ends.filter(|_| self.world.states_ends), ..Statement::default() }
    }

    fn healthy(&mut self, action: &Action) -> Reply {
        match *action {
            Action::MakeKey { .. } => Reply::KeyMade,
            Action::Mint { .. } | Action::Refresh => Reply::Token(self.token(false)),
            Action::Activate { .. } | Action::Renew { .. } => Reply::Token(self.token(true)),
            Action::Inspect { base } => {
                let minted = base == TokenId(1);
                let scope = if minted { self.world.scope } else { self.world.refreshed_scope };
                Reply::Inspected(Statement { scope: Some(scope), ..self.statement(base) })
            }
            Action::Open { socket, .. } => {
                self.socket = Some(socket);
                Reply::Opened
            }
            Action::Authenticate { token, resume, .. } => {
                let cnf = if self.world.confirms { Confirmation::Ours } else { Confirmation::Unknown };
                Reply::Authenticated {
                    resumed: resume,
                    statement: Statement { cnf, ..self.statement(token) },
                }
            }
            Action::Reauthenticate { token, .. } => Reply::Reauthenticated(self.statement(token)),
            Action::Probe { .. } => Reply::Alive,
            Action::Persist | Action::Erase | Action::Close { .. } => Reply::Finished,
            other => panic!("{other:?} is new"),
        }
    }
}
