//! The tokens that are held, and what is known of their ends.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::vec::Vec;

use super::Line;
use crate::lifecycle::clock::At;
use crate::lifecycle::tokens::Tokens;
use crate::lifecycle::tokens::token::{Base, Inspection, Kind, Saved, Token, Undated, Word};

impl Line<'_> {
    pub(super) fn tokens(&mut self, tokens: &Tokens) {
        let (assumed, (floor, suspect)) = (tokens.assumed(), tokens.facts());
        for token in tokens.held() {
            self.token(token);
        }
        let place = tokens.in_force_id().map_or_else(|| "none".to_owned(), |token| self.place(token));
        self.say(format_args!(" force={place}"));
        self.flag(tokens.generation().0 > 0, "acked");
        if floor > 0 {
            self.say(format_args!(" floor#{}", self.rank(floor)));
        }
        for (name, life) in
            [("base", assumed.first().copied().flatten()), ("bound", assumed.last().copied().flatten())]
        {
            if let Some(life) = life {
                self.say(format_args!(" {name}-life={life}"));
            }
        }
        if let Some(age) = suspect {
            self.say(format_args!(" suspect={age}"));
        }
    }

    fn token(&mut self, token: &Token) {
        let Token {
            id,
            kind,
            order: _,
            due,
            sent,
            received,
            by,
            first,
            draw,
            renew_by: _,
            ends: _,
            word,
            undated,
            refused,
            life_told,
            accepted,
            barren,
            saved,
        } = token;
        let by_whom = by.map_or_else(|| "brought".to_owned(), |by| format!("{by:?}").to_lowercase());
        self.say(format_args!(" [{} {by_whom}", self.place(*id)));
        let moves = self.view.ends_move || *word <= Word::Assumed;
        match self.ended(token).filter(|_| !moves) {
            Some(rank) => {
                self.say(format_args!(" ended{rank}"));
                if let Some(life) = token.life() {
                    self.say(format_args!("/{life}"));
                }
            }
            None => {
                self.flag(self.machine.policy.jitter && *draw > 0, "late");
                self.say(format_args!(" {:+}", self.span(*received)));
                if sent != received {
                    self.say(format_args!("/{:+}", self.span(*sent)));
                }
                self.ends(token);
            }
        }
        self.flag(*first && self.machine.policy.jitter, "first");
        if let Some(undated) = undated {
            let (whose, time) = match undated {
                Undated::Servers(time) => ("", time),
                Undated::Anybodys(time) => ("-anybodys", time),
                Undated::Hint(time) => ("-hint", time),
            };
            self.say(format_args!(
                " undated{whose}{:+}",
                self.span(self.machine.clock.when_wall_shows(*time))
            ));
        }
        if !*accepted && by.is_some() && due != sent {
            self.say(format_args!(" due{:+}", self.span(*due)));
        }
        self.flag(*refused, "refused");
        self.flag(*accepted, "accepted");
        self.flag(*barren, "barren");
        if self.machine.record.is_kept() {
            self.flag(*saved == Saved::No, "no-record");
            self.flag(*saved == Saved::Underway, "writing");
        }
        match kind {
            Kind::Bound { of } => {
                self.say(format_args!(" of={}", self.place(*of)));
                self.flag(life_told.first() == Some(&true), "told");
                self.flag(life_told.last() == Some(&true), "told-by-exchange");
            }
            Kind::Base(base) => self.base(base),
        }
        self.text.push(']');
    }

    /// Which of the ended tokens it is, by end; `None` while it has not ended.
    fn ended(&self, token: &Token) -> Option<usize> {
        let ended = |token: &Token| token.sure_end().filter(|at| *at <= self.now);
        let end = ended(token)?;
        let mut ends: Vec<At> = self.machine.tokens.held().iter().filter_map(ended).collect();
        ends.sort_unstable();
        ends.dedup();
        ends.iter().position(|other| *other == end)
    }

    fn ends(&mut self, token: &Token) {
        if let (Some(by), Some(ends)) = (token.renew_by, token.ends) {
            self.say(format_args!(" {:?}{:+}", token.word, self.span(ends)));
            if by != ends {
                // Long due is due; nothing is said to have taken longer than that.
                self.say(format_args!(" by{:+}", self.span(by).max(-super::FAR / 2)));
            }
        }
    }

    fn base(&mut self, base: &Base) {
        let Base {
            scope,
            cnf,
            inspection,
            rejected,
            longest_bound,
            limits_bound,
            told_no_mechanism,
            has_been_bound,
        } = base;
        // Without a key it decides nothing once the question has been answered.
        let keyless = !self.machine.renewal.key.is_to_be_had();
        match scope {
            _ if keyless && !self.view.deaths && *inspection == Inspection::Over => {}
            Some(scope) => self.say(format_args!(" scope={scope}")),
            None => self.say(format_args!(" scope=?")),
        }
        self.say(format_args!(" {cnf:?}/{inspection:?}"));
        self.flag(*rejected, "never");
        for (name, life) in [
            ("bound-life", longest_bound.first().copied().flatten()),
            ("exchanged-life", longest_bound.last().copied().flatten()),
        ] {
            self.flag(life.is_some(), &format!("{name}={}", life.unwrap_or(0)));
        }
        self.flag(*limits_bound, "limits");
        self.flag(*told_no_mechanism, "told-nobody");
        self.flag(*has_been_bound, "was-bound");
    }
}
