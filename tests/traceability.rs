//! Every rule has its proof and every failure its scenario: reads the sources and compares what tests claim
//! (`proves R12`, `survives P3` at the beginning of a comment) with what `core/docs` promises.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where tests are.
const ROOTS: [&str; 6] = ["tests", "core/tests", "core/src", "adapters", "fixtures", "fuzz"];

/// What nobody proves so far, and why. An entry that somebody does prove fails the test: the list only shrinks.
const NOT_YET: [(&str, &str); 0] = [];

/// Ids and the files that claim them.
type Claims = BTreeMap<String, BTreeSet<PathBuf>>;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

/// All files with these endings below a folder, build output left out.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, found);
        } else if name.ends_with(".rs") || name.ends_with(".txt") {
            found.push(path);
        }
    }
}

/// Whether it is one letter and a number.
fn is_id(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|letter| "RPSVW".contains(letter))
        && !chars.as_str().is_empty()
        && chars.all(|digit| digit.is_ascii_digit())
}

fn ids(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| is_id(word))
}

/// What one line claims: nothing, unless it is a comment that begins so.
fn claimed(line: &str) -> impl Iterator<Item = &str> {
    let line = line.trim_start();
    let comment = ["///", "//", "#"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or_default();
    let comment = comment.trim_start();
    let proves = comment.strip_prefix("proves ").map(|claim| (claim, 'R'));
    let survives = || comment.strip_prefix("survives ").map(|claim| (claim, 'P'));
    let (claim, kind) = proves.or_else(survives).unwrap_or_default();
    // A rule is proved, a failure survived; what else is named in the line belongs to its explanation.
    ids(claim).filter(move |id| id.starts_with('R') == (kind == 'R'))
}

fn claims() -> Claims {
    let (mut claims, mut found, workspace) = (Claims::new(), Vec::new(), workspace());
    for root in ROOTS {
        files(&workspace.join(root), &mut found);
    }
    for path in found {
        let text = std::fs::read_to_string(&path).expect("a text");
        let short = path.strip_prefix(&workspace).unwrap_or(&path);
        for id in text.lines().flat_map(claimed) {
            claims.entry(id.to_owned()).or_default().insert(short.to_owned());
        }
    }
    claims
}

/// The rules, from `- **R1** …`.
fn rules() -> BTreeSet<String> {
    let text = include_str!("../core/docs/rules.md");
    let rule = |line: &str| line.strip_prefix("- **").and_then(|rest| ids(rest).next()).map(str::to_owned);
    text.lines().filter_map(rule).collect()
}

/// The failures, from the first cell of each row.
fn failures() -> BTreeSet<String> {
    let text = include_str!("../core/docs/failures.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let id = cells.first().filter(|id| is_id(id))?;
        assert!(cells.len() >= 3 && cells.iter().all(|cell| cell.len() > 1), "{line}");
        Some((*id).to_owned())
    };
    text.lines().filter_map(row).collect()
}

fn numbered(letter: char, last: u32) -> impl Iterator<Item = String> {
    (1..=last).map(move |number| format!("{letter}{number}"))
}

#[test]
fn the_documents_are_complete() {
    assert_eq!(rules(), numbered('R', 38).collect());
    let failed = [('P', 37), ('S', 30), ('V', 4), ('W', 23)];
    assert_eq!(failures(), failed.into_iter().flat_map(|(letter, last)| numbered(letter, last)).collect());
}

#[test]
fn every_rule_has_its_proof_and_every_failure_its_scenario() {
    let claims = claims();
    let not_yet: BTreeMap<&str, &str> = NOT_YET.into();
    let promised: Vec<String> = rules().into_iter().chain(failures()).collect();
    let open = |id: &&String| !claims.contains_key(*id) && !not_yet.contains_key(id.as_str());
    let open: Vec<&String> = promised.iter().filter(open).collect();
    assert!(
        open.is_empty(),
        "nobody proves or survives {open:?}; name the test that does, or say why none can"
    );
    for (id, reason) in &not_yet {
        assert!(promised.iter().any(|promised| promised == id), "{id} ({reason}) is promised nowhere");
        let proof = claims.get(*id);
        assert!(proof.is_none(), "{id} is proved in {proof:?}: strike it from NOT_YET ({reason})");
    }
}

#[test]
fn no_test_claims_what_is_not_promised() {
    let promised: BTreeSet<String> = rules().into_iter().chain(failures()).collect();
    let mut unknown = claims();
    unknown.retain(|id, _| !promised.contains(id));
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn claims_are_read_as_they_are_meant() {
    let read = |line| claimed(line).collect::<Vec<_>>();
    assert_eq!(read("    // proves R27 (basics), R19"), ["R27", "R19"]);
    assert_eq!(read("// proves R6: exact, though P2 says else"), ["R6"]);
    assert_eq!(read("# survives P12, S4 and V1"), ["P12", "S4", "V1"]);
    assert!(read("let proves = \"R12\"; // it proves R12").is_empty());
    assert!(read("// nobody survives P12").is_empty());
    assert!(read("// proves RX and R").is_empty());
}
