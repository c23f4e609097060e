//! The one way to the terminal: lines, and a block at the bottom that is drawn anew.

use std::io::IsTerminal as _;

use crate::writer::Writer;

pub(crate) use crate::line::{Line, Tone};

/// How wide what is not a terminal counts: tables are made for so many columns.
const SHEET: usize = 100;

/// Standard output or standard error. What is printed is written in the background: nobody waits for a reader.
pub(crate) struct Terminal {
    out: Writer,
    colour: bool,
    /// Somebody reads it there: lines are made to fit.
    tty: bool,
    /// Redrawing makes sense.
    live: bool,
    /// The widths of the lines of the block at the bottom.
    block: Vec<usize>,
    /// Columns and rows.
    size: fn() -> Option<(usize, usize)>,
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
        let (colour, live) = (tty && !dumb && !set("NO_COLOR"), tty && !dumb);
        Self { out, colour, tty, live, block: Vec::new(), size }
    }

    /// Nothing is redrawn from now on.
    pub(crate) const fn stay_plain(&mut self) {
        self.live = false;
    }

    /// Whether a block can be drawn anew.
    pub(crate) const fn is_live(&self) -> bool {
        self.live
    }

    /// For how many columns what is shown should be made.
    pub(crate) fn width(&self) -> usize {
        self.screen().0.min(SHEET)
    }

    fn screen(&self) -> (usize, usize) {
        let (columns, rows) = (self.size)().filter(|_| self.tty).unwrap_or((SHEET, usize::MAX));
        // A terminal that does not know says 0.
        (if columns == 0 { SHEET } else { columns }, if rows == 0 { usize::MAX } else { rows })
    }

    /// Prints a line, above the block if there is one.
    pub(crate) fn line(&mut self, line: &Line) {
        self.show(std::slice::from_ref(line), &[]);
    }

    /// Prints lines for good, and below them a block that the next call takes away again.
    pub(crate) fn show(&mut self, lines: &[Line], block: &[Line]) {
        let (columns, rows) = self.screen();
        let mut text = String::new();
        // It may have been made narrower meanwhile, and have broken what stood there.
        let height: usize = self.block.iter().map(|width| width.div_ceil(columns).max(1)).sum();
        if height > 0 {
            // To the first line of the block, and everything from there away.
            text.push_str(&format!("\u{1b}[{}A\r\u{1b}[J", height.min(rows)));
        }
        for line in lines {
            for line in if self.tty { line.wrapped(columns) } else { vec![line.clone()] } {
                text.push_str(&line.render(self.colour));
                text.push('\n');
            }
        }
        let mut drawn = Vec::new();
        let block = if self.live { block } else { &[] };
        let mut room = rows.saturating_sub(1);
        for line in block.iter().flat_map(|line| line.wrapped(columns)) {
            // What has scrolled out could not be taken away again.
            let Some(left) = room.checked_sub(line.width().div_ceil(columns).max(1)) else { break };
            room = left;
            drawn.push(line.width());
            text.push_str(&line.render(self.colour));
            text.push('\n');
        }
        // Where there was no room for it, the block that is there stays.
        if self.out.write(text) {
            self.block = drawn;
        }
    }

    /// Why the program ends with an error.
    pub(crate) fn error(&mut self, text: &str) {
        let line = Line::new().with(Tone::Bad, "error: ").plain(text).hanging(7);
        let (columns, _) = self.screen();
        let lines = if self.tty { line.wrapped(columns) } else { vec![line] };
        let lines: String = lines.iter().map(|line| line.render(self.colour) + "\n").collect();
        self.out.insist(lines);
    }
}

/// Columns and rows of the terminal.
fn size() -> Option<(usize, usize)> {
    terminal_size::terminal_size().map(|(columns, rows)| (usize::from(columns.0), usize::from(rows.0)))
}

#[cfg(test)]
mod tests {
    use super::{Line, Terminal};
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

    fn terminal(tty: bool, live: bool) -> (Terminal, Paper) {
        let (paper, block) = (Paper::default(), Vec::new());
        let sheet = paper.clone();
        let out = Writer::start(|| Ok(Box::new(sheet)), |_| String::new(), drop);
        (Terminal { out, colour: false, tty, live, block, size: || Some((12, 5)) }, paper)
    }

    fn read(terminal: &Terminal, paper: &Paper) -> String {
        terminal.out.finish(Instant::now() + Duration::from_secs(60));
        String::from_utf8(paper.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_block_is_taken_away_before_the_next_line() {
        let (mut terminal, paper) = terminal(true, true);
        terminal.show(&["one".into()], &["block".into(), "block".into()]);
        terminal.line(&"two".into());
        assert_eq!(read(&terminal, &paper), "one\nblock\nblock\n\u{1b}[2A\r\u{1b}[Jtwo\n");
    }

    #[test]
    fn a_block_is_as_high_as_the_terminal_makes_it() {
        // survives W20
        let (mut terminal, paper) = terminal(true, true);
        let long = Line::from("one two three").hanging(2);
        terminal.show(&[], &[long, "a word of more than twelve columns".into()]);
        terminal.show(&[], &[]);
        let shown = "one two\n  three\n\u{1b}[2A\r\u{1b}[J";
        assert_eq!(read(&terminal, &paper), shown, "what does not fit into 4 rows whole is left out");
        terminal.show(&[], &["one two three".into()]);
        terminal.size = || Some((5, 5));
        terminal.show(&[], &[]);
        assert_eq!(
            read(&terminal, &paper),
            format!("{shown}one two three\n\u{1b}[3A\r\u{1b}[J"),
            "it was made narrower"
        );
    }

    #[test]
    fn without_a_terminal_there_is_no_block_and_lines_stay_whole() {
        // survives W20
        let (mut terminal, paper) = terminal(false, false);
        let long = Line::from("one two three four").hanging(2);
        terminal.show(&["one".into()], &["block".into()]);
        terminal.show(&[long], &["block".into()]);
        assert_eq!(read(&terminal, &paper), "one\none two three four\n");
        assert_eq!(terminal.width(), 100);
    }

    #[test]
    fn plain_lines_on_a_terminal_fit_too() {
        // survives W20
        let (mut terminal, paper) = terminal(true, false);
        terminal.show(&[Line::from("one two three four").hanging(2)], &["block".into()]);
        assert_eq!(read(&terminal, &paper), "one two\n  three four\n");
    }
}
