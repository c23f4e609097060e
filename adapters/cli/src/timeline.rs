//! The living timeline of the demo: one line for each thing that happens, and a block that shows how the session
//! stands. State in, lines out.

use satkeeper::{Phase, Status};

use crate::duration::show;
use crate::lifetimes::{Lifetimes, seconds};
use crate::sentences::{Level, Sentence, tone, who};
use crate::server_view::Exchange;
use crate::terminal::{Line, Tone};
use std::time::Duration;

/// Where the texts of all lines begin.
const INDENT: usize = 29;

/// Where what stands in the block behind a name begins.
const NAME: usize = 11;

/// How the session stands, as the block shows it.
pub(crate) struct Standing<'a> {
    pub(crate) at: u64,
    pub(crate) status: &'a Status,
    pub(crate) lifetimes: &'a Lifetimes,
    /// The next deadline and its reason.
    pub(crate) next: Option<String>,
    pub(crate) kept: usize,
    pub(crate) promises: usize,
    pub(crate) waiting_for: Option<&'static str>,
    /// For how many columns it is made.
    pub(crate) width: usize,
}

/// The block.
pub(crate) fn block(standing: &Standing<'_>) -> Vec<Line> {
    let status = standing.status;
    let left = status.session_ends.map_or_else(
        || "end unknown".to_owned(),
        |end| format!("session ends in {}", show(Duration::from_millis(end.0.saturating_sub(standing.at)))),
    );
    let head = Line::new().plain("  ").with(phase_tone(status.phase), status.phase.name()).plain(format!(
        " · renewed by {} · generation {} · {left}",
        who(status.mechanism),
        status.generation.0
    ));
    let rule = Line::new().with(Tone::Faint, "─".repeat(standing.width));
    let mut lines = vec![rule, head.hanging(4)];
    lines.extend(standing.lifetimes.left(standing.at, standing.width));
    if let Some(next) = &standing.next {
        lines.push(Line::new().plain("  next     ").with(Tone::Accent, next).hanging(NAME));
    }
    let kept = Line::new().plain("  kept     ").with(Tone::Good, "✓".repeat(standing.kept));
    let open = standing.promises.saturating_sub(standing.kept);
    let kept = kept.with(Tone::Faint, "·".repeat(open)).hanging(NAME);
    lines.push(match standing.waiting_for {
        Some(name) => kept.plain(format!(" {} of {}, then: {name}", standing.kept, standing.promises)),
        None => kept.plain(format!(" all {}", standing.promises)),
    });
    lines
}

const fn phase_tone(phase: Phase) -> Tone {
    match phase {
        Phase::Live => Tone::Good,
        Phase::Idle | Phase::Minting | Phase::Connecting | Phase::Reconnecting => Tone::Warn,
        _ => Tone::Bad,
    }
}

/// `   4.6 s `
fn time(at: u64) -> Line {
    Line::new().with(Tone::Faint, format!("{:>6.1} s  ", seconds(at))).hanging(INDENT)
}

/// An event of the session.
pub(crate) fn event(at: u64, said: &Sentence) -> Line {
    let mark = match said.level {
        Level::Detail => "· ",
        Level::Info => "● ",
        Level::Warning => "▲ ",
        _ => "■ ",
    };
    time(at).with(tone(said.level), format!("{mark}{:<16} ", said.name)).plain(&said.text)
}

/// The session asked the server for something.
pub(crate) fn exchange(at: u64, exchange: &Exchange, reason: &str) -> Line {
    let tone = if exchange.succeeded { Tone::Accent } else { Tone::Warn };
    asked(at, tone, exchange.what, &exchange.answer, reason)
}

/// The session asked the provider for something.
pub(crate) fn provider(at: u64, what: &str, answer: &str, reason: &str) -> Line {
    asked(at, Tone::Accent, what, answer, reason)
}

fn asked(at: u64, tone: Tone, what: &str, answer: &str, reason: &str) -> Line {
    time(at).with(tone, format!("→ {what:<16} ")).plain(answer).with(Tone::Faint, format!("  ({reason})"))
}

/// The session stands differently now.
pub(crate) fn change(at: u64, status: &Status) -> Line {
    let text = format!("{}, renewed by {}", status.phase.name(), who(status.mechanism));
    time(at).with(Tone::Faint, format!("◇ phase            {text}"))
}

/// The demo does something to the session.
pub(crate) fn act(at: u64, text: &str) -> Line {
    time(at).with(Tone::Bad, "✂ the demo         ").with(Tone::Strong, text)
}

/// A promise was kept.
pub(crate) fn kept(at: u64, name: &str, promise: &str) -> Line {
    time(at).with(Tone::Good, format!("✓ {name:<16} ")).with(Tone::Strong, promise)
}

#[cfg(test)]
mod tests {
    use super::{Standing, block, event, exchange};
    use crate::lifetimes::Lifetimes;
    use crate::sentences::{Level, Sentence};
    use crate::server_view::Exchange;
    use satkeeper::{Generation, Mechanism, Phase, Status, Tick};

    #[test]
    fn how_the_session_stands() {
        let mut lifetimes = Lifetimes::default();
        lifetimes.born(true, 0, 12_000);
        let mut status = Status::new(Phase::Live, Mechanism::Bound);
        status.generation = Generation(4);
        status.bound = true;
        status.session_ends = Some(Tick(40_000));
        let standing = Standing {
            at: 9_000,
            status: &status,
            lifetimes: &lifetimes,
            next: Some("renew in 1.0 s".to_owned()),
            kept: 3,
            promises: 5,
            waiting_for: Some("renewal 1"),
            width: 100,
        };
        for width in [100, 80, 60, 40] {
            // survives W20
            let lines = block(&Standing { width, next: standing.next.clone(), ..standing });
            let lines: Vec<_> = lines.iter().flat_map(|line| line.wrapped(width)).collect();
            let text: Vec<String> = lines.iter().map(|line| line.render(false)).collect();
            assert!(lines.iter().all(|line| line.width() <= width), "{width}:\n{}", text.join("\n"));
            let words = text.join(" ");
            let words: Vec<&str> = words.split_whitespace().collect();
            assert!(words.join(" ").contains("session ends in 31.0 s"), "{width}: {words:?}");
            assert!(words.join(" ").ends_with("3 of 5, then: renewal 1"), "{width}: {words:?}");
        }
        let lines: Vec<String> = block(&standing).iter().map(|line| line.render(false)).collect();
        assert_eq!(
            lines[1..],
            [
                "  live · renewed by the client-bound exchange · generation 4 · session ends in 31.0 s"
                    .to_owned(),
                format!("  bound 1  {}{}   3.0 s of 12.0 s", "█".repeat(10), "░".repeat(30)),
                "  next     renew in 1.0 s".to_owned(),
                "  kept     ✓✓✓·· 3 of 5, then: renewal 1".to_owned(),
            ]
        );
    }

    #[test]
    fn what_happened_and_why() {
        let said = Sentence { level: Level::Info, name: "live", text: "authenticated".to_owned() };
        assert_eq!(event(4_600, &said).render(false), "   4.6 s  ● live             authenticated");
        let one =
            Exchange { what: "connect", answer: "accepted".to_owned(), succeeded: true, failures_before: 0 };
        assert_eq!(
            exchange(100, &one, "no session yet").render(false),
            "   0.1 s  → connect          accepted  (no session yet)"
        );
    }
}
