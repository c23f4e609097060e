//! The rules of what the application is told: nothing that is not true, nothing twice, nothing too late.

use satkeeper_core::lifecycle::*;

use super::commands::{Verdict, endpoint, is_exchange};
use super::rules::{Rule, ensure};
use super::time::signed;
use super::tokens::{End, lead};
use super::{History, View};

pub const RULES: [Rule; 9] = [
    ("L16: fallbacks are told when they are true, and once", fallbacks),
    ("L16: that nobody renews is told when it is true", nobody_renews),
    ("L21: expiring, once a generation, in its time", expiring),
    ("L21: expiring, whenever it must be", expiring_was_told),
    ("L21: each failed attempt, once", failed_attempts),
    ("L21: the attempts are numbered", numbered),
    ("L24: one outcome for who asks", one_outcome),
    ("L25: renewed means acknowledged", renewed),
    ("L40: who brings a token that has ended does not wait for ever", no_vain_update),
];

fn warnings_now<'a>(view: &'a View<'_>) -> impl Iterator<Item = &'a Warning> {
    view.told_now().filter_map(|event| match event {
        Event::Warn(warning) => Some(warning),
        _ => None,
    })
}

fn fallbacks(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    for warning in warnings_now(view) {
        let Warning::RefreshFallback { reason } = warning else { continue };
        ensure(view.provider_is_able(), || "nobody took over".to_owned())?;
        let bound = |action: &Action| matches!(action, Action::Activate { .. } | Action::Renew { .. });
        let just = match reason {
            FallbackReason::NoScope => view.tokens.iter().any(|it| view.scope(it) == Some(false)),
            FallbackReason::NoDpopSupport => view.has_key().map_or(view.slack > 0, |key| !key),
            FallbackReason::EndpointFailed => {
                view.asked().any(|(_, command)| bound(&command.action))
                    || view.tokens.iter().any(|it| it.of.is_some())
            }
            FallbackReason::ActivationTimeout => view.has_key() == Some(true),
            _ => false,
        };
        ensure(just, || format!("{reason:?}"))?;
        // Once for an unbroken decline: until a bound token came, or another provider.
        let told = view.told().rev().find(|(it, event)| {
            it.step < step && **event == Event::Warn(Warning::RefreshFallback { reason: *reason })
        });
        let Some((told, _)) = told else { continue };
        let broken = view.tokens.iter().any(|it| it.of.is_some() && it.step >= told.step)
            || view.heard().any(|(it, input)| it.step >= told.step && matches!(input, Input::NewProvider(_)));
        ensure(broken, || format!("{reason:?} twice"))?;
    }
    Ok(())
}

fn nobody_renews(view: &View<'_>) -> Result<(), String> {
    let told = warnings_now(view).any(|warning| matches!(warning, Warning::NoRefreshHandler { .. }));
    let refused = view.answers.iter().any(|(command, answer)| {
        is_exchange(&command.action)
            && matches!(
                answer.result,
                Err(Failure::Rejected | Failure::Http { status: 401 | 403 | 404 | 422, .. })
            )
    });
    ensure(!told || refused || !view.provider_is_able(), || "the provider can".to_owned())
}

fn expiring(view: &View<'_>) -> Result<(), String> {
    for warning in warnings_now(view) {
        let Warning::Expiring { mechanism, assumed, .. } = warning else { continue };
        let generation = view.last().status.generation;
        let told = view.told().filter(|(it, event)| {
            matches!(event, Event::Warn(Warning::Expiring { .. }))
                && view.steps[it.step].status.generation == generation
        });
        // In the step that acknowledged a token it may have been the last thing said of the one before.
        ensure(told.count() <= 1, || format!("twice in {generation:?}"))?;
        let Some(token) = view.in_force().0.and_then(|id| view.arrival(id)) else { continue };
        let (Some((_, life)), at) = (view.life(&token), signed(view.at())) else { continue };
        let notice = if *mechanism == Mechanism::None { (life / 2).min(120_000) } else { lead(life) / 3 };
        let (from, is_assumed) = match view.end(&token) {
            End::Stated((from, _)) => (from, false),
            End::Assumed((from, _)) => (from, true),
            End::Unknown => return Err("nobody has said when it ends".to_owned()),
        };
        ensure(*assumed == is_assumed, || format!("assumed: {assumed}"))?;
        ensure(from - notice <= at, || format!("at {at}, {notice} ms before {from}"))?;
    }
    Ok(())
}

fn expiring_was_told(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if !History::is_on(now) || !view.has_never_jumped() {
        return Ok(());
    }
    let Some(token) = view.in_force().0.and_then(|id| view.arrival(id)) else { return Ok(()) };
    let (End::Stated((from, to)) | End::Assumed((from, to)), Some((life, _))) =
        (view.end(&token), view.life(&token))
    else {
        return Ok(());
    };
    let notice =
        if now.status.mechanism == Mechanism::None { (life / 2).min(120_000) } else { lead(life) / 3 };
    let told = view.told().any(|(it, event)| {
        matches!(event, Event::Warn(Warning::Expiring { .. }))
            && view.steps[it.step].status.generation == now.status.generation
    });
    // Once it has ended there is more to be said than that.
    ensure(told || signed(now.at) < to - notice || signed(now.at) >= from, || {
        format!("{notice} ms before {to}")
    })
}

/// Which commands were told to have failed in this step.
fn told_failed(view: &View<'_>) -> Vec<CommandId> {
    let cause = |warning: &Warning| match warning {
        Warning::RefreshFailed { cause, .. } => Some(cause.command),
        _ => None,
    };
    warnings_now(view).filter_map(cause).collect()
}

fn failed_attempts(view: &View<'_>) -> Result<(), String> {
    let (step, told) = (view.steps.len() - 1, told_failed(view));
    for id in &told {
        let Some((asked, command)) = view.command(*id) else { return Err(format!("{id:?} is nobody's")) };
        ensure(is_exchange(&command.action), || format!("{:?} is no exchange", command.action))?;
        let times = view.told().filter(|(_, event)| {
            matches!(event, Event::Warn(Warning::RefreshFailed { cause, .. }) if cause.command == *id)
        });
        ensure(times.count() == 1, || format!("{id:?} failed twice"))?;
        ensure(asked.step < step, || format!("{id:?} failed as it began"))?;
        let before = view.answer(*id).is_some_and(|answer| answer.step < step);
        ensure(!before, || format!("{id:?} had been answered"))?;
    }
    if view.before().is_none_or(|before| !History::is_running(before)) {
        return Ok(());
    }
    for (asked, command) in view.asked() {
        if !is_exchange(&command.action) || asked.step >= step || told.contains(&command.id) {
            continue;
        }
        let answer = view.answer(command.id).filter(|answer| answer.step == step);
        let failed = answer.is_some_and(|answer| answer.result.is_err());
        let ending = matches!(view.last().status.phase, Phase::Ending | Phase::Over(_));
        ensure(!failed || ending, || format!("{:?} failed, and nobody says so", command.id))?;
        let late = view.steps[step - 1].at < command.deadline.0 && view.at() >= command.deadline.0;
        let answered = view.answer(command.id).is_some_and(|answer| answer.step < step);
        let gone = view.may_be_gone(command.id, step);
        ensure(!late || answered || gone || ending || view.slack > 0, || {
            format!("{:?} is late, and nobody says so", command.id)
        })?;
    }
    Ok(())
}

fn numbered(view: &View<'_>) -> Result<(), String> {
    for warning in warnings_now(view) {
        let Warning::RefreshFailed { attempt, cause, mechanism, .. } = warning else { continue };
        let Some((_, command)) = view.command(cause.command) else { continue };
        let of = endpoint(&command.action);
        let expected = if of == 3 { Mechanism::Provider } else { Mechanism::Bound };
        ensure(*mechanism == expected, || format!("{mechanism:?} for {:?}", command.action))?;
        // A bound token that came is a success of both of its endpoints.
        let success = view.tokens.iter().filter(|it| match it.by {
            Some(Mechanism::Bound) => of < 3,
            Some(_) => of == 3,
            None => false,
        });
        let replaced = view.heard().filter(|(it, input)| {
            of == 3 && it.step + 1 < view.steps.len() && matches!(input, Input::NewProvider(_))
        });
        let since = success.map(|it| it.step).chain(replaced.map(|(it, _)| it.step + 1)).max();
        let failures = view.told().filter(|(it, event)| match event {
            Event::Warn(Warning::RefreshFailed { cause, .. }) => {
                since.is_none_or(|since| it.step >= since)
                    && view.command(cause.command).is_some_and(|(_, other)| endpoint(&other.action) == of)
            }
            _ => false,
        });
        let count = failures.count();
        // More than one may have failed in the step that brought a success.
        ensure(*attempt as usize <= count && *attempt as usize + 1 >= count, || {
            format!("attempt {attempt} of {:?}, by our count {count}", command.action)
        })?;
    }
    Ok(())
}

fn one_outcome(view: &View<'_>) -> Result<(), String> {
    let asks = view.heard().filter_map(|(it, input)| match input {
        Input::RefreshNow { ask } | Input::Rejected { ask, .. } | Input::NewBase { ask, .. } => {
            Some((it.step, *ask))
        }
        _ => None,
    });
    let over = view.told().any(|(_, event)| matches!(event, Event::Teardown { .. }));
    let end = view.steps.iter().position(|it| matches!(it.status.phase, Phase::Over(_)));
    for (step, ask) in asks {
        let outcomes = view.told().filter(|(_, event)| {
            matches!(event, Event::Recovered { ask: of, .. } | Event::Failed { ask: of, .. } if *of == ask)
        });
        let count = outcomes.count();
        let late = end.is_some_and(|end| step > end);
        ensure(count <= 1 && !(late && count > 0), || format!("{ask:?} has {count} outcomes"))?;
        ensure(count == 1 || !over || late, || format!("{ask:?} was left waiting"))?;
    }
    // With nobody to renew, and nothing on its way, it fails at once. A provider that has said no is asked again
    // (L17), when its turn comes.
    let pushed = |command: &Command| matches!(command.action, Action::Reauthenticate { .. });
    let step = view.steps.len() - 1;
    let on_its_way = view.asked().any(|(_, it)| pushed(it) && view.waits(it.id, step) != Verdict::No);
    if let (Input::RefreshNow { ask }, Some(before)) = (view.input(), view.before())
        && History::is_on(before)
        && before.status.mechanism == Mechanism::None
        && !view.provider_is_able()
        && !view.may_exchange()
        && !on_its_way
        && view.newest().map(|it| it.id) == before.status.in_force
        && before.wake_at.is_none_or(|at| at > view.at())
    {
        let told = view.told_now().any(|event| matches!(event, Event::Failed { ask: of, .. } if of == ask));
        ensure(told, || format!("{ask:?} waits for nobody"))?;
    }
    Ok(())
}

fn renewed(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    for event in view.told_now() {
        let Event::Renewed { generation, token, .. } = event else { continue };
        let acknowledged = view.answers.iter().any(|(command, answer)| {
            let of = match command.action {
                Action::Authenticate { token, .. } | Action::Reauthenticate { token, .. } => Some(token),
                _ => None,
            };
            answer.step == step && answer.result.is_ok() && of == Some(*token)
        });
        ensure(acknowledged, || format!("{token:?} is not acknowledged"))?;
        ensure(view.in_force() == (Some(*token), generation.0), || format!("{token:?} is not in force"))?;
    }
    Ok(())
}

fn no_vain_update(view: &View<'_>) -> Result<(), String> {
    if !History::is_running(view.last()) || !view.has_never_jumped() {
        return Ok(());
    }
    for (_, input) in view.heard() {
        let Input::NewBase { ask, token } = input else { continue };
        let answered = view.told().any(|(_, event)| {
            matches!(event, Event::Recovered { ask: of, .. } | Event::Failed { ask: of, .. } if of == ask)
        });
        let Some(arrived) = view.arrival(token.token).filter(|_| !answered) else { continue };
        let bound = view.tokens.iter().any(|it| it.of == Some(arrived.id));
        let ended = matches!(view.end(&arrived), End::Stated((_, to)) if to <= signed(view.at()));
        ensure(bound || !ended, || format!("{ask:?} waits for a token that has ended"))?;
    }
    Ok(())
}
