//! What is stale or early changes nothing, but for what must not be lost with it (R29, R11, R12).

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{
    Action, AskError, Command, Event, Failure, Ignored, Input, Outcome, Output, Phase, Reply, TeardownReason,
};

use super::Scene;

/// What is stale or early changes nothing.
pub(super) fn judge(scene: &Scene<'_>) -> Result<(), &'static str> {
    let tick = Tick(scene.clocks.tick());
    let due = scene.woken.is_some_and(|(at, _)| at <= tick);
    if due || scene.tells(|event| matches!(event, Event::ClockJump { .. })) {
        return Ok(());
    }
    let outputs = scene.step.outputs.as_slice();
    let stale = matches!(outputs.first(), Some(Output::Tell(Event::Ignored(Ignored::StaleAnswer(_)))));
    // A new secret in a stale answer is kept all the same (R12).
    if let Input::Done(_, Outcome { result: Ok(Reply::Token(facts)), .. }) = scene.input
        && facts.new_secret
    {
        let kept = |output: &Output| {
            matches!(output, Output::Tell(Event::Ignored(_)))
                || matches!(output, Output::Do(Command { action: Action::Persist, .. }))
        };
        let kept = !stale || outputs.iter().all(kept);
        return if kept { Ok(()) } else { Err("R12: a stale secret did more than to be kept") };
    }
    // Nor is a stale answer too old to tell that somebody else holds the session: that is the end, and nothing is
    // asked for or written any more (R11).
    let runs = !matches!(scene.before.phase, Phase::Idle | Phase::Ending | Phase::Over(_));
    if let Input::Done(_, Outcome { result: Err(Failure::Conflict), .. }) = scene.input
        && stale
        && runs
    {
        let over = TeardownReason::HandedOver;
        let ends = |output: &Output| match output {
            Output::Do(command) => matches!(command.action, Action::Close { .. }),
            Output::Tell(Event::Failed { error, .. }) => *error == AskError::SessionOver,
            Output::Tell(Event::Teardown { reason, .. }) => *reason == over,
            Output::Tell(event) => matches!(event, Event::Ignored(_)),
        };
        let ended = matches!(scene.after.phase, Phase::Ending) || scene.after.phase == Phase::Over(over);
        let handed = ended && outputs.iter().all(ends);
        return if handed { Ok(()) } else { Err("R11: a stale conflict did not hand the session over") };
    }
    let unmoved = scene.step.wake_at.map(|(_, wake)| wake) == scene.woken.map(|(_, wake)| wake);
    match (scene.input, outputs.first()) {
        (Input::Tick, Some(_)) => Err("R29: an early tick was not silent"),
        (Input::Done(..), Some(_))
            if stale && (outputs.len() > 1 || !unmoved || scene.before.in_force != scene.after.in_force) =>
        {
            Err("R29: a stale answer changed something")
        }
        _ => Ok(()),
    }
}
