//! A second table of the rules, written from the words of `core/docs/rules.md` and not from the code: what an
//! edge must and must not show, by what can be seen from outside. Checked on each edge of the slices.
//!
//! What one edge cannot show is proved elsewhere: what needs several steps (L4, L6, L8 to L10, L14, L17, L23, L31,
//! L37) in the tests named after it (`lifecycle/ends`, `lifecycle/sleep`, `lifecycle/activation`, `lifecycle/bound`,
//! `lifecycle/provider`, `lifecycle/restore`, the scenarios); who renews by what was given at the start (L12, L15) in
//! `lifecycle/mechanism`; what only `Session` or a driver sees (L29, L30, L32, L33, L39, L43 to L45, L47, L49 to
//! L53) in theirs.

use crate::*;
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
    commands: Vec<Command>,
    told: Vec<Event>,
    /// What is awaited before, and after.
    open: Vec<Command>,
    still: Vec<Command>,
    policy: &'a Policy,
    name: &'a str,
    dies: bool,
    moment: Moment,
}

impl<'a> Seen<'a> {
    fn of(going: &'a Going<'_>) -> Self {
        let open = going.before.machine.unanswered();
        let answered = match &going.letter.input {
            Input::Done(id, _) => {
                open.iter().find(|command| command.id == *id && command.deadline.0 > going.at).cloned()
            }
            _ => None,
        };
        let (mut done, mut commands, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for output in &going.step.outputs {
            match output {
                Output::Do(command) => {
                    done.push(command.action);
                    commands.push(command.clone());
                }
                Output::Tell(event) => told.push(*event),
            }
        }
        Self {
            before: going.before.machine.status(),
            after: going.after.machine.status(),
            at: going.at,
            input: &going.letter.input,
            answered: answered.map(|command| command.action),
            done,
            commands,
            told,
            open,
            still: going.after.machine.unanswered(),
            policy: going.after.machine.policy(),
            name: &going.letter.name,
            dies: going.letter.dies,
            moment: going.moment,
        }
    }

    fn is_failure(&self) -> bool {
        matches!(self.input, Input::Done(_, outcome) if outcome.result.is_err())
    }

    /// The server refused the credential itself.
    fn is_refusal(&self) -> bool {
        matches!(
            self.input,
            Input::Done(_, Outcome { result: Err(Failure::Rpc { credential: true, .. }), .. })
        )
    }

    /// It succeeded, and what it acknowledges is what was asked.
    fn acknowledges(&self) -> bool {
        let asked =
            matches!(self.answered, Some(Action::Authenticate { .. } | Action::Reauthenticate { .. }));
        asked && !self.is_failure()
    }

    fn is_over(&self) -> bool {
        matches!(self.after.phase, Phase::Ending | Phase::Over(_))
    }

    fn jumps(&self) -> bool {
        self.tells(|event| matches!(event, Event::ClockJump { .. }))
    }

    /// A step came later than `Policy::jump` after its deadline.
    fn late(&self) -> bool {
        self.moment == Moment::Late
    }

    /// A server has told its time: ends may turn out to have passed.
    fn tells_time(&self) -> bool {
        self.name.contains("server ") || self.name.contains("ends sooner")
    }

    /// Time may have been lost: nothing has ended before somebody has said so (L23).
    fn unsure(&self) -> bool {
        self.jumps() || self.open.iter().any(|command| matches!(command.action, Action::Probe { .. }))
    }

    fn tells(&self, which: impl Fn(&Event) -> bool) -> bool {
        self.told.iter().any(which)
    }

    fn does(&self, which: impl Fn(&Action) -> bool) -> bool {
        self.done.iter().any(which)
    }
}

type Row = (&'static str, fn(&Seen<'_>) -> bool);

fn is_exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// Each row holds on every edge.
const TABLE: [Row; 31] = [
    ("L1: a teardown is told once, and last", |seen| {
        let at = seen.told.iter().position(|event| matches!(event, Event::Teardown { .. }));
        at.is_none_or(|at| at + 1 == seen.told.len() && matches!(seen.after.phase, Phase::Over(_)))
    }),
    ("L2: each command has its own deadline", |seen| {
        let p = seen.policy;
        seen.commands.iter().all(|command| {
            let span = command.deadline.0 - seen.at;
            match command.action {
                Action::MakeKey { .. } => span == p.first_mint,
                Action::Mint { .. } => span <= p.first_mint.max(p.provider_max),
                Action::Refresh => span <= p.provider_max,
                Action::Activate { .. } | Action::Renew { .. } => span <= p.attempt_max,
                Action::Inspect { .. } | Action::Open { .. } | Action::Probe { .. } => span == p.network,
                Action::Authenticate { .. } => span == p.connect,
                Action::Reauthenticate { .. } => span == p.push,
                Action::Persist => span <= p.local,
                Action::Erase | Action::Close { .. } => span == p.local,
                // It has to be put down here.
                _ => false,
            }
        })
    }),
    ("L3: the time left is the time to the session's end", |seen| {
        let left = seen.after.session_ends.map(|end| end.0.saturating_sub(seen.at));
        seen.is_over() || seen.after.time_left == left
    }),
    ("L5: what a record holds goes on where it was", |seen| {
        !seen.dies || seen.after.generation == seen.before.generation
    }),
    ("L7: the generation never falls", |seen| seen.after.generation >= seen.before.generation),
    ("L7: a generation is one acknowledgement", |seen| {
        seen.after.generation.0 <= seen.before.generation.0 + 1
            && (seen.after.generation == seen.before.generation
                || seen.after.in_force != seen.before.in_force)
    }),
    ("L11: a token that the server has rejected is refused at the door", |seen| {
        let refused = |event: &Event| {
            matches!(
                event,
                Event::Failed {
                    error: AskError::InvalidCredentials | AskError::SessionOver | AskError::Suspended,
                    ..
                }
            )
        };
        !seen.name.starts_with("a refused base") || seen.tells(refused)
    }),
    ("L13: at most one exchange is unanswered", |seen| {
        seen.still.iter().filter(|command| is_exchange(&command.action)).count() <= 1
    }),
    ("L16: it is said that nobody renews only when nobody does", |seen| {
        !seen.tells(|event| matches!(event, Event::Warn(Warning::NoRefreshHandler { .. })))
            || seen.is_over()
            || seen.after.mechanism == Mechanism::None
    }),
    ("L16: a fallback is told of only when the provider has taken over", |seen| {
        !seen.tells(|event| matches!(event, Event::Warn(Warning::RefreshFallback { .. })))
            || seen.is_over()
            || seen.after.mechanism == Mechanism::Provider
    }),
    ("L18: no attempt outlasts the session's end", |seen| {
        let end = seen.after.session_ends.filter(|end| end.0 > seen.at);
        let exchanges = seen.commands.iter().filter(|command| is_exchange(&command.action));
        end.is_none_or(|end| exchanges.clone().all(|command| command.deadline <= end))
    }),
    (
        "L19: a failed exchange of a live session whose tokens are valid closes nothing and ends nothing",
        |seen| {
            let valid = seen.before.session_ends.is_some_and(|end| end.0 > seen.at);
            let exchange = seen.answered.as_ref().is_some_and(is_exchange);
            !(exchange && seen.is_failure() && seen.before.phase == Phase::Live && valid)
                || seen.jumps()
                || (seen.after.in_force == seen.before.in_force
                    && !seen.tells(|event| matches!(event, Event::Expired { .. } | Event::Teardown { .. })))
        },
    ),
    ("L20: the governor's word counts", |seen| {
        // Its word is given in the moment before.
        seen.before.phase == Phase::Idle
            || seen.moment != Moment::Now
            || (!seen.name.ends_with("no requests") || !seen.does(is_exchange))
                && (!seen.name.ends_with("no sockets")
                    || !seen.does(|action| matches!(action, Action::Open { .. })))
    }),
    ("L21: each failed attempt is told, with a later next one", |seen| {
        let exchange = seen.answered.as_ref().is_some_and(is_exchange);
        let told = |event: &Event| match event {
            Event::Warn(Warning::RefreshFailed { next, .. }) => next.is_none_or(|next| next.0 >= seen.at),
            _ => false,
        };
        !(exchange && seen.is_failure()) || seen.is_over() || seen.tells(told)
    }),
    ("L21: as far as anybody knew, and on time, it is expiring only before it has expired", |seen| {
        seen.told.iter().all(|event| match event {
            Event::Warn(Warning::Expiring { ends, assumed, .. }) => {
                *assumed
                    || ends.0 >= seen.at
                    || seen.unsure()
                    || seen.tells_time()
                    || seen.moment >= Moment::After
            }
            _ => true,
        })
    }),
    ("L22: nothing expires before the session's end unless the server refuses a credential", |seen| {
        !seen.tells(|event| matches!(event, Event::Expired { .. }))
            || [seen.before, seen.after]
                .iter()
                .any(|now| now.session_ends.is_some_and(|end| end.0 <= seen.at))
            || seen.is_failure()
    }),
    ("L22: what has expired has no socket", |seen| {
        !seen.tells(|event| matches!(event, Event::Expired { .. })) || seen.after.phase != Phase::Live
    }),
    ("L23: a jump is told when a step comes late or the wall clock runs ahead, and only then", |seen| {
        !seen.jumps() || seen.name.starts_with("wall +") || seen.late()
    }),
    ("L24: who asks with nobody to renew is told so at once", |seen| {
        let asks = matches!(seen.input, Input::RefreshNow { .. });
        let waits = seen.still.iter().any(|command| is_exchange(&command.action));
        !asks
            || seen.before.phase != Phase::Live
            || seen.after.mechanism != Mechanism::None
            || waits
            || seen.tells(|event| matches!(event, Event::Failed { .. }))
    }),
    ("L25: Renewed only when the server has acknowledged something", |seen| {
        !seen.tells(|event| matches!(event, Event::Renewed { .. })) || seen.acknowledges()
    }),
    ("L26: at most one push is under way", |seen| {
        let pushes = |action: &Action| matches!(action, Action::Reauthenticate { .. });
        seen.still.iter().filter(|command| pushes(&command.action)).count() <= 1
    }),
    ("L27: a refused push closes nothing, and what is in force stays", |seen| {
        let pushed = matches!(seen.answered, Some(Action::Reauthenticate { .. }));
        let valid = seen.before.session_ends.is_some_and(|end| end.0 > seen.at);
        !(pushed && seen.is_refusal() && valid)
            || (seen.after.phase == Phase::Live && seen.after.in_force == seen.before.in_force)
    }),
    ("L28: what is in force changes only by an acknowledgement", |seen| {
        seen.after.generation == seen.before.generation || seen.acknowledges()
    }),
    ("L28: a resume acknowledges only what was in force", |seen| {
        let resumed = matches!(
            seen.input,
            Input::Done(_, Outcome { result: Ok(Reply::Authenticated { resumed: true, .. }), .. })
        );
        !(resumed && seen.acknowledges()) || seen.after.in_force == seen.before.in_force
    }),
    ("L34: a refused resume is no error to the application", |seen| {
        let resume = matches!(seen.answered, Some(Action::Authenticate { resume: true, .. }));
        !(resume && seen.is_refusal())
            || !seen.tells(|event| matches!(event, Event::Failed { .. } | Event::Teardown { .. }))
    }),
    ("L35: no socket is open that nobody is authenticating", |seen| {
        let opened = matches!(seen.answered, Some(Action::Open { .. })) && !seen.is_failure();
        let is = |action: &Action| matches!(action, Action::Authenticate { .. } | Action::Close { .. });
        !opened || seen.does(is)
    }),
    ("L36: Live is told exactly when a connect is accepted", |seen| {
        !seen.tells(|event| matches!(event, Event::Live { .. }))
            || (matches!(seen.answered, Some(Action::Authenticate { .. })) && !seen.is_failure())
    }),
    ("L36: a changed network is probed at once", |seen| {
        let probes = |command: &Command| matches!(command.action, Action::Probe { .. });
        *seen.input != Input::NetworkChanged
            || seen.before.phase != Phase::Live
            || seen.after.phase != Phase::Live
            || seen.still.iter().any(probes)
    }),
    ("L38: what subscriber/info says counts only while nobody is authenticated", |seen| {
        let asked = matches!(seen.answered, Some(Action::Inspect { .. }));
        !(asked && seen.is_failure() && seen.before.phase == Phase::Live)
            || seen.jumps()
            || seen.before.session_ends.is_some_and(|end| end.0 <= seen.at)
            || seen.after.in_force == seen.before.in_force
                && !seen.does(|action| matches!(action, Action::Close { .. }))
    }),
    ("L40: a token that is brought, and is not in force already, retires the exchange in flight", |seen| {
        let settled = seen.tells(|event| matches!(event, Event::Recovered { .. }));
        let brought = matches!(seen.input, Input::NewBase { .. }) && !settled;
        let refused = seen.tells(
            |event| matches!(event, Event::Failed { error, .. } if !matches!(error, AskError::Superseded)),
        );
        let old = |command: &&Command| {
            is_exchange(&command.action) && seen.open.iter().any(|it| it.id == command.id)
        };
        !brought || refused || !seen.still.iter().any(|command| old(&command))
    }),
    ("L41: at rest nothing is asked for but to close the socket; only the end erases", |seen| {
        (seen.after.phase != Phase::Suspended || !seen.does(|action| !matches!(action, Action::Close { .. })))
            && (!seen.does(|action| matches!(action, Action::Erase)) || *seen.input == Input::Destroy)
    }),
];

// proves L1, L2, L3, L5, L7, L11, L13, L16, L18, L19, L20, L21, L22, L23, L24, L25, L26, L27, L28, L34, L35, L36,
// L38, L40, L41
#[test]
fn each_edge_agrees_with_the_table() {
    for slice in catalogue::catalogue() {
        let slice = Slice { most_edges: slice.most_edges.min(8_000), ..slice };
        search(&slice, |graph, going| {
            let seen = Seen::of(going);
            for (rule, holds) in &TABLE {
                assert!(
                    holds(&seen),
                    "{}: {rule}\nin {}\n{} at {} → {}\n     {}",
                    graph.slice,
                    going.before.line,
                    going.letter.name,
                    going.moment.name(),
                    going.after.machine.describe(going.step, slice.view()),
                    going.after.line
                );
            }
        });
    }
}
