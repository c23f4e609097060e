//! A second table of the rules, written from the words of the second edition and not from the code: what an
//! edge must and must not show, by what can be seen from outside. Checked on each edge of the slices.
//!
//! What one edge cannot show is proved elsewhere: what needs several steps in the tests named after it
//! (`lifecycle/…`, the scenarios); what only `Session` or a driver sees (R31 to R38) in theirs.

use crate::*;
use satkeeper_core::lifecycle::explorer::Asked;
use satkeeper_core::lifecycle::*;

/// What can be seen of one edge.
struct Seen<'a> {
    before: Status,
    after: Status,
    at: u64,
    input: &'a Input,
    /// The command that is answered, if it still waited for that.
    answered: Option<Action>,
    /// It had yielded its place.
    late_answer: bool,
    done: Vec<Action>,
    commands: Vec<Command>,
    told: Vec<Event>,
    /// What is awaited before, and after.
    open: Vec<Asked>,
    still: Vec<Asked>,
    policy: &'a Policy,
    name: &'a str,
    dies: bool,
    moment: Moment,
}

impl<'a> Seen<'a> {
    fn of(going: &'a Going<'_>) -> Self {
        let open = going.before.machine.unanswered();
        let answered = match &going.letter.input {
            Input::Done(id, _) => open.iter().find(|command| command.id == *id).copied(),
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
            late_answer: answered.is_some_and(|command| command.late),
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

    /// A step came later than `Policy::sleep` after its deadline.
    fn late(&self) -> bool {
        self.moment == Moment::Late
    }

    /// A server has told its time: ends may turn out to have passed.
    fn tells_time(&self) -> bool {
        self.name.contains("server ") || self.name.contains("ends sooner")
    }

    /// Time may have been lost: nothing has ended before somebody has said so (R1).
    fn unsure(&self) -> bool {
        self.jumps() || self.open.iter().any(|command| matches!(command.action, Action::Probe { .. }))
    }

    /// It serves again that did not.
    fn returns(&self) -> bool {
        self.before.phase != self.after.phase
    }

    /// Nothing runs any more, or not yet.
    fn is_rested(&self) -> bool {
        matches!(self.before.phase, Phase::Suspended | Phase::Idle | Phase::Ending)
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
    ("R29: a teardown is told once, and last", |seen| {
        let at = seen.told.iter().position(|event| matches!(event, Event::Teardown { .. }));
        at.is_none_or(|at| at + 1 == seen.told.len() && matches!(seen.after.phase, Phase::Over(_)))
    }),
    ("R29: each command has its own deadline", |seen| {
        let p = seen.policy;
        let learned = seen.before.time_left.unwrap_or(0) / 3;
        seen.commands.iter().all(|command| {
            let span = command.deadline.0 - seen.at;
            match command.action {
                Action::MakeKey { .. } => span == p.provider_max,
                Action::Mint { .. } | Action::Refresh => span <= p.provider_max,
                // A quarter of what is left, within bounds, or what it has taken of late.
                Action::Activate { .. } | Action::Renew { .. } => {
                    span <= p.attempt_max.max(learned).max(p.attempt_max * 4 / 3)
                }
                Action::Inspect { .. } | Action::Open { .. } | Action::Authenticate { .. } => {
                    span == p.network
                }
                Action::Probe { .. } => span == p.network || span == p.local,
                Action::Reauthenticate { .. } => span <= p.push,
                Action::Persist | Action::Erase | Action::Close { .. } => span == p.local,
                // It has to be put down here.
                _ => false,
            }
        })
    }),
    ("R29: the time left is the time to the session's end", |seen| {
        let left = seen.after.session_ends.map(|end| end.0.saturating_sub(seen.at));
        seen.is_over() || seen.after.time_left == left
    }),
    ("R30: what a record holds goes on where it was", |seen| {
        !seen.dies || seen.after.generation == seen.before.generation
    }),
    ("R6: the generation never falls", |seen| seen.after.generation >= seen.before.generation),
    ("R6: a generation is one acknowledgement", |seen| {
        seen.after.generation.0 <= seen.before.generation.0 + 1
            && (seen.after.generation == seen.before.generation
                || seen.after.in_force != seen.before.in_force)
    }),
    ("R15: a token that the server has refused is refused at the door", |seen| {
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
    ("R17: it is said that nobody renews only when nobody does", |seen| {
        !seen.tells(|event| matches!(event, Event::Warn(Warning::NoRefreshHandler { .. })))
            || seen.is_over()
            || seen.after.mechanism == Mechanism::None
    }),
    ("R14: at the end of a life or of patience an attempt is not forgotten", |seen| {
        // Who is asked for a token is listened to until something else voids it.
        let voids = matches!(seen.input, Input::NewBase { .. } | Input::NewProvider(_)) || seen.dies;
        let answered = match seen.input {
            Input::Done(id, _) => Some(*id),
            _ => None,
        };
        let exchanges = seen.open.iter().filter(|asked| is_exchange(&asked.action));
        let awaited = |asked: &Asked| seen.still.iter().any(|still| still.id == asked.id);
        let most = exchanges.clone().filter(|asked| asked.late).count() >= 6;
        voids || seen.is_over() || most || exchanges.filter(|asked| Some(asked.id) != answered).all(awaited)
    }),
    (
        "R25: a failed exchange of a live session whose tokens are valid closes nothing and ends nothing",
        |seen| {
            let valid = seen.before.session_ends.is_some_and(|end| end.0 > seen.at);
            let exchange = seen.answered.as_ref().is_some_and(is_exchange);
            !(exchange && seen.is_failure() && seen.before.phase == Phase::Live && valid)
                || seen.jumps()
                || (seen.after.in_force == seen.before.in_force
                    && !seen.tells(|event| matches!(event, Event::Expired { .. } | Event::Teardown { .. })))
        },
    ),
    ("R28: each failed attempt is told, with a next one that has not passed", |seen| {
        let exchange = seen.answered.as_ref().is_some_and(is_exchange) && !seen.late_answer;
        let told = |event: &Event| match event {
            Event::Warn(Warning::RefreshFailed { next, .. }) => next.is_none_or(|next| next.0 >= seen.at),
            Event::Warn(Warning::KeySwitched { .. }) => true,
            _ => false,
        };
        // What was refused for its time alone is signed anew.
        let anew = seen.name.contains("signed off");
        !(exchange && seen.is_failure()) || seen.is_over() || anew || seen.tells(told)
    }),
    ("R28: a connection that served and is lost is told of, and only that", |seen| {
        let told = seen.tells(|event| matches!(event, Event::Warn(Warning::ConnectionLost { .. })));
        let lost = matches!(seen.input, Input::SocketLost { .. } | Input::ServerRestart { .. })
            && (seen.name == "socket lost" || seen.name.starts_with("restart"));
        (!lost || told || seen.before.phase == Phase::Suspended) && (!told || !seen.is_rested())
    }),
    ("R28: as far as anybody knew, and on time, it is expiring only before it has expired", |seen| {
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
    ("R25: nothing expires before the session's end unless the server refuses a credential", |seen| {
        !seen.tells(|event| matches!(event, Event::Expired { .. }))
            || [seen.before, seen.after].iter().any(|now| now.session_ends.is_none_or(|end| end.0 <= seen.at))
            || seen.is_failure()
    }),
    ("R25: what has expired is not live", |seen| {
        !seen.tells(|event| matches!(event, Event::Expired { .. })) || seen.after.phase != Phase::Live
    }),
    ("R1: a jump is told when a step comes late or the wall clock runs ahead, and only then", |seen| {
        !seen.jumps() || seen.name.starts_with("wall +") || seen.late()
    }),
    ("R27: who asks with nobody to renew is told so at once", |seen| {
        let asks = matches!(seen.input, Input::RefreshNow { .. });
        let waits = seen.still.iter().any(|command| is_exchange(&command.action));
        !asks
            || seen.before.phase != Phase::Live
            || seen.after.mechanism != Mechanism::None
            || waits
            || seen.tells(|event| matches!(event, Event::Failed { .. }))
    }),
    ("R13: Renewed only when the server has acknowledged something", |seen| {
        !seen.tells(|event| matches!(event, Event::Renewed { .. })) || seen.acknowledges()
    }),
    ("R23: at most one push is under way", |seen| {
        let pushes = |action: &Action| matches!(action, Action::Reauthenticate { .. });
        seen.still.iter().filter(|command| pushes(&command.action)).count() <= 1
    }),
    ("R23: a refused push closes nothing, and what is in force stays", |seen| {
        let pushed = matches!(seen.answered, Some(Action::Reauthenticate { .. }));
        let valid = seen.before.session_ends.is_some_and(|end| end.0 > seen.at);
        !(pushed && seen.is_refusal() && valid)
            || seen.jumps()
            || (seen.after.phase == seen.before.phase && seen.after.in_force == seen.before.in_force)
    }),
    ("R6: what is in force changes only by an acknowledgement", |seen| {
        seen.after.generation == seen.before.generation || seen.acknowledges()
    }),
    ("R21: a resume acknowledges only what was in force", |seen| {
        let resumed = matches!(
            seen.input,
            Input::Done(_, Outcome { result: Ok(Reply::Authenticated { resumed: true, .. }), .. })
        );
        !(resumed && seen.acknowledges()) || seen.after.in_force == seen.before.in_force
    }),
    ("R21: a refused resume is no error to the application", |seen| {
        let resume = matches!(seen.answered, Some(Action::Authenticate { resume: true, .. }));
        !(resume && seen.is_refusal())
            || !seen.tells(|event| matches!(event, Event::Failed { .. } | Event::Teardown { .. }))
    }),
    ("R21: no socket is open that nobody is authenticating", |seen| {
        let opened = matches!(seen.answered, Some(Action::Open { .. })) && !seen.is_failure();
        let is = |action: &Action| matches!(action, Action::Authenticate { .. } | Action::Close { .. });
        !opened || seen.does(is)
    }),
    ("R22: Live is told when a connect is accepted, or what was doubted answers, and only then", |seen| {
        let accepted = matches!(seen.answered, Some(Action::Authenticate { .. })) && !seen.is_failure();
        let answers = matches!(seen.input, Input::SocketAlive { .. });
        seen.tells(|event| matches!(event, Event::Live { .. })) == (accepted || answers && seen.returns())
    }),
    ("R19: a changed network is probed at once", |seen| {
        let probes = |command: &Asked| matches!(command.action, Action::Probe { .. });
        *seen.input != Input::NetworkChanged
            || seen.before.phase != Phase::Live
            || seen.after.phase != Phase::Live
            || seen.still.iter().any(probes)
    }),
    ("R14: a question ends nothing", |seen| {
        let asked = matches!(seen.answered, Some(Action::Inspect { .. }));
        !(asked && seen.is_failure() && seen.before.phase == Phase::Live)
            || seen.jumps()
            || seen.before.session_ends.is_some_and(|end| end.0 <= seen.at)
            || seen.after.in_force == seen.before.in_force
                && !seen.does(|action| matches!(action, Action::Close { .. }))
    }),
    ("R15: a token that is brought, and is not in force already, voids what was asked before", |seen| {
        let settled = seen.tells(|event| matches!(event, Event::Recovered { .. }));
        let brought = matches!(seen.input, Input::NewBase { .. }) && !settled;
        let refused = seen.tells(
            |event| matches!(event, Event::Failed { error, .. } if !matches!(error, AskError::Superseded)),
        );
        let old =
            |command: &&Asked| is_exchange(&command.action) && seen.open.iter().any(|it| it.id == command.id);
        !brought || refused || !seen.still.iter().any(|command| old(&command))
    }),
    ("R33: at rest nothing is asked for but to close sockets and to write; only the end erases", |seen| {
        let local = |action: &Action| matches!(action, Action::Close { .. } | Action::Persist);
        (seen.after.phase != Phase::Suspended || !seen.does(|action| !local(action)))
            && (!seen.does(|action| matches!(action, Action::Erase)) || *seen.input == Input::Destroy)
    }),
    ("R33: once it ends nothing is asked for but to put things away", |seen| {
        let away = |action: &Action| matches!(action, Action::Close { .. } | Action::Persist | Action::Erase);
        let ending = matches!(seen.before.phase, Phase::Ending);
        !ending || !seen.does(|action| !away(action))
    }),
    ("R11: only somebody else's hold hands it over", |seen| {
        let handed =
            |event: &Event| matches!(event, Event::Teardown { reason: TeardownReason::HandedOver, .. });
        let conflict = matches!(seen.input, Input::Done(_, Outcome { result: Err(Failure::Conflict), .. }));
        !seen.tells(handed) || conflict || matches!(seen.before.phase, Phase::Ending)
    }),
];

// proves R1, R6, R11, R13, R14, R15, R17, R19, R21, R22, R23, R25, R27, R28, R29, R30, R33
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
