//! Plays a story with one machine: each line in its turn, and what stands below it.

use std::collections::BTreeMap;

use crate::actor::Machine;
use crate::count;
use crate::recording::Recording;
use crate::script::{Kind, Script, Trouble};
use crate::settings::Settings;
use crate::span;
use crate::stage::{Line, Stage};
use crate::statement::Statement;
use crate::world::World;

/// A story that was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// What stands below each line of the script.
    pub golden: Vec<Vec<String>>,
    /// What was expected and is not so.
    pub missed: Vec<Trouble>,
    /// Everything that the machine was told and said.
    pub recording: Recording,
}

/// Plays a story with one machine.
///
/// # Errors
/// A line that makes no sense when its turn comes, a machine that does not come to rest or breaks an invariant.
pub fn play(script: &Script, machine: Machine) -> Result<Played, Trouble> {
    let mut stage = set(script, machine, false)?;
    perform(script, &mut stage, usize::MAX)
}

/// Plays so many lines of a story with a store, kills the process, makes the world a healthy one, and lets another
/// process go on from the record. Returns the name of the phase that it is in so much later.
///
/// # Errors
/// As [`play`].
pub fn play_and_kill(
    script: &Script,
    machine: Machine,
    lines: usize,
    later: u64,
) -> Result<&'static str, Trouble> {
    let mut stage = set(script, machine, true)?;
    perform(script, &mut stage, lines)?;
    stage.world.heal();
    let wrong = |what| Trouble::new(0, what);
    stage.happen(&Statement::Kill(1_000)).map_err(wrong)?;
    stage.until(stage.world.now + later).map_err(wrong)?;
    Ok(stage.actor.status().phase.name())
}

/// The stage as the story begins.
fn set(script: &Script, machine: Machine, stored: bool) -> Result<Stage, Trouble> {
    let mut world = World::new(Settings::default());
    for line in &script.lines {
        match &line.kind {
            Kind::Given(Statement::Set(setting)) => world.settings.set(setting),
            Kind::Given(Statement::Treat { which, name, how }) => world.treat(*which, name, how.as_ref()),
            _ => {}
        }
    }
    world.settings.store |= stored;
    Stage::new(world, machine).map_err(|what| Trouble::new(0, what))
}

fn perform(script: &Script, stage: &mut Stage, lines: usize) -> Result<Played, Trouble> {
    let mut played = Played { golden: Vec::new(), missed: Vec::new(), recording: Recording::default() };
    let times: Vec<Option<u64>> = script.lines.iter().map(|line| at(&line.kind)).collect();
    for (index, line) in script.lines.iter().enumerate().take(lines) {
        let Kind::At(at, statement) = &line.kind else {
            played.golden.push(Vec::new());
            continue;
        };
        let wrong = |what: String| Trouble::new(line.number, what);
        // Lines are in order, but sleep may have taken the story further.
        stage.until(*at).map_err(wrong)?;
        if let Statement::Expect(expectation) = statement {
            let missed = count::missed(expectation, &stage.actor.status(), &stage.told);
            played.missed.extend(missed.map(wrong));
        } else {
            stage.happen(statement).map_err(wrong)?;
        }
        // What follows belongs to this line, up to the next one that happens.
        let next = times.iter().skip(index + 1).flatten().next();
        stage.until_before(next.copied().unwrap_or(*at)).map_err(wrong)?;
        let said = std::mem::take(&mut stage.said);
        let in_short = *statement == Statement::InShort;
        played.golden.push(if in_short { shorten(&said) } else { said.iter().map(listed).collect() });
    }
    played.recording = stage.actor.recording().clone();
    Ok(played)
}

const fn at(kind: &Kind) -> Option<u64> {
    match kind {
        Kind::At(at, _) => Some(*at),
        _ => None,
    }
}

/// One output as a golden line.
fn listed(said: &Line) -> String {
    let Line { at, name, details } = said;
    let separator = if details.is_empty() || details.starts_with([',', ':']) { "" } else { " " };
    format!(" {:>14} {name}{separator}{details}", span::moment(*at))
}

/// Outputs counted by their names.
fn shorten(said: &[Line]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for line in said {
        *counts.entry(&line.name).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| format!(" {count:>14} × {name}")).collect()
}
