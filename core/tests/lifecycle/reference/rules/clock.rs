//! R1 to R4: one tick, one offset.

use satkeeper_core::lifecycle::*;

use super::{Rule, ensure};
use crate::reference::commands::failed;
use crate::reference::time::{SLEEP, hull, signed};
use crate::reference::{History, View};

pub(super) const RULES: [Rule; 7] = [
    ("R1: a late step is told", jumps),
    ("R1: nothing ends in a late step", nothing_ends_asleep),
    ("R1: the serving socket is probed first", probes_after_sleep),
    ("R2: an end becomes a moment once", ends_stay),
    ("R3: no time but what an answer told", the_offset_was_told),
    ("R3: a second witness", a_second_witness),
    ("R4: no proof of the server's future", proofs),
];

fn jumps(view: &View<'_>) -> Result<(), String> {
    let told = view.told_now().find_map(|event| match event {
        Event::ClockJump { by } => Some(*by),
        _ => None,
    });
    let (late, ahead) = (view.late(view.step()), view.ahead(view.step()));
    if view.counts_sleep {
        let expected = Some(late).filter(|late| *late > SLEEP);
        return ensure(told == expected, || format!("{told:?} and not {expected:?}"));
    }
    // All in all: several naps are one sleep.
    let running = view.before().is_some_and(History::is_running);
    let must = running && (late > SLEEP || ahead > signed(SLEEP));
    let may = late > SLEEP || view.may_have_lost_time();
    ensure(told.is_some() || !must, || format!("{late} ms late, {ahead} ahead, and nobody says so"))?;
    ensure(told.is_none() || may, || format!("{told:?}"))
}

fn is_late(view: &View<'_>) -> bool {
    view.late(view.step()) > SLEEP
}

fn nothing_ends_asleep(view: &View<'_>) -> Result<(), String> {
    // Who naps again and again is not waited for for ever.
    let again = (1..view.step()).any(|step| view.may_have_slept(step));
    if !is_late(view) || *view.input() != Input::Tick || again {
        return Ok(());
    }
    // Where nothing served there is nothing to be probed.
    let awaited = view.before().is_some_and(|before| before.status.phase == Phase::Live);
    let ends = view.told_now().filter(|_| awaited).find(|event| {
        // Spared once: who naps again and again is not waited for for ever.
        let timeout = failed(event).is_some_and(|cause| {
            let asked = view.command(cause.command).map_or(0, |(it, _)| it.step);
            cause.failure == Failure::Timeout
                && !(asked + 1..view.step()).any(|step| view.may_have_slept(step))
        });
        timeout || matches!(event, Event::Expired { .. } | Event::Teardown { .. })
    });
    ensure(ends.is_none(), || format!("{ends:?}"))
}

fn probes_after_sleep(view: &View<'_>) -> Result<(), String> {
    let live = view.before().is_some_and(|before| before.status.phase == Phase::Live);
    if !live || !is_late(view) || *view.input() != Input::Tick {
        return Ok(());
    }
    let Some(serving) = view.served().pop() else { return Err("live on no socket".to_owned()) };
    let probe = Action::Probe { socket: serving.socket };
    let probed = view.asked().any(|(it, command)| {
        command.action == probe && { it.step == view.step() || view.answer(command.id).is_none() }
    });
    ensure(probed, || format!("{:?} is not probed", serving.socket))
}

/// Whether the last step brought a word about the end of this token.
fn spoken_of(view: &View<'_>, token: TokenId) -> bool {
    let answered =
        view.answered_now().is_some_and(|(command, answer)| match (command.action, &answer.result) {
            (_, Ok(Reply::Token(facts))) => facts.token == token,
            (Action::Authenticate { token: of, .. } | Action::Reauthenticate { token: of, .. }, Ok(_))
            | (Action::Inspect { base: of }, Ok(_)) => of == token,
            _ => false,
        });
    answered || matches!(view.input(), Input::NewBase { token: facts, .. } if facts.token == token)
}

fn ends_stay(view: &View<'_>) -> Result<(), String> {
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let same = before.status.in_force == now.status.in_force && !History::is_ending(now);
    let Some(token) = now.status.in_force.filter(|_| same && view.counts_sleep) else { return Ok(()) };
    // Dated anew once: when a server first tells its time.
    let first = view.observations.first().is_some_and(|it| it.step == view.step());
    if first || spoken_of(view, token) {
        return Ok(());
    }
    let (was, is) = (before.status.token_ends, now.status.token_ends);
    ensure(was == is, || format!("{token:?} ended at {was:?}, and ends at {is:?}"))
}

/// What the machine believes the server's clock showed when ours began.
fn believed(reading: &crate::reference::Reading) -> Option<i64> {
    let offset = reading.status.clock_offset?;
    Some(offset.saturating_add(signed(reading.now.unix.0)).saturating_sub(signed(reading.at)))
}

fn the_offset_was_told(view: &View<'_>) -> Result<(), String> {
    if matches!(view.last().status.phase, Phase::Over(_)) {
        return Ok(());
    }
    let Some(shows) = believed(view.last()) else {
        return ensure(view.observations.is_empty(), || {
            "a server's time was told and is not known".to_owned()
        });
    };
    // A wall clock that is within what is known of the server's is not corrected.
    let unset = view.last().status.clock_offset == Some(0);
    let near = view.observations.iter().any(|it| it.shows.0 - 2_000 <= shows && shows <= it.shows.1 + 2_000);
    let lost = view.may_have_lost_time() || !view.counts_sleep;
    ensure(near || unset && !view.observations.is_empty() || lost, || {
        format!("{shows}, told: {:?}", view.observations)
    })
}

fn a_second_witness(view: &View<'_>) -> Result<(), String> {
    let Some(before) = view.before().and_then(believed) else { return Ok(()) };
    let Some(now) = believed(view.last()) else { return Err("it was known".to_owned()) };
    let Some(told) = view.observations.last().filter(|it| it.step == view.step()) else {
        return Ok(());
    };
    let zero = view.last().status.clock_offset == Some(0);
    if !view.counts_sleep || zero || now.abs_diff(before) <= SLEEP + 2_000 {
        return Ok(());
    }
    let witness = view.observations.iter().any(|it| {
        let earlier =
            it.step < told.step && it.at.saturating_add(SLEEP) <= told.at && it.agrees_with(told, 2_000);
        // What is no more than within what was told before contradicts nobody.
        let known = it.shows.0 - signed(SLEEP) <= before && before <= it.shows.1 + signed(SLEEP);
        let within = it.step < told.step && known && it.agrees_with(told, signed(SLEEP));
        earlier || within
    });
    ensure(witness, || format!("{before} is {now} by one word: {:?}", view.observations))
}

fn proofs(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let offset = match command.action {
            Action::Activate { offset, .. }
            | Action::Renew { offset, .. }
            | Action::Authenticate { offset, .. }
            | Action::Reauthenticate { offset, .. } => offset,
            _ => continue,
        };
        let Some(all) = view.observations.iter().map(|it| it.shows).reduce(hull) else {
            ensure(offset.is_none_or(|offset| offset == 0), || format!("{offset:?} from nobody"))?;
            continue;
        };
        if view.may_have_lost_time() || !view.counts_sleep {
            continue;
        }
        let local = signed(view.last().now.unix.0) - signed(view.at());
        let signed_at = local.saturating_add(offset.unwrap_or(0));
        // The latest of the early ends: no answer that was told puts the server's clock before it.
        let early = view.observations.iter().map(|it| it.shows.0).max().unwrap_or(all.0);
        let within = offset.unwrap_or(0) == 0 && all.0 <= local && local <= all.1;
        ensure(within || signed_at <= early, || {
            format!("{:?}: {signed_at}, the server's {all:?}", command.action)
        })?;
    }
    Ok(())
}
