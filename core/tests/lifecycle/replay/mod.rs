//! A recorded run, and playing it again: from its start, and from a record in its middle, to the same bytes
//! (R30).

use satkeeper_core::Now;
use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

/// What was put into a machine, and what came out.
#[derive(Clone)]
pub struct Recording {
    policy: Policy,
    seed: [u8; 32],
    /// The record that the machine went on from, and when.
    from: Option<(Now, String)>,
    steps: Vec<(Now, Input, Vec<u8>)>,
}

/// A step as it would be written down.
fn bytes(step: &Step) -> Vec<u8> {
    serde_json::to_vec(&(&step.outputs, &step.wake_at)).expect("plain data")
}

impl Recording {
    /// Of a new machine with this seed.
    pub fn new(policy: Policy, seed: [u8; 32]) -> Self {
        Self { policy, seed, from: None, steps: Vec::new() }
    }

    /// Of one that goes on from a record.
    pub fn of_restored(policy: Policy, seed: [u8; 32], snapshot: &Snapshot, now: Now) -> Self {
        let text = serde_json::to_string(snapshot).expect("plain data");
        Self { policy, seed, from: Some((now, text)), steps: Vec::new() }
    }

    pub fn write(&mut self, now: Now, input: &Input, step: &Step) {
        self.steps.push((now, input.clone(), bytes(step)));
    }

    fn machine(&self) -> Lifecycle {
        let seed = Seed::from_bytes(self.seed);
        match &self.from {
            None => Lifecycle::new(self.policy, &seed),
            Some((now, text)) => {
                let snapshot = serde_json::from_str(text).expect("what was written");
                Lifecycle::restore(self.policy, &seed, &snapshot, *now)
            }
        }
    }

    /// Plays all of it, and again from a record in the middle.
    pub fn replays(&self) {
        let middle = self.steps.len() / 2;
        let mut machine = self.machine();
        let mut record = machine.snapshot();
        for (number, (now, input, written)) in self.steps.iter().enumerate() {
            let step = bytes(&machine.step(*now, input.clone()));
            assert_eq!(String::from_utf8_lossy(&step), String::from_utf8_lossy(written), "step {number}");
            if number == middle {
                record = machine.snapshot();
            }
        }
        self.replays_from(&record, middle);
    }

    /// A machine that goes on from this record hears the rest. That is a run of its own, since a record holds
    /// neither sockets nor commands; recorded in its turn, it replays from the text of the record alone.
    fn replays_from(&self, record: &Snapshot, middle: usize) {
        let start = self.steps.iter().find_map(|(_, input, _)| match input {
            Input::Start(start) => Some(*start),
            _ => None,
        });
        let (Some(start), Some((now, _, _))) = (start, self.steps.get(middle)) else { return };
        let mut recording = Self::of_restored(self.policy, self.seed, record, *now);
        let mut machine = Lifecycle::restore(self.policy, &Seed::from_bytes(self.seed), record, *now);
        let rest = self.steps.iter().skip(middle + 1).map(|(now, input, _)| (*now, input.clone()));
        for (now, input) in std::iter::once((*now, Input::Start(start))).chain(rest) {
            let step = machine.step(now, input.clone());
            assert_eq!(machine.check(), Ok(()), "on {input:?}");
            recording.write(now, &input, &step);
        }
        let mut again = recording.machine();
        for (number, (now, input, written)) in recording.steps.iter().enumerate() {
            let step = bytes(&again.step(*now, input.clone()));
            assert_eq!(
                String::from_utf8_lossy(&step),
                String::from_utf8_lossy(written),
                "restored, {number}"
            );
        }
    }
}
