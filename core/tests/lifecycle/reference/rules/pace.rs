//! R18 to R20: how often anybody is asked.

use satkeeper_core::lifecycle::*;

use super::{Rule, attempt, ensure};
use crate::reference::View;
use crate::reference::commands::{Endpoint, endpoint, is_exchange, is_unanswered};

pub(super) const RULES: [Rule; 5] = [
    ("R18: waits after refusals", waits_after_refusals),
    ("R18: `Retry-After` is kept", retry_after),
    ("R18: only the application's word stops the schedule", goes_on),
    ("R20: the budget of exchanges", exchanges_in_any_window),
    ("R20: the budget of sockets", sockets_in_any_window),
];

/// How this endpoint has failed since it last answered well, or since something new began.
fn failures(view: &View<'_>, of: Endpoint) -> Vec<(u64, Failure)> {
    let well = view.answers.iter().filter(|(it, answer)| is_exchange(&it.action) && answer.result.is_ok());
    let anew = view.heard().filter(|(_, input)| {
        matches!(input, Input::NewProvider(_) | Input::NewBase { .. } | Input::Resume | Input::NetworkChanged)
    });
    let accepted = view.accepted().map(|(_, step)| step);
    let since = well.map(|(_, answer)| answer.step).chain(anew.map(|(it, _)| it.step)).chain(accepted).max();
    let told = view.warned().filter_map(|(it, warning)| match warning {
        Warning::RefreshFailed { cause, .. } => Some((it, cause)),
        _ => None,
    });
    told.filter(|(it, cause)| {
        let same =
            view.command(cause.command).is_some_and(|(_, failed)| endpoint(&failed.action) == Some(of));
        same && since.is_none_or(|since| it.step > since)
    })
    .map(|(it, cause)| (it.at, cause.failure))
    .collect()
}

/// Equal jitter, doubling from 1 s: after the third refusal nobody asks within 2 s, whatever else is going on.
fn waits_after_refusals(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Some(of) = endpoint(&command.action) else { continue };
        let failures = failures(view, of);
        let Some((last, _)) = failures.last() else { continue };
        let answered = failures.iter().all(|(_, failure)| !is_unanswered(*failure));
        // Who waits, and a session without a token, may ask sooner; at the end of a life the next request does not wait.
        let told = view.told_now().any(|event| matches!(event, Event::Expired { .. }));
        let ends = told || view.last().status.phase != Phase::Live;
        if !answered || ends || attempt::is_demanded(view) || view.may_have_lost_time() {
            continue;
        }
        let wait = 1_000u64.saturating_mul(1 << (failures.len() - 1).min(10)).min(5_000);
        let waited = view.at() - last;
        ensure(waited >= wait / 2, || {
            format!("{:?} {waited} ms after failure {}", command.action, failures.len())
        })?;
    }
    Ok(())
}

/// As asked, up to five minutes; half of what is left of a token, at most.
fn retry_after(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Some(of) = endpoint(&command.action) else { continue };
        let failures = failures(view, of);
        let Some((last, failure)) = failures.last() else { continue };
        let Some(asked) = failure.retry_after() else { continue };
        let left = view.last().status.session_ends.map_or(u64::MAX, |end| end.0.saturating_sub(*last));
        let served = view.last().status.phase == Phase::Live;
        let least = asked.min(300_000).min(if served { left / 2 } else { 300_000 });
        let waited = view.at() - last;
        let slept = !view.is_settled_for(waited.saturating_add(1_000));
        let excused =
            slept || attempt::is_demanded(view) || view.may_have_lost_time() || left < 60_000 || !served;
        ensure(waited >= least || excused, || {
            format!("{:?} {waited} ms after {failure:?}, left {left}", command.action)
        })?;
    }
    Ok(())
}

/// A session that is served and can be renewed has its next attempt in time: nothing that a server says stops it.
fn goes_on(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let rejected = view.answers.iter().any(|(_, answer)| answer.result == Err(Failure::Rejected));
    if now.status.phase != Phase::Live || !view.provider().can_refresh || rejected {
        return Ok(());
    }
    let named = now.status.token_ends.is_some_and(|end| end.0 > now.at);
    ensure(now.wake.is_some_and(|(at, _)| at > now.at) || !named, || {
        format!("{:?} and nothing to wait for", now.status)
    })
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
    // Time that our clock has not counted fills the bucket, too.
    if view.may_have_lost_time() {
        return Ok(());
    }
    let asked = view.asked().filter(|(_, command)| is_exchange(&command.action)).map(|(it, _)| it.at);
    let long = view
        .tokens
        .iter()
        .all(|it| view.renew_by(it).is_none_or(|(from, _)| from - it.sent as i64 >= 60_000));
    bounded(&asked.collect::<Vec<_>>(), 10, if long { 5_000 } else { 1_000 })
}

fn sockets_in_any_window(view: &View<'_>) -> Result<(), String> {
    let opened = view.asked().filter(|(_, command)| matches!(command.action, Action::Open { .. }));
    bounded(&opened.map(|(it, _)| it.at).collect::<Vec<_>>(), 5, 3_100)
}
