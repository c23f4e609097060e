//! Whatever a source, test or document cites exists: files, sections, rules and their clauses, links.

use std::collections::BTreeSet;

use crate::claims::ids;
use crate::sources::{read, texts, workspace};
use crate::{failures, rules};

/// What can be cited.
struct Known {
    rules: BTreeSet<String>,
    failures: BTreeSet<String>,
    /// Sections of `protocol.md`, by their numbers.
    protocol: BTreeSet<String>,
    /// Pages that the rules start from, by their numbers.
    seeds: BTreeSet<String>,
    /// Names of the repository's documents, without their folders.
    documents: BTreeSet<String>,
}

/// The first word of each heading, without the point behind it.
fn headings(path: &str) -> BTreeSet<String> {
    let text = read(path);
    let headings = text.lines().filter(|line| line.starts_with("##"));
    let words = headings.filter_map(|line| line.trim_start_matches('#').split_whitespace().next());
    words.map(|word| word.trim_end_matches('.').to_owned()).collect()
}

/// Whatever is cited and is not there, with the place.
pub(crate) fn dangling() -> Vec<String> {
    let texts: Vec<String> = texts("");
    let name = |path: &String| path.rsplit('/').next().unwrap_or_default().to_owned();
    let known = Known {
        rules: rules::all().into_iter().map(|rule| rule.id).chain(rules::clauses()).collect(),
        failures: failures(),
        protocol: headings("core/docs/protocol.md"),
        seeds: headings("core/docs/seeds.md"),
        documents: texts.iter().filter(|path| path.ends_with(".md")).map(name).collect(),
    };
    let mut wrong = Vec::new();
    // What stands here are examples.
    for path in texts.iter().filter(|path| !path.starts_with("tests/traceability/")) {
        for (number, line) in read(path).lines().enumerate() {
            let cited = [rules_in(line, path, &known), documents_in(line, &known), links_in(line, path)];
            let place = |what| format!("{path}:{}: {what}", number + 1);
            wrong.extend(cited.into_iter().flatten().map(place));
        }
    }
    wrong
}

/// Rules, and in our documents failures, that do not exist.
fn rules_in(line: &str, path: &str, known: &Known) -> Vec<String> {
    let documented = path.starts_with("core/docs/");
    let exists = |id: &&str| match id.starts_with('R') {
        true => known.rules.contains(*id),
        false => !documented || known.failures.contains(*id),
    };
    ids(line).filter(|id| !exists(id)).map(str::to_owned).collect()
}

/// Documents, and sections of them, that do not exist.
fn documents_in(line: &str, known: &Known) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    for word in line.split(|c: char| !is_name(c)).map(|word| word.trim_matches('.')) {
        if word.len() > 3 && word.ends_with(".md") && !known.documents.contains(word) {
            wrong.push(word.to_owned());
        }
    }
    for (_, rest) in parts(line, "core/docs/") {
        let path = rest.split(|c: char| !is_name(c) && c != '/').next().unwrap_or_default();
        let path = format!("core/docs/{}", path.trim_end_matches(['.', '/']));
        if !workspace().join(&path).exists() {
            wrong.push(path);
        }
    }
    for (_, rest) in parts(line, "protocol.md ") {
        let missing = sections(rest).filter(|section| !known.protocol.contains(*section));
        wrong.extend(missing.map(|section| format!("protocol.md {section}")));
    }
    for (_, rest) in parts(line, "seed ") {
        let number = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        if number.len() == 3 && !known.seeds.contains(number) {
            wrong.push(format!("seed {number}"));
        }
    }
    wrong
}

/// What stands before and behind each occurrence of a mark.
fn parts<'a>(line: &'a str, mark: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    line.match_indices(mark).map(move |(at, _)| (&line[..at], &line[at + mark.len()..]))
}

/// The numbers at the beginning of a text: `3.2, 3.3 and 8`, `1.1 to 1.3`.
fn sections(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty() && !["to", "and"].contains(word));
    let numbers = words.map(|word| word.trim_end_matches(|c: char| !c.is_ascii_digit()));
    numbers.take_while(|it| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

/// Links of a document that lead nowhere in the repository.
fn links_in(line: &str, path: &str) -> Vec<String> {
    if !path.ends_with(".md") {
        return Vec::new();
    }
    let folder = workspace().join(path).parent().expect("a folder").to_owned();
    let targets = parts(line, "](").filter_map(|(_, rest)| rest.split_once(')')).map(|(target, _)| target);
    // Addresses elsewhere, places on the same page, and items of a crate, which rustdoc checks.
    let here = targets
        .filter(|target| !target.contains("::") && !target.contains("://") && !target.starts_with('#'));
    let leads_nowhere = |target: &&str| !folder.join(target.split('#').next().unwrap_or_default()).exists();
    here.filter(leads_nowhere).map(|target| format!("link to {target}")).collect()
}

#[test]
fn sections_are_read_as_they_are_meant() {
    let read = |text| sections(text).collect::<Vec<_>>();
    assert_eq!(read("3.2, 3.3, 8). Only"), ["3.2", "3.3", "8"]);
    assert_eq!(read("1.1 to 1.3)."), ["1.1", "1.3"]);
    assert_eq!(read("1): requests out"), ["1"]);
    assert!(read("lists the ones").is_empty());
}
