//! Expectations: what a story says in its author's words, beside the golden lines.

use satkeeper_core::lifecycle::{Phase, Status};

use crate::span;
use crate::statement::Expectation;

/// What does not hold, if anything.
pub(crate) fn missed(expectation: &Expectation, status: &Status, said: &[(u64, String)]) -> Option<String> {
    match expectation {
        Expectation::Phase(name) => {
            let phase = status.phase.name();
            (phase != name).then(|| format!("the phase is {phase}, not {name}"))
        }
        Expectation::Over(reason) => match status.phase {
            Phase::Over(over) if over.name() == reason => None,
            Phase::Over(over) => Some(format!("it is over: {}, not {reason}", over.name())),
            phase => Some(format!("it is {}, not over", phase.name())),
        },
        Expectation::Mechanism(name) => {
            let mechanism = status.mechanism.name();
            (mechanism != name).then(|| format!("the mechanism is {mechanism}, not {name}"))
        }
        Expectation::InForce { bound } => (status.in_force.is_none() || status.bound != *bound).then(|| {
            let kind = match (status.in_force, status.bound) {
                (None, _) => "nothing",
                (_, true) => "a bound token",
                (_, false) => "a base",
            };
            format!("in force is {kind}")
        }),
        Expectation::Count { least, most, what, since } => {
            let from = since.unwrap_or(0);
            let is_it = |(at, text): &&(u64, String)| *at >= from && text.starts_with(what.as_str());
            let count = said.iter().filter(is_it).count();
            let since = since.map_or(String::new(), |at| format!(" since {}", span::show(at)));
            (count < *least as usize || count > *most as usize)
                .then(|| format!("there are {count} of {what:?}{since}"))
        }
    }
}
