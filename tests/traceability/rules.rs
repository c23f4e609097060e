//! The rules, as `core/docs/rules` has them: `## R12. Title`, a line of why, and a table of clauses.

use std::fmt::Write;

use crate::claims::{Claims, is_id};
use crate::sources::{read, texts};

const FOLDER: &str = "core/docs/rules";

/// One rule.
pub(crate) struct Rule {
    /// `R12`.
    pub(crate) id: String,
    /// In the order of the table.
    pub(crate) clauses: Vec<Clause>,
}

/// One row of a rule's table.
pub(crate) struct Clause {
    /// `R12.3`.
    pub(crate) id: String,
    /// Where it comes from.
    pub(crate) source: String,
}

/// The files with rules in them.
pub(crate) fn sections() -> Vec<String> {
    let of_rules = |path: &String| path.ends_with(".md") && !path.ends_with("README.md");
    texts(FOLDER).into_iter().filter(of_rules).collect()
}

/// The cells of a clause's row: id, when, then, source, test.
fn cells(line: &str) -> Option<[&str; 5]> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    let cells: [&str; 5] = cells.try_into().ok()?;
    (is_id(cells[0]) && cells[0].contains('.')).then_some(cells)
}

/// All rules, by their numbers.
pub(crate) fn all() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for path in sections() {
        let text = read(&path);
        let (mut title, mut why) = ("", "");
        for line in text.lines() {
            if let Some(heading) = line.strip_prefix("## R") {
                let (number, _) =
                    heading.split_once(". ").unwrap_or_else(|| panic!("{path}: {line} has no title"));
                rules.push(Rule { id: format!("R{number}"), clauses: Vec::new() });
                (title, why) = (line, "");
            } else if line.starts_with("Why: ") {
                why = line;
            } else if let Some([id, when, then, source, _]) = cells(line) {
                let rule = rules.last_mut().expect("a rule");
                assert!(id.starts_with(&format!("{}.", rule.id)), "{path}: {id} stands below {title}");
                assert!(!why.is_empty(), "{path}: nobody says why of {title}");
                assert!([when, then, source].iter().all(|cell| !cell.is_empty()), "{path}: {line}");
                rule.clauses.push(Clause { id: id.to_owned(), source: source.to_owned() });
            } else {
                assert!(!line.starts_with("| R"), "{path}: {line} is no clause");
            }
        }
    }
    rules.sort_by_key(|rule| rule.id[1..].parse::<u32>().expect("a number"));
    assert!(rules.iter().all(|rule| !rule.clauses.is_empty()), "a rule without a clause");
    rules
}

/// The ids of all clauses.
pub(crate) fn clauses() -> Vec<String> {
    all().into_iter().flat_map(|rule| rule.clauses).map(|clause| clause.id).collect()
}

/// The text of a section with the test column as the claims have it.
pub(crate) fn with_tests(section: &str, claims: &Claims) -> String {
    let mut text = String::new();
    for line in section.lines() {
        match cells(line) {
            Some([id, when, then, source, _]) => {
                let tests = claims.get(id).into_iter().flatten().map(|(path, count)| link(path, *count));
                let tests = tests.collect::<Vec<_>>().join(", ");
                let _ = writeln!(text, "| {id} | {when} | {then} | {source} | {tests} |");
            }
            None => {
                let _ = writeln!(text, "{line}");
            }
        }
    }
    text
}

/// A file that proves a clause, as its name with the folder's, and how often it does.
fn link(path: &str, count: usize) -> String {
    let name = path.trim_end_matches(".rs").trim_end_matches(".txt");
    let short = name.rmatch_indices('/').nth(1).map_or(name, |(slash, _)| &name[slash + 1..]);
    let times = if count > 1 { format!(" ×{count}") } else { String::new() };
    format!("[{short}](../../../{path}){times}")
}
