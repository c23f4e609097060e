//! Plays each story with each machine that it is for. `UPDATE_GOLDEN=1` writes what comes out into the stories.
//!
//! The claims `# proves R…` and `# survives P…` are in the stories.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use satkeeper_scenarios::{Script, play, play_and_kill};

/// After a restart in a healthy world, all must be well within this.
const SOON: u64 = 120_000;

/// And where nobody can renew, all must be over within this.
const PATIENCE: u64 = 660_000;

/// The stories, by name.
fn stories() -> Vec<(PathBuf, Script)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(folder).expect("the folder of the stories");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a story");
        let script = Script::parse(&text).unwrap_or_else(|trouble| panic!("{}: {trouble}", path.display()));
        (path, script)
    };
    paths.into_iter().map(read).collect()
}

/// The first lines that differ, of two blocks.
fn difference(expected: &str, found: &str) -> String {
    let at = expected.lines().zip(found.lines()).take_while(|(one, other)| one == other).count();
    let mut text = format!("from line {}:\n", at + 1);
    for line in expected.lines().skip(at).take(4) {
        let _ = writeln!(text, "    - {line}");
    }
    for line in found.lines().skip(at).take(4) {
        let _ = writeln!(text, "    + {line}");
    }
    text
}

#[test]
fn every_story_comes_out_as_it_is_written() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut troubles = String::new();
    for (path, script) in stories() {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let written = script.with_golden(&script.golden());
        let mut first: Option<(&str, String)> = None;
        for machine in script.machines() {
            let played = match play(&script, *machine) {
                Ok(played) => played,
                Err(trouble) => {
                    let _ = writeln!(troubles, "{name} ({}), {trouble}", machine.name());
                    continue;
                }
            };
            for missed in &played.missed {
                let _ = writeln!(troubles, "{name} ({}), {missed}", machine.name());
            }
            let found = script.with_golden(&played.golden);
            match &first {
                Some((other, expected)) if *expected != found => {
                    let difference = difference(expected, &found);
                    let _ = writeln!(troubles, "{name}: {other} and {} differ {difference}", machine.name());
                }
                Some(_) => {}
                None => first = Some((machine.name(), found)),
            }
        }
        let Some((machine, found)) = first else { continue };
        if found == written {
            continue;
        }
        if update {
            std::fs::write(&path, found).expect("the story is written");
        } else {
            let difference = difference(&written, &found);
            let _ = writeln!(troubles, "{name} ({machine}) comes out otherwise {difference}");
        }
    }
    assert!(troubles.is_empty(), "\n{troubles}");
}

#[test]
fn killed_in_any_story_it_comes_back() {
    // proves R13.1
    // survives P11, P17, S22
    let mut troubles = String::new();
    for (path, script) in stories() {
        let text = std::fs::read_to_string(&path).expect("a story");
        // Where nobody can renew, or will, what is kept may end before long.
        let may_end = ["provider can nothing", "refresh rejects"].iter().any(|line| text.contains(line));
        let lines = script.golden().len();
        for machine in script.machines() {
            for place in [lines / 2, lines * 3 / 4, lines] {
                let mut phase = play_and_kill(&script, *machine, place, SOON);
                if may_end && phase != Ok("live") {
                    // Nobody brings another token: it ends when there is no hope any more, and not before.
                    phase = play_and_kill(&script, *machine, place, PATIENCE);
                }
                if phase != Ok("live") && !(may_end && phase == Ok("over")) {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    let _ = writeln!(troubles, "{name} ({}), {place} lines: {phase:?}", machine.name());
                }
            }
        }
    }
    assert!(troubles.is_empty(), "\n{troubles}");
}

/// The rows of failures that a text names: P, S or V and a number.
fn rows(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_row = |word: &&str| {
        let number = word.strip_prefix(['P', 'S', 'V']).unwrap_or_default();
        !number.is_empty() && number.chars().all(|digit| digit.is_ascii_digit())
    };
    words.filter(is_row).map(str::to_owned).collect()
}

#[test]
fn every_failure_has_its_story_or_a_reason_why_not() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).expect("a text");
    let failures = read("../../core/docs/failures.md");
    let promised: BTreeSet<String> =
        failures.lines().filter_map(|line| rows(line.split(" | ").next()?).into_iter().next()).collect();
    let readme = read("README.md");
    let elsewhere =
        rows(readme.split("## Where the other failures are").nth(1).expect("the list of the others"));
    let told: BTreeSet<String> = stories()
        .iter()
        .flat_map(|(path, _)| {
            let text = std::fs::read_to_string(path).expect("a story");
            text.lines()
                .filter_map(|line| line.strip_prefix("# survives "))
                .flat_map(rows)
                .collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<&String> =
        promised.iter().filter(|row| !told.contains(*row) && !elsewhere.contains(*row)).collect();
    assert!(promised.len() == 71 && missing.is_empty(), "{} rows, no story of {missing:?}", promised.len());
    let twice: Vec<&String> = elsewhere.intersection(&told).collect();
    assert!(twice.is_empty(), "{twice:?} have stories: strike them from the list in README.md");
}
