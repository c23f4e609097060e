//! How often something is asked for: one exchange at a time, no more in an hour than the governor grants, nothing
//! before an endpoint's pause is over.

use std::collections::VecDeque;

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{Action, Command, Outcome, Status};

use super::{HOUR, LEAD, Scene, Watch, is_exchange};
use crate::setting::Says;

/// What an endpoint asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    pub(crate) endpoint: &'static str,
    pub(crate) until: u64,
}

/// Endpoints have a back-off each.
pub(crate) const fn endpoint(action: &Action) -> &'static str {
    match action {
        Action::Mint { .. } | Action::Refresh => "provider",
        action => action.name(),
    }
}

impl Watch {
    pub(super) fn hear_pause(&mut self, scene: &Scene<'_>, command: &Command, outcome: &Outcome) {
        if !is_exchange(&command.action) {
            return;
        }
        let endpoint = endpoint(&command.action);
        match outcome.result {
            Ok(_) => self.pauses.clear(),
            Err(failure) => {
                // The answer itself may tell that less is left.
                let left = |status: &Status| {
                    status.session_ends.map_or(0, |end| Tick(scene.clocks.tick()).until(end))
                };
                let left = left(scene.before).min(left(scene.after));
                self.pauses.retain(|pause| pause.endpoint != endpoint);
                if let Some(asked) = failure.retry_after().filter(|asked| *asked < left / 2) {
                    self.pauses.push(Pause { endpoint, until: scene.clocks.now + asked });
                }
            }
        }
    }

    /// A second exchange needs a reason why nobody waits for the first any more.
    pub(super) fn judge_second_exchange(
        &mut self,
        scene: &Scene<'_>,
        at: usize,
        command: &Command,
    ) -> Result<(), &'static str> {
        let first = self.open.remove(at);
        let timed_out = first.deadline <= Tick(scene.clocks.tick());
        let was_bound = matches!(first.action, Action::Activate { .. } | Action::Renew { .. });
        let handed_over =
            was_bound && !matches!(command.action, Action::Activate { .. } | Action::Renew { .. });
        // Its answer may have been of an older life, or retired by the application in an earlier step.
        let dropped = match first.action {
            Action::Activate { base: token, .. } | Action::Renew { bound: token, .. } => {
                !scene.machine.holds(token)
            }
            _ => false,
        };
        if timed_out || handed_over || dropped || self.retired {
            self.retired = false;
            return Ok(());
        }
        Err("L13: a second exchange while one is unanswered")
    }

    pub(super) fn judge_rate(&self, scene: &Scene<'_>) -> Result<(), &'static str> {
        let count = self.exchanges.len();
        // What a provider says in an unknown clock may come to any life at all.
        let plain = scene.setting.says != Says::Hint && self.clock_faults == 0;
        let long = self.shortest_life >= 60_000 && scene.server.crooked_until == 0 && plain;
        let period = if long { 5_000 } else { 1_000 };
        if count > 12 + (HOUR / period) as usize + 10 * self.clock_faults {
            return Err("L20: too many exchanges in an hour");
        }
        // In peace no token is renewed before a quarter of its life is over.
        // Nobody knows what an assumed end is worth, nor a provider's in an unknown clock.
        let assumed = matches!(scene.setting.says, Says::Assumed | Says::Hint);
        let peaceful = self.well_for(scene) > HOUR + LEAD
            && self.asks.is_empty()
            && !assumed
            && self.clock_faults == 0
            && !self.is_doomed(scene);
        // Where a bound token ends with its base, each renewal costs a base and an activation too.
        let each = if scene.setting.caps { 12 } else { 4 };
        // A device endpoint that refuses for good is asked again after each promotion (L17).
        let again = HOUR / scene.setting.policy.promotion;
        if peaceful && count > (6 + again + each * HOUR / scene.setting.shortest_life()) as usize {
            return Err("L20: too many exchanges in an hour of peace");
        }
        Ok(())
    }
}

/// Books one in a list of the last hour's.
pub(super) fn count_hour(times: &mut VecDeque<u64>, now: u64) {
    times.push_back(now);
    while times.front().is_some_and(|first| now - first >= HOUR) {
        times.pop_front();
    }
}
