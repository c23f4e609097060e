//! What a record holds is what the machine held (R30).

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
    assert_eq!(restored.snapshot(), again.snapshot(), "R30: not the same twice: {}", state.line);
    let (was, is) = (state.machine.status(), restored.status());
    assert_eq!(was.generation, is.generation, "R30: the generation of {}", state.line);
    for token in record.tokens().filter(|token| state.machine.status().in_force == Some(*token)) {
        assert!(restored.holds(token), "R30: {token:?} of {}", state.line);
    }
    for (_, start) in slice.starts.iter().take(1) {
        let begin = |machine: &Lifecycle| {
            let mut machine = machine.clone();
            machine.script_draws(Vec::new());
            let step = machine.step(now, Input::Start(*start));
            machine.check().unwrap_or_else(|broken| panic!("{broken} after the restart of {}", state.line));
            (machine.canonical(slice.view()), step)
        };
        assert_eq!(begin(&restored), begin(&again), "R30: {}", state.line);
    }
    // Where the server's time is known the record is in that, and what is restored in the local one.
    if number.is_multiple_of(EVERY) && slice.offsets.is_empty() {
        let dated = serde_json::to_value(&record).expect("a record is data")["dated"] == true;
        let (wrote, read) = (facts(&record, dated), facts(&restored.snapshot(), dated));
        for token in &read {
            assert!(wrote.contains(token), "R30: {token} in place of {wrote:?} of {}", state.line);
        }
    }
}

/// What a record says of each token, less what a restart resets: whose word an end is, a question to the server, and when a
/// token is renewed whose end no server's time had dated.
fn facts(record: &Snapshot, dated: bool) -> Vec<String> {
    let value = serde_json::to_value(record).expect("a record is data");
    let tokens = value["held"].as_array().expect("tokens");
    let bare = |token: &serde_json::Value| {
        let mut token = token.clone();
        if let Some(base) = token["kind"].get_mut("Base").and_then(serde_json::Value::as_object_mut) {
            base.remove("inspection");
        }
        // Who restores it has not been told the time: what was told is a hint until then.
        if let Some(token) = token.as_object_mut() {
            let whose = token.remove("word").unwrap_or_default();
            if !dated && (whose == "Told" || whose == "Nobody") {
                token.remove("renew_by");
            }
            for field in ["undated", "saved"] {
                token.remove(field);
            }
        }
        token.to_string()
    };
    tokens.iter().map(bare).collect()
}
