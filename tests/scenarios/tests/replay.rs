//! Every story's run replays to the same bytes: from its start, and from a record in its middle (R30).
//!
//! What "from a record in the middle" means: a record is not a saved state but a restart. It keeps what outlives a
//! process; sockets, commands under way and who waits for them are gone. So the process is killed after some
//! lines of the run, another one with the recorded seed goes on from the record of that moment, written as text
//! and read again, and hears the inputs that were left. That run is recorded in its turn, and must replay to the
//! same bytes; and what was restored must write the record that it was restored from, but for the time of writing and
//! what was under way.

use std::path::Path;
use std::sync::OnceLock;

use satkeeper_scenarios::{Recording, Script, play};

/// In how many places each run is taken up again, besides its beginning.
const PLACES: usize = 5;

/// How far each goes from there.
const MOST_LINES: usize = 200;

/// All runs, played once.
fn runs() -> &'static [(String, Recording)] {
    static RUNS: OnceLock<Vec<(String, Recording)>> = OnceLock::new();
    RUNS.get_or_init(played)
}

fn played() -> Vec<(String, Recording)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).expect("the folder of the stories");
    let mut runs = Vec::new();
    for path in entries.map(|entry| entry.expect("an entry").path()) {
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let script = Script::parse(&std::fs::read_to_string(&path).expect("a story")).expect("a story");
        for machine in script.machines() {
            let name = format!("{} ({})", script.title(), machine.name());
            runs.push((name, play(&script, *machine).expect("a story that plays").recording));
        }
    }
    assert!(!runs.is_empty());
    runs
}

#[test]
fn from_the_start() {
    // proves R30.1
    for (name, run) in runs() {
        let read = Recording::read(&run.text());
        assert_eq!(read, *run, "{name}");
        read.replay().unwrap_or_else(|divergence| panic!("{name}, {divergence}"));
    }
}

#[test]
fn from_a_record_in_the_middle() {
    // proves R30.1, R30.4
    let mut places = 0;
    for (name, run) in runs() {
        let every = run.len().div_ceil(PLACES).max(1);
        let lines: Vec<usize> = (2..run.len()).step_by(every).collect();
        let rests = run.from_records(&lines, MOST_LINES).unwrap_or_else(|error| panic!("{name}, {error}"));
        for (line, rest) in lines.iter().zip(rests) {
            let place = format!("{name}, taken up after line {line}");
            let (record, again) = rest.records().unwrap_or_else(|error| panic!("{place}, {error}"));
            assert_eq!(record, again, "{place}");
            let replayed = Recording::read(&rest.text()).replay();
            replayed.unwrap_or_else(|divergence| panic!("{place}, {divergence}"));
            places += 1;
        }
    }
    assert!(places > 100, "{places}");
}

#[test]
fn another_seed_or_input_is_noticed() {
    for (name, run) in runs().iter().filter(|(_, run)| run.len() < 300) {
        let text = run.text();
        let last = text.lines().last().expect("a line");
        let other = last.replacen("\"tick\":", "\"tick\":9", 1);
        let changed = Recording::read(&text.replace(last, &other));
        let divergence = changed.replay().err().or_else(|| {
            // At rest, another time may make no difference to what is said: an output that was never said does.
            let outputs = last.replacen("\"outputs\":[", "\"outputs\":[null,", 1);
            Recording::read(&text.replace(last, &outputs)).replay().err()
        });
        let divergence = divergence.unwrap_or_else(|| panic!("{name}: nothing was noticed"));
        assert_eq!(divergence.line, run.len(), "{name}");
    }
}
