//! R27, R28: who waits is answered, and what is announced comes.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Verdict, endpoint, failed, is_exchange};
use crate::reference::time::signed;
use crate::reference::tokens::{Arrived, End};
use crate::reference::{Happened, History, View};

pub(super) const RULES: [Rule; 9] = [
    ("R27: one outcome for who asks", one_outcome),
    ("R27: nobody waits for longer than a minute", a_minute),
    ("R27: what was asked for is in force", recovered_by_what_was_asked),
    ("R28: each failed attempt, once", failed_attempts),
    ("R28: the attempts are numbered", numbered),
    ("R28: what is announced comes", announced),
    ("R28: renewed means accepted", renewed),
    ("R28: expiring is told once, and when it is true", expiring),
    ("R28: a fallback is told when it is true, and once", fallbacks),
];

fn outcome_of(event: &Event) -> Option<AskId> {
    match event {
        Event::Recovered { ask, .. } | Event::Failed { ask, .. } => Some(*ask),
        _ => None,
    }
}

fn asks<'a>(view: &'a View<'_>) -> impl Iterator<Item = (&'a Happened, &'a Input, AskId)> {
    view.heard().filter_map(|(it, input)| match input {
        Input::RefreshNow { ask } | Input::Rejected { ask, .. } | Input::NewBase { ask, .. } => {
            Some((it, input, *ask))
        }
        _ => None,
    })
}

fn one_outcome(view: &View<'_>) -> Result<(), String> {
    let end = view.steps.iter().position(|it| matches!(it.status.phase, Phase::Over(_)));
    for (it, _, ask) in asks(view) {
        let count = view.told().filter(|(_, event)| outcome_of(event) == Some(ask)).count();
        let late = end.is_some_and(|end| it.step > end);
        ensure(count <= 1 && !(late && count > 0), || format!("{ask:?} has {count} outcomes"))?;
        ensure(count == 1 || end.is_none() || late, || format!("{ask:?} was left waiting"))?;
    }
    Ok(())
}

fn a_minute(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if History::is_ending(now) || !view.is_settled_for(10_000) {
        return Ok(());
    }
    for (it, input, ask) in asks(view).filter(|(_, input, _)| !matches!(input, Input::NewBase { .. })) {
        let answered = view.told().any(|(_, event)| outcome_of(event) == Some(ask));
        ensure(answered || now.at < it.at + 60_000, || format!("{input:?} waits since {}", it.at))?;
        let wakes = now.wake.is_some_and(|(at, _)| at <= it.at + 60_000);
        ensure(answered || wakes || !History::is_running(now), || {
            format!("{input:?}, and it wakes at {:?}", now.wake)
        })?;
    }
    Ok(())
}

/// `refresh_now` is answered when one that was asked for no earlier is in force; a refused call by any newer one.
fn recovered_by_what_was_asked(view: &View<'_>) -> Result<(), String> {
    for event in view.told_now() {
        let Event::Recovered { ask, generation } = event else { continue };
        let (token, now) = view.in_force();
        ensure(now == generation.0 || view.is_acceptance_open() || view.may_have_lost_time(), || {
            format!("{generation:?} and not {now}")
        })?;
        let Some((heard, input, _)) = asks(view).find(|(_, _, of)| of == ask) else {
            return Err(format!("{ask:?} is nobody's"));
        };
        let Some(arrived) = token.and_then(|token| view.arrival(token)) else { continue };
        let just = match input {
            // Of a burst of them the last may be on its way to the server already.
            Input::RefreshNow { .. } => {
                let lately = arrived.received + 10_000 >= heard.at;
                arrived.sent >= heard.at || was_under_way(view, arrived, heard) || lately
            }
            Input::Rejected { generation: sent, .. } => {
                // What the server had not accepted yet was under way.
                let since = view.accepted().any(|(it, step)| it == arrived.id && step > heard.step);
                now > sent.0 || arrived.sent >= heard.at || since
            }
            Input::NewBase { token: brought, .. } => {
                arrived.id == brought.token
                    || arrived.of == Some(brought.token)
                    || arrived.asked >= heard.step
            }
            _ => true,
        };
        ensure(just, || format!("{input:?} by {arrived:?}"))?;
    }
    Ok(())
}

/// Who asks while somebody is being asked shares that, and has what is asked for no earlier than it.
fn was_under_way(view: &View<'_>, arrived: &Arrived, heard: &Happened) -> bool {
    view.asked().any(|(it, command)| {
        let open = view.answer(command.id).is_none_or(|answer| answer.step > heard.step);
        let slept = (it.step..=heard.step).any(|step| view.may_have_slept(step));
        let in_time = command.deadline.0 > heard.at || slept;
        is_exchange(&command.action) && it.step < heard.step && open && in_time && arrived.asked >= it.step
    })
}

fn failed_attempts(view: &View<'_>) -> Result<(), String> {
    let told: Vec<CommandId> =
        view.told_now().filter_map(|event| failed(event).map(|it| it.command)).collect();
    for id in &told {
        let Some((asked, command)) = view.command(*id) else { return Err(format!("{id:?} is nobody's")) };
        ensure(is_exchange(&command.action), || format!("{:?} is no exchange", command.action))?;
        let times =
            view.told().filter(|(_, event)| failed(event).is_some_and(|it| it.command == *id)).count();
        ensure(times == 1, || format!("{id:?} failed {times} times"))?;
        ensure(asked.step < view.step(), || format!("{id:?} failed as it began"))?;
        let before = view.answer(*id).is_some_and(|answer| answer.step < view.step());
        ensure(!before, || format!("{id:?} had been answered"))?;
    }
    let running = view.before().is_some_and(History::is_running) && !History::is_ending(view.last());
    if !running || view.last().status.phase == Phase::Suspended {
        return Ok(());
    }
    let answered = view.answered_now().filter(|(command, _)| is_exchange(&command.action));
    let said = |id| view.told().any(|(_, event)| failed(event).is_some_and(|it| it.command == id));
    // Refused for the time that it was signed at: no failure yet.
    let off = matches!(view.input(), Input::Done(_, Outcome { server_time: Some(server), signed_at: Some(signed), .. })
        if server.0.abs_diff(signed.0) > 4_000);
    let switched = view.warned_now().any(|it| matches!(it, Warning::KeySwitched { .. }));
    let off = off || switched;
    // By what is known, that is, if servers contradict each other.
    let off = off || view.server_clock().is_some_and(|(from, to)| to - from > 5_000);
    if let Some((command, answer)) = answered.filter(|(command, _)| command.deadline.0 > view.at() && !off) {
        ensure(answer.result.is_ok() || told.contains(&command.id) || said(command.id), || {
            format!("{:?} failed, and nobody says so", command.id)
        })?;
    }
    for (asked, command) in
        view.asked().filter(|(it, command)| is_exchange(&command.action) && it.step < view.step())
    {
        let passed = view.steps[view.step() - 1].at < command.deadline.0 && view.at() >= command.deadline.0;
        let open = view.waits(command.id, view.step()) == Verdict::Yes && view.answer(command.id).is_none();
        let voided = view.is_voided(asked.step, view.step() + 1) != Verdict::No;
        let rested = view.steps[asked.step..].iter().any(|it| !History::is_running(it));
        let said = view.told().any(|(_, event)| failed(event).is_some_and(|it| it.command == command.id));
        ensure(!passed || !open || voided || rested || said || !view.is_settled_for(60_000), || {
            format!("{:?} is late, and nobody says so", command.id)
        })?;
    }
    Ok(())
}

/// From one, since this endpoint last brought a token.
fn numbered(view: &View<'_>) -> Result<(), String> {
    for warning in view.warned_now() {
        let Warning::RefreshFailed { attempt, cause, mechanism, .. } = warning else { continue };
        let Some(of) = view.command(cause.command).and_then(|(_, command)| endpoint(&command.action)) else {
            continue;
        };
        let provider = matches!(
            of,
            crate::reference::commands::Endpoint::Mint | crate::reference::commands::Endpoint::Refresh
        );
        let expected = if provider { Mechanism::Provider } else { Mechanism::Bound };
        ensure(*mechanism == expected, || format!("{mechanism:?} for {of:?}"))?;
        let failures = view.told().filter_map(|(_, event)| failed(event)).filter(|it| {
            view.command(it.command).is_some_and(|(_, other)| endpoint(&other.action) == Some(of))
        });
        let count = failures.count();
        ensure(*attempt >= 1 && *attempt as usize <= count + 1, || {
            format!("attempt {attempt} of {of:?}, by our count {count}")
        })?;
    }
    Ok(())
}

/// What a warning says that will be done, and when.
fn announcement(event: &Event) -> Option<(bool, Option<u64>)> {
    match event {
        Event::Warn(Warning::RefreshFailed { next, .. }) => Some((true, next.map(|at| at.0))),
        Event::Warn(Warning::ConnectFailed { next, .. } | Warning::ConnectionLost { next, .. }) => {
            Some((false, next.map(|at| at.0)))
        }
        _ => None,
    }
}

/// Once nothing but time has passed since a failure was told, the attempt that it named is made, within a second.
fn announced(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    // The newest announcement of each kind counts.
    for exchange in [true, false] {
        let newest = view.told().rev().find_map(|(it, event)| {
            announcement(event).filter(|(of, _)| *of == exchange).map(|(_, next)| (it, next))
        });
        let Some((it, next)) = newest else { continue };
        // A token's end in between makes what was announced impossible.
        let ended =
            view.told().any(|(at, event)| at.step > it.step && matches!(event, Event::Expired { .. }));
        // So does the patience of who waited for it.
        let gone = view.told().any(|(at, event)| at.step >= it.step && matches!(event, Event::Failed { .. }));
        if ended || gone || now.status.phase == Phase::Expired {
            continue;
        }
        if !view.only_time_since(it.step) || !view.is_awake_since(it.step) || !History::is_running(now) {
            continue;
        }
        let made = view.asked().find(|(asked, command)| {
            // Where there is nothing to connect with, the next attempt is one to get it, or a question.
            let near = next.is_some_and(|at| asked.at.saturating_add(1_000) >= at);
            let opens = !exchange && matches!(command.action, Action::Open { .. });
            let asks = is_exchange(&command.action) || matches!(command.action, Action::Inspect { .. });
            let counts = if exchange { is_exchange(&command.action) } else { opens || (near && asks) };
            counts && asked.step >= it.step
        });
        match (next, made) {
            (Some(at), None) => {
                let pending = now.wake.is_some_and(|(wake, _)| wake <= at.saturating_add(1_000));
                ensure(pending && now.at <= at.saturating_add(1_000), || {
                    format!("announced for {at} at {}, and it wakes at {:?}", it.at, now.wake)
                })?;
            }
            (Some(at), Some((asked, command)))
                if asked.step == view.step() && view.late(asked.step) < 1_000 =>
            {
                ensure(asked.at.abs_diff(at) <= 1_000 || asked.at <= at && asked.step == it.step, || {
                    format!("{:?} at {}, announced for {at}", command.action, asked.at)
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn renewed(view: &View<'_>) -> Result<(), String> {
    for event in view.told_now() {
        let Event::Renewed { generation, token, .. } = event else { continue };
        let accepted = view.accepted().any(|(it, step)| it == *token && step == view.step());
        ensure(accepted, || format!("{token:?} is not accepted"))?;
        if view.is_acceptance_open() || view.may_have_lost_time() {
            continue;
        }
        ensure(view.in_force() == (Some(*token), generation.0), || format!("{token:?} is not in force"))?;
    }
    Ok(())
}

fn expiring(view: &View<'_>) -> Result<(), String> {
    for warning in view.warned_now() {
        let Warning::Expiring { ends, .. } = warning else { continue };
        let generation = view.last().status.generation;
        let told = view.warned().filter(|(it, warning)| {
            matches!(warning, Warning::Expiring { .. }) && view.steps[it.step].status.generation == generation
        });
        ensure(told.count() <= 1, || format!("twice in {generation:?}"))?;
        let Some(token) = view.in_force().0.and_then(|id| view.arrival(id)) else { continue };
        let End::Said((from, to)) = view.end(token) else { continue };
        let (at, life) = (signed(view.at()), to - signed(token.sent));
        // A third of the lead, which is half of a life at most.
        ensure(
            view.may_have_lost_time() || at + 120_000.min(life).max(life / 6) >= from.min(signed(ends.0)),
            || format!("at {at}, it ends at {from}"),
        )?;
    }
    Ok(())
}

fn fallbacks(view: &View<'_>) -> Result<(), String> {
    for warning in view.warned_now() {
        match warning {
            Warning::NoRefreshHandler { .. } => {
                let said = view
                    .answers
                    .iter()
                    .any(|(_, answer)| matches!(answer.result, Err(Failure::Rejected | Failure::NoKey)));
                ensure(!view.provider_is_able() || said, || "the provider can".to_owned())?;
            }
            Warning::RefreshFallback { reason } => {
                ensure(view.provider_is_able(), || "nobody took over".to_owned())?;
                let just = match reason {
                    FallbackReason::NoScope => view.tokens.iter().any(|it| view.scope(it) == Some(false)),
                    FallbackReason::NoDpopSupport => view.has_key() != Some(true),
                    _ => true,
                };
                ensure(just, || format!("{reason:?}"))?;
                let told = view.told().rev().find(|(it, event)| {
                    it.step < view.step()
                        && **event == Event::Warn(Warning::RefreshFallback { reason: *reason })
                });
                let Some((told, _)) = told else { continue };
                let broken =
                    view.tokens.iter().any(|it| it.step >= told.step && (it.of.is_some() || it.by.is_none()))
                        || view.heard().any(|(it, input)| {
                            it.step >= told.step && matches!(input, Input::NewProvider(_))
                        });
                ensure(broken, || format!("{reason:?} twice"))?;
            }
            _ => {}
        }
    }
    Ok(())
}
