//! The guide for who is on call names each code that can be seen, and none that cannot: reads the sources for codes of events
//! and errors, reasons of an end and exit codes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const GUIDE: &str = include_str!("../adapters/cli/docs/on-call.md");
const EXIT: &str = include_str!("../adapters/cli/src/exit.rs");

/// Where codes are given: by the core, and by what adapters share.
const ROOTS: [&str; 2] = ["core/src", "adapters/host/src"];

fn sources() -> Vec<String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder");
    let mut folders: Vec<PathBuf> = ROOTS.iter().map(|root| workspace.join(root)).collect();
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder that can be read") {
            let path = entry.expect("an entry that can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                texts.push(std::fs::read_to_string(path).expect("a text"));
            }
        }
    }
    texts
}

/// What stands in quotes in the function that begins so.
fn given_by(function: &str, text: &str) -> BTreeSet<String> {
    let Some((_, rest)) = text.split_once(function) else { return BTreeSet::new() };
    let body = rest.split("\n    }\n").next().unwrap_or_default();
    body.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// All codes that the sources give.
fn given() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    for text in sources() {
        for part in text.split("pub const fn code(&self)").skip(1) {
            codes.extend(given_by("", part));
        }
        for reasons in ["impl TeardownReason {", "impl FallbackReason {"] {
            let Some((_, part)) = text.split_once(reasons) else { continue };
            codes.extend(given_by("pub const fn name(self)", part));
        }
    }
    // What is not shown: an event of the lifecycle's has a code of its own.
    codes.remove("lifecycle");
    let numbers =
        EXIT.lines().filter_map(|line| line.trim_start().split_once("  ")).map(|(number, _)| number);
    codes.extend(numbers.filter(|number| number.parse::<u8>().is_ok()).map(str::to_owned));
    codes
}

/// The codes in the first cells of the guide's tables, in backquotes or as numbers.
fn explained() -> BTreeSet<String> {
    let cell = |line: &'static str| line.strip_prefix("| ")?.split(" | ").next();
    let codes = GUIDE.lines().filter_map(cell).flat_map(|cell| cell.split(", "));
    let bare = |code: &'static str| match code.parse::<u8>() {
        Ok(_) => Some(code),
        Err(_) => code.strip_prefix('`')?.strip_suffix('`'),
    };
    codes.filter_map(bare).map(str::to_owned).collect()
}

#[test]
fn every_code_is_explained_to_who_is_on_call() {
    let (given, explained) = (given(), explained());
    for sample in ["live", "store_of_another", "handed_over", "rpc", "endpoint-failed", "7"] {
        assert!(given.contains(sample), "{sample} is not found in the sources: {given:?}");
    }
    // Reasons of a fallback stand in the row of their event.
    let missing: Vec<_> =
        given.difference(&explained).filter(|code| !GUIDE.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "adapters/cli/docs/on-call.md does not explain {missing:?}");
    let unknown: Vec<_> = explained.difference(&given).collect();
    assert!(unknown.is_empty(), "adapters/cli/docs/on-call.md explains {unknown:?}, which nobody gives");
}
