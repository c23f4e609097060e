//! R6 to R10: which token counts.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Answer, Verdict, failed, is_exchange};
use crate::reference::time::signed;
use crate::reference::tokens::{Arrived, End};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 8] = [
    ("R6: what is in force", in_force),
    ("R6: a connect shows the newest good token", connects_with_the_newest),
    ("R6: what is good is kept", good_is_kept),
    ("R7: a hint refuses nothing", hints_refuse_nothing),
    ("R9: what has ended when it comes has failed", ended_on_arrival),
    ("R9: a failed attempt costs nothing that is good", failures_cost_nothing),
    ("R10: only a fresh connect refuses", only_a_connect_refuses),
    ("R10: what is refused is shown again, round by round", rounds),
];

fn in_force(view: &View<'_>) -> Result<(), String> {
    let status = &view.last().status;
    let (token, generation) = view.in_force();
    if view.is_acceptance_open() || view.may_have_lost_time() {
        return Ok(());
    }
    ensure(status.in_force == token, || format!("{:?} and not {token:?}", status.in_force))?;
    ensure(status.generation.0 == generation, || format!("{:?} and not {generation}", status.generation))?;
    let Some(token) = token.and_then(|id| view.arrival(id)) else { return Ok(()) };
    if History::is_ending(view.last()) || !view.is_held(token.id) {
        return Ok(());
    }
    ensure(status.bound == token.of.is_some(), || format!("bound: {}", status.bound))?;
    if view.may_have_lost_time() {
        return Ok(());
    }
    match (view.end(token), status.token_ends) {
        (End::Said((from, to)), Some(ends)) => {
            let ends = signed(ends.0);
            ensure((from.max(0)..=to.max(0)).contains(&ends), || {
                format!("it ends at {ends} and not {from} to {to}")
            })
        }
        // By the local clock it may have ended before it came: no end at all.
        (End::Said(said), None) => {
            let local = token.date.is_none() && token.says.expires_in.is_none();
            ensure(local, || format!("it ends at {said:?}, and nobody knows"))
        }
        // An assumed end may be told, too.
        (End::Unsaid, _) => Ok(()),
    }
}

/// Who brings a token of its own has its way before all others.
fn brought(view: &View<'_>) -> bool {
    view.tokens.iter().any(|it| it.by.is_none())
}

fn connects_with_the_newest(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Action::Authenticate { token, resume: false, .. } = command.action else { continue };
        let Some(shown) = view.arrival(token) else { continue };
        if view.may_have_lost_time() || brought(view) || is_refused_anywhere(view) {
            continue;
        }
        // A base that comes beside a bound token is to be bound first.
        let newer = view.tokens.iter().find(|it| {
            let comparable = it.of.is_some() || shown.of.is_none();
            let usable = it.step < view.step() && view.is_held(it.id) && view.arrival(it.id).is_some();
            comparable && usable && it.asked > shown.asked && is_good_for_a_while(view, it)
        });
        // The socket's host is that of the token it was opened for.
        let opened = view.asked().rev().find(|(_, it)| {
            matches!((it.action, command.action),
            (Action::Open { socket, .. }, Action::Authenticate { socket: on, .. }) if socket == on)
        });
        let since = opened.map_or(0, |(it, _)| it.step);
        ensure(newer.is_none_or(|it| it.step >= since), || format!("{token:?}, though there is {newer:?}"))?;
    }
    Ok(())
}

fn is_refused_anywhere(view: &View<'_>) -> bool {
    let refused =
        |result: &Result<Reply, Failure>| matches!(result, Err(Failure::Rpc { credential: true, .. }));
    view.answers.iter().any(|(_, answer)| refused(&answer.result))
}

/// Good, and not in its last five seconds or its last tenth.
fn is_good_for_a_while(view: &View<'_>, token: &Arrived) -> bool {
    let left = match view.end(token) {
        End::Unsaid => return view.is_good(token) == Verdict::Yes,
        End::Said((from, _)) => from - signed(view.at()),
    };
    view.is_good(token) == Verdict::Yes && left > 5_000
}

fn good_is_kept(view: &View<'_>) -> Result<(), String> {
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let calm = History::is_running(before) && !History::is_ending(now) && !view.may_have_lost_time();
    if !calm || brought(view) || is_refused_anywhere(view) {
        return Ok(());
    }
    let Some(token) = now.status.in_force.filter(|id| before.held.contains(id)) else { return Ok(()) };
    let Some(arrived) = view.arrival(token) else { return Ok(()) };
    ensure(view.is_held(token) || view.is_good(arrived) != Verdict::Yes, || {
        format!("{token:?} is in force and gone")
    })
}

fn hints_refuse_nothing(view: &View<'_>) -> Result<(), String> {
    let facts = match view.input() {
        Input::NewBase { token, .. } if !view.is_ignored(view.step()) => *token,
        Input::Done(id, _) => match view.answer(*id).filter(|it| it.step == view.step()).map(|it| &it.result)
        {
            Some(Ok(Reply::Token(facts))) => *facts,
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let says = facts.statement;
    let only_hint = says.expiry_hint.is_some() && says.expires_in.is_none() && says.expires_at.is_none();
    let overtaken = view.arrival(facts.token).is_some_and(|it| {
        view.tokens
            .iter()
            .any(|other| other.id != it.id && other.asked >= it.asked && other.step < view.step())
    });
    if !only_hint
        || overtaken
        || says.cnf == Confirmation::Others
        || view.arrival(facts.token).is_none()
        || History::is_ending(view.last())
    {
        return Ok(());
    }
    let refused = view
        .told_now()
        .find(|event| matches!(event, Event::Failed { error: AskError::InvalidCredentials, .. }));
    // Who brought it himself is told so; an answer may come with somebody else's failure.
    let brought = matches!(view.input(), Input::NewBase { .. });
    ensure(refused.is_none() || !brought, || format!("{says:?}: {refused:?}"))?;
    let throttled = view.told_now().any(|event| matches!(event, Event::Failed { .. }));
    ensure(throttled || view.is_held(facts.token), || format!("{says:?} is not held"))
}

fn ended_on_arrival(view: &View<'_>) -> Result<(), String> {
    let Some((command, answer)) = view.answered_now() else { return Ok(()) };
    let Ok(Reply::Token(facts)) = &answer.result else { return Ok(()) };
    let running = view.before().is_some_and(History::is_running) && !History::is_ending(view.last());
    let in_time = command.deadline.0 > view.at();
    let Some(token) = view.arrival(facts.token).filter(|_| running && is_exchange(&command.action)) else {
        return Ok(());
    };
    let told = view.told_now().find_map(|event| failed(event).filter(|cause| cause.command == command.id));
    let ended = view.has_ended(token, view.at());
    ensure(ended != Verdict::Yes || told.is_some() || !in_time, || {
        format!("{token:?} has ended, and nobody says so")
    })?;
    // One that ends later than all others, or before which there was none, is a success.
    let first = view.tokens.len() == 1;
    // How long it had been on its way by the server's clock is open.
    let long = token.received - token.sent > 2_000;
    // Seconds of life are hardly a gain.
    let short = view.renew_by(token).is_some_and(|(from, _)| from - signed(token.sent) < 10_000);
    let long = long || short;
    let foreign = long || token.says.cnf == Confirmation::Others;
    let lives = match view.end(token) {
        End::Unsaid => first,
        End::Said((from, _)) => from > signed(view.at()) && (first || view.tokens.iter().all(|other| {
            let before = matches!(view.end(other), End::Said((_, to)) if to < from - (from - signed(token.received)) / 2);
            other.id == token.id || before
        })),
    };
    // A driver that told of it late, after a sleep.
    let foreign = foreign || command.deadline.0 <= view.at();
    ensure(!lives || foreign || told.is_none() || view.may_have_lost_time(), || {
        format!("{token:?} is good, and {told:?}")
    })
}

fn failures_cost_nothing(view: &View<'_>) -> Result<(), String> {
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let Some((command, answer)) = view.answered_now() else { return Ok(()) };
    // Nothing else was due in the same step.
    let alone = before.wake.is_none_or(|(at, _)| at > now.at) && !view.may_have_lost_time();
    let harmless =
        is_exchange(&command.action) || matches!(command.action, Action::Inspect { .. } | Action::Persist);
    let conflict = answer.result == Err(Failure::Conflict);
    if !harmless || conflict || answer.result.is_ok() || before.status.phase != Phase::Live || !alone {
        return Ok(());
    }
    let closed = view.asked_now().any(|command| matches!(command.action, Action::Close { .. }));
    let same = now.status.in_force == before.status.in_force && now.status.phase == Phase::Live;
    // What a sleep has ended ends when the socket has been probed.
    let ended = now.status.token_ends.is_some_and(|end| end.0 <= now.at);
    ensure(same && !closed || ended, || format!("{:?}, then {:?}", before.status, now.status))
}

fn only_a_connect_refuses(view: &View<'_>) -> Result<(), String> {
    let expired = view.told_now().any(|event| matches!(event, Event::Expired { .. }));
    let invalid = view
        .told_now()
        .any(|event| matches!(event, Event::Teardown { reason: TeardownReason::InvalidCredentials, .. }));
    if !(expired || invalid) || view.may_have_lost_time() || view.is_acceptance_open() {
        return Ok(());
    }
    let unrefused = view.tokens.iter().find(|it| {
        let plain =
            view.arrival(it.id).is_some() && view.before().is_some_and(|before| before.held.contains(&it.id));
        plain && it.step < view.step() && view.is_good(it) == Verdict::Yes
    });
    ensure(unrefused.is_none(), || format!("{unrefused:?} is good"))
}

/// Rounds of 5, 10, 20, 40, 60 s: no token is shown again sooner, and one that is all there is, is.
fn rounds(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Action::Authenticate { token, resume: false, .. } = command.action else { continue };
        let refusals: Vec<&Answer> = refusals_of(view, token);
        let Some(last) = refusals.last() else { continue };
        let wait = 5_000u64.saturating_mul(1 << (refusals.len() - 1).min(4)).min(30_000);
        let hinted = view.heard().any(|(it, input)| {
            it.at >= last.at
                && matches!(
                    input,
                    Input::NetworkChanged | Input::NewBase { .. } | Input::NewProvider(_) | Input::Resume
                )
        });
        // A token that has been in force is looked at a second time at once.
        let looked = refusals.len() == 1 && view.accepted().any(|(it, _)| it == token);
        // Perhaps for its time alone: signed anew once, when nobody had told his, or otherwise.
        let looked = looked || refusals.len() == 1;
        let waited = view.at() - last.at;
        ensure(waited >= wait / 2 || hinted || looked || view.may_have_lost_time(), || {
            format!("{token:?} {waited} ms after refusal {}", refusals.len())
        })?;
    }
    Ok(())
}

fn refusals_of<'a>(view: &'a View<'_>, token: TokenId) -> Vec<&'a Answer> {
    let accepted = view.last_acceptance();
    let all = view.answers.iter().filter(|(command, answer)| {
        let same = matches!(command.action, Action::Authenticate { token: of, .. } if of == token);
        same && crate::reference::tokens::is_refusal(command, answer)
            && accepted.is_none_or(|it| answer.step > it)
    });
    all.map(|(_, answer)| answer).collect()
}
