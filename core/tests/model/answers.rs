//! What can come of a command.

use satkeeper_core::lifecycle::explorer::Asked;
use satkeeper_core::lifecycle::*;

use super::State;
use super::letter::{Letter, stamp};
use super::slices::{Ends, Slice};
use super::world::World;

/// Who answers, and what the clocks of the world are like.
pub struct Answering<'a> {
    pub slice: &'a Slice,
    pub state: &'a State,
    pub command: &'a Asked,
    /// The command has been open for longest.
    pub oldest: bool,
    pub all: &'a mut Vec<Letter>,
}

impl Answering<'_> {
    /// A reply, with each time that a server may tell along with it.
    fn say(&mut self, what: &str, result: Result<Reply, Failure>, well: bool) {
        let name = format!("{}: {what}", self.command.action.name());
        let mut tell = |suffix: String, server_time, well| {
            let outcome = Outcome { result: result.clone(), server_time, signed_at: None };
            let input = Input::Done(self.command.id, outcome);
            self.all.push(Letter::new(format!("{name}{suffix}"), input, well && self.oldest));
        };
        tell(String::new(), None, well);
        for ahead in self.slice.ahead(self.state) {
            tell(format!(", server {ahead:+}"), Some(stamp(ahead)), false);
        }
    }

    /// A refusal that may be for the time of the proof alone (R3).
    fn refuse_for_time(&mut self, failure: Failure) {
        for ahead in self.slice.ahead(self.state) {
            let signed_at = Some(stamp(ahead - 4));
            let outcome = Outcome { result: Err(failure), server_time: Some(stamp(ahead)), signed_at };
            let name = format!("{}: refused, signed off, server {ahead:+}", self.command.action.name());
            self.all.push(Letter::new(name, Input::Done(self.command.id, outcome), false));
        }
    }

    pub fn all(mut self, world: &mut World) {
        let (slice, machine, command) = (self.slice, &self.state.machine, self.command);
        let name = command.action.name();
        let may = slice.fail_only.is_empty() || slice.fail_only.contains(&name);
        let (failures, refusals) = (slice.failures && may, slice.refusals && may);
        let transient = Failure::Transport;
        let refused = Failure::Http { status: 401, retry_after: None };
        let gone = Failure::Rpc { code: -32_003, credential: true };
        match command.action {
            Action::MakeKey { .. } => {
                self.say("made", Ok(Reply::KeyMade), true);
                if slice.no_key {
                    self.say("none", Err(Failure::NoKey), false);
                }
            }
            Action::Mint { .. } | Action::Refresh => {
                for ends in &slice.ends_as {
                    let facts = world.facts(*ends, slice.base_life, slice);
                    let well = slice.is_usual(&slice.ends_as, *ends);
                    self.say(&format!("token{}", ends.name()), Ok(Reply::Token(facts)), well);
                }
                if failures {
                    self.say("transient", Err(transient), false);
                }
                if failures && slice.retry_after {
                    let failure = Failure::Http { status: 503, retry_after: Some(3) };
                    self.say("come back later", Err(failure), false);
                }
                if refusals {
                    self.say("rejected", Err(Failure::Rejected), false);
                }
                if let Some(held) = machine.last_base().filter(|_| slice.hostile) {
                    let facts = world.known(held, Ends::Life, slice.base_life, slice);
                    self.say("the same token", Ok(Reply::Token(facts)), false);
                }
                if let Some(refused) = machine.refused().pop().filter(|_| slice.hostile) {
                    let facts = world.known(refused, Ends::Life, slice.base_life, slice);
                    self.say("a refused token", Ok(Reply::Token(facts)), false);
                }
            }
            Action::Activate { .. } | Action::Renew { .. } => {
                for ends in &slice.ends_as {
                    let facts = world.facts(*ends, slice.bound_life, slice);
                    let well = slice.is_usual(&slice.ends_as, *ends);
                    self.say(&format!("token{}", ends.name()), Ok(Reply::Token(facts)), well);
                }
                if failures {
                    self.say("transient", Err(transient), false);
                }
                if failures && slice.retry_after {
                    let failure = Failure::Http { status: 429, retry_after: Some(3) };
                    self.say("come back later", Err(failure), false);
                }
                if refusals {
                    self.say("refused", Err(refused), false);
                    self.refuse_for_time(refused);
                }
                if slice.hostile {
                    let facts = world.facts(Ends::Life, slice.bound_life / 2, slice);
                    self.say("a shorter token", Ok(Reply::Token(facts)), false);
                }
            }
            Action::Inspect { .. } => {
                for scope in &slice.scopes {
                    let says = Statement { scope: Some(*scope), ..Statement::default() };
                    let well = slice.is_usual(&slice.scopes, *scope);
                    self.say(if *scope { "scope" } else { "no scope" }, Ok(Reply::Inspected(says)), well);
                }
                if failures {
                    self.say("transient", Err(transient), false);
                }
                if refusals {
                    self.say("refused", Err(refused), false);
                }
            }
            Action::Open { .. } => {
                self.say("open", Ok(Reply::Opened), true);
                if failures {
                    self.say("transient", Err(transient), false);
                }
            }
            Action::Authenticate { resume, .. } => {
                let reply = |resumed, statement| Ok(Reply::Authenticated { resumed, statement });
                self.say("accepted", reply(resume, Statement::default()), true);
                for (name, statement) in slice.restated() {
                    self.say(&format!("accepted, {name}"), reply(resume, statement), false);
                }
                if resume && slice.socket {
                    self.say("accepted afresh", reply(false, Statement::default()), false);
                }
                if failures {
                    self.say("transient", Err(transient), false);
                }
                if failures && resume {
                    let unknown = Failure::Rpc { code: -32_004, credential: false };
                    self.say("unknown", Err(unknown), false);
                }
                if slice.hostile {
                    let old = Failure::Rpc { code: -32_001, credential: false };
                    self.say("incompatible", Err(old), false);
                    let vague = Failure::Rpc { code: 401, credential: true };
                    self.say("refused by a code", Err(vague), false);
                }
                if refusals {
                    self.say("refused", Err(gone), false);
                    self.refuse_for_time(gone);
                }
            }
            Action::Reauthenticate { .. } => {
                self.say("accepted", Ok(Reply::Reauthenticated(Statement::default())), true);
                for (name, statement) in slice.restated() {
                    self.say(&format!("accepted, {name}"), Ok(Reply::Reauthenticated(statement)), false);
                }
                if failures {
                    self.say("transient", Err(transient), false);
                }
                if refusals {
                    self.say("refused", Err(gone), false);
                }
            }
            Action::Probe { .. } => {
                self.say("alive", Ok(Reply::Alive), true);
                if failures {
                    self.say("dead", Err(transient), false);
                }
            }
            Action::Persist => {
                self.say("done", Ok(Reply::Finished), true);
                if failures {
                    self.say("failed", Err(transient), false);
                }
                if refusals {
                    self.say("taken", Err(Failure::Conflict), false);
                }
            }
            Action::Erase | Action::Close { .. } => self.say("done", Ok(Reply::Finished), true),
            other => panic!("{other:?} is new"),
        }
    }
}
