//! A held token, and what is known of its end.

use super::super::clock::At;
use super::super::mechanism::KeyState;
use super::super::token::{Base, Inspection, Kind, Saved, Token};
use super::Line;

/// Renewals that gain nothing, beyond which their interval has met its ceiling (`Policy::model`: 1 to 4).
const MANY: u32 = 2;

impl Line<'_> {
    pub(super) fn token(&mut self, token: &Token) {
        let Token {
            id,
            kind,
            sent: _,
            received: _,
            stated: _,
            by,
            first,
            draw,
            saved,
            restored,
            undated,
            gain,
            awaits_verdict,
        } = token;
        let (clock, policy) = (&self.machine.clock, &self.machine.policy);
        self.say(format_args!(" [{} {}", self.place(*id), by.map_or("brought", |by| by.name())));
        // Nobody will say anything else of an end, and no time may have been lost.
        let fixed = !self.view.ends_move && clock.suspects.is_empty();
        let ended = self.ended(token).filter(|_| fixed && !token.end(clock).assumed);
        if let Some(rank) = ended {
            self.say(format_args!(" ended{rank}"));
        } else {
            // Its jitter matters until it is due; `view.ends_move`: it may come to be due later.
            let due = token.due(clock, policy).is_some_and(|due| due > self.now);
            let jitters = policy.jitter && (due || !fixed);
            self.flag(jitters && *first, "first");
            self.flag(jitters && *draw > 0, "late");
            self.ends(token);
        }
        self.flag(*restored, "restored");
        self.flag(*undated, "undated");
        let barren = token.barren_until(clock, policy);
        match (gain, barren) {
            (Some(gain), _) if !fixed || self.may_be_handed_on(token) => {
                let (since, before) = (self.since(gain.since, policy.barren_max), self.span(gain.before));
                self.say(format_args!(" gain{since:+}/{before:+}/{}", gain.streak.min(MANY)));
            }
            // It gained nothing, and will not come to have gained anything.
            (Some(gain), Some(until)) => {
                self.say(format_args!(" barren{}{:+}", gain.streak.min(MANY), self.soon(until)));
            }
            _ => {}
        }
        if self.machine.durable {
            self.flag(*saved == Saved::No, "no-record");
            self.flag(*saved == Saved::Underway, "writing");
        }
        self.flag(*awaits_verdict, "awaits-verdict");
        match kind {
            Kind::Bound { of } => self.say(format_args!(" of={}", self.place(*of))),
            Kind::Base(base) => self.base(base),
        }
        self.text.push(']');
    }

    /// An older token of the same maker that comes into force once more takes over what this one gained.
    fn may_be_handed_on(&self, token: &Token) -> bool {
        if self.machine.in_force != Some(token.id) {
            return false;
        }
        let mut older = self.machine.held.iter().take_while(|other| other.id != token.id);
        older.any(|other| other.by == token.by)
    }

    /// Which of the ended tokens it is, by end; `None` while it has not ended.
    fn ended(&self, token: &Token) -> Option<usize> {
        let ended = |token: &Token| token.end(&self.machine.clock).at.filter(|at| *at <= self.now);
        let end = ended(token)?;
        let mut ends: alloc::vec::Vec<At> = self.machine.held.iter().filter_map(ended).collect();
        ends.sort_unstable();
        ends.dedup();
        ends.iter().position(|other| *other == end)
    }

    fn ends(&mut self, token: &Token) {
        let clock = &self.machine.clock;
        self.say(format_args!(" {:+}", self.span(token.received)));
        if token.sent != token.received {
            self.say(format_args!("/{:+}", self.span(token.sent)));
        }
        for (name, life) in [("life", token.stated.life), ("assumed", token.stated.assumed)] {
            if let Some(life) = life {
                self.say(format_args!(" {name}{life}"));
            }
        }
        // The server's times by the wall clock: what is known of the offset between the two stands elsewhere.
        if let Some((first, last)) = token.stated.server {
            let [first, last] = [first, last].map(|at| self.span(clock.when_wall_shows(at)));
            self.say(format_args!(" server{first:+}..{last:+}"));
        }
        if let Some(hint) = token.stated.hint {
            let at = self.span(clock.when_wall_shows(hint.server));
            self.say(format_args!(" hint{at:+}/{:+}", self.span(hint.local)));
        }
    }

    fn base(&mut self, base: &Base) {
        let Base {
            scope,
            cnf,
            inspection,
            declined,
            activation,
            rejected,
            longest_bound_life,
            longest_bound_life_elsewhere,
            limits_bound,
            told_no_mechanism,
            has_been_bound,
        } = base;
        // Without a key it decides nothing once the question has been answered.
        let keyless =
            matches!(self.machine.key.state, KeyState::Declined | KeyState::Failed) && !self.view.deaths;
        let bound = self.machine.held.iter().any(Token::is_bound);
        match scope {
            _ if keyless && !bound && *inspection == Inspection::Over => {}
            Some(scope) => self.say(format_args!(" scope={scope}")),
            None => self.say(format_args!(" scope=?")),
        }
        self.say(format_args!(" {cnf:?}/{inspection:?}"));
        if let Some(declined) = declined {
            let until = self.soon(declined.until);
            self.say(format_args!(" declined:{}{until:+}", declined.reason.name()));
        }
        let running = activation.since.map_or(0, |since| self.now.saturating_sub(since));
        let budget = self.machine.policy.activation_budget;
        let used = activation.used.saturating_add(running).min(budget);
        if activation.since.is_some() || used > 0 {
            let runs = if activation.since.is_some() { "…" } else { "" };
            self.say(format_args!(" activation={used}{runs}"));
        }
        self.flag(*rejected, "never");
        if let Some(life) = longest_bound_life {
            self.say(format_args!(" bound-life={life}"));
        }
        if let Some(life) = longest_bound_life_elsewhere {
            self.say(format_args!(" bound-life-elsewhere={life}"));
        }
        self.flag(*limits_bound, "limits");
        self.flag(*told_no_mechanism, "told-nobody");
        self.flag(*has_been_bound, "was-bound");
    }
}
