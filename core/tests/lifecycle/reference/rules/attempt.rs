//! R13 to R17: what was asked, who is asked, and when.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Endpoint, Verdict, endpoint, failed, is_exchange};
use crate::reference::time::signed;
use crate::reference::tokens::{Arrived, End, lead};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 8] = [
    ("R13: one write at a time", one_write),
    ("R14: places", places),
    ("R14: what comes late counts", late_tokens_count),
    ("R15: what is void stays void", void),
    ("R15: nobody is served as who was before", nobody_of_before),
    ("R16: not before it is due", not_before_it_is_due),
    ("R16: not after it is due", not_after_it_is_due),
    ("R17: who renews", who_renews),
];

fn one_write(view: &View<'_>) -> Result<(), String> {
    let writes: Vec<_> = view.asked().filter(|(_, it)| it.action == Action::Persist).collect();
    let Some((last, _)) = writes.last().filter(|(it, _)| it.step == view.step()) else { return Ok(()) };
    // The last one does not wait: who writes keeps their order.
    let ending = History::is_ending(view.last());
    let beside = !ending
        && writes.iter().any(|(it, command)| {
            it.step < last.step && view.waits(command.id, view.step() + 1) == Verdict::Yes
        });
    ensure(!beside, || "a write beside another".to_owned())?;
    let Some((before, _)) = writes.len().checked_sub(2).map(|at| writes[at]) else { return Ok(()) };
    // Tokens and secrets do not wait for others to be written with them, nor does the end.
    let urgent = view.tokens.iter().any(|it| it.step >= before.step)
        || view.last_acceptance().is_some_and(|step| step >= before.step)
        || view.may_have_lost_time()
        || ending;
    let failed =
        view.answers.iter().any(|(it, answer)| it.action == Action::Persist && answer.result.is_err());
    let rested = view.steps[before.step..].iter().any(|it| !History::is_running(it));
    let apart = view.at() - before.at;
    ensure(apart >= 1_000 || urgent || failed || rested, || format!("{apart} ms after the last one"))
}

/// Something good is held, as far as can be told.
fn holds_something_good(view: &View<'_>) -> bool {
    view.tokens
        .iter()
        .any(|it| view.arrival(it.id).is_some() && view.is_held(it.id) && view.is_good(it) == Verdict::Yes)
}

fn places(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Some(of) = endpoint(&command.action) else { continue };
        let provider = matches!(of, Endpoint::Mint | Endpoint::Refresh);
        let twice = view.provider().may_be_asked_twice;
        let open: Vec<_> = view
            .asked()
            .filter(|(it, other)| {
                endpoint(&other.action) == Some(of)
                    && other.id != command.id
                    && it.step <= view.step()
                    && view.answer(other.id).is_none()
                    && view.is_voided(it.step, view.step() + 1) == Verdict::No
            })
            .collect();
        let rested = |step: usize| view.steps[step..].iter().any(|it| !History::is_running(it));
        let early = open.iter().find(|(it, other)| {
            let told =
                view.told().any(|(_, event)| failed(event).is_some_and(|cause| cause.command == other.id));
            other.deadline.0 > view.at() && !told && !rested(it.step) && !view.may_have_lost_time()
        });
        ensure(early.is_none(), || format!("{:?} beside {early:?}", command.action))?;
        if provider && !twice {
            let busy = open.iter().find(|(it, _)| it.at + 120_000 > view.at() && !rested(it.step));
            ensure(busy.is_none() || view.may_have_lost_time(), || {
                format!("{:?} beside {busy:?}", command.action)
            })?;
            continue;
        }
        // One is free again after 30 s, or 10 s while nothing good is held.
        let free_after = if holds_something_good(view) { 30_000 } else { 10_000 };
        let taken = open.iter().filter(|(it, _)| it.at + free_after > view.at() && !rested(it.step)).count();
        ensure(taken < 2 || view.may_have_lost_time(), || format!("{:?}: {open:?}", command.action))?;
    }
    Ok(())
}

fn late_tokens_count(view: &View<'_>) -> Result<(), String> {
    let Input::Done(id, Outcome { result: Ok(Reply::Token(facts)), .. }) = view.input() else {
        return Ok(());
    };
    let Some((asked, command)) = view.command(*id).filter(|(_, it)| is_exchange(&it.action)) else {
        return Ok(());
    };
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let voided = view.is_voided(asked.step, view.step() + 1) != Verdict::No;
    let overtaken = view.was_overtaken(asked.step, view.step());
    let plain = view.arrival(facts.token).is_some() && facts.statement.cnf != Confirmation::Others;
    if voided
        || overtaken
        || !plain
        || History::is_ending(before)
        || History::is_ending(now)
        || view.answer(*id).is_none()
    {
        return Ok(());
    }
    let token = view.arrival(facts.token).filter(|it| view.has_ended(it, view.at()) == Verdict::No);
    ensure(token.is_none() || view.is_held(facts.token), || {
        format!("{:?} brought {:?}, and it is not held", command.action, facts.token)
    })
}

fn void(view: &View<'_>) -> Result<(), String> {
    let Input::Done(id, Outcome { result: Ok(Reply::Token(facts)), .. }) = view.input() else {
        return Ok(());
    };
    let Some((asked, _)) = view.command(*id).filter(|(_, it)| is_exchange(&it.action)) else { return Ok(()) };
    let voided = view.is_voided(asked.step, view.step()) == Verdict::Yes;
    let new = view.before().is_some_and(|before| !before.held.contains(&facts.token));
    ensure(!voided || !new || !view.is_held(facts.token), || {
        format!("{:?} was asked for before", facts.token)
    })
}

fn nobody_of_before(view: &View<'_>) -> Result<(), String> {
    let brought = view.heard().rev().find_map(|(it, input)| match input {
        Input::NewBase { ask, token } if view.voids(it.step) == Verdict::Yes => {
            Some((it.step, *ask, token.token))
        }
        _ => None,
    });
    let Some((step, ask, token)) = brought else { return Ok(()) };
    // Once it has failed, what there was before is all there is; once it is in force that is gone for good.
    let failed = view
        .told()
        .any(|(it, event)| it.step >= step && matches!(event, Event::Failed { ask: of, .. } if *of == ask));
    let accepted = view.told().any(|(it, event)| {
        it.step >= step && matches!(event, Event::Recovered { ask: of, .. } if *of == ask)
    });
    // A state that has come since is its own.
    let again = view.tokens.iter().filter(|it| it.id == token).count() > 1;
    let stated =
        view.heard().any(|(it, input)| it.step >= step && matches!(input, Input::ResumeState { .. }));
    if failed || again {
        return Ok(());
    }
    for command in view.asked_now() {
        let (shown, resume) = match command.action {
            Action::Authenticate { token, resume, .. } => (token, resume),
            Action::Reauthenticate { token, .. } => (token, false),
            _ => continue,
        };
        let of_before = view.tokens.iter().any(|it| it.id == shown && it.asked < step) && shown != token;
        ensure(!of_before && (accepted || stated || !resume), || {
            format!("{:?} while {token:?} is being tried", command.action)
        })?;
    }
    Ok(())
}

/// Somebody waits for a renewal.
pub(super) fn is_demanded(view: &View<'_>) -> bool {
    view.heard().any(|(_, input)| match input {
        Input::RefreshNow { ask } | Input::Rejected { ask, .. } | Input::NewBase { ask, .. } => {
            !view.told().any(|(it, event)| {
                let of_it = matches!(event, Event::Recovered { ask: of, .. } | Event::Failed { ask: of, .. } if of == ask);
                of_it && it.step < view.step()
            })
        }
        _ => false,
    })
}

/// A new token is wanted in place of what the server did not accept, or for another key.
fn is_unwelcome(view: &View<'_>) -> bool {
    let refused = view.answers.iter().any(|(command, answer)| {
        let shown = matches!(command.action, Action::Authenticate { .. } | Action::Reauthenticate { .. });
        shown && answer.result.is_err()
    });
    refused
        || view.warned().any(|(_, it)| matches!(it, Warning::KeySwitched { .. } | Warning::ForeignKey { .. }))
}

/// When its renewal is due: not before a quarter of its life has gone, not after the usual lead.
fn due(view: &View<'_>, token: &Arrived) -> Option<(i64, i64)> {
    let (from, to) = view.renew_by(token)?;
    let sent = signed(token.sent);
    let (least, most) = ((from - sent).max(0), (to - sent).max(0));
    let early = (sent + least / 4).min(from - lead(most));
    Some((early, to - lead(least)))
}

fn not_before_it_is_due(view: &View<'_>) -> Result<(), String> {
    let Some(command) = view.asked_now().find(|command| is_exchange(&command.action)) else { return Ok(()) };
    let expired = |reading: &crate::reference::Reading| reading.status.phase == Phase::Expired;
    let hopeless = expired(view.last()) || view.before().is_some_and(expired);
    if view.tokens.is_empty()
        || is_demanded(view)
        || is_unwelcome(view)
        || hopeless
        || view.may_have_lost_time()
    {
        return Ok(());
    }
    let at = signed(view.at());
    let earliest = match command.action {
        Action::Activate { base, .. } => {
            let Some(arrived) = view.arrival(base) else { return Ok(()) };
            ensure(view.scope(arrived) != Some(false), || "it cannot be bound".to_owned())?;
            ensure(view.has_key() != Some(false), || "without a key".to_owned())?;
            // What there is of this base is good for a while yet.
            let bound = view.tokens.iter().rev().find(|it| it.of == Some(base) && view.is_held(it.id));
            bound.and_then(|it| view.arrival(it.id)).and_then(|it| due(view, it))
        }
        Action::Renew { bound, .. } => view.arrival(bound).and_then(|it| due(view, it)),
        _ => {
            // A base that limits its bound tokens is renewed at once, and so is one whose binding has failed.
            let bound = view.tokens.iter().filter(|it| it.of.is_some()).count() > 0;
            let replaced = view.heard().any(|(_, input)| matches!(input, Input::NewProvider(_)));
            let newest = view.tokens.last().filter(|it| it.by.is_some() && !bound && !replaced);
            // Of those that are good the one that lasts longest counts.
            let outlasts = |it: &Arrived, other: &Arrived| match (view.end(it), view.end(other)) {
                (End::Said((from, _)), End::Said((_, to))) => from >= to,
                _ => false,
            };
            let newest =
                newest.filter(|it| view.tokens.iter().all(|other| other.id == it.id || outlasts(it, other)));
            newest.and_then(|it| view.arrival(it.id)).and_then(|it| due(view, it))
        }
    };
    // One that failed is repeated.
    let shortened = view.warned().any(|(_, it)| matches!(it, Warning::ExpiryShortened { .. }));
    // How much of an end that was named has been used up on its long way is open.
    let long = view.heard().any(|(happened, input)| {
        let Input::Done(id, outcome) = input else { return false };
        let statement = match &outcome.result {
            Ok(Reply::Token(facts)) => facts.statement,
            Ok(Reply::Inspected(statement) | Reply::Reauthenticated(statement)) => *statement,
            Ok(Reply::Authenticated { statement, .. }) => *statement,
            _ => return false,
        };
        let asked = view.command(*id).map(|(asked, _)| asked.at);
        statement.expires_at.is_some() && asked.is_some_and(|asked| happened.at - asked > 2_000)
    });
    let repeated = long || shortened || view.told().any(|(_, event)| failed(event).is_some());
    ensure(repeated || earliest.is_none_or(|(from, _)| from <= at + 1_000), || {
        format!("{:?} at {at}, due {earliest:?}", command.action)
    })
}

fn not_after_it_is_due(view: &View<'_>) -> Result<(), String> {
    let (now, provider) = (view.last(), view.provider());
    let met = now.wake.is_some_and(|(at, _)| at > now.at);
    if !matches!(now.status.phase, Phase::Live)
        || !met
        || !provider.can_refresh
        || !view.is_settled_for(20_000)
    {
        return Ok(());
    }
    // The plainest of all sessions: one token of the provider's own, and nobody asked for another one yet.
    let [token] = view.tokens.as_slice() else { return Ok(()) };
    // A lifetime that the server has named, in an answer that did not take long.
    let plain = token.says.expires_in.is_some() && token.says.expiry_hint.is_none();
    if view.observations.is_empty() || !plain || token.received - token.sent > 2_000 {
        return Ok(());
    }
    let asked = view.asked().filter(|(_, it)| is_exchange(&it.action)).count();
    let waits_for_budget = view.told().any(|(_, event)| failed(event).is_some());
    if asked > 1 || waits_for_budget || token.by.is_none() {
        return Ok(());
    }
    let live = view.serving().map_or(now.at, |it| it.since);
    let late =
        due(view, token).is_some_and(|(_, to)| to.max(signed(live)).saturating_add(5_000) < signed(now.at));
    ensure(!late, || format!("due {:?}, at {}, wakes {:?}", due(view, token), now.at, now.wake))
}

fn who_renews(view: &View<'_>) -> Result<(), String> {
    let status = &view.last().status;
    if !History::is_running(view.last()) || view.tokens.is_empty() || is_unwelcome(view) {
        return Ok(());
    }
    let able = view.provider_is_able();
    let rejected = view.answers.iter().any(|(_, answer)| answer.result == Err(Failure::Rejected));
    let bases: Vec<&Arrived> = view.tokens.iter().filter(|it| it.of.is_none()).collect();
    let never_bound = view.tokens.iter().all(|it| it.of.is_none());
    let unbindable = never_bound
        && (view.has_key() == Some(false) || bases.iter().all(|it| view.scope(it) == Some(false)));
    if unbindable && bases.len() == 1 && !rejected {
        let expected = if able { Mechanism::Provider } else { Mechanism::None };
        return ensure(status.mechanism == expected, || {
            format!("{:?} and not {expected:?}", status.mechanism)
        });
    }
    // A bound token that is good is renewed by itself.
    let bound = view.tokens.last().filter(|it| it.of.is_some() && matches!(view.end(it), End::Said(_)));
    let bound = bound
        .filter(|it| view.is_good(it) == Verdict::Yes && view.has_key() == Some(true) && view.is_held(it.id));
    let failed = view.told().any(|(_, event)| failed(event).is_some());
    ensure(
        bound.is_none() || failed || view.may_have_lost_time() || status.mechanism == Mechanism::Bound,
        || format!("{:?}, and {bound:?}", status.mechanism),
    )
}
