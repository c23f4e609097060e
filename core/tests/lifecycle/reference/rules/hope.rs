//! R25, R26: live, hopeless, the only end; the first token.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Verdict, is_exchange};
use crate::reference::time::signed;
use crate::reference::tokens::{End, is_refusal};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 8] = [
    ("R25: live", live),
    ("R25: on the way", on_the_way),
    ("R25: hopeless, not before its time", not_before_its_time),
    ("R25: hopeless, not after its time", not_after_its_time),
    ("R25: hopeless until something is accepted", hopeless_until_accepted),
    ("R25: patience", patience),
    ("R25: why it ends", why_it_ends),
    ("R26: a first token is asked for", first_token),
];

fn live(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if !History::is_running(now) {
        return Ok(());
    }
    let serving = view.serving().is_some();
    let ends = |id: TokenId| view.arrival(id).map_or(Verdict::Perhaps, |token| view.has_ended(token, now.at));
    // While what it was connected with lasts the server has no reason to end it.
    let shown = view.serving().map_or(Verdict::Yes, |it| ends(it.token));
    let ended = view.in_force().0.map_or(Verdict::Perhaps, ends);
    let ended = if ended == Verdict::Yes && shown != Verdict::Yes { Verdict::Perhaps } else { ended };
    // After a sleep nothing ends before the socket has been probed.
    let open = view.may_have_lost_time() || view.is_acceptance_open();
    // An end that only the local clock has read is a hint.
    // What is on its way then is awaited.
    let awaited = view.asked().any(|(_, command)| view.waits(command.id, view.step() + 1) != Verdict::No);
    // Found, and not mended: an older token of which nobody has named the end keeps the session live past the end of the
    // one in force.
    let older = view.tokens.iter().any(|it| view.is_held(it.id) && view.end(it) == End::Unsaid);
    let named = !awaited && !older && !view.observations.is_empty() && view.is_settled_for(20_000);
    let settled = ended == Verdict::No || (ended == Verdict::Yes && named);
    let sure = !open && settled;
    let expected = serving && ended != Verdict::Yes;
    ensure(!sure || (now.status.phase == Phase::Live) == expected, || {
        format!("{:?}, and serving: {:?}, ended: {ended:?}", now.status.phase, view.served().pop())
    })?;
    ensure(serving || now.status.phase != Phase::Live, || "live on no socket".to_owned())?;
    let went_live = view.answered_now().is_some_and(|(command, answer)| {
        matches!(
            (command.action, &answer.result),
            (Action::Authenticate { .. }, Ok(Reply::Authenticated { .. }))
        )
    });
    let told = view.told_now().filter(|event| matches!(event, Event::Live { .. })).count();
    let answered = matches!(view.input(), Input::SocketAlive { .. }) && told == 1;
    ensure(told == usize::from(went_live) || answered, || {
        format!("went live: {went_live}, told {told} times")
    })
}

/// A session that is not served, and has something to be served with, has a socket on its way, or will have one soon.
fn on_the_way(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let waiting = matches!(now.status.phase, Phase::Connecting | Phase::Reconnecting);
    if !waiting || !view.is_settled_for(20_000) || now.wake.is_some_and(|(at, _)| at <= now.at) {
        return Ok(());
    }
    let busy = view.asked().any(|(_, command)| {
        !matches!(command.action, Action::Persist) && view.waits(command.id, view.step() + 1) != Verdict::No
    });
    // The longest wait, `Retry-After` and its like included.
    let most = now.at + 300_000 + 10_000;
    ensure(busy || now.wake.is_some_and(|(at, _)| at <= most), || format!("nothing before {:?}", now.wake))
}

fn not_before_its_time(view: &View<'_>) -> Result<(), String> {
    let expired = view.told_now().any(|event| matches!(event, Event::Expired { .. }));
    if !expired || view.may_have_lost_time() {
        return Ok(());
    }
    let Some(before) = view.before() else { return Err("at its start".to_owned()) };
    for id in &before.held {
        let Some(token) = view.arrival(*id) else { continue };
        let since = view.accepted().any(|(it, _)| it == *id);
        let refused = view.answers.iter().any(|(command, answer)| {
            is_refusal(command, answer)
                && matches!(command.action, Action::Authenticate { token, .. } if token == *id)
        });
        let dropped = !view.is_held(*id) || token.says.cnf == Confirmation::Others;
        ensure(refused || dropped || view.has_ended(token, view.at()) != Verdict::No, || {
            format!("{id:?} has not ended and was not refused, in force: {since}")
        })?;
    }
    Ok(())
}

fn not_after_its_time(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let on = matches!(now.status.phase, Phase::Live | Phase::Connecting | Phase::Reconnecting);
    if !on || view.tokens.is_empty() || view.observations.is_empty() || !view.is_settled_for(20_000) {
        return Ok(());
    }
    let ended = view.tokens.iter().all(|token| view.has_ended(token, now.at) == Verdict::Yes);
    ensure(!ended, || format!("every token has ended by {}", now.at))
}

fn hopeless_until_accepted(view: &View<'_>) -> Result<(), String> {
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let was = before.status.phase == Phase::Expired;
    let told = view.told_now().filter(|event| matches!(event, Event::Expired { .. })).count();
    ensure(told <= 1, || "told twice".to_owned())?;
    let last = view.told().rev().filter(|(_, event)| matches!(event, Event::Expired { .. })).nth(told);
    let anew = last.is_some_and(|(it, _)| {
        let rested = view.steps[it.step..].iter().any(|it| it.status.phase == Phase::Suspended);
        told > 0 && !rested && view.last_acceptance().is_none_or(|step| step < it.step)
    });
    ensure(!anew, || "told anew".to_owned())?;
    if was && !matches!(now.status.phase, Phase::Expired) && History::is_running(now) {
        // Something to be served with has come, or the doubt after a sleep.
        let came = view.tokens.iter().any(|it| it.step == view.step());
        let accepted = view.last_acceptance() == Some(view.step()) || view.may_have_slept(view.step());
        // Somebody has named a later end of what there is.
        let spoken = matches!(view.answered_now().map(|(_, it)| &it.result), Some(Ok(Reply::Inspected(_))));
        let came = came || spoken;
        return ensure(accepted || came, || format!("{:?} by {:?}", now.status.phase, view.input()));
    }
    ensure(told == 0 || !matches!(now.status.phase, Phase::Live), || "live and hopeless".to_owned())
}

/// Ten minutes of the reach-clock, which never runs faster than ours.
fn patience(view: &View<'_>) -> Result<(), String> {
    let ended = view.told_now().any(|event| {
        matches!(
            event,
            Event::Teardown { reason: TeardownReason::Expired | TeardownReason::InvalidCredentials, .. }
        )
    });
    if !ended || view.may_have_lost_time() {
        return Ok(());
    }
    let since = view.told().rev().find_map(|(it, event)| match event {
        Event::Expired { .. } => Some(it.at),
        _ => None,
    });
    let ever_live = view.told().any(|(_, event)| matches!(event, Event::Live { .. }));
    let rejected = view
        .answers
        .iter()
        .any(|(_, answer)| matches!(answer.result, Err(Failure::Rejected | Failure::NoKey)));
    let can_bind = view.tokens.iter().any(|it| it.of.is_some() || view.scope(it) != Some(false))
        && view.has_key() != Some(false);
    let nobody = !view.provider_is_able() || rejected || (!can_bind && !view.provider_is_able());
    // Nobody can bring a token: at once, where a named end has passed or a first connect was refused.
    if nobody || (!ever_live && !view.provider_is_able()) {
        return Ok(());
    }
    let Some(since) = since else { return Err("it was never hopeless".to_owned()) };
    let waited = view.at() - since;
    ensure(waited >= 600_000, || format!("after {waited} ms"))
}

fn why_it_ends(view: &View<'_>) -> Result<(), String> {
    let ended = view.told_now().find_map(|event| match event {
        Event::Teardown { reason, .. } => Some(*reason),
        _ => None,
    });
    let Some(reason) = ended else { return Ok(()) };
    let heard = |wanted: Input| view.heard().any(|(_, input)| *input == wanted);
    let failed = |which: &dyn Fn(&Command, Failure) -> bool| {
        view.answers
            .iter()
            .any(|(it, answer)| answer.result.as_ref().is_err_and(|failure| which(it, *failure)))
    };
    let just = match reason {
        TeardownReason::Expired => {
            let told = view.told().any(|(_, event)| matches!(event, Event::Expired { .. }));
            told || view.tokens.iter().all(|it| view.has_ended(it, view.at()) != Verdict::No)
        }
        TeardownReason::MintFailed => {
            view.in_force().0.is_none() && !view.tokens.iter().any(|it| view.is_good(it) == Verdict::Yes)
        }
        TeardownReason::Disconnected => heard(Input::Disconnect),
        TeardownReason::Left => heard(Input::Leave),
        TeardownReason::Destroyed => heard(Input::Destroy),
        TeardownReason::HandedOver => {
            let taken = |input: &Input| {
                matches!(input, Input::Done(_, Outcome { result: Err(Failure::Conflict), .. }))
            };
            view.heard().any(|(_, input)| taken(input))
        }
        TeardownReason::Incompatible => {
            let live = view.told().any(|(_, event)| matches!(event, Event::Live { .. }));
            !live && failed(&|_, failure| matches!(failure, Failure::Rpc { code: -32_001, .. }))
        }
        TeardownReason::InvalidCredentials => {
            view.answers.iter().any(|(command, answer)| is_refusal(command, answer))
        }
        _ => false,
    };
    ensure(just, || format!("{reason:?}"))
}

/// Before there is a first token, somebody is asked for it, or will be.
fn first_token(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let asks = view.asked().any(|(_, it)| {
        let brings = is_exchange(&it.action) || matches!(it.action, Action::MakeKey { .. });
        // A person may take its time: what it brings counts whenever it comes.
        brings && view.answer(it.id).is_none()
    });
    if now.status.phase != Phase::Minting || asks || !view.is_settled_for(20_000) {
        return Ok(());
    }
    let most = signed(now.at) + 300_000 + 60_000;
    let due = now.wake.is_some_and(|(at, _)| signed(at) <= most);
    ensure(due && view.provider().can_mint_again, || format!("nobody is asked, it wakes at {:?}", now.wake))?;
    Ok(())
}
