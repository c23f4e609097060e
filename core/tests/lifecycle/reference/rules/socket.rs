//! R21 to R23: the socket that serves, the one that is coming, the one that is parted with.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::{Verdict, socket_of};
use crate::reference::links::Left;
use crate::reference::time::signed;
use crate::reference::tokens::{End, lead};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 9] = [
    ("R21: an open socket is authenticated", sockets_are_authenticated),
    ("R21: resumed with a state only", resumes),
    ("R21: after a resume the newest is pushed", pushed_after_a_resume),
    ("R21: one that is coming at a time", one_coming),
    ("R22: a doubted socket does not serve", doubted),
    ("R22: a parted socket is closed in time", parted),
    ("R22: a socket that serves is not closed", serving_is_kept),
    ("R23: one push at a time, on the serving socket", one_push),
    ("R23: what is not accepted is shown", shown_in_time),
];

fn sockets_are_authenticated(view: &View<'_>) -> Result<(), String> {
    let Some((Command { action: Action::Open { socket, .. }, .. }, answer)) = view.answered_now() else {
        return Ok(());
    };
    let attended = view.asked_now().any(|command| match &command.action {
        Action::Authenticate { socket: on, .. } | Action::Close { socket: on } => on == socket,
        _ => false,
    });
    ensure(answer.result != Ok(Reply::Opened) || attended, || format!("{socket:?} is open"))
}

fn resumes(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let Action::Authenticate { resume, .. } = command.action else { continue };
        ensure(!resume || view.may_resume(view.step()), || "there is no state".to_owned())?;
    }
    Ok(())
}

/// The server goes on with a token of before: it is told of one that is newer than the state.
fn pushed_after_a_resume(view: &View<'_>) -> Result<(), String> {
    let Some((Command { action: Action::Authenticate { resume: true, .. }, .. }, answer)) =
        view.answered_now()
    else {
        return Ok(());
    };
    let resumed = matches!(answer.result, Ok(Reply::Authenticated { resumed: true, .. }));
    // The state that the socket before had given, before the token that is in force was accepted on it.
    let state = view.heard().rev().find_map(|(it, input)| match input {
        Input::ResumeState { .. } if !view.is_ignored(it.step) => Some(it.step),
        _ => None,
    });
    let (Some(state), (Some(token), _)) = (state, view.in_force()) else { return Ok(()) };
    let accepted = view.accepted().filter(|(it, _)| *it == token).map(|(_, step)| step).min().unwrap_or(0);
    let pushes = view
        .answers
        .iter()
        .any(|(it, answer)| matches!(it.action, Action::Reauthenticate { .. }) && answer.result.is_err());
    let good = view.arrival(token).is_some_and(|it| view.is_good(it) == Verdict::Yes);
    let asked =
        view.heard().any(|(_, input)| matches!(input, Input::Rejected { .. } | Input::NewBase { .. }));
    let newer = view.tokens.iter().any(|it| it.step > accepted);
    if !resumed || newer || accepted <= state || pushes || !good || asked || view.may_have_lost_time() {
        return Ok(());
    }
    let told = view.asked_now().any(|command| matches!(command.action, Action::Reauthenticate { .. }));
    ensure(told, || format!("the state is older than {token:?}"))
}

fn one_coming(view: &View<'_>) -> Result<(), String> {
    let opened: Vec<_> = view.asked_now().filter(|it| matches!(it.action, Action::Open { .. })).collect();
    ensure(opened.len() <= 1, || format!("{opened:?}"))?;
    let Some(open) = opened.first().and_then(|it| socket_of(&it.action)) else { return Ok(()) };
    // An opening that takes its time may get one beside it, when the network has changed.
    let hinted = view.heard().any(|(_, input)| *input == Input::NetworkChanged);
    let beside = view.asked().find(|(it, command)| {
        let coming = matches!(command.action, Action::Open { .. } | Action::Authenticate { .. });
        let other = socket_of(&command.action) != Some(open);
        coming && other && it.step < view.step() && view.waits(command.id, view.step() + 1) == Verdict::Yes
    });
    ensure(beside.is_none() || hinted, || format!("{open:?} beside {beside:?}"))
}

fn doubted(view: &View<'_>) -> Result<(), String> {
    let Input::SocketDead { socket } = view.input() else { return Ok(()) };
    let was = view.before().is_some_and(|before| before.status.phase == Phase::Live);
    let served = view.served().pop().filter(|it| it.socket == *socket && it.step < view.step());
    let ours = served.filter(|it| it.left.is_none_or(|(step, _)| step == view.step()));
    if !was || ours.is_none() || view.is_ignored(view.step()) || History::is_ending(view.last()) {
        return Ok(());
    }
    ensure(view.last().status.phase != Phase::Live, || format!("live on {socket:?}"))?;
    let closed = view.asked_now().any(|it| it.action == Action::Close { socket: *socket });
    ensure(!closed, || format!("{socket:?} is not read any more"))
}

/// Read until 2 s after another one is live, and then closed.
fn parted(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if !History::is_running(now) || now.wake.is_none_or(|(at, _)| at <= now.at) {
        return Ok(());
    }
    let served = view.served();
    let Some(serving) = served.last().filter(|it| it.left.is_none()) else { return Ok(()) };
    for old in served.iter().rev().skip(1).filter(|it| it.left.is_some_and(|(_, left)| left == Left::Parted))
    {
        let late = now.at > serving.since + 2_000 && view.is_settled_for(10_000);
        ensure(!late || old.socket == serving.socket, || {
            format!("{:?} is open, {:?} live since {}", old.socket, serving.socket, serving.since)
        })?;
        let wakes = now.wake.is_some_and(|(at, _)| at <= serving.since.saturating_add(2_000));
        ensure(
            late || wakes
                || view.may_have_lost_time()
                || old.socket == serving.socket
                || now.at >= serving.since + 2_000,
            || format!("{:?} is forgotten, it wakes at {:?}", old.socket, now.wake),
        )?;
    }
    Ok(())
}

fn serving_is_kept(view: &View<'_>) -> Result<(), String> {
    if view.before().is_none_or(|it| it.status.phase != Phase::Live) {
        return Ok(());
    }
    let step = view.step();
    let served = view.served();
    let closed = served.iter().find(|it| it.left == Some((step, Left::Closed)));
    let Some(closed) = closed.filter(|it| it.step < step) else { return Ok(()) };
    // Closed as the one that serves, in this very step: its token has ended, or the application wants it so.
    let newest = served.iter().all(|it| it.step <= closed.step);
    let over = view
        .told_now()
        .any(|event| matches!(event, Event::Expired { .. } | Event::Suspended | Event::Teardown { .. }));
    let wanted = over || History::is_ending(view.last()) || !History::is_running(view.last());
    let restarted = matches!(view.input(), Input::ServerRestart { .. } | Input::SocketLost { .. });
    ensure(!newest || wanted || restarted, || format!("{:?}", closed.socket))
}

fn one_push(view: &View<'_>) -> Result<(), String> {
    let is_push = |command: &Command| matches!(command.action, Action::Reauthenticate { .. });
    let pushed: Vec<_> = view.asked_now().filter(|command| is_push(command)).collect();
    ensure(pushed.len() <= 1, || format!("{pushed:?}"))?;
    let Some(Action::Reauthenticate { socket, token, .. }) = pushed.first().map(|it| it.action) else {
        return Ok(());
    };
    let live = view.serving().map(|it| it.socket);
    ensure(live == Some(socket), || format!("on {socket:?}, live is {live:?}"))?;
    let other = view.asked().any(|(it, command)| {
        is_push(command) && it.step < view.step() && view.waits(command.id, view.step() + 1) == Verdict::Yes
    });
    ensure(!other, || "beside another one".to_owned())?;
    let good = view.arrival(token).is_none_or(|it| view.is_good(it) != Verdict::No);
    ensure(good, || format!("{token:?} is no good"))
}

/// At a third of the lead before the end at the latest, a good token that pushes did not bring into force is on its way
/// to a fresh connect.
fn shown_in_time(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let met = now.wake.is_some_and(|(at, _)| at > now.at);
    if now.status.phase != Phase::Live || !met || !view.is_settled_for(60_000) {
        return Ok(());
    }
    let Some(token) = now.status.in_force.and_then(|id| view.arrival(id)) else { return Ok(()) };
    let (End::Said((_, to)), Some((least, most))) = (view.end(token), view.renew_by(token)) else {
        return Ok(());
    };
    if most - least > 5_000 || to - signed(token.sent) < 120_000 {
        return Ok(());
    }
    let usual = lead(to - signed(token.sent)) / 3;
    let newer = view.tokens.iter().find(|it| {
        let outlives = match view.end(it) {
            End::Said((from, _)) => from > to + 10_000,
            End::Unsaid => false,
        };
        let bound = it.of.is_some() == token.of.is_some();
        bound && outlives && it.asked > token.asked && view.is_held(it.id) && view.is_good(it) == Verdict::Yes
    });
    let Some(newer) = newer.filter(|it| signed(it.received) + 30_000 < to - usual) else { return Ok(()) };
    let shown = view.asked().any(|(it, command)| {
        let shows = match command.action {
            Action::Open { token, .. } | Action::Authenticate { token, .. } => token == newer.id,
            _ => false,
        };
        shows && it.step > newer.step
    });
    let pushing = view.asked().any(|(it, command)| {
        matches!(command.action, Action::Reauthenticate { .. })
            && view.waits(command.id, view.step() + 1) != Verdict::No
            && it.step < view.step()
    });
    let late = signed(now.at) > to - usual + 20_000 && signed(now.at) < to;
    ensure(shown || pushing || !late, || {
        format!("{newer:?} is not shown, {token:?} ends at {to}, at {}", now.at)
    })
}
