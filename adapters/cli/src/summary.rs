//! The end of the demo: what was promised and when it was kept, and what the server counted.

use satkeeper_fixtures::{Counts, Target};

use crate::demo_script::Script;
use crate::lifetimes::{Lifetimes, seconds};
use crate::terminal::{Line, Tone};

/// What has to hold over the whole time, not at one moment.
pub(crate) struct Throughout {
    pub(crate) kept: bool,
    pub(crate) promise: String,
}

/// Where promises begin.
const INDENT: usize = 13;

/// Columns that the table of what the server saw takes.
const TABLE: usize = 50;

/// Everything that is shown at the end, made for so many columns.
pub(crate) fn summary(
    script: &Script,
    throughout: &[Throughout],
    lifetimes: &Lifetimes,
    counts: &Counts,
    end: u64,
    width: usize,
) -> Vec<Line> {
    let mut lines = vec![Line::new(), heading("Promises")];
    for step in &script.steps {
        let when = step.kept_at.map_or_else(|| "never".to_owned(), |at| format!("{:.1} s", seconds(at)));
        lines.push(promise(step.kept_at.is_some(), &when, step.name, step.promise));
    }
    for one in throughout {
        lines.push(promise(one.kept, "always", "", &one.promise));
    }
    lines.push(Line::new());
    lines.extend(lifetimes.table(width, end));
    lines.extend([Line::new(), heading("What the server saw")]);
    lines.extend(if width < TABLE { listed(counts) } else { calls(counts) });
    let (accepted, refused) = (counts.proofs_accepted, counts.all_proofs_refused());
    let proofs = match width < TABLE {
        true => format!("  proofs of possession: {accepted} accepted, {refused} refused"),
        false => format!("  {:<26}{accepted:>4} accepted, {refused} refused", "proofs of possession"),
    };
    lines.push(Line::new().plain(proofs).hanging(4));
    lines
}

fn heading(text: &str) -> Line {
    Line::new().with(Tone::Strong, text)
}

fn promise(kept: bool, when: &str, name: &str, promise: &str) -> Line {
    let (mark, tone) = if kept { ("✓", Tone::Good) } else { ("✗", Tone::Bad) };
    let name = if name.is_empty() { String::new() } else { format!("{name:<10} ") };
    Line::new()
        .with(tone, format!("  {mark} "))
        .with(Tone::Faint, format!("{when:>7}  "))
        .plain(name + promise)
        .hanging(INDENT)
}

/// One line for each endpoint and each call that was used.
fn calls(counts: &Counts) -> Vec<Line> {
    let head = format!("  {:<26}{:>4} {:>8} {:>8}", "", "ok", "refused", "scripted");
    let mut lines = vec![Line::new().with(Tone::Faint, head)];
    for target in Target::ALL {
        let tally = counts.of(target);
        if tally.total() > 0 {
            let text =
                format!("  {:<26}{:>4} {:>8} {:>8}", target.name(), tally.ok, tally.refused, tally.faulty);
            let tone = if tally.refused > 0 { Tone::Bad } else { Tone::Plain };
            lines.push(Line::new().with(tone, text));
        }
    }
    lines
}

/// The same where there is no room for a table.
fn listed(counts: &Counts) -> Vec<Line> {
    let mut lines = Vec::new();
    for target in Target::ALL {
        let tally = counts.of(target);
        if tally.total() > 0 {
            let numbers = format!("{} ok, {} refused, {} scripted", tally.ok, tally.refused, tally.faulty);
            let tone = if tally.refused > 0 { Tone::Bad } else { Tone::Plain };
            lines.push(Line::new().with(tone, format!("  {}: {numbers}", target.name())).hanging(4));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{Throughout, summary};
    use crate::demo_script::Script;
    use crate::lifetimes::Lifetimes;
    use satkeeper_fixtures::{Counts, Tally};

    #[test]
    fn what_was_not_kept_is_seen() {
        let mut script = Script::new();
        script.facts.provider(false);
        script.advance(120);
        let mut counts = Counts { proofs_accepted: 9, ..Counts::default() };
        counts.calls.insert("devices_refresh", Tally { ok: 3, refused: 0, faulty: 2 });
        let throughout = [Throughout { kept: false, promise: "no proof was refused".to_owned() }];
        let lines = summary(&script, &throughout, &Lifetimes::default(), &counts, 1_000, 100);
        let text: Vec<String> = lines.iter().map(|line| line.render(false)).collect();
        let text = text.join("\n");
        assert!(text.contains("✓   0.1 s  mint"), "{text}");
        assert!(text.contains("✗   never  connect"), "{text}");
        assert!(text.contains("✗  always  no proof was refused"), "{text}");
        assert!(text.contains("devices_refresh              3        0        2"), "{text}");
        assert!(text.contains("9 accepted, 0 refused"), "{text}");
    }

    #[test]
    fn every_line_of_it_fits() {
        // survives W20
        let (script, lives) = (Script::new(), Lifetimes::default());
        let mut counts = Counts { proofs_accepted: 9, ..Counts::default() };
        counts.calls.insert("subscribers_tokens", Tally { ok: 103, refused: 0, faulty: 22 });
        for width in [100, 80, 60, 49, 40] {
            let lines = summary(&script, &[], &lives, &counts, 1_000, width);
            let lines: Vec<_> = lines.iter().flat_map(|line| line.wrapped(width)).collect();
            let text: Vec<String> = lines.iter().map(|line| line.render(false)).collect();
            let text = text.join("\n");
            assert!(lines.iter().all(|line| line.width() <= width), "{width}:\n{text}");
            let told = "subscribers_tokens: 103 ok, 0 refused,";
            assert_eq!(text.contains(told), width < 50, "{width}:\n{text}");
            let words: Vec<&str> = text.split_whitespace().collect();
            assert!(
                words.join(" ").contains("the provider brings a token, bound to the session's key"),
                "{text}"
            );
        }
    }
}
