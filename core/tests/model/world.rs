//! What can happen in a state: the letters of a slice's alphabet.

use satkeeper_core::lifecycle::explorer::Asked;
use satkeeper_core::lifecycle::*;

use super::answers::Answering;
use super::letter::Letter;
use super::slices::{Ends, Slice};
use super::{Moment, State};

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
    pub fn letters(&mut self, slice: &Slice, state: &State) -> Vec<(Moment, Letter)> {
        let (late, open): (Vec<Asked>, Vec<Asked>) =
            state.machine.unanswered().into_iter().partition(|asked| asked.late);
        let mut letters = Vec::new();
        for letter in self.happenings(slice, state, &open, &late) {
            for moment in &slice.moments {
                let well = letter.well && *moment == Moment::Now;
                letters.push((*moment, Letter { well, ..letter.clone() }));
            }
        }
        let waits = |asked: &Asked| !slice.prompt || slice.slow.contains(&asked.action.name());
        if state.wake().is_some() && open.iter().all(waits) {
            let tick = |well| Letter::new("tick".to_owned(), Input::Tick, well);
            letters.push((Moment::At, tick(open.is_empty())));
            for (wanted, moment) in [(slice.after, Moment::After), (slice.late, Moment::Late)] {
                if wanted {
                    letters.push((moment, tick(false)));
                }
            }
        }
        if slice.is_time(state.phase()) && state.phase() != Phase::Idle {
            for by in &slice.jumps {
                // Set there and back, once: else the wall clock would be a counter.
                if (state.wall + by).abs() <= by.abs() {
                    let tick = Letter::new(format!("wall {by:+}"), Input::Tick, false);
                    letters.push((Moment::Now, Letter { wall: *by, ..tick }));
                }
            }
        }
        let calm = slice.disturbances.is_some_and(|most| state.disturbed >= most);
        letters.into_iter().filter(|(_, letter)| !calm || letter.well).collect()
    }

    /// Everything but the passing of time.
    fn happenings(&mut self, slice: &Slice, state: &State, open: &[Asked], late: &[Asked]) -> Vec<Letter> {
        let mut all = Vec::new();
        if state.phase() == Phase::Idle {
            for (name, start) in &slice.starts {
                all.push(Letter::new(format!("start {name}"), Input::Start(*start), true));
            }
            return all;
        }
        let mut seen: Vec<Action> = Vec::new();
        // What is local is answered before anything else happens, or never.
        let local = open.iter().position(|command| is_local(&command.action));
        let answerable = match local {
            Some(place) => &open[place..=place],
            None if slice.in_order => &open[..open.len().min(1)],
            None => open,
        };
        for (place, command) in answerable.iter().enumerate() {
            let bare = bare(command.action);
            if !seen.contains(&bare) {
                seen.push(bare);
                let oldest = place == 0;
                Answering { slice, state, command, oldest, all: &mut all }.all(self);
            }
        }
        for command in late.iter().filter(|_| slice.late_answers && local.is_none()) {
            let before = all.len();
            Answering { slice, state, command, oldest: false, all: &mut all }.all(self);
            for letter in &mut all[before..] {
                letter.name = format!("late {}", letter.name);
            }
        }
        let now = slice.is_time(state.phase());
        if now && open.len() <= slice.most_open && (local.is_none() || slice.eager) {
            self.events(slice, state, &mut all);
        }
        all
    }

    /// What happens without having been asked for.
    fn events(&mut self, slice: &Slice, state: &State, all: &mut Vec<Letter>) {
        let (machine, status) = (&state.machine, state.machine.status());
        // What is told apart by what it refers to makes no difference any more in the end.
        let ending = status.phase == Phase::Ending;
        let mut happen = |name: &str, input: Input| all.push(Letter::new(name.to_owned(), input, false));
        if slice.socket
            && let Some(socket) = machine.socket()
        {
            happen("socket lost", Input::SocketLost { socket });
            happen("restart", Input::ServerRestart { socket, wipe: false });
            happen("restart, wiped", Input::ServerRestart { socket, wipe: true });
            happen("resume state", Input::ResumeState { socket });
        }
        if slice.doubt {
            if let Some(socket) = machine.socket() {
                happen("socket dead", Input::SocketDead { socket });
            }
            if let Some(socket) = machine.coming() {
                happen("coming lost", Input::SocketLost { socket });
                happen("coming stated", Input::ResumeState { socket });
            }
            if let Some(socket) = machine.parting() {
                happen("parting lost", Input::SocketLost { socket });
                happen("parting restarts", Input::ServerRestart { socket, wipe: true });
                happen("parting answers", Input::SocketAlive { socket });
            }
        }
        if slice.network {
            happen("network changed", Input::NetworkChanged);
        }
        if slice.asks && machine.waiting().len() < slice.most_asks {
            happen("refresh now", Input::RefreshNow { ask: self.ask() });
            let generation = status.generation;
            happen("rejected", Input::Rejected { ask: self.ask(), generation });
            if generation.0 > 0 && !ending {
                let generation = Generation(generation.0 - 1);
                happen("rejected of old", Input::Rejected { ask: self.ask(), generation });
            }
        }
        if slice.updates && machine.waiting().len() < slice.most_asks {
            let ask = self.ask();
            let token = self.facts(Ends::Life, slice.base_life, slice);
            happen("new base", Input::NewBase { ask, token });
            if let Some(held) = machine.last_base().filter(|_| slice.hostile && !ending) {
                let token = self.known(held, Ends::Life, slice.base_life, slice);
                happen("the same base", Input::NewBase { ask: self.ask(), token });
            }
            if let Some(refused) = machine.refused().pop().filter(|_| !ending) {
                let token = self.known(refused, Ends::Life, slice.base_life, slice);
                happen("a refused base", Input::NewBase { ask: self.ask(), token });
            }
        }
        if slice.providers {
            for (name, can_refresh, can_mint_again) in
                [("none", false, false), ("refreshes", true, false), ("mints", false, true)]
            {
                let provider = ProviderFacts { can_refresh, can_mint_again, may_be_asked_twice: false };
                happen(&format!("provider: {name}"), Input::NewProvider(provider));
            }
        }
        if slice.rest && status.phase != Phase::Suspended {
            happen("suspend", Input::Suspend);
        }
        if slice.ends {
            happen("disconnect", Input::Disconnect);
            happen("leave", Input::Leave);
            happen("destroy", Input::Destroy);
        }
        if slice.rest && status.phase == Phase::Suspended {
            all.push(Letter::new("resume".to_owned(), Input::Resume, true));
        }
        if let Some((name, start)) = slice.starts.first().filter(|_| slice.deaths && !ending) {
            let dies = Letter::new(format!("process dies, start {name}"), Input::Start(*start), false);
            all.push(Letter { dies: true, ..dies });
        }
    }

    /// A new token, its end stated like this.
    pub fn facts(&mut self, ends: Ends, life: u64, slice: &Slice) -> TokenFacts {
        let token = self.token();
        self.known(token, ends, life, slice)
    }

    pub fn known(&self, token: TokenId, ends: Ends, life: u64, slice: &Slice) -> TokenFacts {
        TokenFacts { token, statement: ends.statement(life, slice.server_ahead()), new_secret: false }
    }
}

const fn is_local(action: &Action) -> bool {
    matches!(action, Action::MakeKey { .. } | Action::Persist | Action::Erase | Action::Close { .. })
}

/// An action without what tells two of a kind apart that behave alike.
const fn bare(action: Action) -> Action {
    match action {
        Action::Close { .. } => Action::Close { socket: SocketId(0) },
        other => other,
    }
}
