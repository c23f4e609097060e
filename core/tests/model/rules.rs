//! What must hold on each edge.

use satkeeper_core::lifecycle::*;

use super::{Going, Slice, State, clock};

fn exchange(action: &Action) -> bool {
    matches!(action, Action::Mint { .. } | Action::Refresh | Action::Activate { .. } | Action::Renew { .. })
}

/// After the teardown every step is empty (L1).
pub fn nothing_follows_the_end(state: &State) {
    for input in [Input::Tick, Input::Resume, Input::Destroy, Input::RefreshNow { ask: AskId(u64::MAX) }] {
        let step = state.machine.clone().step(clock(state.now + 9), input);
        assert_eq!(step, Step::default(), "something after the end");
    }
}

/// An early tick leaves no trace; a stale answer and a stale socket leave `Ignored` and change nothing (L1).
pub fn early_and_stale_change_nothing(slice: &Slice, machine: &Lifecycle, now: u64, wake: Option<u64>) {
    let line = machine.canonical(slice.view());
    if let Some(at) = wake.filter(|at| *at > now + 1) {
        let mut ticked = machine.clone();
        let step = ticked.step(clock(at - 1), Input::Tick);
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
        let (late, on_time) = (ticked.step(clock(at), Input::Tick), direct.step(clock(at), Input::Tick));
        assert_eq!(late, on_time, "L1: an early tick left a trace in {line}");
        assert_eq!(
            ticked.canonical(slice.view()),
            direct.canonical(slice.view()),
            "L1: an early tick left a trace"
        );
    }
    if machine.status().phase == Phase::Idle {
        return;
    }
    let stale = [
        Input::Done(CommandId(u64::MAX), Outcome::failed(Failure::Rejected)),
        Input::Done(CommandId(u64::MAX), Outcome::ok(Reply::Opened)),
        Input::SocketLost { socket: SocketId(u32::MAX) },
        Input::SocketDead { socket: SocketId(u32::MAX) },
        Input::ServerRestart { socket: SocketId(u32::MAX), wipe: true },
        Input::ResumeState { socket: SocketId(u32::MAX) },
    ];
    for input in stale {
        let mut bothered = machine.clone();
        let step = bothered.step(clock(now), input.clone());
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
    after.check()?;
    ensure(step.wake_at.is_none_or(|(wake, _)| wake.0 > *at), "L1: no progress, it wakes at once again")?;
    ensure(
        step.wake_at.is_some()
            || letter.input != Input::Tick
            || !step.outputs.is_empty()
            || going.line.starts_with("running"),
        "L1: a tick at a deadline did nothing",
    )?;
    let (mut open, mut over) = (before.machine.unanswered(), false);
    if let Input::Done(id, _) = &letter.input {
        open.retain(|command| command.id != *id);
    }
    open.retain(|command| command.deadline.0 > *at);
    for output in &step.outputs {
        ensure(!over, "L1: something after the teardown")?;
        match output {
            Output::Do(command) => {
                ensure(command.deadline.0 > *at, "L1: a deadline that has passed")?;
                open.push(command.clone());
            }
            Output::Tell(Event::Teardown { .. }) => over = true,
            Output::Tell(_) => {}
        }
    }
    // What the machine still awaits it has asked for, and no two exchanges are under way (L13).
    let still = after.unanswered();
    ensure(still.iter().all(|command| open.contains(command)), "L1: it awaits what it never asked for")?;
    ensure(
        still.iter().filter(|command| exchange(&command.action)).count() <= 1,
        "L13: two exchanges are under way",
    )?;
    let begun = step.outputs.iter().filter(|output| matches!(output, Output::Do(c) if exchange(&c.action)));
    ensure(begun.count() <= 1, "L13: two exchanges begin in one step")?;
    ensure(over == matches!(after.status().phase, Phase::Over(_)), "L1: over without a teardown")?;
    Ok(())
}

pub fn ensure(holds: bool, broken: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(broken.to_owned()) }
}
