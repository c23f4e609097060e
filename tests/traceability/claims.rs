//! What tests claim to prove.

use std::collections::BTreeMap;

use crate::sources::{read, texts};

/// Where tests are.
const ROOTS: [&str; 6] = ["tests", "core/tests", "core/src", "adapters", "fixtures", "fuzz"];

/// Ids, and how often each file claims them.
pub(crate) type Claims = BTreeMap<String, BTreeMap<String, usize>>;

/// Whether it is one letter and a number, or a rule with the number of a clause.
pub(crate) fn is_id(word: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.chars().all(|digit| digit.is_ascii_digit());
    let mut chars = word.chars();
    let letter = chars.next().unwrap_or_default();
    match chars.as_str().split_once('.') {
        Some((rule, clause)) => letter == 'R' && is_number(rule) && is_number(clause),
        None => "RPSVW".contains(letter) && is_number(chars.as_str()),
    }
}

/// All ids in a text.
pub(crate) fn ids(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
    words.map(|word| word.trim_matches('.')).filter(|word| is_id(word))
}

/// What one line claims: nothing, unless it is a comment that begins so.
pub(crate) fn claimed(line: &str) -> impl Iterator<Item = &str> {
    let line = line.trim_start();
    let comment = ["///", "//", "#"].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or_default();
    let comment = comment.trim_start();
    let proves = comment.strip_prefix("proves ").map(|claim| (claim, 'R'));
    let survives = || comment.strip_prefix("survives ").map(|claim| (claim, 'P'));
    let (claim, kind) = proves.or_else(survives).unwrap_or_default();
    // A rule is proved, a failure survived; what else is named in the line belongs to its explanation.
    ids(claim).filter(move |id| id.starts_with('R') == (kind == 'R'))
}

/// What the whole repository claims.
pub(crate) fn claims() -> Claims {
    let mut claims = Claims::new();
    let paths = ROOTS.iter().flat_map(|root| texts(root));
    for path in paths.filter(|path| path.ends_with(".rs") || path.ends_with(".txt")) {
        for id in read(&path).lines().flat_map(claimed) {
            *claims.entry(id.to_owned()).or_default().entry(path.clone()).or_default() += 1;
        }
    }
    claims
}
