//! What must hold on each edge.

use satkeeper_core::lifecycle::explorer::Asked;
use satkeeper_core::lifecycle::*;

use super::{Going, Slice, State, clock};

/// Who is asked for tokens.
fn exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// After the teardown every step is empty (R29).
pub fn nothing_follows_the_end(state: &State) {
    for input in [Input::Tick, Input::Resume, Input::Destroy, Input::RefreshNow { ask: AskId(u64::MAX) }] {
        let step = state.machine.clone().step(clock(state.now + 9, state.wall), input);
        assert_eq!(step, Step::default(), "something after the end");
    }
}

/// An early tick leaves no trace; a stale answer and a stale socket leave `Ignored` and change nothing (R29).
pub fn early_and_stale_change_nothing(slice: &Slice, state: &State) {
    let (machine, wake) = (&state.machine, state.wake());
    let line = machine.canonical(slice.view());
    if let Some(at) = wake.filter(|at| *at > state.now + 1) {
        let mut ticked = machine.clone();
        let step = ticked.step(clock(at - 1, state.wall), Input::Tick);
        assert!(step.outputs.is_empty(), "R29: an early tick did {:?} in {line}", step.outputs);
        assert_eq!(
            step.wake_at.map(|(at, _)| at.0),
            Some(at),
            "R29: an early tick moved the deadline: {line}"
        );
        let mut direct = machine.clone();
        for machine in [&mut ticked, &mut direct] {
            machine.script_draws(Vec::new());
        }
        let on_time = clock(at, state.wall);
        let (late, prompt) = (ticked.step(on_time, Input::Tick), direct.step(on_time, Input::Tick));
        assert_eq!(late, prompt, "R29: an early tick left a trace in {line}");
        assert_eq!(
            ticked.canonical(slice.view()),
            direct.canonical(slice.view()),
            "R29: an early tick left a trace"
        );
    }
    if state.phase() == Phase::Idle {
        return;
    }
    // An answer to what was never asked, and one to what was given up or has been answered.
    let open = machine.unanswered();
    let gone = (0..).map(CommandId).find(|id| open.iter().all(|command| command.id != *id));
    let stale = [
        Input::Done(CommandId(u64::MAX), Outcome::failed(Failure::Rejected)),
        Input::Done(CommandId(u64::MAX), Outcome::ok(Reply::Opened)),
        Input::Done(gone.expect("one in all numbers"), Outcome::ok(Reply::Alive)),
        Input::Done(gone.expect("one in all numbers"), Outcome::failed(Failure::Timeout)),
        Input::SocketLost { socket: SocketId(u32::MAX) },
        Input::SocketDead { socket: SocketId(u32::MAX) },
        Input::ServerRestart { socket: SocketId(u32::MAX), wipe: true },
        Input::ResumeState { socket: SocketId(u32::MAX) },
    ];
    for input in stale {
        let mut bothered = machine.clone();
        let step = bothered.step(clock(state.now, state.wall), input.clone());
        assert!(
            matches!(step.outputs[..], [Output::Tell(Event::Ignored(_))]),
            "R29: stale {input:?} in {line} gave {:?}",
            step.outputs
        );
        assert_eq!(bothered.canonical(slice.view()), line, "R29: stale {input:?} changed the state");
        assert_eq!(
            step.wake_at.map(|(at, _)| at.0),
            wake,
            "R29: stale {input:?} moved the deadline of {line}"
        );
    }
}

/// The invariants that a single step must keep. `Err`: which is broken.
pub fn on_edge(slice: &Slice, going: &Going<'_>) -> Result<(), String> {
    going.after.machine.check()?;
    progress(going)?;
    commands(going)?;
    places(slice, going)?;
    refusals(going)?;
    waiters(going)?;
    ends(slice, going)
}

/// R29: what is due is done, and something comes of it.
fn progress(going: &Going<'_>) -> Result<(), String> {
    let Going { before, at, letter, step, .. } = going;
    ensure(step.wake_at.is_none_or(|(wake, _)| wake.0 > *at), "R29: no progress, it wakes at once again")?;
    let deadline = letter.input == Input::Tick && before.wake().is_some_and(|wake| wake <= *at);
    let moved = step.wake_at.is_none_or(|(wake, _)| Some(wake.0) > before.wake());
    ensure(!deadline || !step.outputs.is_empty() || moved, "R29: a tick at a deadline did nothing")
}

/// R29: what the machine awaits it has asked for; R13: what it pushes is in the record.
fn commands(going: &Going<'_>) -> Result<(), String> {
    let Going { before, at, letter, step, after, .. } = going;
    let mut open: Vec<CommandId> = before.machine.unanswered().iter().map(|asked| asked.id).collect();
    if let Input::Done(id, _) = &letter.input {
        open.retain(|asked| asked != id);
    }
    if letter.dies {
        open.clear();
    }
    let mut over = false;
    for output in &step.outputs {
        ensure(!over, "R29: something after the teardown")?;
        match output {
            Output::Do(command) => {
                if let Action::Reauthenticate { token, .. } = command.action {
                    ensure(after.machine.may_push(token), "R13: pushed before it was written")?;
                }
                ensure(command.deadline.0 > *at, "R29: a deadline that has passed")?;
                open.push(command.id);
            }
            Output::Tell(Event::Teardown { .. }) => over = true,
            Output::Tell(_) => {}
        }
    }
    let still = after.machine.unanswered();
    ensure(still.iter().all(|asked| open.contains(&asked.id)), "R29: it awaits what it never asked for")?;
    ensure(over == after.is_over(), "R29: over without a teardown")
}

/// R14: an endpoint is asked one thing at a time, and has two places.
fn places(slice: &Slice, going: &Going<'_>) -> Result<(), String> {
    let still = going.after.machine.unanswered();
    for asked in still.iter().filter(|asked| exchange(&asked.action)) {
        let same = |other: &&Asked| other.action.name() == asked.action.name();
        let open = still.iter().filter(same).filter(|other| !other.late).count();
        ensure(open <= 1, "R14: two requests of one endpoint are under way")?;
        let taken = |other: &&Asked| other.at.0 + slice.policy().place / 3 > going.at;
        let held = still.iter().filter(same).filter(taken).count();
        ensure(held <= 2, "R14: an exchange beyond two places")?;
    }
    Ok(())
}

/// R10: a token is refused only by a fresh connect with it.
fn refusals(going: &Going<'_>) -> Result<(), String> {
    let before = going.before.machine.refused();
    let shown = match &going.letter.input {
        Input::Done(id, Outcome { result: Err(Failure::Rpc { credential: true, .. }), .. }) => {
            going.before.machine.unanswered().into_iter().find(|asked| asked.id == *id)
        }
        _ => None,
    };
    let shown = match shown.map(|asked| asked.action) {
        Some(Action::Authenticate { token, resume: false, .. }) => Some(token),
        _ => None,
    };
    let is_known = |token: &TokenId| before.contains(token) || Some(*token) == shown;
    ensure(going.after.machine.refused().iter().all(is_known), "R10: refused without a fresh connect")
}

/// R27: who waits has exactly one outcome.
fn waiters(going: &Going<'_>) -> Result<(), String> {
    let mut waiting = if going.letter.dies { Vec::new() } else { going.before.machine.waiting() };
    waiting.extend(match going.letter.input {
        Input::RefreshNow { ask } | Input::Rejected { ask, .. } | Input::NewBase { ask, .. } => Some(ask),
        _ => None,
    });
    for output in &going.step.outputs {
        if let Output::Tell(Event::Failed { ask, .. } | Event::Recovered { ask, .. }) = output {
            let at = waiting.iter().position(|waits| waits == ask);
            waiting.remove(at.ok_or("R27: an outcome for nobody, or a second one")?);
        }
    }
    let mut still = going.after.machine.waiting();
    waiting.sort_unstable();
    still.sort_unstable();
    ensure(waiting == still, "R27: somebody who waited is forgotten")
}

/// R25: nothing ends by itself while a good token is held or an answer is awaited; R11: who is out does nothing more.
fn ends(slice: &Slice, going: &Going<'_>) -> Result<(), String> {
    let Going { before, at, letter, step, after, .. } = going;
    let machine = &after.machine;
    if machine.is_handed_over() {
        let quiet = |output: &Output| match output {
            Output::Do(command) => matches!(command.action, Action::Close { .. }),
            Output::Tell(event) => {
                matches!(event, Event::Failed { .. } | Event::Teardown { .. } | Event::Warn(_))
            }
        };
        let asks = |output: &Output| matches!(output, Output::Do(_)) && !quiet(output);
        return ensure(!step.outputs.iter().any(asks), "R11: something is done after HandedOver");
    }
    let ending = |phase| matches!(phase, Phase::Ending | Phase::Over(_));
    if ending(before.phase()) || !ending(machine.status().phase) {
        return Ok(());
    }
    let own_word = match &letter.input {
        Input::Disconnect | Input::Leave | Input::Destroy => true,
        // Before the first `Live` a refusal, or the provider's last word, ends it at once (R26).
        Input::Done(_, Outcome { result: Err(_), .. }) => !before.line.contains("was-live"),
        _ => false,
    };
    if own_word {
        return Ok(());
    }
    ensure(!machine.has_good(), "R25: it ends while a good token is held")?;
    let answered = match &letter.input {
        Input::Done(id, _) => Some(*id),
        _ => None,
    };
    let patient = slice.policy().unreached > 1_000;
    let young = |asked: &&Asked| {
        exchange(&asked.action) && Some(asked.id) != answered && asked.at.0 + slice.policy().awaited > *at
    };
    // Who replaces the provider voids what the one before was asked.
    let voided = letter.dies || matches!(letter.input, Input::NewProvider(_));
    let awaited = !voided && before.machine.unanswered().iter().any(|asked| young(&asked));
    ensure(!patient || !awaited, "R25: it ends while an answer is awaited")
}

pub fn ensure(holds: bool, broken: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken.to_owned()) }
}
