//! Whatever is written down has a snapshot: reads the sources of all crates for types that are serialised, and the
//! snapshots of their crate for samples of each: every variant, every member.
//!
//! A sample stands under a line with the names of the types that it shows: `Statement`, or `connect::Params` for a
//! type that lives inside a function of `connect.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A type that is written down.
struct Written {
    file: PathBuf,
    /// As it stands above its samples.
    name: String,
    /// Its variants and members, each in all ways in which serde may spell it.
    members: Vec<Vec<String>>,
}

/// All files below a folder, build output left out.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !path.is_dir() {
            found.push(path);
        } else if name != "target" && name != "node_modules" && !name.starts_with('.') {
            files(&path, found);
        }
    }
}

/// The folder of the crate that a file belongs to.
fn crate_of(file: &Path) -> PathBuf {
    let own = |folder: &&Path| folder.join("Cargo.toml").exists();
    file.ancestors().skip(1).find(own).expect("each source is in a crate").to_owned()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// A variant as serde spells it, in any of the ways in use.
fn spellings(variant: &str) -> Vec<String> {
    let with = |mark: char| {
        let mut text = String::new();
        for letter in variant.chars() {
            if letter.is_uppercase() && !text.is_empty() {
                text.push(mark);
            }
            text.extend(letter.to_lowercase());
        }
        text
    };
    vec![variant.to_owned(), with('_'), with('-')]
}

/// What stands before each single colon: members with their types.
fn members(line: &str) -> impl Iterator<Item = &str> {
    let parts: Vec<&str> = line.split(':').collect();
    let before = parts.windows(2).filter(|pair| !pair[0].is_empty() && !pair[1].is_empty());
    before.filter_map(|pair| words(pair[0]).last()).collect::<Vec<_>>().into_iter()
}

/// The variants and members in the body of a type whose lines begin so far in.
fn body(lines: &[&str], indent: usize) -> Vec<Vec<String>> {
    let (mut found, mut attributes) = (Vec::new(), String::new());
    for line in lines {
        let text = line.trim_start();
        if text.starts_with("//") {
            continue;
        }
        if text.starts_with("#[") {
            attributes.push_str(text);
            continue;
        }
        let is_unwritten = attributes.contains("serde(skip)") || attributes.contains("serde(flatten)");
        let renamed = attributes.split("rename = \"").nth(1).and_then(|rest| rest.split('"').next());
        if let Some(name) = renamed {
            found.push(vec![name.to_owned()]);
        } else if !is_unwritten {
            if line.len() - text.len() == indent + 4 && text.starts_with(char::is_uppercase) {
                found.extend(words(text).next().map(spellings));
            }
            found.extend(members(text).map(|member| vec![member.to_owned()]));
        }
        attributes.clear();
    }
    found
}

/// The types of a source that are written down.
fn written(file: &Path, source: &str) -> Vec<Written> {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let named = |name: &str| if indent == 0 { name.to_owned() } else { format!("{stem}::{name}") };
        if text.starts_with("impl")
            && let Some((_, of)) = text.split_once("Serialize for ")
        {
            let name = named(words(of).next().expect("a type"));
            found.push(Written { file: file.to_owned(), name, members: Vec::new() });
        }
        let derives: String = lines[at..]
            .iter()
            .scan(false, |over, line| (!std::mem::replace(over, line.contains(']'))).then_some(*line))
            .collect();
        if !text.starts_with("#[derive(") || !words(&derives).any(|word| word == "Serialize") {
            continue;
        }
        let is_head = |line: &&str| words(line).any(|word| word == "struct" || word == "enum");
        let head = at + lines[at..].iter().position(is_head).expect("a type");
        let name = words(lines[head]).skip_while(|word| *word != "struct" && *word != "enum").nth(1);
        let close = format!("{}}}", " ".repeat(indent));
        let is_open = lines[head].ends_with('{');
        let length = lines[head..].iter().position(|line| is_open && *line == close).unwrap_or(1);
        found.push(Written {
            file: file.to_owned(),
            name: named(name.expect("a name")),
            members: body(&lines[head + 1..head + length], indent),
        });
    }
    found
}

/// The samples of a snapshot, by the names above them.
fn samples(snapshot: &str, found: &mut BTreeMap<String, String>) {
    let is_name = |part: &str| {
        let last = part.rsplit("::").next().unwrap_or_default();
        last.starts_with(char::is_uppercase)
            && words(part).count() == part.split("::").count()
            && !part.contains(' ')
    };
    let mut names: Vec<&str> = Vec::new();
    for line in snapshot.lines() {
        let parts: Vec<&str> = line.split(", ").collect();
        if parts.iter().all(|part| is_name(part)) {
            names = parts;
        }
        for name in &names {
            let sample = found.entry((*name).to_owned()).or_default();
            sample.push_str(line);
            sample.push('\n');
        }
    }
}

#[test]
fn nothing_is_written_down_that_has_no_snapshot() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder");
    let (mut all, mut types) = (Vec::new(), Vec::new());
    let mut shown: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
    files(workspace, &mut all);
    for file in all {
        let read = || std::fs::read_to_string(&file).expect("text");
        match file.extension().and_then(|ending| ending.to_str()) {
            Some("rs") => types.extend(written(&file, &read())),
            Some("snap") => samples(&read(), shown.entry(crate_of(&file)).or_default()),
            _ => {}
        }
    }
    assert!(types.len() > 90, "only {} types were found", types.len());
    let mut missing = Vec::new();
    for Written { file, name, members } in types {
        let file_name = file.strip_prefix(workspace).expect("in the workspace").display();
        let Some(sample) = shown.get(&crate_of(&file)).and_then(|samples| samples.get(&name)) else {
            missing.push(format!("{name} of {file_name}"));
            continue;
        };
        let is_shown =
            |spellings: &Vec<String>| spellings.iter().any(|it| sample.contains(&format!("\"{it}\"")));
        let unseen = members.iter().filter(|spellings| !is_shown(spellings));
        missing.extend(unseen.map(|spellings| format!("{name}: {} of {file_name}", spellings[0])));
    }
    assert!(missing.is_empty(), "there is no snapshot of\n{}", missing.join("\n"));
}
