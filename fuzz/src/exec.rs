//! Any bytes as what a provider's program prints.

use satkeeper_core::wire::text::{Cleaner, MAX_TEXT};
use satkeeper_host::program;

use crate::world::{World, config};

const REFUSED: &str = "the provider failed for now: what the program printed is no credential: ";
/// None of them is about its `expiry_at`: an odd end costs no token.
const WHY: [&str; 3] = ["it is longer than 128 KiB", "it is not one JSON object", "it has no `token`"];

/// What it prints for programs becomes a credential, or an error that repeats nothing of it, and a session lives
/// with either; what it prints for people is cut to a line without controls (R34, R36).
///
/// # Panics
/// When that is not so: that is a finding.
pub fn exec(data: &[u8]) {
    let shown = Cleaner::default().clean(&String::from_utf8_lossy(data));
    assert!(shown.chars().count() <= MAX_TEXT + 1 && !shown.contains(char::is_control), "{shown:?}");
    let mut world = World::new(config("callback"), data);
    for line in data.split(|byte| *byte == b'\n').take(16) {
        let answer = program::credential(line);
        if let Err(error) = &answer {
            let said = error.to_string();
            let why = said.strip_prefix(REFUSED).unwrap_or_else(|| panic!("{said}"));
            assert!(WHY.contains(&why), "{why}");
        }
        world.credentials.push_back(answer);
    }
    world.run();
}
