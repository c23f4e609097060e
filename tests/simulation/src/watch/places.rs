//! Who is asked while somebody has not answered, and what becomes of late answers: an attempt yields its place, never
//! its answer (R14), but for what the application has voided (R15).

use satkeeper_core::Tick;
use satkeeper_core::lifecycle::{Command, CommandId, Event, Ignored, Input, Outcome, Phase, Reply};

use super::{Scene, endpoint};

/// A place is free again after this where nothing good is held, and after three times that where the session is served;
/// or later, where attempts have taken long.
const PLACE: u64 = 10_000;

/// So many late answers are waited for at least.
const LATE: usize = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Its deadline has passed.
    Late,
    /// The application has brought something that voids it.
    Void,
    /// Perhaps it has.
    Unknown,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: CommandId,
    endpoint: &'static str,
    at: u64,
    deadline: Tick,
    state: State,
}

/// The exchanges that nobody has answered.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Vec<Asked>);

impl Places {
    /// It has timed out.
    pub(super) fn yields(&mut self, id: CommandId) {
        for asked in self.0.iter_mut().filter(|asked| asked.id == id && asked.state == State::Open) {
            asked.state = State::Late;
        }
    }

    pub(super) fn ask(&mut self, scene: &Scene<'_>, command: &Command) -> Result<(), &'static str> {
        let (now, tick) = (scene.clocks.now, Tick(scene.clocks.tick()));
        let endpoint = endpoint(&command.action);
        for asked in self.0.iter_mut().filter(|asked| asked.deadline <= tick && asked.state == State::Open) {
            asked.state = State::Late;
        }
        let others = |asked: &&Asked| asked.endpoint == endpoint;
        if self.0.iter().filter(others).any(|asked| asked.state == State::Open) {
            return Err("R14: an endpoint was asked again although it had time to answer");
        }
        // Past the last end a socket serves only as long as nobody knows better: the host has slept. No time is told where
        // an end is not known, and where nothing is good any more: then what was in force has ended.
        let in_force = scene.after.token_ends.is_none_or(|end| end > tick);
        let lasts = scene.after.time_left.map_or(in_force, |left| left > 0);
        let span = if scene.is_served() && lasts { 3 * PLACE } else { PLACE };
        let late = |asked: &&Asked| asked.state == State::Late && now < asked.at + span;
        if self.0.iter().filter(others).filter(late).count() > 1 {
            return Err("R14: an endpoint was asked for a third time within its places");
        }
        let (at, deadline, state) = (now, command.deadline, State::Open);
        self.0.push(Asked { id: command.id, endpoint, at, deadline, state });
        while self.0.len() > 256 {
            self.0.remove(0);
        }
        Ok(())
    }

    pub(super) fn hear(&mut self, scene: &Scene<'_>) -> Result<(), &'static str> {
        match scene.input {
            Input::Done(id, outcome) => self.answer(scene, *id, outcome),
            Input::NewBase { ask, .. } => {
                let failed = |event: &Event| matches!(event, Event::Failed { ask: it, .. } if it == ask);
                let served = |event: &Event| matches!(event, Event::Recovered { ask: it, .. } if it == ask);
                if !scene.tells(served) {
                    self.void(if scene.tells(failed) { State::Unknown } else { State::Void });
                }
                Ok(())
            }
            Input::NewProvider(_) if !matches!(scene.before.phase, Phase::Ending | Phase::Over(_)) => {
                self.void(State::Void);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn void(&mut self, state: State) {
        for asked in self.0.iter_mut().filter(|asked| asked.state != State::Void) {
            asked.state = state;
        }
    }

    fn answer(&mut self, scene: &Scene<'_>, id: CommandId, outcome: &Outcome) -> Result<(), &'static str> {
        let Some(at) = self.0.iter().position(|asked| asked.id == id) else { return Ok(()) };
        let asked = self.0.remove(at);
        if !matches!(outcome.result, Ok(Reply::Token(_))) {
            return Ok(());
        }
        let ignored = scene.tells(|event| *event == Event::Ignored(Ignored::StaleAnswer(id)));
        let newer = self.0.iter().skip(at).filter(|asked| asked.state != State::Void).count();
        let running = !matches!(scene.before.phase, Phase::Ending | Phase::Over(_));
        match asked.state {
            State::Void if !ignored => Err("R15: an answer counts that the application has voided"),
            State::Open | State::Late if ignored && running && newer < LATE => {
                Err("R14: a late answer was thrown away")
            }
            _ => Ok(()),
        }
    }
}
