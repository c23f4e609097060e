//! Our requests against those of the official client.
//!
//! For each recording in `fixtures/recordings`, our session under the official client's numbers is put in the
//! client's place: it is told what the recorded client was told, in virtual time, and what it sends is compared
//! with what was recorded: method, host, path, headers that matter, members of bodies and frames, claims of
//! proofs, order. Every difference must be in `differences.txt` with the rule that makes it, and everything in
//! there must occur.
//!
//! | module | what it holds |
//! |---|---|
//! | `recording` | a recording, read |
//! | `scenarios` | what a recording does not hold: who brought tokens, what the application did |
//! | `replay` | our session in the client's place |
//! | `act` | what a client did, in the form in which two are compared |
//! | `differences` | where they differ; the table |

mod act;
mod differences;
mod recording;
mod replay;
mod scenarios;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use differences::{Table, differences};
use recording::Recording;
use replay::replay;
use scenarios::SCENARIOS;

fn read(name: &str) -> Recording {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings");
    let text = fs::read_to_string(folder.join(format!("{name}.jsonl"))).expect("the recording is there");
    Recording::read(&text)
}

#[test]
fn our_requests_are_those_of_the_official_client() {
    // proves R21, R32.1, R35, R37.3
    let mut found = BTreeMap::new();
    let mut compared = 0;
    for scenario in &SCENARIOS {
        let recording = read(scenario.name);
        let ours = replay(scenario, &recording);
        compared += ours.done.len();
        found.insert(scenario.name, differences(&recording, &ours));
    }
    let table = Table::read(include_str!("differences.txt"));
    let wrong = table.compare(&found);
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(compared > 350, "only {compared} acts were compared");
}

#[test]
fn every_reason_is_a_rule() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/docs/rules");
    let sections = fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").path());
    let rules = sections.map(|path| fs::read_to_string(path).expect("a text")).collect::<String>();
    let table = Table::read(include_str!("differences.txt"));
    let unknown = table.rules().filter(|rule| !rules.contains(&format!("\n## {rule}. "))).collect::<Vec<_>>();
    assert!(unknown.is_empty(), "no rules: {unknown:?}");
}

#[test]
fn the_table_is_checked_both_ways() {
    let table = Table::read("a, b | connect 1 | this | R29 | why\n* | open | that | R29 | why");
    let found = |differences: &[(&str, &str)]| {
        let own = differences.iter().map(|(request, what)| ((*request).to_owned(), (*what).to_owned()));
        own.collect::<BTreeSet<_>>()
    };
    let of_a = found(&[("connect 1", "this"), ("open 2", "that")]);
    let of_b = found(&[("connect 2", "this"), ("connect 1", "that")]);
    let wrong = table.compare(&BTreeMap::from([("a", of_a.clone()), ("b", of_b)]));
    assert_eq!(wrong.len(), 3, "two not listed, one that does not occur: {wrong:#?}");
    assert!(table.compare(&BTreeMap::from([("a", of_a.clone()), ("b", of_a)])).is_empty());
}

#[test]
fn every_recording_is_compared() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/recordings");
    let files = fs::read_dir(folder).expect("the folder").map(|file| file.expect("a file").file_name());
    let files = files.filter_map(|name| Some(name.to_str()?.strip_suffix(".jsonl")?.to_owned()));
    let names = SCENARIOS.iter().map(|it| it.name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(files.collect::<BTreeSet<_>>(), names);
}
