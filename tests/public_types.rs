//! What others match on can grow without breaking them: reads the sources of the published crates.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The published crates.
const CRATES: [&str; 4] = ["core/src", "adapters/host/src", "adapters/tokio/src", "adapters/blocking/src"];

/// Enums that are complete by what they are, so that who matches on them is told by the compiler of a case that was
/// forgotten.
const CLOSED: [(&str, &str); 14] = [
    ("Mechanism", "the table of R17 has three outcomes"),
    ("Confirmation", "a token is bound to a key, to none, or nobody has said"),
    ("Output", "a command or an event"),
    ("Unit", "seconds or milliseconds"),
    ("Plain", "plain text is accepted or it is not; a third case is to be judged by everybody"),
    ("HeaderValue", "secret or not: who logs one must not take a third for harmless"),
    ("Frame", "JSON-RPC 2.0 has three"),
    ("Method", "who sends requests must not send a third as one of these two"),
    ("Progress", "before, during, after"),
    ("Found", "who opens what is there must not take a third kind for a file"),
    ("PendingOperation", "what an adapter has under way; each must be failed in its own kind"),
    ("Ask", "what handles want; whoever makes or takes one is of the same release"),
    ("Effect", "an adapter that passed one over would break its contract"),
    ("StateUpdate", "what handles look at; each has its place in an adapter"),
];

/// Structs that applications and drivers are handed and that will get more fields.
const GROWING: [&str; 14] = [
    "SessionEvent",
    "SessionStep",
    "Status",
    "InForce",
    "Why",
    "Policy",
    "Config",
    "End",
    "Connection",
    "IceServer",
    "Subscriber",
    "Address",
    "Refusal",
    "Missed",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(std::fs::read_to_string(path).expect("a text"));
        }
    }
}

/// The public types of this kind (`pub enum `, `pub struct `), and whether each may grow.
fn declared(kind: &str) -> Vec<(String, bool)> {
    let mut texts = Vec::new();
    CRATES.iter().for_each(|folder| sources(&workspace().join(folder), &mut texts));
    let mut all = Vec::new();
    for text in &texts {
        let mut may_grow = false;
        for line in text.lines().map(str::trim_start) {
            if let Some(rest) = line.strip_prefix(kind) {
                let name = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
                all.push((name.to_owned(), may_grow));
            }
            // Attributes and comments stand between it and what it is said of.
            let goes_on = line.starts_with('#') || line.starts_with("//");
            may_grow = line == "#[non_exhaustive]" || (may_grow && goes_on);
        }
    }
    all
}

#[test]
fn public_enums_may_grow_or_are_closed_for_a_reason() {
    // survives W23
    let enums = declared("pub enum ");
    assert!(enums.len() > 40, "they are found: {enums:?}");
    for (name, may_grow) in &enums {
        let closed = CLOSED.iter().any(|(closed, _)| closed == name);
        assert_ne!(*may_grow, closed, "{name}: `#[non_exhaustive]`, or a line in CLOSED that says why not");
    }
    for (name, _) in CLOSED {
        assert!(enums.iter().any(|(known, _)| known == name), "{name} is not there any more");
    }
}

#[test]
fn what_is_handed_out_may_get_more_fields() {
    // survives W23
    let structs = declared("pub struct ");
    for name in GROWING {
        let found = structs.iter().find(|(known, _)| known == name);
        assert_eq!(found.map(|(_, may_grow)| *may_grow), Some(true), "{name}");
    }
}

/// The compiler does not say so any more: a driver has an arm for outputs that it does not know.
#[test]
fn both_drivers_carry_out_each_output() {
    let read = |path: &str| std::fs::read_to_string(workspace().join(path)).expect("a text");
    let output = read("core/src/session/vocabulary/output.rs");
    let (_, body) = output.split_once("pub enum SessionOutput {").expect("it is declared there");
    let (body, _) = body.split_once("\n}").expect("its end");
    let variants: BTreeSet<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter_map(|line| line.split(|c: char| !c.is_alphanumeric()).next())
        .collect();
    assert!(variants.len() >= 13 && variants.contains("Notification"), "{variants:?}");
    // What is for the application, both have from the same hand.
    let shared = read("adapters/host/src/dispatch/mod.rs");
    for driver in ["adapters/tokio/src/driver.rs", "adapters/blocking/src/driver.rs"] {
        let driver = format!("{}{shared}", read(driver));
        for variant in &variants {
            assert!(driver.contains(&format!("SessionOutput::{variant}")), "{variant}");
        }
    }
}
