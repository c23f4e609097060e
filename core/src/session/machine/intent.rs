//! That a one-time secret will be presented is written down first (R12). This stands with the machine: it touches the
//! refresh token, the record, requests under way and the lifecycle's last call.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;

use crate::error::Error;
use crate::lifecycle::{Command, CommandId};
use crate::wire::http::HttpRequest;

use crate::session::Session;
use crate::session::reports::fault::Fault;
use crate::session::requests::{Pending, Purpose};
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::input::StoreFailure;
use crate::session::vocabulary::output::SessionOutput;

impl Session {
    /// A one-time secret is about to be presented. Writing that has 2 s of its own, whatever is left of a token (R13), but
    /// for the last call before that ends.
    pub(super) fn write_intent(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        pending: Pending,
        request: HttpRequest,
    ) {
        if self.secrets.refresh_token.is_intended() {
            // It stands in the record since an attempt that went no further.
            return self.pending.send(turn, pending, request);
        }
        let now = turn.now.tick;
        let last_call = self.inner.lifecycle.last_call();
        let own = now.after(self.inner.lifecycle.policy().local);
        let mut intent = self.pending_for(turn.now, command, Purpose::Intent { presents: pending.id });
        intent.deadline = last_call.filter(|last| *last > now).map_or(own, |last| last.min(own));
        let (id, deadline) = (intent.id, intent.deadline);
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        if last_call.is_some_and(|last| last <= now) && self.store.failure().is_some() {
            // Whatever the store says of it now comes too late, but that somebody else has taken it.
            self.pending.open(intent);
            return self.intent_failed(turn, command.id, pending, request, true);
        }
        intent.next = Some(Box::new((pending, request)));
        self.pending.open(intent);
    }

    /// It has been written, or not.
    pub(super) fn intent_stored(
        &mut self,
        turn: &mut Turn,
        mut intent: Pending,
        result: Result<(), StoreFailure>,
    ) {
        let next = intent.next.take().map(|next| *next);
        match (result, next, intent.purpose) {
            (Ok(()), next, Purpose::Intent { presents }) => {
                self.secrets.refresh_token.intended(presents);
                if let Some((pending, request)) = next {
                    self.present(turn, pending, request);
                }
            }
            (Err(failure), Some((pending, request)), _) => {
                let is_certain = matches!(failure, StoreFailure::Failed(_));
                self.intent_failed(turn, intent.command, pending, request, is_certain);
            }
            _ => {}
        }
    }

    /// It could not be written. Who is certain that nobody else holds the session presents the secret from memory, but only
    /// at the last call: until then the store may come back. Who is not has no secret to present (R12).
    fn intent_failed(
        &mut self,
        turn: &mut Turn,
        command: CommandId,
        pending: Pending,
        request: HttpRequest,
        is_certain: bool,
    ) {
        let is_last = self.inner.lifecycle.last_call().is_none_or(|last| last <= turn.now.tick);
        if is_certain && is_last && self.secrets.refresh_token.is_presented(pending.id) {
            turn.news(SessionNews::PresentedUnwritten, self.store.failure().cloned());
            return self.present(turn, pending, request);
        }
        self.secrets.refresh_token.withdraw(pending.id);
        let fault = if is_certain {
            let message = "that the refresh token will be presented could not be written".to_owned();
            Fault::from(self.store.failure().cloned().unwrap_or(Error::Store { message }))
        } else {
            Fault::no_secret()
        };
        self.fail(turn, command, fault, None, None);
    }

    /// It goes out, unless its time is over, or the secret is another by now or another provider's.
    fn present(&mut self, turn: &mut Turn, pending: Pending, request: HttpRequest) {
        if !self.secrets.refresh_token.is_presented(pending.id) {
            self.fail(turn, pending.command, Fault::no_secret(), None, None);
        } else if pending.is_late(turn.now) {
            self.secrets.refresh_token.withdraw(pending.id);
        } else {
            self.pending.send(turn, pending, request);
        }
    }

    /// A store that does not answer has failed; what it answers later is heard all the same.
    pub(super) fn watch_intents(&mut self, turn: &mut Turn) {
        let now = turn.now;
        while let Some(mut intent) = self.pending.take_if(|open| open.next.is_some() && open.is_late(now)) {
            let after_ms = intent.sent.tick.until(now.tick);
            self.store.heard(Some(Error::Timeout { what: "a write of the record".into(), after_ms }));
            let (command, next) = (intent.command, intent.next.take());
            self.pending.open(intent);
            if let Some(next) = next {
                let (pending, request) = *next;
                self.intent_failed(turn, command, pending, request, true);
            }
        }
    }
}
