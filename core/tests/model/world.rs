//! What can happen in a state: the letters of a slice's alphabet.

use satkeeper_core::UnixMillis;
use satkeeper_core::lifecycle::model::Budget;
use satkeeper_core::lifecycle::*;

use super::slices::Slice;
use super::{EPOCH, GRANTED, Moment};

/// Lives of tokens, in units.
pub const BASE_LIFE: u64 = 8;
pub const BOUND_LIFE: u64 = 6;

/// One thing that happens.
#[derive(Clone)]
pub struct Letter {
    pub name: String,
    pub input: Input,
    /// What a well-behaved server does, the oldest command first; or nothing happens, and time passes.
    pub well: bool,
    /// What the governor says; `None`: what it has said holds.
    pub budgets: Option<(Budget, Budget)>,
}

/// Names what comes from outside.
#[derive(Default)]
pub struct World {
    tokens: u32,
    asks: u64,
}

impl World {
    /// Its tokens are none that a search has named.
    pub const fn apart() -> Self {
        Self { tokens: 2_000_000_000, asks: 0 }
    }

    fn token(&mut self) -> TokenId {
        self.tokens += 1;
        TokenId(1_000_000 + self.tokens)
    }

    fn ask(&mut self) -> AskId {
        self.asks += 1;
        AskId(self.asks)
    }

    /// All that can happen, and when.
    pub fn letters(
        &mut self,
        slice: &Slice,
        machine: &Lifecycle,
        wake: Option<u64>,
    ) -> Vec<(Moment, Letter)> {
        let mut letters = Vec::new();
        let open = machine.unanswered();
        let phase = machine.status().phase;
        let mut all = Vec::new();
        if phase == Phase::Idle {
            for (name, start) in &slice.starts {
                all.push((format!("start {name}"), Input::Start(*start), true));
            }
        } else {
            let mut seen: Vec<Action> = Vec::new();
            // What is local is answered before anything else happens, or never.
            let local = open.iter().position(|command| is_local(&command.action));
            let answerable = match local {
                Some(place) => &open[place..=place],
                None if slice.in_order => &open[..open.len().min(1)],
                None => &open[..],
            };
            for (place, command) in answerable.iter().enumerate() {
                let bare = bare(machine, command.action);
                if !seen.contains(&bare) {
                    seen.push(bare);
                    self.answers(slice, machine, command, place == 0, &mut all);
                }
            }
            if open.len() <= slice.most_open && local.is_none() {
                self.events(slice, machine, &mut all);
            }
        }
        for (name, input, well) in all {
            for moment in &slice.moments {
                let letter = Letter {
                    name: name.clone(),
                    input: input.clone(),
                    well: well && *moment == Moment::Now,
                    budgets: None,
                };
                letters.push((*moment, letter));
            }
        }
        if wake.is_some() && (!slice.prompt || open.is_empty()) {
            for (wanted, moment) in
                [(true, Moment::At), (slice.after, Moment::After), (slice.late, Moment::Late)]
            {
                let well = open.is_empty();
                if !wanted {
                    continue;
                }
                letters.push((
                    moment,
                    Letter { name: "tick".to_owned(), input: Input::Tick, well, budgets: None },
                ));
            }
        }
        let budgets = slice.budgets();
        let govern = |(moment, letter): (Moment, Letter)| {
            budgets.iter().map(move |(name, said)| {
                let name = format!("{}{name}", letter.name);
                let well = letter.well && *said == GRANTED;
                (moment, Letter { name, budgets: Some(*said), well, ..letter.clone() })
            })
        };
        letters.into_iter().flat_map(govern).collect()
    }

    fn answers(
        &mut self,
        slice: &Slice,
        machine: &Lifecycle,
        command: &Command,
        oldest: bool,
        all: &mut Vec<(String, Input, bool)>,
    ) {
        let name = command.action.name();
        let may = slice.fail_only.is_empty() || slice.fail_only.contains(&name);
        let (failures, refusals) = (slice.failures && may, slice.refusals && may);
        let mut say = |what: &str, result: Result<Reply, Failure>, well: bool| {
            let signed_at = None;
            let server_time = None;
            let outcome = Outcome { result, server_time, signed_at };
            all.push((format!("{name}: {what}"), Input::Done(command.id, outcome), well && oldest));
        };
        let transient = Failure::Transport;
        let refused = Failure::Http { status: 401, retry_after: None };
        let gone = Failure::Rpc { code: -32_003, credential: true };
        match command.action {
            Action::MakeKey { .. } => {
                say("made", Ok(Reply::KeyMade), true);
                if slice.no_key {
                    say("none", Err(Failure::NoKey), false);
                }
            }
            Action::Mint { .. } | Action::Refresh => {
                say("token", Ok(Reply::Token(self.facts(BASE_LIFE))), true);
                if failures {
                    say("transient", Err(transient), false);
                }
                if refusals {
                    say("rejected", Err(Failure::Rejected), false);
                }
                if let Some(held) = machine.last_base().filter(|_| slice.hostile) {
                    say("the same token", Ok(Reply::Token(self.known(held, BASE_LIFE))), false);
                }
                if let Some(refused) = machine.last_refused().filter(|_| slice.hostile) {
                    say("a refused token", Ok(Reply::Token(self.known(refused, BASE_LIFE))), false);
                }
            }
            Action::Activate { .. } | Action::Renew { .. } => {
                say("token", Ok(Reply::Token(self.facts(BOUND_LIFE))), true);
                if failures {
                    say("transient", Err(transient), false);
                }
                if refusals {
                    say("refused", Err(refused), false);
                }
                if slice.hostile {
                    say("a shorter token", Ok(Reply::Token(self.facts(BOUND_LIFE / 2))), false);
                }
            }
            Action::Inspect { .. } => {
                for scope in &slice.scopes {
                    let says = Statement { scope: Some(*scope), ..Statement::default() };
                    say(if *scope { "scope" } else { "no scope" }, Ok(Reply::Inspected(says)), true);
                }
                if failures {
                    say("transient", Err(transient), false);
                }
                if refusals {
                    say("refused", Err(refused), false);
                }
            }
            Action::Open { .. } => {
                say("open", Ok(Reply::Opened), true);
                if failures {
                    say("transient", Err(transient), false);
                }
            }
            Action::Authenticate { resume, .. } => {
                let statement = Statement::default();
                say("accepted", Ok(Reply::Authenticated { resumed: resume, statement }), true);
                if resume && slice.socket {
                    say("accepted afresh", Ok(Reply::Authenticated { resumed: false, statement }), false);
                }
                if failures {
                    say("transient", Err(transient), false);
                }
                if refusals {
                    say("refused", Err(gone), false);
                }
            }
            Action::Reauthenticate { .. } => {
                say("accepted", Ok(Reply::Reauthenticated(Statement::default())), true);
                if failures {
                    say("transient", Err(transient), false);
                }
                if refusals {
                    say("refused", Err(gone), false);
                }
            }
            Action::Probe { .. } => {
                say("alive", Ok(Reply::Alive), true);
                if failures {
                    say("dead", Err(transient), false);
                }
            }
            Action::Persist => {
                say("done", Ok(Reply::Finished), true);
                if failures {
                    say("failed", Err(Failure::Conflict), false);
                }
            }
            Action::Erase | Action::Close { .. } => say("done", Ok(Reply::Finished), true),
        }
    }

    /// What happens without having been asked for.
    fn events(&mut self, slice: &Slice, machine: &Lifecycle, all: &mut Vec<(String, Input, bool)>) {
        let status = machine.status();
        let mut happen = |name: &str, input: Input| all.push((name.to_owned(), input, false));
        if slice.socket {
            if let Some(socket) = machine.socket() {
                happen("socket lost", Input::SocketLost { socket });
                happen("socket dead", Input::SocketDead { socket });
                happen("restart", Input::ServerRestart { socket, wipe: false });
                happen("restart, wiped", Input::ServerRestart { socket, wipe: true });
                if status.phase == Phase::Live {
                    happen("resume state", Input::ResumeState { socket });
                }
            }
            happen("network changed", Input::NetworkChanged);
        }
        if slice.asks && machine.waiting() < slice.most_asks {
            happen("refresh now", Input::RefreshNow { ask: self.ask() });
            let generation = status.generation;
            happen("rejected", Input::Rejected { ask: self.ask(), generation });
            if generation.0 > 0 {
                let generation = Generation(generation.0 - 1);
                happen("rejected of old", Input::Rejected { ask: self.ask(), generation });
            }
        }
        if slice.updates && machine.waiting() < slice.most_asks {
            let ask = self.ask();
            let token = self.facts(BASE_LIFE);
            happen("new base", Input::NewBase { ask, token });
            if let Some(held) = machine.last_base().filter(|_| slice.hostile) {
                let token = self.known(held, BASE_LIFE);
                happen("the same base", Input::NewBase { ask: self.ask(), token });
            }
            if let Some(refused) = machine.last_refused() {
                let token = self.known(refused, BASE_LIFE);
                happen("a refused base", Input::NewBase { ask: self.ask(), token });
            }
        }
        if slice.providers {
            for (name, can_refresh, can_mint_again) in
                [("none", false, false), ("refreshes", true, false), ("mints", false, true)]
            {
                let provider = ProviderFacts { can_refresh, can_mint_again };
                happen(&format!("provider: {name}"), Input::NewProvider(provider));
            }
        }
        if slice.rest {
            if status.phase == Phase::Suspended {
                all.push(("resume".to_owned(), Input::Resume, true));
            } else {
                happen("suspend", Input::Suspend);
            }
        }
        if slice.ends {
            all.push(("disconnect".to_owned(), Input::Disconnect, false));
            all.push(("destroy".to_owned(), Input::Destroy, false));
        }
    }

    fn facts(&mut self, life: u64) -> TokenFacts {
        let token = self.token();
        self.known(token, life)
    }

    const fn known(&self, token: TokenId, life: u64) -> TokenFacts {
        let statement = Statement {
            expires_in: Some(life),
            expires_at: None,
            expiry_hint: None,
            assumed_life: None,
            scope: None,
            cnf: Confirmation::Unknown,
        };
        TokenFacts { token, statement, new_secret: false }
    }
}

const fn is_local(action: &Action) -> bool {
    matches!(action, Action::MakeKey { .. } | Action::Persist | Action::Erase | Action::Close { .. })
}

/// An action without what tells two of a kind apart that behave alike.
fn bare(machine: &Lifecycle, action: Action) -> Action {
    let known = |token: TokenId| if machine.holds(token) { token } else { TokenId(0) };
    match action {
        Action::Close { .. } => Action::Close { socket: SocketId(0) },
        Action::Inspect { base } => Action::Inspect { base: known(base) },
        other => other,
    }
}

/// A time stamp that puts the server's clock `ahead` of the wall clock.
pub const fn stamp(at: u64, ahead: u64) -> UnixMillis {
    UnixMillis(EPOCH + at + ahead)
}
