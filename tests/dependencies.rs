//! What is depended on has a licence that `deny.toml` allows, and no second version that it does not name.
//!
//! `cargo deny` reads the same file and more of it (`.ci/full`), but takes minutes to install; these two are looked at on each
//! push.

#![allow(clippy::print_stderr, reason = "says what was skipped")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const DENY: &str = include_str!("../deny.toml");

/// A package that is not ours, its version, its licence.
type Package = (String, String, String);

/// What cargo lists, in whatever features and for whatever system, or why it cannot.
fn tree(more: &[&str]) -> Result<BTreeSet<Package>, String> {
    let listed = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--workspace",
            "--all-features",
            "--locked",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}",
        ])
        .args(more)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .map_err(|error| error.to_string())?;
    if !listed.status.success() {
        return Err(String::from_utf8_lossy(&listed.stderr).into_owned());
    }
    let listed = String::from_utf8(listed.stdout).map_err(|error| error.to_string())?;
    // Ours have a path behind the version: `satkeeper v0.1.0 (/home/…)`.
    let package = |line: &str| {
        let (package, license) = line.trim_end_matches(" (*)").split_once('|')?;
        let (name, version) = package.split_once(" v")?;
        let ours = version.contains('/') || version.contains('\\');
        let version = version.split(' ').next().unwrap_or_default();
        (!ours).then(|| (name.to_owned(), version.to_owned(), license.to_owned()))
    };
    Ok(listed.lines().filter_map(package).collect())
}

fn packages() -> BTreeSet<Package> {
    // What other systems need may not be on this machine, nor a registry that answers.
    let packages = tree(&["--target", "all"]).or_else(|why| {
        eprintln!("SKIP what other systems depend on: {why}");
        tree(&["--offline"])
    });
    let packages = packages.expect("cargo lists what is depended on");
    assert!(packages.iter().any(|(name, ..)| name == "rustls"), "{packages:?}");
    packages
}

/// What stands in quotes after `name = ` in lines of `deny.toml`, up to the bracket that closes it.
fn quoted(name: &str) -> Vec<&'static str> {
    let (_, rest) =
        DENY.split_once(&format!("\n{name} = [")).unwrap_or_else(|| panic!("`{name}` is in deny.toml"));
    let list = rest.split("\n]").next().unwrap_or_default();
    list.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect()
}

/// Whether one may choose among what an SPDX expression offers so that all of it is allowed.
fn allowed(expression: &str, allow: &dyn Fn(&str) -> bool) -> bool {
    // Older packages write `MIT/Apache-2.0`.
    let expression =
        expression.replace('/', " OR ").replace(" or ", " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words = expression.split_whitespace().peekable();
    let fits = any_of(&mut words, allow);
    assert_eq!(words.next(), None, "{expression}");
    fits
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any_of(words: &mut Words<'_>, allow: &dyn Fn(&str) -> bool) -> bool {
    let mut fits = all_of(words, allow);
    while words.next_if_eq(&"OR").is_some() {
        fits |= all_of(words, allow);
    }
    fits
}

fn all_of(words: &mut Words<'_>, allow: &dyn Fn(&str) -> bool) -> bool {
    let mut fits = one(words, allow);
    while words.next_if_eq(&"AND").is_some() {
        fits &= one(words, allow);
    }
    fits
}

fn one(words: &mut Words<'_>, allow: &dyn Fn(&str) -> bool) -> bool {
    if words.next_if_eq(&"(").is_some() {
        let fits = any_of(words, allow);
        assert_eq!(words.next(), Some(")"));
        return fits;
    }
    let mut name = words.next().unwrap_or_default().to_owned();
    if words.next_if_eq(&"WITH").is_some() {
        name = format!("{name} WITH {}", words.next().unwrap_or_default());
    }
    allow(&name)
}

#[test]
fn every_licence_is_allowed() {
    let allow = quoted("allow");
    let refused: Vec<Package> = packages()
        .into_iter()
        // The one exception of deny.toml.
        .filter(|(name, ..)| name != "libfuzzer-sys")
        .filter(|(.., license)| !allowed(license, &|name| allow.contains(&name)))
        .collect();
    assert!(refused.is_empty(), "deny.toml does not allow the licence of {refused:?}");
}

#[test]
fn no_package_is_there_twice_without_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, version, _) in packages() {
        versions.entry(name).or_default().insert(version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    for (name, version) in quoted("skip").iter().filter_map(|entry| entry.split_once('@')) {
        let found =
            versions.get_mut(name).unwrap_or_else(|| panic!("strike `{name}` from `skip`: it is there once"));
        let before = found.len();
        found.retain(|there| !there.starts_with(&format!("{version}.")));
        assert!(found.len() < before, "strike `{name}@{version}` from `skip`: it is not there");
    }
    versions.retain(|_, versions| versions.len() > 1);
    assert!(
        versions.is_empty(),
        "two versions of {versions:?}: take one, or name one in `skip` of deny.toml with a reason"
    );
}

#[test]
fn licences_are_read_as_they_are_meant() {
    let fits = |expression| {
        allowed(expression, &|name| ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].contains(&name))
    };
    assert!(fits("MIT") && fits("GPL-3.0-only OR MIT") && fits("Apache-2.0/MIT") && fits("Zlib or MIT"));
    assert!(fits("ISC AND (Apache-2.0 OR MIT)") && fits("Apache-2.0 WITH LLVM-exception"));
    assert!(
        !fits("GPL-3.0-only")
            && !fits("MIT AND NCSA")
            && !fits("Apache-2.0")
            && !fits("")
            && !fits("(MIT OR ISC) AND Zlib")
    );
}
