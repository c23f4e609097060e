//! Every secret that was said on the wire, found by its shape; and the search for any part of one.

use std::collections::BTreeSet;

/// What is looked for: shorter pieces would occur by chance.
const PIECE: usize = 20;

/// A secret and what it is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Secret {
    pub(crate) kind: &'static str,
    text: String,
}

/// Secrets of both ends, so that each kind can be shown to have been there.
#[derive(Default)]
pub(crate) struct Secrets(BTreeSet<Secret>);

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '=' | '+' | '/' | ':')
}

impl Secrets {
    pub(crate) fn add(&mut self, kind: &'static str, text: impl Into<String>) {
        self.0.insert(Secret { kind, text: text.into() });
    }

    /// Those in what went over the wire.
    pub(crate) fn find_in(&mut self, wire: &str) {
        for (kind, before) in [
            ("authorization_state", "\"authorization_state\":\""),
            ("refresh token", "\"refresh_token\":\""),
            ("proof", "\"dpop_token\":\""),
            ("token", "\"token\":\""),
            ("token", "Bearer "),
            ("token", "bearer "),
            ("Basic value", "Basic "),
        ] {
            for (at, _) in wire.match_indices(before) {
                let text: String = wire[at + before.len()..].chars().take_while(|c| is_token(*c)).collect();
                // Shorter ones are words of an error text.
                if text.len() >= PIECE {
                    self.add(kind, text);
                }
            }
        }
    }

    pub(crate) fn texts(&self, kind: &str) -> Vec<String> {
        self.0.iter().filter(|secret| secret.kind == kind).map(|secret| secret.text.clone()).collect()
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.0.iter().filter(|secret| secret.kind == kind).count()
    }

    /// The secrets of which a part occurs, and where.
    pub(crate) fn found_in(&self, said: &str) -> Vec<String> {
        let mut found = Vec::new();
        for Secret { kind, text } in &self.0 {
            let end = text.len().saturating_sub(PIECE);
            // Tokens have their first 60 characters, the header, in common.
            let start = if text.starts_with("eyJ") { end.min(64) } else { 0 };
            let pieces =
                [start, end / 2, end].map(|at| text.get(at..at + PIECE.min(text.len())).unwrap_or(text));
            if let Some(at) = pieces.iter().find_map(|piece| said.find(piece)) {
                let line = said[..at].rfind('\n').map_or(0, |start| start + 1);
                let line: String = said[line..].chars().take(at - line + 60).collect();
                found.push(format!("{kind} in: {line}"));
            }
        }
        found
    }
}
