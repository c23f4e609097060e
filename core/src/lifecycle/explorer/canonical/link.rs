//! The sockets, and how they have fared.

use alloc::format;

use super::{Line, doublings};
use crate::lifecycle::connection::serving::Serving;
use crate::lifecycle::connection::{Coming, Link, Parting};

/// Failed resumes beyond which a connect is fresh.
const MOST_RESUMES: u32 = 4;

impl Line<'_> {
    pub(super) fn link(&mut self, link: &Link) {
        let (coming_stated, state) = (link.facts(), link.resumption.state());
        let (failed_resumes, resumes, cut_by) = link.resumption.facts();
        let (pace, down_since, spread_until) = link.reconnect.facts();
        let refusals = &link.refusals;
        let policy = &self.machine.policy;
        match link.serving() {
            Some(serving) => self.serving(&serving),
            None => self.flag(true, "down"),
        }
        if let Some(Coming { socket, token, resume }) = link.coming() {
            let stated = coming_stated == Some(socket);
            self.say(format_args!(" coming:{}", self.place(token)));
            self.flag(resume, "resume");
            self.flag(stated, "stated");
        }
        if let Some(Parting { socket: _, until, was }) = link.parting() {
            self.say(format_args!(" parting{:+}", self.span(until)));
            if let Some(was) = was {
                self.text.push_str(" (was");
                self.serving(&was);
                self.text.push(')');
            }
        }
        self.flag(state.is_some(), "state");
        self.flag(state.is_some_and(|of| of != self.machine.tokens.generation()), "by-an-older");
        self.counted("failed-resumes", failed_resumes, MOST_RESUMES);
        self.counted("resumes", resumes, MOST_RESUMES);
        self.pace("sockets", pace);
        if let Some(since) = down_since {
            // Its age matters only until the waits may grow.
            self.say(format_args!(" out{:+}", self.since(since, policy.middle_outage)));
        }
        self.until("herd", spread_until);
        if let Some((token, times)) = cut_by {
            self.say(format_args!(" cut-by:{}×{}", self.place(token), times.min(2)));
        }
        self.flag(link.pushes_cut(), "pushes-cut");
        if let Some(at) = link.shown() {
            self.lately("shown", at, policy.show_interval);
        }
        self.counted(
            "round",
            refusals.round(),
            doublings(policy.shown_again, policy.shown_again_max).saturating_add(1).max(2),
        );
        self.until("next-round", refusals.next_round());
        self.flag(refusals.asked(), "asked-since");
        self.flag(refusals.resigned(), "resigned");
        self.flag(refusals.looked_twice(), "looked-twice");
        let cause = self.cause(refusals.cause());
        self.flag(!cause.is_empty(), &format!("refusal{cause}"));
    }

    fn counted(&mut self, name: &str, count: u32, most: u32) {
        if count > 0 {
            self.say(format_args!(" {name}{}", count.min(most)));
        }
    }

    fn serving(&mut self, serving: &Serving) {
        let ((began, stated), since, shown) = (serving.facts(), serving.since(), serving.token());
        let generation = self.machine.tokens.generation();
        let policy = &self.machine.policy;
        if serving.is_stable() {
            self.text.push_str(" LIVE");
        } else {
            self.say(format_args!(" live{:+}", self.since(since, policy.stable)));
        }
        // What it took to get a socket is nobody's latency.
        let look = self.machine.look();
        let held = self.machine.tokens.held().iter().filter(|token| !token.accepted).map(|token| token.due);
        let heard = self.machine.attempts.iter().filter(|it| !it.late || self.view.late_answers);
        let asked = heard.map(|attempt| attempt.due);
        let old = held.chain(asked).chain(look.due).any(|due| due < since);
        self.flag(old, &format!("since{:+}", self.span(since)));
        self.flag(Some(shown) != self.machine.tokens.in_force_id(), &format!("shown:{}", self.place(shown)));
        self.flag(serving.known() != generation, "known-is-older");
        self.flag(!stated && began != generation, "began-older");
        self.flag(stated, "stated");
        self.pace("push", &serving.push);
        self.flag(serving.is_in_vain(), "in-vain");
        if let Some((token, at)) = serving.pushed() {
            self.lately(&format!("pushed:{}", self.place(token)), at, policy.cut_by_push.saturating_add(1));
            // Its wait is over with the end of what was in force.
            let end = self.machine.tokens.in_force().and_then(|token| token.sure_end());
            let over = end.is_some_and(|end| end <= self.machine.clock.now() && at < end);
            self.flag(over, "pushed-before-the-end");
        }
        if let Some(at) = serving.call_refused() {
            self.say(format_args!(" call-refused{:+}", self.since(at, policy.show_after_call)));
        }
        self.flag(serving.is_unsure(), "unsure");
    }
}
