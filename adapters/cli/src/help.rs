//! What `--help` says beside its options, made for the width of the terminal. Each line of such a text is as long as it
//! wants to be; an item goes on under its own text, a command under itself, with a backslash.

use crate::line::Line;

/// No wider than this, however wide the terminal: long lines are hard to read.
const WIDEST: usize = 100;

/// For how many columns help is made.
pub(crate) fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(WIDEST, |(columns, _)| usize::from(columns.0));
    // A terminal that does not know says 0.
    if columns == 0 { WIDEST } else { columns.min(WIDEST) }
}

/// The text, in lines that fit.
pub(crate) fn fit(text: &str) -> String {
    fit_to(text, width())
}

fn fit_to(text: &str, width: usize) -> String {
    let lines: Vec<String> = text
        .lines()
        .flat_map(|line| match is_command(line) {
            true => broken(line, width),
            false => Line::from(line).hanging(hang(line)).wrapped(width).iter().map(plain).collect(),
        })
        .collect();
    lines.join("\n")
}

fn plain(line: &Line) -> String {
    line.render(false)
}

/// Where the text of an item begins: behind its name and a gap. Else where the line does.
fn hang(line: &str) -> usize {
    let indent = line.len() - line.trim_start().len();
    let name = line.trim_start();
    let gap = name.find("  ").map(|gap| (gap, name.get(gap..).unwrap_or_default()));
    match gap {
        Some((gap, rest)) => {
            let blanks = rest.len() - rest.trim_start().len();
            indent + name.get(..gap).map_or(gap, |name| name.chars().count()) + blanks
        }
        None => indent,
    }
}

fn is_command(line: &str) -> bool {
    line.starts_with("    ") && ["satkeeper ", "curl "].iter().any(|name| line.trim_start().starts_with(name))
}

/// Broken before options and pipes, so that it can still be copied.
fn broken(line: &str, width: usize) -> Vec<String> {
    const DEEPER: usize = 8;
    let mut parts: Vec<String> = Vec::new();
    for word in line.trim_start().split(' ') {
        match parts.last_mut() {
            Some(part) if !word.starts_with("--") && !word.starts_with('|') => *part += &format!(" {word}"),
            _ => parts.push(word.to_owned()),
        }
    }
    let mut lines = vec![" ".repeat(4)];
    for part in parts {
        let Some(line) = lines.last_mut() else { continue };
        let is_first = line.trim().is_empty();
        if is_first {
            *line += &part;
        } else if line.len() + 1 + part.len() + 2 <= width {
            *line += &format!(" {part}");
        } else {
            *line += " \\";
            lines.push(" ".repeat(DEEPER) + &part);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::fit_to;

    const TEXT: &str = "\
Examples:
  With a command that goes on:
    satkeeper run --provider static --token-file token.txt | jq -c .event

  0  ended as asked by whoever may ask for it
  long name   what it means, in some words";

    #[test]
    fn items_hang_and_commands_can_be_copied() {
        // survives W20
        assert_eq!(fit_to(TEXT, 100), TEXT);
        let narrow = "\
Examples:
  With a command that goes on:
    satkeeper run --provider static \\
        --token-file token.txt \\
        | jq -c .event

  0  ended as asked by whoever may ask
     for it
  long name  what it means, in some
    words";
        assert_eq!(fit_to(TEXT, 38), narrow);
    }
}
