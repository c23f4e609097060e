//! The rules of what is in force, of the session's phase and end, and of who may be heard; judged after every
//! step.

use satkeeper_core::lifecycle::*;

use super::commands::{Verdict, is_exchange};
use super::time::signed;
use super::tokens::End;
use super::{History, View, renewal, telling};

/// What it is, and what is wrong with it, if anything is.
pub type Rule = (&'static str, fn(&View<'_>) -> Result<(), String>);

/// What is wrong, if anything.
pub fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

const RULES: [Rule; 17] = [
    ("L1: who is heard", answers_are_heard_or_not),
    ("L1: what is stale or early changes nothing", stale_and_early_change_nothing),
    ("L2: deadlines", deadlines),
    ("L7, L28: what is in force", in_force),
    ("L19: a failed exchange costs nothing that is valid", failures_cost_nothing),
    ("L22: not before its time", not_before_its_time),
    ("L22: not after its time", not_after_its_time),
    ("L22: the grace", grace),
    ("L23: jumps", jumps),
    ("L33, L35: no open socket that nobody authenticates", sockets_are_authenticated),
    ("L34: when to resume", resumes),
    ("L28: after a resume with an older state", tells_what_is_in_force),
    ("L36: live or on the way", live),
    ("L36: an outage is not waited out", reconnects),
    ("L41: rest", rest),
    ("L42: a first token is asked for", first_token),
    ("L35, L41, L42: why it ends", why_it_ends),
];

/// The first rule that the last step has broken, if it has.
pub fn judge(history: &History) -> Result<(), String> {
    let view = history.view();
    for (rule, holds) in RULES.iter().chain(&renewal::RULES).chain(&telling::RULES) {
        holds(&view).map_err(|why| format!("{rule}: {why}"))?;
    }
    Ok(())
}

fn answers_are_heard_or_not(view: &View<'_>) -> Result<(), String> {
    let Input::Done(id, _) = view.input() else { return Ok(()) };
    let Some(before) = view.before() else { return Ok(()) };
    let step = view.steps.len() - 1;
    let ignored = view.told_now().any(|event| *event == Event::Ignored(Ignored::StaleAnswer(*id)));
    if matches!(before.status.phase, Phase::Over(_)) {
        return ensure(!ignored, || "something was told after the end".to_owned());
    }
    match view.waits(*id, step) {
        Verdict::Yes => ensure(!ignored, || format!("{id:?} still waited and was not heard")),
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
    let (now, step) = (view.last(), view.steps.len() - 1);
    let told: Vec<&Event> = view.told_now().collect();
    let stale = matches!(told.as_slice(), [Event::Ignored(Ignored::StaleAnswer(_) | Ignored::StaleSocket)]);
    let early = *view.input() == Input::Tick;
    let quiet = before.wake_at.is_none_or(|at| at > now.at) && view.jump(step).is_none();
    // At rest nothing wakes it, and what has ended meanwhile it sees when it is asked.
    if !(stale || early) || !quiet || before.status.phase == Phase::Suspended {
        return Ok(());
    }
    let nothing = view.asked_now().next().is_none() && told.len() <= usize::from(stale);
    let same = lasting(&before.status) == lasting(&now.status) && before.wake_at == now.wake_at;
    ensure(nothing && same, || format!("{:?}, then {:?}", before.status, now.status))
}

fn deadlines(view: &View<'_>) -> Result<(), String> {
    for command in view.asked_now() {
        let most = match command.action {
            Action::MakeKey { .. } => 60_000,
            Action::Mint { .. } if view.tokens.is_empty() => 60_000,
            Action::Mint { .. } | Action::Refresh => 30_000,
            Action::Reauthenticate { .. } => 5_000,
            Action::Persist | Action::Erase | Action::Close { .. } => 2_000,
            _ => 10_000,
        };
        let span = command.deadline.0.saturating_sub(view.at());
        ensure((1..=most).contains(&span), || format!("{:?} has {span} ms", command.action))?;
        // Never past the session's end (L18).
        let ends: Option<Vec<i64>> = view
            .tokens
            .iter()
            .map(|token| match view.end(token) {
                End::Stated((_, to)) => Some(to),
                _ => None,
            })
            .collect();
        let last = ends.and_then(|ends| ends.into_iter().max()).filter(|end| *end > signed(view.at()));
        if let (true, Some(end)) =
            (is_exchange(&command.action) && History::is_on(view.last()) && view.has_never_jumped(), last)
        {
            let late = signed(command.deadline.0) - end;
            ensure(late <= 1, || format!("{:?} has until {late} ms after the end", command.action))?;
        }
    }
    Ok(())
}

fn in_force(view: &View<'_>) -> Result<(), String> {
    let status = &view.last().status;
    let (token, generation) = view.in_force();
    ensure(status.in_force == token, || format!("{:?} and not {token:?}", status.in_force))?;
    ensure(status.generation.0 == generation, || format!("{:?} and not {generation}", status.generation))?;
    let Some(token) = token.and_then(|id| view.arrival(id)) else { return Ok(()) };
    ensure(status.bound == token.of.is_some(), || format!("bound: {}", status.bound))?;
    if matches!(status.phase, Phase::Over(_)) {
        return Ok(());
    }
    // Whether it is fresh, and until when.
    match (view.end(&token), status.token_ends) {
        (End::Stated((from, to)) | End::Assumed((from, to)), Some(ends)) => {
            let ends = signed(ends.0);
            ensure((from..=to).contains(&ends), || format!("it ends at {ends} and not {from} to {to}"))
        }
        (End::Unknown, None) => Ok(()),
        (end, ends) => Err(format!("it ends at {ends:?} and not {end:?}")),
    }
}

fn failures_cost_nothing(view: &View<'_>) -> Result<(), String> {
    let (Some(before), now) = (view.before(), view.last()) else { return Ok(()) };
    let Input::Done(id, outcome) = view.input() else { return Ok(()) };
    let exchange = view.command(*id).is_some_and(|(_, command)| is_exchange(&command.action));
    // A sleep that this very answer confirms may have met another deadline, a probe's (L23).
    let alone = before.wake_at.is_none_or(|at| signed(at) > signed(now.at).saturating_add(view.slack));
    if !exchange || outcome.result.is_ok() || before.status.phase != Phase::Live || !alone {
        return Ok(());
    }
    let Some(token) = before.status.in_force.and_then(|id| view.arrival(id)) else { return Ok(()) };
    let valid = match view.end(&token) {
        End::Stated((from, _)) => from > signed(now.at),
        End::Assumed(_) | End::Unknown => true,
    };
    let closed = view.asked_now().any(|command| matches!(command.action, Action::Close { .. }));
    let same = now.status.in_force == before.status.in_force && now.status.phase == Phase::Live;
    ensure(!valid || (same && !closed), || format!("{:?}, then {:?}", before.status, now.status))
}

/// The server refused a credential in this very step.
fn is_refused_now(view: &View<'_>) -> bool {
    let step = view.steps.len() - 1;
    view.answers.iter().any(|(command, answer)| answer.step == step && View::is_refusal(command, answer))
}

fn not_before_its_time(view: &View<'_>) -> Result<(), String> {
    if !view.told_now().any(|event| matches!(event, Event::Expired { .. })) {
        return Ok(());
    }
    // From 5 s before the end a refusal counts as the expiry.
    let margin = if is_refused_now(view) { 5_000 } else { 0 };
    // It may have come into force in this very step, for no time at all.
    let Some(token) = view.in_force().0.and_then(|id| view.arrival(id)) else { return Ok(()) };
    let at = signed(view.at());
    match view.end(&token) {
        End::Stated((from, _)) => ensure(from - margin <= at, || format!("at {at}, it ends at {from}")),
        End::Assumed((from, _)) if margin > 0 => {
            ensure(from - margin <= at, || format!("at {at}, not {from}"))
        }
        End::Assumed(_) => Err("its end was only assumed, and nobody had refused it".to_owned()),
        End::Unknown => Err("nobody has said when it ends".to_owned()),
    }
}

fn not_after_its_time(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if !View::is_on_token(now) || !view.has_never_jumped() || view.tokens.is_empty() {
        return Ok(());
    }
    let ended = view.tokens.iter().all(|token| match view.end(token) {
        End::Stated((_, to)) => to <= signed(now.at),
        _ => false,
    });
    ensure(!ended, || format!("every token has ended by {}", now.at))
}

fn grace(view: &View<'_>) -> Result<(), String> {
    let over = |event: &Event| matches!(event, Event::Teardown { reason: TeardownReason::Expired, .. });
    if !view.told_now().any(over) {
        return Ok(());
    }
    let expired = view.told().rev().find_map(|(it, event)| match event {
        Event::Expired { renewing } => Some((it.step, it.at, *renewing)),
        _ => None,
    });
    let Some((step, since, renewing)) = expired else { return Err("it has never expired".to_owned()) };
    let refused = view.answers.iter().any(|(command, answer)| {
        is_exchange(&command.action)
            && matches!(
                answer.result,
                Err(Failure::Rejected | Failure::Http { status: 401 | 403 | 404 | 422, .. })
            )
    });
    if !renewing || refused || !view.provider_is_able() {
        return Ok(());
    }
    let failed = |event: &Event| matches!(event, Event::Warn(Warning::RefreshFailed { .. }));
    let attempts = view.told().filter(|(it, event)| it.step >= step && failed(event)).count();
    let waited = signed(view.at() - since).saturating_add(view.slack);
    ensure(attempts >= 4 && waited >= 60_000, || format!("after {attempts} attempts and {waited} ms"))
}

fn jumps(view: &View<'_>) -> Result<(), String> {
    let told = view.told_now().find_map(|event| match event {
        Event::ClockJump { by } => Some(*by),
        _ => None,
    });
    let expected = view.jump(view.steps.len() - 1);
    ensure(told == expected, || format!("{told:?} and not {expected:?}"))
}

fn sockets_are_authenticated(view: &View<'_>) -> Result<(), String> {
    let Input::Done(id, _) = view.input() else { return Ok(()) };
    let step = view.steps.len() - 1;
    let Some(answer) = view.answer(*id).filter(|answer| answer.step == step) else { return Ok(()) };
    let Some((_, Command { action: Action::Open { socket, .. }, .. })) = view.command(*id) else {
        return Ok(());
    };
    let next = |action: &Action| match action {
        Action::Authenticate { socket: on, .. } | Action::Close { socket: on } => on == socket,
        _ => false,
    };
    let opened = answer.result == Ok(Reply::Opened);
    let attended = view.asked_now().any(|command| next(&command.action));
    ensure(!opened || attended, || format!("{socket:?} is open"))
}

fn resumes(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    for command in view.asked_now() {
        let Action::Authenticate { socket, resume, token, .. } = command.action else { continue };
        let beside = view.before().and_then(|before| before.socket) != Some(socket);
        if beside || view.slack > 0 {
            ensure(!(beside && resume), || "beside the live socket nothing is resumed".to_owned())?;
            continue;
        }
        let (in_force, _) = view.in_force();
        let expected = view.known(step).state.is_some() && in_force.is_some() && view.resumes(step) < 3;
        ensure(resume == expected, || format!("resume: {resume}"))?;
        ensure(!resume || in_force == Some(token), || format!("resumed with {token:?}"))?;
    }
    Ok(())
}

/// The server goes on with a token of before: it is told of the one in force, unless a newer one is on its way.
fn tells_what_is_in_force(view: &View<'_>) -> Result<(), String> {
    let step = view.steps.len() - 1;
    let Input::Done(id, _) = view.input() else { return Ok(()) };
    let resumed = view.answer(*id).is_some_and(|answer| {
        answer.step == step && matches!(answer.result, Ok(Reply::Authenticated { resumed: true, .. }))
    });
    let token = view.in_force().0.and_then(|token| view.arrival(token));
    let (Some(state), Some(token)) = (view.known(step + 1).state.filter(|_| resumed), token) else {
        return Ok(());
    };
    let valid = match view.end(&token) {
        End::Unknown => true,
        End::Assumed((from, _)) | End::Stated((from, _)) => from > signed(view.at()),
    };
    // What was pushed in vain waits, perhaps for as long as the server asked for.
    let pushed =
        view.answers.iter().filter(|(_, answer)| matches!(answer.result, Ok(Reply::Reauthenticated(_))));
    let last = pushed.map(|(_, answer)| answer.step).max();
    let unwelcome = view.told().any(|(it, event)| {
        matches!(event, Event::Warn(Warning::PushFailed { .. })) && last.is_none_or(|last| it.step > last)
    });
    let rejected = view.heard().any(|(_, input)| matches!(input, Input::Rejected { .. }));
    if view.start().durable || view.slack > 0 || rejected || unwelcome || !valid {
        return Ok(());
    }
    let tells = view.asked_now().any(|command| matches!(command.action, Action::Reauthenticate { .. }));
    let knows = state == view.last().status.generation.0;
    ensure(knows || tells, || format!("it is of generation {state}"))
}

fn live(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if now.status.phase == Phase::Expired || !History::is_running(now) {
        return Ok(());
    }
    let live = view.live().is_some();
    ensure((now.status.phase == Phase::Live) == live, || format!("{:?}, and live: {live}", now.status.phase))
}

fn reconnects(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    let waiting = matches!(now.status.phase, Phase::Connecting | Phase::Reconnecting) && now.socket.is_none();
    let refused = view.answers.iter().any(|(command, answer)| View::is_refusal(command, answer));
    if !waiting || refused || view.has_key().is_none() || view.may_exchange() || !view.has_never_jumped() {
        return Ok(());
    }
    // The longest wait, and a full turn of the bucket of sockets.
    let most = now.at + 30_000 + 5 * 3_000;
    ensure(now.wake_at.is_some_and(|at| at <= most), || format!("nothing before {:?}", now.wake_at))
}

fn rest(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if view.before().is_some_and(|before| matches!(before.status.phase, Phase::Over(_))) {
        let step = view.steps.len() - 1;
        let quiet = view.list.iter().rev().take_while(|it| it.step == step).count() == 1;
        return ensure(quiet && now.wake_at.is_none(), || "something after the end".to_owned());
    }
    if now.status.phase != Phase::Suspended {
        return Ok(());
    }
    // A waking is noticed before anything else is heard.
    let quiet = |action| matches!(action, Action::Close { .. } | Action::Probe { .. });
    let busy = view.asked_now().any(|command| !quiet(command.action));
    ensure(!busy && now.wake_at.is_none(), || format!("it wakes at {:?}", now.wake_at))
}

fn why_it_ends(view: &View<'_>) -> Result<(), String> {
    let ended = view.told_now().find_map(|event| match event {
        Event::Teardown { reason, .. } => Some(*reason),
        _ => None,
    });
    let Some(reason) = ended else { return Ok(()) };
    let heard = |wanted: Input| view.heard().any(|(_, input)| *input == wanted);
    let just = match reason {
        TeardownReason::Expired => view.told().any(|(_, event)| matches!(event, Event::Expired { .. })),
        TeardownReason::MintFailed => view.in_force().0.is_none() && may_not_mint_again(view),
        TeardownReason::Disconnected => heard(Input::Disconnect),
        TeardownReason::Left => heard(Input::Leave),
        TeardownReason::Destroyed => heard(Input::Destroy),
        TeardownReason::InvalidCredentials => {
            let refusals = || {
                let all = view.answers.iter();
                all.filter(|(command, answer)| View::is_refusal(command, answer)).map(|(_, answer)| answer.at)
            };
            let live = view.told().any(|(_, event)| matches!(event, Event::Live { .. }));
            let apart = refusals().max().unwrap_or(0) - refusals().min().unwrap_or(0);
            refusals().count() > 0 && (!live || signed(apart) + view.slack >= 30_000)
        }
        _ => false,
    };
    ensure(just, || format!("{reason:?}"))
}

/// Who is asked once is not asked again, and a refusal stays one (L42).
fn may_not_mint_again(view: &View<'_>) -> bool {
    let refused = |failure: &Failure| match failure {
        Failure::Http { status, .. } => (400..500).contains(status) && ![408, 425, 429].contains(status),
        Failure::Rejected | Failure::NoKey | Failure::Rpc { credential: true, .. } => true,
        _ => false,
    };
    let last = view.answers.iter().rev().find(|(command, _)| is_exchange(&command.action));
    !view.provider().can_mint_again
        || last.is_some_and(|(_, answer)| answer.result.as_ref().is_err_and(refused))
}

/// Before there is a first token, somebody is asked for it, or will be: 10 s after a failure at most, or when the
/// endpoint wants to be asked, and when the budget of exchanges allows it.
fn first_token(view: &View<'_>) -> Result<(), String> {
    let now = view.last();
    if now.status.phase != Phase::Minting || view.has_key().is_none() || view.may_exchange() {
        return Ok(());
    }
    let failed = view.told().rev().find_map(|(it, event)| match event {
        Event::Warn(Warning::RefreshFailed { cause, .. }) => Some((it.at, cause.failure)),
        _ => None,
    });
    let Some((at, failure)) = failed else { return Err("nobody is asked for it".to_owned()) };
    let asked = failure.retry_after().unwrap_or(0).min(300_000);
    let most = now.at.max(at + asked.max(10_000)).saturating_add(10 * 5_000);
    let due = now.wake_at.is_some_and(|wake| wake <= most);
    ensure(due && view.provider().can_mint_again, || format!("failed at {at}, wakes at {:?}", now.wake_at))
}

impl View<'_> {
    /// Running on a token, not on hope.
    fn is_on_token(reading: &super::Reading) -> bool {
        History::is_on(reading) && reading.status.in_force.is_some()
    }
}
