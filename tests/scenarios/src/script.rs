//! A story as a file: hand-written lines, and below each the golden lines that it brought forth.

use std::fmt;

use crate::actor::Machine;
use crate::span;
use crate::statement::{Statement, Which};
use crate::words;

/// A story that was read.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) title: String,
    pub(crate) machines: Vec<Machine>,
    pub(crate) lines: Vec<Line>,
    claims: usize,
}

/// A line of it that was written by hand.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// What stands below it.
    pub(crate) golden: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// A comment, or nothing.
    Prose,
    /// How the world is when the story begins.
    Given(Statement),
    /// What happens then.
    At(u64, Statement),
}

/// What is wrong with a story, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The line, from 1; 0: the whole file.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl Trouble {
    pub(crate) fn new(line: usize, what: impl Into<String>) -> Self {
        Self { line, what: what.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl Script {
    /// Reads a story.
    ///
    /// # Errors
    /// The first line that is not understood, and why; a story without a title, without a claim
    /// (`# proves R12` or `# survives P12`), without a start, or that goes back in time.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let mut script = Self {
            title: String::new(),
            machines: vec![Machine::Lifecycle, Machine::Session],
            lines: Vec::new(),
            claims: 0,
        };
        let (mut now, mut started) = (0, false);
        for (index, raw) in text.lines().enumerate() {
            let number = index + 1;
            let wrong = |what: String| Trouble::new(number, what);
            if let Some(golden) = raw.strip_prefix('|') {
                let Some(line) = script.lines.last_mut().filter(|line| matches!(line.kind, Kind::At(..)))
                else {
                    return Err(wrong("golden lines stand below a line with a time".to_owned()));
                };
                line.golden.push(golden.to_owned());
                continue;
            }
            let kind = script.hand_written(raw, &mut now, &mut started).map_err(wrong)?;
            script.lines.push(Line { number, text: raw.to_owned(), kind, golden: Vec::new() });
        }
        if script.title.is_empty() {
            return Err(Trouble::new(1, "the first line is the title: # …"));
        }
        if script.claims == 0 {
            return Err(Trouble::new(0, "no line says what is proved: # proves R…, # survives P…"));
        }
        let last = script.lines.iter().rev().find(|line| !matches!(line.kind, Kind::Prose));
        match last {
            Some(Line { kind: Kind::At(..), .. }) if started => Ok(script),
            _ => Err(Trouble::new(0, "the story never starts: 0s start")),
        }
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Which machines it drives.
    #[must_use]
    pub fn machines(&self) -> &[Machine] {
        &self.machines
    }

    /// The golden lines in it.
    #[must_use]
    pub fn golden(&self) -> Vec<Vec<String>> {
        self.lines.iter().map(|line| line.golden.clone()).collect()
    }

    /// The file, with other golden lines.
    #[must_use]
    pub fn with_golden(&self, golden: &[Vec<String>]) -> String {
        let mut text = String::new();
        for (line, golden) in self.lines.iter().zip(golden) {
            text.push_str(&line.text);
            text.push('\n');
            for golden in golden {
                text.push('|');
                text.push_str(golden);
                text.push('\n');
            }
        }
        text
    }

    fn hand_written(&mut self, raw: &str, now: &mut u64, started: &mut bool) -> Result<Kind, String> {
        let text = raw.split(" # ").next().unwrap_or_default().trim();
        if let Some(comment) = raw.strip_prefix('#') {
            let comment = comment.trim();
            if self.lines.is_empty() {
                comment.clone_into(&mut self.title);
            }
            self.claims += usize::from(comment.starts_with("proves ") || comment.starts_with("survives "));
            return Ok(Kind::Prose);
        }
        if text.is_empty() {
            return Ok(Kind::Prose);
        }
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        if word == "for" {
            let (machine, why) = rest.split_once(':').unwrap_or((rest, ""));
            if why.trim().is_empty() {
                return Err("say why it is for one machine only: `for session: …`".to_owned());
            }
            self.machines = vec![match machine.trim() {
                "lifecycle" => Machine::Lifecycle,
                "session" => Machine::Session,
                other => return Err(format!("{other:?} is neither lifecycle nor session")),
            }];
            return Ok(Kind::Prose);
        }
        if word == "given" {
            if *started {
                return Err("what is given stands before the start".to_owned());
            }
            let statement = words::statement(rest)?;
            return match statement {
                Statement::Set(_) | Statement::Treat { which: Which::Next(_) | Which::Every, .. } => {
                    Ok(Kind::Given(statement))
                }
                _ => Err("this happens at a time: put one in front instead of `given`".to_owned()),
            };
        }
        let at = match word.strip_prefix('+') {
            Some(span) => span::parse(span).map(|span| now.saturating_add(span)),
            None => span::parse(word),
        };
        let at = at.ok_or_else(|| {
            format!("{word:?} is no time such as 20m or +5s, nor `given`, `for` or a comment with #")
        })?;
        if at < *now {
            return Err("a story does not go back in time".to_owned());
        }
        *now = at;
        let statement = words::statement(rest)?;
        if statement == Statement::Start {
            *started = true;
        } else if !*started {
            return Err("the first line with a time is the start: 0s start".to_owned());
        }
        // Sleeping takes time itself.
        if let Statement::Sleep(span) | Statement::Nap(span) | Statement::Kill(span) = statement {
            *now = now.saturating_add(span);
        }
        Ok(Kind::At(at, statement))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORY: &str = "# A title\n# proves R1\n\ngiven base life 2h\n0s start\n| golden\n1m end\n";

    #[test]
    fn a_story_is_written_as_it_was_read() {
        let script = Script::parse(STORY).expect("a story");
        assert_eq!(script.title(), "A title");
        assert_eq!(script.with_golden(&script.golden()), STORY);
        let bare: Vec<Vec<String>> = script.lines.iter().map(|_| Vec::new()).collect();
        assert!(!script.with_golden(&bare).contains("golden"));
    }

    #[test]
    fn an_error_names_its_line() {
        for (story, line, part) in [
            ("# A\n# proves R1\n0s start\n1m explode\n", 4, "nothing is known that reads \"explode\""),
            ("# A\n# proves R1\n0s start\n2m end\n1m end\n", 5, "back in time"),
            ("# A\n# proves R1\nfor session\n0s start\n", 3, "say why"),
            ("# A\n# proves R1\n| golden\n0s start\n", 3, "below a line with a time"),
            ("# A\n# proves R1\n1m end\n", 3, "the first line with a time is the start"),
            ("# A\n# proves R1\nsoon end\n", 3, "is no time"),
            ("# A\n# proves R1\n0s start\ngiven store\n", 4, "before the start"),
            ("# A\n# proves R1\ngiven socket drops\n0s start\n", 3, "happens at a time"),
            ("# A\n0s start\n", 0, "what is proved"),
            ("# A\n# proves R1\n", 0, "never starts"),
            ("# proves R1\n", 0, "never starts"),
            ("\n# proves R1\n0s start\n", 1, "the title"),
        ] {
            let trouble = Script::parse(story).expect_err(story);
            assert_eq!(trouble.line, line, "{trouble}");
            assert!(trouble.what.contains(part), "{trouble}");
        }
    }
}
