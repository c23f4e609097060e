//! Text from servers, made fit for errors and logs; JSON out and JSON errors without their values (R36).

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::Value;

use crate::secret::Secret;

/// Most characters of one server-sent text that an error keeps.
pub const MAX_TEXT: usize = 256;

/// Most characters of a text that are looked at; the rest is dropped.
const MOST_READ: usize = 4 * MAX_TEXT;

/// Longest word of somebody else's text that is shown, characters. Sentences and error codes are made of shorter ones;
/// what is longer may be the part of a credential that nobody here knows.
pub const LONGEST_WORD: usize = 32;

/// From this length on, bytes, a part of a known secret is cut out wherever it stands. Shorter ones would match by
/// chance, and tell nothing of a credential.
pub const SHORTEST_PART: usize = 12;

/// What stands where a credential was cut out.
pub const REDACTED: &str = "[redacted]";

/// Makes text fit to be shown: control characters dropped, credentials and parts of them replaced by [`REDACTED`],
/// length bounded. One mechanism for all texts that others had a hand in.
///
/// | | [`clean`](Self::clean) | [`clean_own`](Self::clean_own) |
/// |---|---|---|
/// | of the secrets that it was given: all, and every part of 12 bytes and more | cut out | cut out |
/// | what looks like a compact JOSE token | cut out | cut out |
/// | words of over 32 characters, unless they are plain, as paths, host names and error codes are | cut out | stay |
/// | longest text, characters | 256 | 1,024 |
///
/// ```
/// use satkeeper_core::secret::Secret;
/// use satkeeper_core::wire::text::Cleaner;
/// let token = Secret::new("SFMyNTY.g2gDYQFuBgBVYp2gjwFiAAFRgA");
/// let said = "the token ..g2gDYQFuBgBVYp2g.. is over";
/// assert_eq!(Cleaner::new(&[&token]).clean(said), "the token .[redacted].. is over");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Cleaner<'a> {
    secrets: &'a [&'a Secret],
}

impl<'a> Cleaner<'a> {
    /// Knows these secrets.
    pub const fn new(secrets: &'a [&'a Secret]) -> Self {
        Self { secrets }
    }

    /// The words of a server, or of whoever may repeat one.
    pub fn clean(&self, text: &str) -> String {
        let (known, cut) = self.without_secrets(text);
        bounded(&without_long_words(&known), MAX_TEXT, cut)
    }

    /// The words of the application's own code, or of ours: only secrets are cut out of them.
    pub fn clean_own(&self, text: &str) -> String {
        let (known, cut) = self.without_secrets(text);
        bounded(&known, MOST_READ, cut)
    }

    /// What was looked at of the text, and whether there was more.
    fn without_secrets(&self, text: &str) -> (String, bool) {
        // Controls first: one inside an echoed token would hide it from the comparison below.
        let mut shown = text.chars().filter(|c| !is_unprintable(*c));
        let read: String = shown.by_ref().take(MOST_READ).collect();
        let cut = shown.next().is_some();
        (without_credentials(&read, self.secrets), cut)
    }
}

/// Replaces what occurs of these secrets, and what looks like a token. Both are looked for in what was said, since what
/// is left of one is not known as the other any more.
fn without_credentials(text: &str, secrets: &[&Secret]) -> String {
    let mut parts = Parts::of(text, !secrets.is_empty());
    parts.mark_tokens();
    for secret in secrets {
        // One in the secret itself, from a damaged record, would hide that from it.
        let known = zeroize::Zeroizing::new(printable(secret.expose()));
        parts.mark(&known);
        // As it stands in JSON, where that differs.
        let quoted = zeroize::Zeroizing::new(encode(known.as_str()));
        let quoted = quoted.trim_matches('"');
        if quoted.len() != known.len() {
            parts.mark(quoted);
        }
    }
    parts.cut_out()
}

/// A text, and which of its bytes are of a secret. Secrets can have 64 KiB each: each part of the text is looked up in
/// them, not the other way round.
struct Parts<'t> {
    text: &'t str,
    /// Where parts of [`SHORTEST_PART`] bytes begin, in the order of those.
    sorted: Vec<usize>,
    /// Which beginnings occur among them, by a short hash: most parts of a secret are none of the text's.
    beginnings: Vec<bool>,
    marked: Vec<bool>,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str, looked_up: bool) -> Self {
        let bytes = text.as_bytes();
        let count = if looked_up { (bytes.len() + 1).saturating_sub(SHORTEST_PART) } else { 0 };
        let mut sorted: Vec<usize> = (0..count).collect();
        sorted.sort_unstable_by_key(|at| part(bytes, *at));
        let mut beginnings = vec![false; 1 << 12];
        for at in 0..count {
            if let Some(seen) = beginnings.get_mut(beginning(part(bytes, at))) {
                *seen = true;
            }
        }
        Self { text, sorted, beginnings, marked: vec![false; bytes.len()] }
    }

    /// Everything that starts like a base64url-encoded JSON object (`eyJ`) and goes on like a token.
    fn mark_tokens(&mut self) {
        const SHORTEST: usize = 11;
        let text = self.text;
        let is_of_a_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
        for (at, _) in text.match_indices("eyJ") {
            let token = text.get(at..).unwrap_or_default();
            let length = token.find(|c| !is_of_a_token(c)).unwrap_or(token.len());
            if length >= SHORTEST {
                self.mark_at(at, length);
            }
        }
    }

    fn mark(&mut self, known: &str) {
        // A secret of a few characters would match ordinary words.
        if known.len() < 4 {
            return;
        }
        let text = self.text;
        for (at, _) in text.match_indices(known) {
            self.mark_at(at, known.len());
        }
        let bytes = text.as_bytes();
        for wanted in known.as_bytes().windows(SHORTEST_PART) {
            if self.beginnings.get(beginning(wanted)) != Some(&true) {
                continue;
            }
            let from = self.sorted.partition_point(|at| part(bytes, *at) < wanted);
            let places = self.sorted.iter().skip(from).take_while(|at| part(bytes, **at) == wanted);
            for at in places.copied().collect::<Vec<_>>() {
                self.mark_at(at, SHORTEST_PART);
            }
        }
    }

    fn mark_at(&mut self, at: usize, length: usize) {
        self.marked.iter_mut().skip(at).take(length).for_each(|marked| *marked = true);
    }

    fn cut_out(&self) -> String {
        let mut clean = String::with_capacity(self.text.len());
        let mut within = false;
        for (at, c) in self.text.char_indices() {
            let marked = self.marked.iter().skip(at).take(c.len_utf8()).any(|marked| *marked);
            if !marked {
                clean.push(c);
            } else if !within {
                clean.push_str(REDACTED);
            }
            within = marked;
        }
        clean
    }
}

fn part(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..at.saturating_add(SHORTEST_PART)).unwrap_or_default()
}

/// Twelve bits of the first four bytes.
fn beginning(part: &[u8]) -> usize {
    let four = part.first_chunk().map_or(0, |four| u32::from_le_bytes(*four));
    (four.wrapping_mul(0x9e37_79b1) >> 20) as usize
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !is_unprintable(*c)).collect()
}

/// Controls, and the marks that reorder or hide text on a terminal.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Replaces words that are too long to be words.
fn without_long_words(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_of_a_word) {
        let (before, word) = rest.split_at_checked(start).unwrap_or_default();
        let end = word.find(|c| !is_of_a_word(c)).unwrap_or(word.len());
        let (word, after) = word.split_at_checked(end).unwrap_or_default();
        clean.push_str(before);
        clean.push_str(if word.len() > LONGEST_WORD && !is_plain(word) { REDACTED } else { word });
        rest = after;
    }
    clean.push_str(rest);
    clean
}

/// What credentials are made of, in all their encodings.
fn is_of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.~+/=:%".contains(c)
}

/// A path, an error code, a host name: words of one kind of letter each, which nothing random is made of.
fn is_plain(word: &str) -> bool {
    let is_word = |part: &str| {
        part.len() <= 24
            && (part.bytes().all(|b| b.is_ascii_lowercase()) || part.bytes().all(|b| b.is_ascii_uppercase()))
    };
    let is_number = |part: &str| part.len() <= 5 && part.bytes().all(|b| b.is_ascii_digit());
    let is_host = word.matches('.').count() >= 2
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b))
        && word.split(['.', '-', ':']).all(|part| part.len() <= 12 || is_word(part));
    is_host || word.split(|c: char| !c.is_ascii_alphanumeric()).all(|part| is_word(part) || is_number(part))
}

/// At most so many characters; `cut`: there was more already.
fn bounded(text: &str, most: usize, cut: bool) -> String {
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    let mut shown = text.get(..end.unwrap_or(text.len())).unwrap_or_default().to_owned();
    if cut || end.is_some() {
        shown.push('…');
    }
    shown
}

/// Without the byte order mark that some servers, editors and shells put before a text: it is not part of it
/// (RFC 8259, section 8.1).
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The value that a body begins with. What follows it is not read (things between us and the server add to
/// pages), bytes that are no UTF-8 are replaced: neither is a reason to lose a token.
pub(crate) fn json(body: &[u8]) -> serde_json::Result<Value> {
    let text = String::from_utf8_lossy(body);
    let value = serde_json::Deserializer::from_str(without_mark(&text)).into_iter().next();
    if let Cow::Owned(text) = text {
        drop(zeroize::Zeroizing::new(text));
    }
    // A body of blanks has none.
    value.unwrap_or_else(|| serde_json::from_str(""))
}

/// JSON text of a value made of plain structs.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T) -> String {
    // Cannot fail: it does only for maps whose keys are no strings and for Serialize impls that fail themselves,
    // and there are none of either here.
    serde_json::to_string(value).unwrap_or_default()
}

/// A serde_json error as category and place. Its own text repeats the offending value (R36).
pub(crate) fn json_error(error: &serde_json::Error) -> String {
    let category = match error.classify() {
        serde_json::error::Category::Io => "unreadable",
        serde_json::error::Category::Syntax => "no JSON",
        serde_json::error::Category::Data => "JSON of another shape",
        serde_json::error::Category::Eof => "JSON that ends too early",
    };
    format!("{category} at line {}, column {}", error.line(), error.column())
}
