//! What must hold on each edge.

use satkeeper_core::lifecycle::*;

use super::{Going, Slice, State, clock};

fn exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// After the teardown every step is empty (L1).
pub fn nothing_follows_the_end(state: &State) {
    for input in [Input::Tick, Input::Resume, Input::Destroy, Input::RefreshNow { ask: AskId(u64::MAX) }] {
        let step = state.machine.clone().step(clock(state.now + 9, state.wall), input);
        assert_eq!(step, Step::default(), "something after the end");
    }
}

/// An early tick leaves no trace; a stale answer and a stale socket leave `Ignored` and change nothing (L1).
pub fn early_and_stale_change_nothing(slice: &Slice, state: &State) {
    let (machine, wake) = (&state.machine, state.wake());
    let line = machine.canonical(slice.view());
    if let Some(at) = wake.filter(|at| *at > state.now + 1) {
        let mut ticked = machine.clone();
        let step = ticked.step(clock(at - 1, state.wall), Input::Tick);
        assert!(step.outputs.is_empty(), "L1: an early tick did {:?} in {line}", step.outputs);
        assert_eq!(
            step.wake_at.map(|(at, _)| at.0),
            Some(at),
            "L1: an early tick moved the deadline: {line}"
        );
        let mut direct = machine.clone();
        for machine in [&mut ticked, &mut direct] {
            machine.script_draws(Vec::new());
        }
        let on_time = clock(at, state.wall);
        let (late, prompt) = (ticked.step(on_time, Input::Tick), direct.step(on_time, Input::Tick));
        assert_eq!(late, prompt, "L1: an early tick left a trace in {line}");
        assert_eq!(
            ticked.canonical(slice.view()),
            direct.canonical(slice.view()),
            "L1: an early tick left a trace"
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
            "L1: stale {input:?} in {line} gave {:?}",
            step.outputs
        );
        assert_eq!(bothered.canonical(slice.view()), line, "L1: stale {input:?} changed the state");
        assert_eq!(
            step.wake_at.map(|(at, _)| at.0),
            wake,
            "L1: stale {input:?} moved the deadline of {line}"
        );
    }
}

/// The invariants that a single step must keep. `Err`: which is broken.
pub fn on_edge(going: &Going<'_>) -> Result<(), String> {
    let Going { before, at, letter, step, after, .. } = going;
    after.machine.check()?;
    ensure(step.wake_at.is_none_or(|(wake, _)| wake.0 > *at), "L1: no progress, it wakes at once again")?;
    let deadline = letter.input == Input::Tick && before.wake().is_some_and(|wake| wake <= *at);
    let moved = step.wake_at.is_none_or(|(wake, _)| Some(wake.0) > before.wake());
    ensure(!deadline || !step.outputs.is_empty() || moved, "L1: a tick at a deadline did nothing")?;
    let (mut open, mut over) = (before.machine.unanswered(), false);
    if let Input::Done(id, _) = &letter.input {
        open.retain(|command| command.id != *id);
    }
    open.retain(|command| command.deadline.0 > *at && !letter.dies);
    for output in &step.outputs {
        ensure(!over, "L1: something after the teardown")?;
        match output {
            Output::Do(command) => {
                if let Action::Reauthenticate { token, .. } = command.action {
                    ensure(after.machine.may_use(token), "L25: pushed before it was written")?;
                }
                ensure(command.deadline.0 > *at, "L1: a deadline that has passed")?;
                open.push(command.clone());
            }
            Output::Tell(Event::Teardown { .. }) => over = true,
            Output::Tell(_) => {}
        }
    }
    // What the machine still awaits it has asked for, and no two exchanges are under way (L13).
    let still = after.machine.unanswered();
    let asked = |wanted: &Command| open.iter().any(|command| command.id == wanted.id);
    ensure(still.iter().all(asked), "L1: it awaits what it never asked for")?;
    ensure(
        still.iter().filter(|command| exchange(&command.action)).count() <= 1,
        "L13: two exchanges are under way",
    )?;
    let begun = step.outputs.iter().filter(|output| matches!(output, Output::Do(c) if exchange(&c.action)));
    ensure(begun.count() <= 1, "L13: two exchanges begin in one step")?;
    ensure(over == after.is_over(), "L1: over without a teardown")?;
    Ok(())
}

pub fn ensure(holds: bool, broken: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken.to_owned()) }
}
