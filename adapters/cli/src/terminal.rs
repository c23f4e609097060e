//! The one way to the terminal: lines of coloured pieces, and a block at the bottom that is drawn anew.

use std::io::IsTerminal as _;

use crate::writer::Writer;

/// How a piece of text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Faint,
    Strong,
    Good,
    Warn,
    Bad,
    Accent,
}

impl Tone {
    const fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\u{1b}[2m",
            Self::Strong => "\u{1b}[1m",
            Self::Good => "\u{1b}[32m",
            Self::Warn => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Accent => "\u{1b}[36m",
        }
    }
}

/// A line of text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pieces: Vec<(Tone, String)>,
    /// Where it goes on if it does not fit; 0: it is left to the terminal.
    indent: usize,
}

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The line with one more piece.
    #[must_use]
    pub(crate) fn with(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.pieces.push((tone, text.into()));
        self
    }

    #[must_use]
    pub(crate) fn plain(self, text: impl Into<String>) -> Self {
        self.with(Tone::Plain, text)
    }

    /// On a terminal it is broken between words and goes on at this column.
    #[must_use]
    pub(crate) fn hanging(mut self, indent: usize) -> Self {
        self.indent = indent;
        self
    }

    /// The lines that fit.
    fn wrapped(&self, width: usize) -> Vec<Self> {
        if self.indent == 0 || self.indent >= width {
            return vec![self.clone()];
        }
        let (mut lines, mut line, mut column) = (Vec::new(), Self::new(), 0);
        for (tone, piece) in &self.pieces {
            for word in piece.split_inclusive(' ') {
                let (long, bare) = (word.chars().count(), word.trim_end().chars().count());
                if column + bare > width && column > self.indent {
                    lines.push(std::mem::take(&mut line).trimmed());
                    line = Self::new().plain(" ".repeat(self.indent));
                    column = self.indent;
                }
                line = line.with(*tone, word);
                column += long;
            }
        }
        lines.push(line);
        lines
    }

    /// Without the blanks at its end: they could be what does not fit.
    fn trimmed(mut self) -> Self {
        if let Some((_, last)) = self.pieces.last_mut() {
            last.truncate(last.trim_end().len());
        }
        self
    }

    /// What is printed: cut after `width` characters, with colours or without.
    pub(crate) fn render(&self, colour: bool, width: usize) -> String {
        let mut left = width;
        let mut text = String::new();
        for (tone, piece) in &self.pieces {
            let piece: String = piece.chars().take(left).collect();
            left = left.saturating_sub(piece.chars().count());
            if colour && !tone.code().is_empty() && !piece.is_empty() {
                text.push_str(tone.code());
                text.push_str(&piece);
                text.push_str("\u{1b}[0m");
            } else {
                text.push_str(&piece);
            }
        }
        text
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

/// Standard output or standard error. What is printed is written in the background: nobody waits for a reader.
pub(crate) struct Terminal {
    out: Writer,
    colour: bool,
    /// Redrawing makes sense.
    live: bool,
    /// How many lines the block at the bottom has now.
    block: usize,
}

impl Terminal {
    pub(crate) fn stdout() -> Self {
        Self::new(Writer::stdout(), std::io::stdout().is_terminal())
    }

    pub(crate) fn stderr() -> Self {
        Self::new(Writer::stderr(), std::io::stderr().is_terminal())
    }

    fn new(out: Writer, tty: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { out, colour: tty && !dumb && !set("NO_COLOR"), live: tty && !dumb, block: 0 }
    }

    /// Nothing is redrawn from now on.
    pub(crate) const fn stay_plain(&mut self) {
        self.live = false;
    }

    /// Whether a block can be drawn anew.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// Prints a line, above the block if there is one.
    pub(crate) fn line(&mut self, line: &Line) {
        self.show(std::slice::from_ref(line), &[]);
    }

    /// Prints lines for good, and below them a block that the next call takes away again.
    pub(crate) fn show(&mut self, lines: &[Line], block: &[Line]) {
        let mut text = String::new();
        if self.block > 0 {
            // To the first line of the block, and everything from there away.
            text.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", self.block));
        }
        let width = width();
        for line in lines {
            let wrapped = if self.live { line.wrapped(width) } else { vec![line.clone()] };
            for line in wrapped {
                text.push_str(&line.render(self.colour, usize::MAX));
                text.push('\n');
            }
        }
        let height = if self.live { block.len() } else { 0 };
        // A line that wraps would make the block higher than it counts.
        for line in block.iter().take(height) {
            text.push_str(&line.render(self.colour, width));
            text.push('\n');
        }
        // Where there was no room for it, the block that is there stays.
        if self.out.write(text) {
            self.block = height;
        }
    }

    /// Why the program ends with an error.
    pub(crate) fn error(&mut self, text: &str) {
        let line = Line::new().with(Tone::Bad, "error: ").plain(text);
        self.out.insist(format!("{}\n", line.render(self.colour, usize::MAX)));
    }
}

/// The width of the terminal, in characters.
fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).max(20)
}

#[cfg(test)]
mod tests {
    use super::{Line, Terminal, Tone};
    use crate::writer::Writer;
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn terminal(live: bool) -> (Terminal, Paper) {
        let paper = Paper::default();
        let sheet = paper.clone();
        let out = Writer::start(|| Ok(Box::new(sheet)), |_| String::new(), drop);
        (Terminal { out, colour: false, live, block: 0 }, paper)
    }

    fn read(terminal: &Terminal, paper: &Paper) -> String {
        terminal.out.finish(Instant::now() + Duration::from_secs(60));
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let line = Line::new().with(Tone::Good, "ab").plain("cd");
        assert_eq!(line.render(true, 3), "\u{1b}[32mab\u{1b}[0mc");
        assert_eq!(line.render(false, 9), "abcd");
        assert_eq!(line.render(true, 0), "");
    }

    #[test]
    fn a_long_line_hangs() {
        let line = Line::new().plain("12 ").with(Tone::Good, "one two three").hanging(3);
        let wrapped: Vec<String> = line.wrapped(11).iter().map(|line| line.render(false, 99)).collect();
        assert_eq!(wrapped, ["12 one two", "   three"]);
        assert_eq!(line.wrapped(3).len(), 1);
        assert_eq!(Line::from("one two three").wrapped(4).len(), 1);
    }

    #[test]
    fn a_block_is_taken_away_before_the_next_line() {
        let (mut terminal, paper) = terminal(true);
        terminal.show(&["one".into()], &["block".into(), "block".into()]);
        terminal.line(&"two".into());
        assert_eq!(read(&terminal, &paper), "one\nblock\nblock\n\u{1b}[2A\r\u{1b}[Jtwo\n");
    }

    #[test]
    fn without_a_terminal_there_is_no_block() {
        let (mut terminal, paper) = terminal(false);
        terminal.show(&["one".into()], &["block".into()]);
        terminal.show(&["two".into()], &["block".into()]);
        assert_eq!(read(&terminal, &paper), "one\ntwo\n");
    }
}
