//! What a record holds is what the machine held (L5).

use satkeeper_core::lifecycle::*;
use satkeeper_core::secret::Seed;

use super::slices::Slice;
use super::{State, clock};

/// One state in so many has its record read field by field; the rest is checked on each.
const EVERY: u32 = 16;

/// `restore(snapshot(s))` holds what `s` held, at the times at which `s` held it, and what is restored from its
/// record in turn is the same again; started, both do the same. What only a process has is gone: sockets,
/// commands, who waits, back-off.
pub fn hold_what_is_held(slice: &Slice, state: &State, number: u32) {
    if state.phase() == Phase::Idle {
        return;
    }
    let (seed, now) = (Seed::from_bytes([0; 32]), clock(state.now, state.wall));
    let record = state.machine.snapshot();
    let restored = Lifecycle::restore(slice.policy(), &seed, &record, now);
    let again = Lifecycle::restore(slice.policy(), &seed, &restored.snapshot(), now);
    assert_eq!(restored.snapshot(), again.snapshot(), "L5: not the same twice: {}", state.line);
    let (was, is) = (state.machine.status(), restored.status());
    assert_eq!(was.generation, is.generation, "L5: the generation of {}", state.line);
    assert_eq!(was.clock_offset, is.clock_offset, "L5: the offset of {}", state.line);
    for token in record.tokens().filter(|token| state.machine.in_force() == Some(*token)) {
        assert!(
            restored.holds(token) || state.machine.has_rejected(token),
            "L5: {token:?} of {}",
            state.line
        );
    }
    for (_, start) in slice.starts.iter().take(1) {
        let begin = |machine: &Lifecycle| {
            let mut machine = machine.clone();
            machine.script_draws(Vec::new());
            let step = machine.step(now, Input::Start(*start));
            machine.check().unwrap_or_else(|broken| panic!("{broken} after the restart of {}", state.line));
            (machine.canonical(slice.view()), step)
        };
        assert_eq!(begin(&restored), begin(&again), "L5: {}", state.line);
    }
    if number.is_multiple_of(EVERY) {
        let (wrote, read) = (facts(&record), facts(&restored.snapshot()));
        for token in &read {
            assert!(wrote.contains(token), "L5: {token} in place of {wrote:?} of {}", state.line);
        }
    }
}

/// What a record says of each token, less what a restart resets: connected time, and a question to the server.
fn facts(record: &Snapshot) -> Vec<String> {
    let value = serde_json::to_value(record).expect("a record is data");
    let tokens = value["held"].as_array().expect("tokens");
    let bare = |token: &serde_json::Value| {
        let mut token = token.clone();
        if let Some(base) = token["kind"].get_mut("Base").and_then(serde_json::Value::as_object_mut) {
            base.remove("activation");
            base.remove("inspection");
        }
        token.to_string()
    };
    tokens.iter().map(bare).collect()
}
