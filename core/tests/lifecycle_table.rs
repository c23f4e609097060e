//! A second table of the rules, written from the words of `core/docs/rules.md` and not from the code: what an
//! edge must and must not show, by what can be seen from outside. Checked on each edge of the slices.
#![allow(
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    missing_docs,
    reason = "a failing test is a panic"
)]

mod model;

use model::*;
use satkeeper_core::lifecycle::*;

/// What can be seen of one edge.
struct Seen<'a> {
    before: Status,
    after: Status,
    at: u64,
    input: &'a Input,
    /// The command that is answered, if it still waited for that.
    answered: Option<Action>,
    done: Vec<Action>,
    told: Vec<Event>,
}

impl<'a> Seen<'a> {
    fn of(going: &'a Going<'_>) -> Self {
        let open = going.before.machine.unanswered();
        let answered = match &going.letter.input {
            Input::Done(id, _) => {
                open.iter().find(|command| command.id == *id && command.deadline.0 > going.at)
            }
            _ => None,
        };
        let (mut done, mut told) = (Vec::new(), Vec::new());
        for output in &going.step.outputs {
            match output {
                Output::Do(command) => done.push(command.action),
                Output::Tell(event) => told.push(*event),
            }
        }
        Self {
            before: going.before.machine.status(),
            after: going.after.status(),
            at: going.at,
            input: &going.letter.input,
            answered: answered.map(|command| command.action),
            done,
            told,
        }
    }

    fn is_failure(&self) -> bool {
        matches!(self.input, Input::Done(_, outcome) if outcome.result.is_err())
    }

    fn tells(&self, which: impl Fn(&Event) -> bool) -> bool {
        self.told.iter().any(which)
    }

    fn does(&self, which: impl Fn(&Action) -> bool) -> bool {
        self.done.iter().any(which)
    }
}

type Row = (&'static str, fn(&Seen<'_>) -> bool);

/// Each row holds on every edge.
const TABLE: [Row; 8] = [
    (
        "L19: a failed exchange of a live session whose tokens are valid closes nothing and ends nothing",
        |seen| {
            let exchange = matches!(
                seen.answered,
                Some(Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
            );
            let valid = seen.before.session_ends.is_some_and(|end| end.0 > seen.at);
            !(exchange && seen.is_failure() && seen.before.phase == Phase::Live && valid)
                || seen.tells(|event| matches!(event, Event::ClockJump { .. }))
                || (seen.after.in_force == seen.before.in_force
                    && !seen.tells(|event| matches!(event, Event::Expired { .. } | Event::Teardown { .. })))
        },
    ),
    ("L22: nothing expires before the session's end unless the server refuses a credential", |seen| {
        !seen.tells(|event| matches!(event, Event::Expired { .. }))
            || seen.before.session_ends.is_some_and(|end| end.0 <= seen.at)
            || seen.is_failure()
    }),
    ("L25: Renewed only when the server has acknowledged something", |seen| {
        let acknowledged =
            matches!(seen.answered, Some(Action::Authenticate { .. } | Action::Reauthenticate { .. }))
                && !seen.is_failure();
        !seen.tells(|event| matches!(event, Event::Renewed { .. })) || acknowledged
    }),
    ("L28: what is in force changes only by an acknowledgement", |seen| {
        let acknowledged =
            matches!(seen.answered, Some(Action::Authenticate { .. } | Action::Reauthenticate { .. }))
                && !seen.is_failure();
        seen.after.generation == seen.before.generation || acknowledged
    }),
    ("L7: the generation never falls", |seen| seen.after.generation >= seen.before.generation),
    ("L26: at most one push begins in a step", |seen| {
        seen.done.iter().filter(|action| matches!(action, Action::Reauthenticate { .. })).count() <= 1
    }),
    ("L41: at rest nothing is asked for but to close the socket", |seen| {
        seen.after.phase != Phase::Suspended || !seen.does(|action| !matches!(action, Action::Close { .. }))
    }),
    ("L36: Live is told exactly when a connect is accepted", |seen| {
        !seen.tells(|event| matches!(event, Event::Live { .. }))
            || (matches!(seen.answered, Some(Action::Authenticate { .. })) && !seen.is_failure())
    }),
];

// proves L7, L19, L22, L25, L26, L28, L36, L41
#[test]
fn each_edge_agrees_with_the_table() {
    for slice in slices::catalogue() {
        let slice = Slice { most_edges: slice.most_edges.min(8_000), ..slice };
        search(&slice, |graph, going| {
            let seen = Seen::of(going);
            for (rule, holds) in &TABLE {
                assert!(
                    holds(&seen),
                    "{}: {rule}\nin {}\n{} at {} → {}",
                    graph.slice,
                    going.before.line,
                    going.letter.name,
                    going.moment.name(),
                    going.after.describe(going.step, slice.view())
                );
            }
        });
    }
}
