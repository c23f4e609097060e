//! Every clause has its proof, every failure its scenario, and whatever is cited is there: reads the sources and compares
//! what tests claim (`proves R12.3`, `survives P3` at the beginning of a comment) with what `core/docs` promises.
//! `UPDATE_GOLDEN=1` writes the tables' test column anew.

mod citations;
mod claims;
mod rules;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use claims::{Claims, claims, ids, is_id};
use sources::read;

/// What nobody proves so far, and why. An entry that somebody does prove fails the test: the list only shrinks.
const NOT_YET: [(&str, &str); 0] = [];

/// The failures, from the first cell of each row.
fn failures() -> BTreeSet<String> {
    let row = |line: &str| {
        let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let id = cells.first().filter(|id| is_id(id))?;
        assert!(cells.len() >= 3 && cells.iter().all(|cell| cell.len() > 1), "{line}");
        Some((*id).to_owned())
    };
    read("core/docs/failures.md").lines().filter_map(row).collect()
}

fn numbered(letter: char, last: u32) -> impl Iterator<Item = String> {
    (1..=last).map(move |number| format!("{letter}{number}"))
}

#[test]
fn the_documents_are_complete() {
    let rules = rules::all();
    assert_eq!(
        rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>(),
        numbered('R', 38).collect::<Vec<_>>()
    );
    for rule in &rules {
        let numbers: Vec<String> = (1..=rule.clauses.len()).map(|it| format!("{}.{it}", rule.id)).collect();
        let given: Vec<&String> = rule.clauses.iter().map(|clause| &clause.id).collect();
        assert_eq!(given, numbers.iter().collect::<Vec<_>>(), "numbered one after the other, from 1");
    }
    let failed = [('P', 37), ('S', 30), ('V', 4), ('W', 23)];
    assert_eq!(failures(), failed.into_iter().flat_map(|(letter, last)| numbered(letter, last)).collect());
}

/// Who looks for a rule's code greps for its number: outside tests, in a comment that is none of a test's.
#[test]
fn every_rule_is_named_in_code() {
    let of_code = |path: &String| path.contains("/src/") && !path.contains("/tests") && path.ends_with(".rs");
    let mut named = BTreeSet::new();
    for path in sources::texts("core").iter().chain(&sources::texts("adapters")).filter(|path| of_code(path))
    {
        let text = read(path);
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        named.extend(
            code.lines()
                .filter(|line| claims::claimed(line).next().is_none())
                .flat_map(ids)
                .map(str::to_owned),
        );
    }
    let unnamed: Vec<String> = numbered('R', 38).filter(|rule| !named.contains(rule)).collect();
    assert!(unnamed.is_empty(), "no code names {unnamed:?}");
}

#[test]
fn every_clause_has_its_source() {
    let failures = failures();
    for clause in rules::all().into_iter().flat_map(|rule| rule.clauses) {
        let mut within_the_protocol = false;
        for source in clause.source.split(", ") {
            let number = source.strip_prefix("protocol.md ").or(within_the_protocol.then_some(source));
            within_the_protocol = number.is_some_and(|it| it.starts_with(|c: char| c.is_ascii_digit()));
            let known = within_the_protocol
                || source == "choice"
                || source.starts_with("RFC ")
                || source.starts_with("seed 00")
                || failures.contains(source);
            assert!(known, "{}: {source} is no source", clause.id);
        }
    }
}

#[test]
fn every_clause_has_its_proof_and_every_failure_its_scenario() {
    let claims = claims();
    let not_yet: BTreeMap<&str, &str> = NOT_YET.into();
    let promised: Vec<String> = rules::clauses().into_iter().chain(failures()).collect();
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
    let promised: BTreeSet<String> =
        rules::all().into_iter().map(|rule| rule.id).chain(rules::clauses()).chain(failures()).collect();
    let mut unknown = claims();
    unknown.retain(|id, _| !promised.contains(id));
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// The last column of the tables says what the sources claim, no more and no less.
#[test]
fn the_tables_name_the_tests() {
    let claims: Claims = claims();
    for path in rules::sections() {
        let (known, text) = (read(&path), rules::with_tests(&read(&path), &claims));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(sources::workspace().join(&path), text).expect("written");
            continue;
        }
        let lines = known.lines().zip(text.lines()).find(|(known, text)| known != text);
        assert!(lines.is_none(), "{path} has changed (UPDATE_GOLDEN=1 writes it anew): {lines:#?}");
    }
}

#[test]
fn whatever_is_cited_is_there() {
    let wrong = citations::dangling();
    assert!(wrong.is_empty(), "{} citations of nothing:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn claims_are_read_as_they_are_meant() {
    let read = |line| claims::claimed(line).collect::<Vec<_>>();
    assert_eq!(read("    // proves R27 (basics), R19"), ["R27", "R19"]);
    assert_eq!(read("// proves R12.3, R12.8."), ["R12.3", "R12.8"]);
    assert_eq!(read("// proves R6: exact, though P2 says else"), ["R6"]);
    assert_eq!(read("# survives P12, S4 and V1"), ["P12", "S4", "V1"]);
    assert!(read("let proves = \"R12\"; // it proves R12").is_empty());
    assert!(read("// nobody survives P12").is_empty());
    assert!(read("// proves RX and R, R.1 and P1.2").is_empty());
    assert_eq!(ids("R12.3.").collect::<Vec<_>>(), ["R12.3"]);
}
