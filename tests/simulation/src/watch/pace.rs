//! How often something is asked for: the table of waits, and what `Retry-After` adds to it (R18); the budgets (R20).

use std::collections::VecDeque;

use satkeeper_core::lifecycle::{Action, Command, Failure, Input, Outcome, Reply};

use super::{HOUR, LEAD, Scene, Sent, Watch, is_exchange};
use crate::setting::Says;

/// Endpoints have a pace each.
pub(crate) const fn endpoint(action: &Action) -> &'static str {
    action.name()
}

/// A permit in its smallest parts.
const PERMIT: u64 = 1_000_000;

/// A bucket of so many permits, and one more each so often.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Millionths of permits that were taken.
    taken: u64,
    at: u64,
}

impl Bucket {
    /// Takes a permit; whether there was one.
    fn take(&mut self, now: u64, size: u64, period: u64) -> bool {
        let formed = now.saturating_sub(self.at) * PERMIT / period;
        self.taken = self.taken.saturating_sub(formed) + PERMIT;
        self.at = now;
        self.taken <= size * PERMIT + PERMIT / 100
    }
}

/// What holds an endpoint back.
#[derive(Clone, Copy, Debug)]
struct Wait {
    endpoint: &'static str,
    failures: u32,
    /// Nobody who knows has answered.
    unanswered: bool,
    until: u64,
    /// What it asked for.
    asked: u64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    waits: Vec<Wait>,
    exchanges: Bucket,
    sockets: Bucket,
    /// When exchanges were asked for, over the last hour.
    pub(super) hour: VecDeque<u64>,
}

impl Pace {
    /// The endpoints whose `Retry-After` is over.
    pub(crate) fn has_waited(&mut self, endpoint: &str, now: u64) -> bool {
        let asked = |wait: &&mut Wait| wait.endpoint == endpoint && wait.asked > 0 && wait.asked <= now;
        self.waits.iter_mut().find(asked).is_some_and(|wait| std::mem::take(&mut wait.asked) > 0)
    }

    /// A process that begins again has all permits, and may know less of waits.
    pub(super) fn reboot(&mut self) -> Self {
        Self { hour: std::mem::take(&mut self.hour), ..Self::default() }
    }

    /// Something was accepted: nothing is held against anybody, but for what they asked for.
    pub(super) fn forgive(&mut self) {
        for wait in &mut self.waits {
            (wait.failures, wait.until) = (0, 0);
        }
    }

    /// At the end of a life, and where a token was refused, the next request does not wait.
    pub(super) fn hurry(&mut self) {
        for wait in &mut self.waits {
            (wait.failures, wait.until) = (0, 0);
        }
    }

    pub(super) fn hear(&mut self, scene: &Scene<'_>, answered: Option<&Sent>) {
        let wakes = match scene.input {
            Input::Done(_, outcome) => {
                !matches!(outcome.result, Err(Failure::Timeout | Failure::Transport)) && answered.is_some()
            }
            Input::NetworkChanged | Input::Resume => true,
            _ => false,
        };
        for wait in self.waits.iter_mut().filter(|wait| wakes && wait.unanswered) {
            wait.until = 0;
        }
        match (scene.input, answered) {
            (Input::Done(_, outcome), Some(sent)) if outcome.result.is_ok() => {
                let endpoint = endpoint(&sent.command.action);
                for wait in self.waits.iter_mut().filter(|wait| wait.endpoint == endpoint) {
                    (wait.failures, wait.until) = (0, 0);
                }
            }
            (Input::NewProvider(_) | Input::NewBase { .. }, _) => self.waits.clear(),
            _ => {}
        }
    }

    /// The machine says that this has failed.
    pub(super) fn failed(&mut self, scene: &Scene<'_>, sent: &Sent, failure: Failure) {
        let command = &sent.command;
        let now = scene.clocks.now;
        let brought_something = matches!(
            scene.input,
            Input::Done(id, Outcome { result: Ok(Reply::Token(_)), .. }) if *id == command.id
        );
        let refusal = match failure {
            Failure::Http { status, .. } => (400..500).contains(&status) && !matches!(status, 408 | 425),
            Failure::Rpc { .. } | Failure::Rejected | Failure::NoKey => true,
            _ => brought_something,
        };
        // The table of section P; whether the session was served when it was looked up is not seen from outside.
        let left = scene.left();
        let served = (left / 4).max(5_000).min(if refusal { HOUR } else { 30_000 });
        let idle = if refusal { 60_000 } else { 10_000 };
        let ceiling = if scene.is_served() { served } else { served.min(idle) };
        // What nobody answered has been waited for already.
        let from = if failure == Failure::Timeout { sent.at } else { now };
        let cap = if scene.is_served() { (left / 2).min(300_000) } else { 300_000.min(left.max(1) / 2) };
        let endpoint = endpoint(&command.action);
        let mut wait = match self.waits.iter().position(|wait| wait.endpoint == endpoint) {
            Some(at) => self.waits.remove(at),
            None => Wait { endpoint, failures: 0, unanswered: false, until: 0, asked: 0 },
        };
        wait.unanswered = !refusal;
        wait.until = from + (1_000u64 << wait.failures.min(20)).min(ceiling) / 2;
        wait.failures += 1;
        wait.asked = failure.retry_after().map_or(wait.asked, |asked| now + asked.min(cap));
        self.waits.push(wait);
    }

    pub(super) fn ask(
        &mut self,
        scene: &Scene<'_>,
        command: &Command,
        plain: bool,
        clock_faults: usize,
    ) -> Result<(), &'static str> {
        let now = scene.clocks.now;
        self.hour.push_back(now);
        while self.hour.front().is_some_and(|first| now - first >= HOUR) {
            self.hour.pop_front();
        }
        let period = if plain { 5_000 } else { 1_000 };
        if clock_faults > 0 {
            // Time that it wrongly believes to have passed gives it permits and ends its waits.
            return Ok(());
        }
        if !self.exchanges.take(now, 10, period) {
            return Err("R20: more exchanges than the budget has");
        }
        if scene.after.time_left.is_none_or(|left| left == 0) {
            // At the end of a life the next request does not wait.
            self.hurry();
        }
        let endpoint = endpoint(&command.action);
        match self.waits.iter().find(|wait| wait.endpoint == endpoint) {
            Some(wait) if now < wait.asked => Err("R18: a Retry-After was not honoured"),
            Some(wait) if now < wait.until => Err("R18: an endpoint was asked again too soon"),
            _ => Ok(()),
        }
    }

    pub(super) fn open(&mut self, scene: &Scene<'_>, clock_faults: usize) -> Result<(), &'static str> {
        if clock_faults == 0 && !self.sockets.take(scene.clocks.now, 5, 3_100) {
            return Err("R20: more sockets than the budget has");
        }
        Ok(())
    }
}

impl Watch {
    /// In peace no token is renewed before a quarter of its life is over.
    pub(super) fn judge_peace(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        // Nobody knows what an assumed end is worth, nor a provider's in an unknown clock.
        let assumed = matches!(scene.setting.says, Says::Assumed | Says::Hint);
        let peaceful = self.well_for(scene) > HOUR + LEAD
            && self.asks.is_empty()
            && !assumed
            && self.clock_faults == 0
            && !self.is_doomed(scene);
        // Where a bound token ends with its base, each renewal costs a base and an activation too.
        let each = if scene.setting.caps { 12 } else { 4 };
        // A device endpoint that refuses for good is asked again, but no more often than that.
        let again = 12;
        if peaceful
            && self.pace.hour.len() > (6 + again + each * HOUR / scene.setting.shortest_life()) as usize
        {
            return Err("R20: too many exchanges in an hour of peace");
        }
        Ok(())
    }

    /// Whether this is one for a token, for those who count.
    pub(crate) fn counts_wait(&mut self, action: &Action, now: u64) -> bool {
        is_exchange(action) && self.pace.has_waited(endpoint(action), now)
    }
}
