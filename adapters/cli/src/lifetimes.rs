//! The lives of tokens, as bars.

use crate::terminal::{Line, Tone};

/// Where bars begin.
const NAME: usize = 11;
/// What stands behind them.
const SPAN: usize = 20;
const WIDEST_GAUGE: usize = 40;
const WIDEST_CHART: usize = 66;
/// With less, bars say nothing.
const NARROWEST_CHART: usize = 24;

/// A token as far as the demo knows it. Times are milliseconds since the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// `SAT 1`, `bound 3`.
    pub(crate) name: String,
    /// Client-bound.
    pub(crate) bound: bool,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// When the server took it, and when it was no longer the one in force.
    pub(crate) in_force: Option<(u64, Option<u64>)>,
}

/// All tokens of a session, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lifetimes(Vec<Life>);

impl Lifetimes {
    /// A token has come to be.
    pub(crate) fn born(&mut self, bound: bool, from: u64, until: u64) -> String {
        let kind = if bound { "bound" } else { "SAT" };
        let number = self.0.iter().filter(|life| life.bound == bound).count() + 1;
        let name = format!("{kind} {number}");
        self.0.push(Life { name: name.clone(), bound, from, until, in_force: None });
        name
    }

    /// The server has taken the newest token of this kind.
    pub(crate) fn taken(&mut self, bound: bool, at: u64) {
        let Some(newest) = self.0.iter().rposition(|life| life.bound == bound) else { return };
        for (index, life) in self.0.iter_mut().enumerate() {
            match &mut life.in_force {
                Some((_, end @ None)) if index != newest => *end = Some(at),
                in_force @ None if index == newest => *in_force = Some((at, None)),
                _ => {}
            }
        }
    }

    /// The session is over.
    pub(crate) fn over(&mut self, at: u64) {
        for life in &mut self.0 {
            if let Some((_, end @ None)) = &mut life.in_force {
                *end = Some(at);
            }
        }
    }

    /// What is left of each token that still lives: the newest of each kind.
    pub(crate) fn left(&self, now: u64, width: usize) -> Vec<Line> {
        let newest = |bound: bool| self.0.iter().rfind(|life| life.bound == bound && life.until > now);
        [newest(false), newest(true)].into_iter().flatten().map(|life| gauge(life, now, width)).collect()
    }

    /// Every token, made for so many columns: drawn on one axis, or told where there is no room for that.
    pub(crate) fn table(&self, width: usize, end: u64) -> Vec<Line> {
        let columns = width.saturating_sub(NAME + SPAN).min(WIDEST_CHART);
        let heading = |text: &str| Line::new().with(Tone::Strong, text).hanging(2);
        if columns < NARROWEST_CHART {
            let told = self.0.iter().map(told);
            return std::iter::once(heading("Tokens")).chain(told).collect();
        }
        let drawn = self.chart(columns, end);
        std::iter::once(heading("Tokens (█ in force, ░ valid)")).chain(drawn).collect()
    }

    /// Every token on one axis: `█` in force, `░` valid.
    fn chart(&self, columns: usize, end: u64) -> Vec<Line> {
        let end = end.max(1);
        let column = |at: u64| scale(at.min(end), end, columns);
        let mut lines = vec![axis(columns, end)];
        for life in &self.0 {
            let (from, until) = (column(life.from), column(life.until).max(column(life.from) + 1));
            let used = life.in_force.map(|(from, until)| (column(from), until.map_or(columns, column)));
            let mut bar = String::new();
            for at in 0..columns {
                let is_used = used.is_some_and(|(from, until)| (from..until.max(from + 1)).contains(&at));
                bar.push(match (from..until).contains(&at) {
                    true if is_used => '█',
                    true => '░',
                    false => ' ',
                });
            }
            let tone = if life.bound { Tone::Accent } else { Tone::Good };
            let span = format!(" {:>5.1} to {:.1} s", seconds(life.from), seconds(life.until));
            lines.push(
                Line::new().plain(format!("  {:<9}", life.name)).with(tone, bar).with(Tone::Faint, span),
            );
        }
        lines
    }
}

/// A token in words.
fn told(life: &Life) -> Line {
    let valid = format!("valid {:.1} to {:.1} s", seconds(life.from), seconds(life.until));
    let used = match life.in_force {
        Some((from, Some(until))) => format!(", in force {:.1} to {:.1} s", seconds(from), seconds(until)),
        Some((from, None)) => format!(", in force from {:.1} s", seconds(from)),
        None => ", never in force".to_owned(),
    };
    Line::new().plain(format!("  {:<9}", life.name)).plain(valid + &used).hanging(NAME)
}

/// `SAT 1     ████████████░░░░░░░░  24.3 s of 40.0 s`
fn gauge(life: &Life, now: u64, width: usize) -> Line {
    let (whole, left) = (life.until.saturating_sub(life.from).max(1), life.until.saturating_sub(now));
    let tone = match left.saturating_mul(4) / whole {
        0 => Tone::Bad,
        1 => Tone::Warn,
        _ => Tone::Good,
    };
    Line::new()
        .plain(format!("  {:<9}", life.name))
        .with(tone, bar(left, whole, width.saturating_sub(NAME + SPAN).clamp(5, WIDEST_GAUGE)))
        .plain(format!(" {:>5.1} s", seconds(left)))
        .with(Tone::Faint, format!(" of {:.1} s", seconds(whole)))
        .hanging(NAME)
}

fn bar(part: u64, whole: u64, width: usize) -> String {
    let full = scale(part.min(whole), whole, width);
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

fn scale(part: u64, whole: u64, width: usize) -> usize {
    let whole = u128::from(whole.max(1));
    usize::try_from((u128::from(part) * width as u128 + whole / 2) / whole).unwrap_or(width).min(width)
}

/// A number every ten seconds, or every so many tens that they stay apart.
fn axis(columns: usize, end: u64) -> Line {
    const APART: usize = 7;
    let is_apart = |tens: &u64| scale(tens * 10_000, end, columns) >= APART;
    let step = [1, 2, 3, 6].into_iter().find(is_apart).unwrap_or(12);
    let mut marks = " ".repeat(NAME);
    for tens in (0..=end / 10_000).step_by(usize::try_from(step).unwrap_or(1)) {
        let at = NAME + scale(tens * 10_000, end, columns);
        marks.push_str(&" ".repeat(at.saturating_sub(marks.chars().count())));
        marks.push_str(&format!("{} s", tens * 10));
    }
    Line::new().with(Tone::Faint, marks)
}

#[expect(clippy::cast_precision_loss, reason = "for display, with one digit")]
pub(crate) fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{Lifetimes, bar};

    fn text(lines: &[crate::terminal::Line]) -> Vec<String> {
        lines.iter().map(|line| line.render(false)).collect()
    }

    #[test]
    fn a_bar_is_always_as_wide_as_it_is() {
        assert_eq!(bar(0, 10, 4), "░░░░");
        assert_eq!(bar(5, 10, 4), "██░░");
        assert_eq!(bar(20, 10, 4), "████");
        assert_eq!(bar(1, 0, 4), "░░░░");
    }

    #[test]
    fn tokens_take_turns() {
        let mut lives = Lifetimes::default();
        assert_eq!(lives.born(false, 0, 40_000), "SAT 1");
        lives.taken(false, 1_000);
        assert_eq!(lives.born(true, 10_000, 22_000), "bound 1");
        lives.taken(true, 10_000);
        assert_eq!(lives.born(true, 20_000, 32_000), "bound 2");
        lives.taken(true, 20_000);
        lives.over(30_000);
        let chart = text(&lives.chart(40, 40_000));
        assert_eq!(chart[0], "           0 s       10 s      20 s      30 s      40 s");
        assert_eq!(chart[1], "  SAT 1    ░█████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   0.0 to 40.0 s");
        assert_eq!(chart[2], "  bound 1            ██████████░░                    10.0 to 22.0 s");
        assert_eq!(chart[3], "  bound 2                      ██████████░░          20.0 to 32.0 s");
    }

    #[test]
    fn what_is_left_is_shown_of_the_living() {
        let mut lives = Lifetimes::default();
        lives.born(false, 0, 40_000);
        lives.born(true, 0, 12_000);
        let left = text(&lives.left(10_000, 100));
        assert_eq!(left[0], format!("  SAT 1    {}{}  30.0 s of 40.0 s", "█".repeat(30), "░".repeat(10)));
        assert!(left[1].contains("  2.0 s of 12.0 s"), "{}", left[1]);
        assert_eq!(lives.left(20_000, 100).len(), 1);
        assert!(lives.left(50_000, 100).is_empty());
    }

    #[test]
    fn a_token_in_force_again_after_a_resume_is_still_the_same() {
        let mut lives = Lifetimes::default();
        lives.born(true, 0, 10_000);
        lives.taken(true, 1_000);
        lives.taken(true, 5_000);
        assert_eq!(lives.0[0].in_force, Some((1_000, None)));
    }

    #[test]
    fn what_is_drawn_fits_and_else_it_is_told() {
        // survives W20
        let mut lives = Lifetimes::default();
        lives.born(false, 0, 40_000);
        lives.taken(false, 1_000);
        lives.born(true, 8_000, 79_000);
        lives.taken(true, 8_200);
        lives.born(true, 20_000, 91_000);
        lives.over(79_000);
        for width in [100, 80, 60, 55, 54, 40, 30] {
            let lines = [lives.left(9_000, width), lives.table(width, 79_000)].concat();
            let all = text(&lines).join("\n");
            let widest = lines.iter().flat_map(|line| line.wrapped(width)).map(|line| line.width()).max();
            assert!(widest.is_some_and(|widest| widest <= width), "{width}:\n{all}");
            assert_eq!(all.contains("█ in force"), width >= 55, "{width}:\n{all}");
            assert!(all.contains("8.0 to 79.0 s"), "{width}:\n{all}");
        }
        let narrow = text(&lives.table(40, 79_000));
        assert_eq!(narrow[1], "  SAT 1    valid 0.0 to 40.0 s, in force 1.0 to 8.2 s");
        assert_eq!(narrow[3], "  bound 2  valid 20.0 to 91.0 s, never in force");
        assert_eq!(text(&lives.chart(29, 79_000))[0], "           0 s    20 s    40 s   60 s");
    }
}
