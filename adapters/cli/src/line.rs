//! A line of text in coloured pieces, and how it is broken where it does not fit.

use unicode_width::UnicodeWidthStr as _;

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

/// Room for text that a hanging line needs beside its indent; with less it hangs near the margin.
const ROOM: usize = 28;

/// Where it hangs then.
const MARGIN: usize = 4;

/// A line of text in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pieces: Vec<(Tone, String)>,
    /// Where it goes on if it does not fit; `None`: it is left to the terminal, so that it can be copied in one piece.
    indent: Option<usize>,
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
    pub(crate) const fn hanging(mut self, indent: usize) -> Self {
        self.indent = Some(indent);
        self
    }

    /// How many columns it takes.
    pub(crate) fn width(&self) -> usize {
        self.pieces.iter().map(|(_, piece)| piece.width()).sum()
    }

    /// The lines that fit. A word that is longer than all there is stays whole: the terminal breaks it.
    pub(crate) fn wrapped(&self, width: usize) -> Vec<Self> {
        let Some(wanted) = self.indent.filter(|_| self.width() > width) else { return vec![self.clone()] };
        let indent = match width.saturating_sub(wanted) {
            ..ROOM => MARGIN.min(wanted).min(width / 2),
            _ => wanted,
        };
        let narrow = indent < wanted;
        let (mut lines, mut line, mut column) = (Vec::new(), Self::new(), 0);
        for mut word in self.words() {
            if narrow && column > 0 {
                word.tighten();
            }
            let bare: usize = word.clone().trimmed().width();
            if column + bare > width && column > indent {
                lines.push(std::mem::take(&mut line).trimmed());
                line = Self::new().plain(" ".repeat(indent));
                column = indent;
            }
            column += word.width();
            line.pieces.extend(word.pieces);
        }
        lines.push(line.trimmed());
        lines
    }

    /// Its words, each with the blanks after it. One may have several tones; a number and what it counts are one.
    fn words(&self) -> Vec<Self> {
        let (mut all, mut word) = (Vec::new(), Self::new());
        for (tone, piece) in &self.pieces {
            for part in parts(piece) {
                let counts = part.strip_suffix(' ').is_some_and(|number| number.ends_with(is_digit));
                word = word.with(*tone, part);
                if part.ends_with(' ') && !counts {
                    all.push(std::mem::take(&mut word));
                }
            }
        }
        if !word.pieces.is_empty() {
            all.push(word);
        }
        all
    }

    /// With two blanks at its end at most: columns are of no use where there is no room for them.
    fn tighten(&mut self) {
        if let Some((_, last)) = self.pieces.last_mut() {
            let text = last.trim_end().len();
            last.truncate(if text == 0 { last.len() } else { text + 2 });
        }
    }

    /// Without the blanks at its end: they could be what does not fit.
    fn trimmed(mut self) -> Self {
        while let Some((_, last)) = self.pieces.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        self
    }

    /// What is printed, with colours or without.
    pub(crate) fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for (tone, piece) in &self.pieces {
            if colour && !tone.code().is_empty() && !piece.is_empty() {
                text.push_str(tone.code());
                text.push_str(piece);
                text.push_str("\u{1b}[0m");
            } else {
                text.push_str(piece);
            }
        }
        text
    }
}

const fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

/// What ends with blanks, and what is left.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let word = rest.find(' ').unwrap_or(rest.len());
        let blanks = rest.get(word..)?.find(|c| c != ' ').map_or(rest.len(), |blanks| word + blanks);
        let (next, tail) = rest.split_at_checked(blanks).filter(|(next, _)| !next.is_empty())?;
        rest = tail;
        Some(next)
    })
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().plain(text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Line, Tone};

    fn wrapped(line: &Line, width: usize) -> Vec<String> {
        line.wrapped(width).iter().map(|line| line.render(false)).collect()
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let line = Line::new().with(Tone::Good, "ab").plain("cd");
        assert_eq!(line.render(true), "\u{1b}[32mab\u{1b}[0mcd");
        assert_eq!((line.render(false).as_str(), line.width()), ("abcd", 4));
        assert_eq!(Line::from("日本").width(), 4);
    }

    #[test]
    fn a_long_line_hangs() {
        let line = Line::new().plain("ab ").with(Tone::Good, "one two three").hanging(3);
        assert_eq!(wrapped(&line, 40), ["ab one two three"]);
        assert_eq!(wrapped(&line, 11), ["ab one two", "   three"]);
        // Nothing is lost where nothing fits.
        assert_eq!(wrapped(&line, 3), ["ab", " one", " two", " three"]);
        assert_eq!(wrapped(&Line::from("one two three"), 4), ["one two three"]);
    }

    #[test]
    fn where_there_is_little_room_it_hangs_near_the_margin() {
        let text = "one two three four five six seven eight nine ten";
        let line = Line::new().plain(format!("  {:<18}", "name")).plain(text).hanging(20);
        assert_eq!(wrapped(&line, 48)[1], format!("{}seven eight nine ten", " ".repeat(20)));
        let narrow = wrapped(&line, 40);
        assert_eq!(narrow, ["  name  one two three four five six", "    seven eight nine ten"]);
    }

    #[test]
    fn a_word_may_have_several_tones() {
        let line = Line::new().plain("see ").with(Tone::Strong, "--option").plain(", then go").hanging(2);
        assert_eq!(wrapped(&line, 13), ["see --option,", "  then go"]);
        let line = Line::new().plain("a  ").with(Tone::Good, "✓✓✓").with(Tone::Faint, "···").hanging(2);
        assert_eq!(wrapped(&line, 8), ["a", "  ✓✓✓···"], "marks stay together");
        let line = Line::from("it ends in 12.7 s, or 4 min later").hanging(2);
        assert_eq!(
            wrapped(&line, 16),
            ["it ends in", "  12.7 s, or", "  4 min later"],
            "a number counts something"
        );
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_unless_a_word_is() {
        let text = "2026-11-30T05:35:00.000Z warning attempt 1 to renew, by the client-bound exchange, failed; again \
                    in 2.0 s: the server refused the request with -32002";
        for width in 20..120 {
            let line = Line::new().plain(text).hanging(33);
            for line in line.wrapped(width) {
                assert!(line.width() <= width.max(28), "{width}: {}", line.render(false));
            }
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(words(&wrapped(&line, width).join(" ")), words(text), "{width}");
        }
    }
}
