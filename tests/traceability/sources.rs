//! The repository's texts.

use std::path::{Path, PathBuf};

/// Folders that hold no text of ours: build output, what a fuzzer made, what others wrote.
const SKIPPED: [&str; 3] = ["target", "corpus", "node_modules"];

/// Endings of the texts that are read.
const ENDINGS: [&str; 7] = ["rs", "txt", "md", "toml", "patch", "sh", "py"];

/// The repository's own folder.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder").to_owned()
}

/// A text of the repository, by its path in it.
pub(crate) fn read(path: &str) -> String {
    let text = std::fs::read_to_string(workspace().join(path));
    text.unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}

/// The paths of all texts below a folder of the repository, with `/` on every platform, in order.
pub(crate) fn texts(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&workspace(), &workspace().join(folder), &mut found);
    found.sort();
    found
}

fn collect(workspace: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry that can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let hidden = name.starts_with('.') && name != ".ci";
        if path.is_dir() {
            if !hidden && !SKIPPED.contains(&name.as_str()) {
                collect(workspace, &path, found);
            }
        } else if path.extension().is_some_and(|it| ENDINGS.iter().any(|ending| it == *ending)) {
            let short = path.strip_prefix(workspace).unwrap_or(&path);
            found.push(short.to_string_lossy().replace('\\', "/"));
        }
    }
}
