//! The rules of who renews, when, and how often.

use satkeeper_core::lifecycle::*;

use super::commands::{Verdict, is_exchange};
use super::rules::{Rule, ensure};
use super::time::signed;
use super::{History, View};

pub const RULES: [Rule; 11] = [
    ("L12: who renews", mechanism),
    ("L13: one exchange at a time", one_exchange),
    ("L14: asked once", inspected_once),
    ("L18: not before it is due", not_before_it_is_due),
    ("L18, L13: not after it is due", not_after_it_is_due),
    ("L18: back-off", back_off),
    ("L20: the budget of exchanges", exchanges_in_any_window),
    ("L20: the budget of sockets", sockets_in_any_window),
    ("L25: written before it is used", written_before_used),
    ("L26: one push at a time, on the live socket", one_push),
    ("L46, L48: minted for the key that there is", minted_for_the_key),
];

fn mechanism(view: &View<'_>) -> Result<(), String> {
    let status = &view.last().status;
    let Some(base) = view.tokens.iter().rev().find(|it| it.of.is_none()) else { return Ok(()) };
    // Who was brought by the application may have been dropped again.
    let plain = base.by.is_some() && view.arrival(base.id).is_some() && !view.gave_way_to_older(base);
    if !History::is_running(view.last()) || !plain || !view.is_undisturbed_since(base.step) {
        return Ok(());
    }
    let rejected = view.answers.iter().any(|(command, answer)| {
        is_exchange(&command.action)
            && matches!(
                answer.result,
                Err(Failure::Rejected | Failure::Http { status: 401 | 403 | 404 | 422, .. })
            )
    });
    let able = view.provider_is_able();
    let (scope, key) = (view.scope(base), view.has_key());
    let bound = view.tokens.iter().any(|it| it.of == Some(base.id));
    let fresh = |end: super::tokens::End| match end {
        super::tokens::End::Stated((from, _)) => from > signed(view.at()),
        _ => true,
    };
    let expected = if able && !rejected && (scope == Some(false) || key == Some(false) || !bound) {
        Some(Mechanism::Provider)
    } else if !able && (scope == Some(false) || key == Some(false)) {
        Some(Mechanism::None)
    } else if !able && key == Some(true) && fresh(view.end(base)) {
        Some(Mechanism::Bound)
    } else {
        None
    };
    ensure(expected.is_none_or(|expected| expected == status.mechanism), || {
        format!("{:?} and not {expected:?}", status.mechanism)
    })
}

fn one_exchange(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    let begun: Vec<_> = view.asked_now().filter(|command| is_exchange(&command.action)).collect();
    ensure(begun.len() <= 1, || format!("{begun:?}"))?;
    let Some(begun) = begun.first() else { return Ok(()) };
    let other = view.asked().find(|(it, command)| {
        let answered = view.answer(command.id).is_some_and(|answer| answer.step == step);
        is_exchange(&command.action)
            && it.step < step
            && !answered
            && view.waits(command.id, step) == Verdict::Yes
            // What lets go of it may have come with this very step.
            && view.waits(command.id, step + 1) == Verdict::Yes
    });
    ensure(other.is_none(), || format!("{:?} beside {:?}", begun.action, other.map(|(_, it)| it.action)))
}

fn inspected_once(view: &View<'_>) -> Result<(), String> {
    let rests = view.told().filter(|(_, event)| **event == Event::Suspended).count();
    // What had gone and comes again is another base.
    let came = |base| view.tokens.iter().filter(|it| it.id == base).count();
    for command in view.asked_now() {
        let Action::Inspect { base } = command.action else { continue };
        let asked = view.asked().filter(|(_, it)| it.action == command.action).count();
        ensure(asked <= came(base).max(1) + rests, || format!("{base:?} was inspected {asked} times"))?;
    }
    Ok(())
}

/// Somebody waits for a renewal.
fn is_demanded(view: &View<'_>) -> bool {
    let step = view.steps.len() - 1;
    view.heard().any(|(_, input)| match input {
        Input::RefreshNow { ask } | Input::Rejected { ask, .. } => {
            !view.told().any(|(it, event)| {
                it.step < step
                    && matches!(event, Event::Recovered { ask: of, .. } | Event::Failed { ask: of, .. } if of == ask)
            })
        }
        _ => false,
    })
}

/// A new base is wanted in place of what was refused.
fn is_refused(view: &View<'_>) -> bool {
    view.answers.iter().any(|(command, answer)| View::is_refusal(command, answer))
        || view.told().any(|(_, event)| matches!(event, Event::Warn(Warning::KeySwitched { .. })))
}

fn not_before_it_is_due(view: &View<'_>) -> Result<(), String> {
    let Some(command) = view.asked_now().find(|command| is_exchange(&command.action)) else { return Ok(()) };
    let expired = |reading: &super::Reading| reading.status.phase == Phase::Expired;
    if is_demanded(view) || is_refused(view) || expired(view.last()) || view.before().is_some_and(expired) {
        return Ok(());
    }
    let expiring = view.told_now().any(|event| matches!(event, Event::Expired { .. }));
    let due = match command.action {
        _ if view.tokens.is_empty() || expiring => return Ok(()),
        // An activation is not scheduled but wanted, unless there is a fresh one (L15).
        Action::Activate { base, .. } => {
            let Some(arrived) = view.arrival(base) else { return Ok(()) };
            ensure(view.scope(&arrived) != Some(false), || "it cannot be bound".to_owned())?;
            ensure(view.has_key() == Some(true), || "without a key".to_owned())?;
            let bound =
                view.tokens.iter().rev().find(|it| it.of == Some(base)).filter(|it| !view.is_over(it.id));
            let fresh = bound.is_some_and(|bound| match view.end(bound) {
                super::tokens::End::Stated((from, _)) => from > signed(view.at()),
                _ => true,
            });
            return ensure(!fresh, || "the one that there is is fresh".to_owned());
        }
        Action::Renew { bound, .. } => {
            let Some(bound) = view.arrival(bound) else { return Ok(()) };
            view.due(&bound)
        }
        _ => {
            // A base that limits its bound tokens is renewed at once (L17).
            let bound = view.tokens.iter().filter(|it| it.of.is_some()).count();
            let limits = |it: &super::tokens::Arrived| match it.of {
                Some(_) => view.may_have_met_its_bases_end(it),
                None => bound >= 2,
            };
            let newest = view.newest().filter(|it| it.by.is_some() && !limits(it));
            let Some(newest) = newest.and_then(|it| view.arrival(it.id)) else { return Ok(()) };
            view.due(&newest)
        }
    };
    let at = signed(view.at());
    ensure(due.is_some_and(|(from, _)| from <= at), || format!("{:?} at {at}, due {due:?}", command.action))
}

fn not_after_it_is_due(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if !History::is_running(now) || now.status.phase == Phase::Expired || view.tokens.is_empty() {
        return Ok(());
    }
    held_back_by_what_is_true(view)?;
    if !view.has_never_jumped() || now.status.mechanism == Mechanism::None || view.may_exchange() {
        return Ok(());
    }
    let valid = |end: super::tokens::End| match end {
        super::tokens::End::Stated((from, _)) => from > signed(now.at),
        _ => true,
    };
    // What was refused has gone, and with it what it planned.
    let stays = |it: &super::tokens::Arrived| !view.is_over(it.id) && view.is_undisturbed_since(it.step);
    let newest = view.newest().filter(|it| stays(it) && valid(view.end(it)));
    let Some(newest) = newest.and_then(|it| view.arrival(it.id)) else { return Ok(()) };
    // Spread over 5 s at most, from a resume or an outage's end; then a hold must have a name.
    let resumed = view.heard().filter(|(_, input)| **input == Input::Resume).map(|(it, _)| it.at);
    let live = view.told().filter(|(_, event)| matches!(event, Event::Live { .. })).map(|(it, _)| it.at);
    let begun = signed(resumed.chain(live).max().unwrap_or(0));
    let late = view.due(&newest).is_some_and(|(_, to)| to.max(begun) + 5_000 < signed(now.at));
    ensure(!late || now.status.hold.is_some(), || format!("due {:?}, at {}", view.due(&newest), now.at))
}

/// A hold has a name (L13), and the name is true.
fn held_back_by_what_is_true(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let Some(hold) = now.status.hold else { return Ok(()) };
    let answered = |which: &dyn Fn(&Action) -> bool, failed: bool| {
        view.answers
            .iter()
            .any(|(command, answer)| which(&command.action) && answer.result.is_err() == failed)
    };
    let failed = view.told().any(|(_, event)| matches!(event, Event::Warn(Warning::RefreshFailed { .. })));
    let exchanges = view.asked().filter(|(_, command)| is_exchange(&command.action)).count();
    let brought = view.heard().filter(|(_, input)| matches!(input, Input::NewBase { .. })).count();
    let just = match hold {
        Hold::Suspended => now.status.phase == Phase::Suspended,
        Hold::Key => view.has_key() != Some(true) || !is_refused(view) || is_switched(view),
        Hold::Rejected => answered(&|action| matches!(action, Action::Mint { .. } | Action::Refresh), true),
        Hold::Verdict => answered(&|action| matches!(action, Action::Reauthenticate { .. }), true),
        Hold::NoPath => view.live().is_none(),
        Hold::BackOff => failed,
        Hold::Governor => exchanges + brought >= 2,
        Hold::Scope => view.tokens.iter().any(|it| it.of.is_none() && view.scope(it).is_none()),
        Hold::NoEnd => view.tokens.iter().any(|it| view.renew_by(it).is_none()),
        _ => false,
    };
    ensure(just, || format!("held back by {hold:?}"))
}

fn is_switched(view: &View<'_>) -> bool {
    view.told().any(|(_, event)| matches!(event, Event::Warn(Warning::KeySwitched { .. })))
}

fn back_off(view: &View<'_>) -> Result<(), String> {
    let Some(command) = view.asked_now().find(|command| is_exchange(&command.action)) else { return Ok(()) };
    let endpoint = super::commands::endpoint(&command.action);
    if is_demanded(view) || is_refused(view) || view.slack > 0 {
        return Ok(());
    }
    // Since the endpoint last answered well, or another provider took its place.
    let well = view.answers.iter().filter(|(it, answer)| {
        let same =
            super::commands::endpoint(&it.action) == endpoint || (endpoint < 3 && is_bound(&it.action));
        is_exchange(&it.action) && same && answer.result.is_ok()
    });
    // Another network ends the wait for a first token.
    let replaced = view.heard().filter(|(_, input)| match input {
        Input::NewProvider(_) => true,
        Input::NetworkChanged => view.tokens.is_empty(),
        _ => false,
    });
    let since = well.map(|(_, answer)| answer.step).chain(replaced.map(|(it, _)| it.step)).max();
    let failures: Vec<u64> = view
        .told()
        .filter_map(|(it, event)| match event {
            Event::Warn(Warning::RefreshFailed { cause, .. }) => {
                let (_, failed) = view.command(cause.command)?;
                (super::commands::endpoint(&failed.action) == endpoint
                    && since.is_none_or(|since| it.step > since))
                .then_some(it.at)
            }
            _ => None,
        })
        .collect();
    let Some(last) = failures.last() else { return Ok(()) };
    // While nobody is served, nobody waits so long (L42).
    let longest = if view.tokens.is_empty() { 10_000 } else { 30_000 };
    let ceiling = 1_000u64.saturating_mul(1 << (failures.len() - 1).min(20)).min(longest);
    let waited = view.at() - last;
    ensure(waited >= ceiling / 2, || {
        format!("{:?} {waited} ms after failure {}", command.action, failures.len())
    })
}

const fn is_bound(action: &Action) -> bool {
    matches!(action, Action::Activate { .. } | Action::Renew { .. })
}

/// At most `burst` and one more each `period`, in every window that ends now.
fn bounded(times: &[u64], burst: u64, period: u64) -> Result<(), String> {
    let Some(last) = times.last() else { return Ok(()) };
    for (before, at) in times.iter().enumerate() {
        let count = (times.len() - before) as u64;
        let most = burst + (last - at) / period + 1;
        ensure(count <= most, || format!("{count} within {} ms", last - at))?;
    }
    Ok(())
}

fn exchanges_in_any_window(view: &View<'_>) -> Result<(), String> {
    let asked = view.asked().filter(|(_, command)| is_exchange(&command.action)).map(|(it, _)| it.at);
    let brought = view.tokens.iter().filter(|it| it.by.is_none()).map(|it| it.received);
    let mut times: Vec<u64> = asked.chain(brought).collect();
    times.sort_unstable();
    let long = view.tokens.iter().all(|it| view.life(it).is_none_or(|(least, _)| least >= 60_000));
    bounded(&times, 10, if long { 5_000 } else { 1_000 })
}

fn sockets_in_any_window(view: &View<'_>) -> Result<(), String> {
    let opened = view.asked().filter(|(_, command)| matches!(command.action, Action::Open { .. }));
    bounded(&opened.map(|(it, _)| it.at).collect::<Vec<_>>(), 5, 3_000)
}

fn written_before_used(view: &View<'_>) -> Result<(), String> {
    if !view.start().durable {
        return Ok(());
    }
    for command in view.asked_now() {
        let Action::Reauthenticate { token, .. } = command.action else { continue };
        let Some(arrived) = view.arrival(token) else { continue };
        let writes = || view.answers.iter().filter(|(it, _)| it.action == Action::Persist);
        let written = writes().any(|(write, answer)| {
            answer.result.is_ok() && view.command(write.id).is_some_and(|(it, _)| it.step >= arrived.step)
        });
        let failed = view.told().any(|(_, event)| matches!(event, Event::Warn(Warning::StoreFailed { .. })));
        ensure(written || failed, || format!("{token:?} is pushed and not written"))?;
    }
    Ok(())
}

fn one_push(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    let is_push = |command: &Command| matches!(command.action, Action::Reauthenticate { .. });
    let pushed: Vec<_> = view.asked_now().filter(|command| is_push(command)).collect();
    ensure(pushed.len() <= 1, || format!("{pushed:?}"))?;
    let Some(push) = pushed.first() else { return Ok(()) };
    let Action::Reauthenticate { socket, token, .. } = push.action else { return Ok(()) };
    let live = view.live().map(|(live, _)| live);
    ensure(live == Some(socket), || format!("on {socket:?}, live is {live:?}"))?;
    let (in_force, generation) = view.in_force();
    let known = view.known(step + 1);
    let told = known.here == generation || known.refused;
    ensure(in_force != Some(token) || !told, || format!("{token:?} is in force, and the server knows"))?;
    let other = view.asked().any(|(it, command)| {
        is_push(command) && it.step < step && view.waits(command.id, step + 1) == Verdict::Yes
    });
    ensure(!other, || "beside another one".to_owned())
}

fn minted_for_the_key(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        if let Action::Mint { fingerprint } = command.action {
            let key = view.has_key();
            // In a sleep its deadline may have passed.
            let same = key.map_or(view.slack > 0, |key| key == fingerprint.is_some());
            ensure(same, || format!("{fingerprint:?}, key: {key:?}"))?;
        }
    }
    Ok(())
}
