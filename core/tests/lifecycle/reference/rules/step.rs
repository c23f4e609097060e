//! R29, R33: the step, rest and the end.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Verdict, is_exchange, socket_of};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 6] = [
    ("R29: who is heard", answers_are_heard_or_not),
    ("R29: what is stale or early changes nothing", stale_and_early_change_nothing),
    ("R29: deadlines", deadlines),
    ("R29: what is due is done", wakes_later),
    ("R33: rest", rest),
    ("R33: nothing after the end", over),
];

fn answers_are_heard_or_not(view: &View<'_>) -> Result<(), String> {
    let Input::Done(id, outcome) = view.input() else { return Ok(()) };
    let Some(before) = view.before() else { return Ok(()) };
    let ignored = view.told_now().any(|event| *event == Event::Ignored(Ignored::StaleAnswer(*id)));
    if matches!(before.status.phase, Phase::Over(_)) {
        return ensure(!ignored, || "something was told after the end".to_owned());
    }
    // What an attempt brings after its deadline counts, how it failed after that does not matter any more.
    let exchange = view.command(*id).filter(|(_, command)| is_exchange(&command.action));
    let late_failure = exchange.is_some_and(|(_, it)| it.deadline.0 <= view.at()) && outcome.result.is_err();
    match view.waits(*id, view.step()) {
        Verdict::Yes => ensure(!ignored || late_failure, || format!("{id:?} still waited and was not heard")),
        Verdict::No => ensure(ignored, || format!("{id:?} did not wait and was heard")),
        Verdict::Perhaps => Ok(()),
    }
}

/// What a status says but for the time that runs.
fn lasting(status: &Status) -> Status {
    let mut lasting = *status;
    (lasting.time_left, lasting.clock_offset) = (None, None);
    lasting
}

fn stale_and_early_change_nothing(view: &View<'_>) -> Result<(), String> {
    let Some(before) = view.before() else { return Ok(()) };
    let now = view.last();
    let told: Vec<&Event> = view.told_now().collect();
    let stale = matches!(told.as_slice(), [Event::Ignored(Ignored::StaleAnswer(_) | Ignored::StaleSocket)]);
    let early = *view.input() == Input::Tick;
    let quiet = before.wake.is_none_or(|(at, _)| at > now.at);
    let slept = !view.counts_sleep && view.ahead(view.step()) != 0;
    // Somebody else has the record, whenever that is heard.
    let taken = matches!(view.input(), Input::Done(_, Outcome { result: Err(Failure::Conflict), .. }));
    if !(stale || early) || !quiet || slept || taken {
        return Ok(());
    }
    let nothing = view.asked_now().next().is_none() && told.len() <= usize::from(stale);
    // At rest nothing wakes it, and what has ended meanwhile it sees when it is asked.
    let rests = before.status.phase == Phase::Suspended;
    let same = (rests || lasting(&before.status) == lasting(&now.status))
        && before.wake == now.wake
        && before.held == now.held;
    ensure(nothing && same, || {
        format!("{:?} {:?}, then {:?} {:?}", before.status, before.wake, now.status, now.wake)
    })
}

fn deadlines(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let (least, most) = match command.action {
            // Somebody else's code: a person may be asked.
            Action::MakeKey { .. } => (1, 120_000),
            Action::Mint { .. } | Action::Refresh => (5_000, 120_000),
            // Longer where anything has taken long of late, but never for ever.
            Action::Activate { .. } | Action::Renew { .. } => {
                let slow = view.tokens.iter().any(|it| view.at().saturating_sub(it.sent) > 4_000);
                (2_000, if slow { 120_000 } else { 10_000 })
            }
            Action::Reauthenticate { .. } => (1_500, 5_000),
            Action::Persist | Action::Erase | Action::Close { .. } => (2_000, 2_000),
            _ => (1, 10_000),
        };
        let span = command.deadline.0.saturating_sub(view.at());
        ensure((least..=most).contains(&span), || format!("{:?} has {span} ms", command.action))?;
    }
    Ok(())
}

/// Whatever is due is done within the step: the next wake-up lies in the future, and there is one while something waits.
fn wakes_later(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    ensure(now.wake.is_none_or(|(at, _)| at > now.at), || {
        format!("at {} it wakes at {:?}", now.at, now.wake)
    })?;
    let waits = |command: &&Command| {
        let answered = view.answer(command.id).is_some();
        let lost = |socket| matches!(view.input(), Input::SocketLost { socket: gone } | Input::ServerRestart { socket: gone, .. } if *gone == socket);
        let told = view.warned_now().any(|it| matches!(it, Warning::ConnectionLost { .. }));
        let gone = socket_of(&command.action).is_some_and(|socket| lost(socket) || told);
        let answered = answered || gone;
        !answered && now.wake.is_none_or(|(at, _)| at > command.deadline.0)
    };
    let forgotten = view.asked_now().find(waits);
    ensure(forgotten.is_none() || History::is_ending(now), || {
        format!("{forgotten:?}, and it wakes at {:?}", now.wake)
    })
}

fn rest(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if now.status.phase != Phase::Suspended {
        return Ok(());
    }
    // Sockets are closed, and what came late is written; a waking is noticed before anything else is heard.
    let quiet = |action| matches!(action, Action::Close { .. } | Action::Probe { .. } | Action::Persist);
    let busy = view.asked_now().find(|command| !quiet(command.action));
    ensure(busy.is_none(), || format!("{busy:?}"))?;
    let wakes_for = now.wake.map(|(_, wake)| wake);
    let fine = wakes_for.is_none_or(|wake| matches!(wake, Wake::Persist | Wake::Deadline(_)));
    ensure(fine, || format!("at rest it wakes for {wakes_for:?}"))
}

fn over(view: &View<'_>) -> Result<(), String> {
    let over = |reading: &crate::reference::Reading| matches!(reading.status.phase, Phase::Over(_));
    if !view.before().is_some_and(over) {
        return Ok(());
    }
    let quiet = view.asked_now().next().is_none() && view.told_now().next().is_none();
    ensure(quiet && view.last().wake.is_none(), || "something after the end".to_owned())
}
