//! The planted bugs of `planted/` can still be planted: what each would change is in the source as it says. That
//! the suite finds them is seen by `planted/run`, by hand: it builds the machine six times.
#![allow(clippy::expect_used, missing_docs, reason = "a failing test is a panic")]

use std::path::Path;

#[test]
fn each_bug_can_be_planted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(path).expect("a text");
    let patches = std::fs::read_dir(root.join("tests/planted")).expect("a folder");
    let patches = patches.map(|entry| entry.expect("an entry").path());
    let patches: Vec<_> = patches.filter(|path| path.extension().is_some_and(|it| it == "patch")).collect();
    assert_eq!(patches.len(), 5);
    for path in patches {
        let patch = read(&path);
        let (_, name) = patch.split_once("\n+++ b/core/").expect("a file of the core");
        let (name, hunks) = name.split_once("\n@@").expect("hunks");
        let source = read(&root.join(name));
        for hunk in hunks.split("\n@@") {
            let before: Vec<&str> = hunk
                .lines()
                .skip(1)
                .filter(|line| !line.starts_with('+'))
                .map(|line| line.get(1..).unwrap_or_default())
                .collect();
            assert!(source.contains(&before.join("\n")), "{}: the source has changed", path.display());
        }
    }
}
