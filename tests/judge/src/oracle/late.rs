//! A host whose timers come late: what it can have said, and done, by when.

use crate::timeline::Ms;
use crate::world::World;

/// A step that comes later than this was asleep, as far as a client can know: it asks before it judges.
const ASLEEP: Ms = 5_000;
/// So long.
const PROBE: Ms = 2_000;

/// When a step that is due at `t` comes at the latest: one that was due before and comes late holds it up.
pub(super) fn step(world: &World, t: Ms) -> Ms {
    latest(world, t).0
}

/// The same, and how late that is for what was due.
fn latest(world: &World, t: Ms) -> (Ms, Ms) {
    world
        .late
        .pieces(t + 1)
        .map(|(_, to, late)| (to.min(t) + late, *late))
        .max()
        .unwrap_or((t, 0))
        .max((t, 0))
}

/// When is told at the latest what is to be told by `t`: where the step is as late as after a sleep, after a question.
pub(super) fn told_by(world: &World, t: Ms) -> Ms {
    let (at, late) = latest(world, t);
    if late > ASLEEP { step(world, at + PROBE) } else { at }
}
