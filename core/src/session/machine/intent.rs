//! That a one-time secret will be presented is written down first (R12).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;

use crate::error::Error;
use crate::lifecycle::{Command, CommandId};
use crate::wire::http::HttpRequest;

use crate::session::Session;
use crate::session::reports::journal::Fault;
use crate::session::requests::{Exchange, Purpose};
use crate::session::turn::Turn;
use crate::session::vocabulary::event::SessionNews;
use crate::session::vocabulary::input::StoreFailure;
use crate::session::vocabulary::output::SessionOutput;

impl Session {
    /// A one-time secret is about to be presented. Writing that has 2 s of its own, whatever is left of a token (R13), but
    /// for the last call before that ends.
    pub(crate) fn write_intent(
        &mut self,
        turn: &mut Turn,
        command: &Command,
        exchange: Exchange,
        request: HttpRequest,
    ) {
        if self.source.is_intended() {
            // It stands in the record since an attempt that went no further.
            return self.send(turn, exchange, request);
        }
        let now = turn.now.tick;
        let last_call = self.lifecycle.last_call();
        let own = now.after(self.lifecycle.policy().local);
        let mut intent = self.exchange_for(turn.now, command, Purpose::Intent { presents: exchange.id });
        intent.deadline = last_call.filter(|last| *last > now).map_or(own, |last| last.min(own));
        let (id, deadline) = (intent.id, intent.deadline);
        turn.put(SessionOutput::Persist { id, record: Box::new(self.record()), deadline });
        if last_call.is_some_and(|last| last <= now) && self.store_failure.is_some() {
            // Whatever the store says of it now comes too late, but that somebody else has taken it.
            self.exchanges.open(intent);
            return self.intent_failed(turn, command.id, exchange, request, true);
        }
        intent.next = Some(Box::new((exchange, request)));
        self.exchanges.open(intent);
    }

    /// It has been written, or not.
    pub(crate) fn intent_stored(
        &mut self,
        turn: &mut Turn,
        mut intent: Exchange,
        result: Result<(), StoreFailure>,
    ) {
        let next = intent.next.take().map(|next| *next);
        match (result, next, intent.purpose) {
            (Ok(()), next, Purpose::Intent { presents }) => {
                self.source.intended(presents);
                if let Some((exchange, request)) = next {
                    self.present(turn, exchange, request);
                }
            }
            (Err(failure), Some((exchange, request)), _) => {
                let is_certain = matches!(failure, StoreFailure::Failed(_));
                self.intent_failed(turn, intent.command, exchange, request, is_certain);
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
        exchange: Exchange,
        request: HttpRequest,
        is_certain: bool,
    ) {
        let is_last = self.lifecycle.last_call().is_none_or(|last| last <= turn.now.tick);
        if is_certain && is_last && self.source.is_presented(exchange.id) {
            turn.news(SessionNews::PresentedUnwritten, self.store_failure.clone());
            return self.present(turn, exchange, request);
        }
        self.source.withdraw(exchange.id);
        let fault = if is_certain {
            let message = "that the refresh token will be presented could not be written".to_owned();
            Fault::from(self.store_failure.clone().unwrap_or(Error::Store { message }))
        } else {
            Fault::no_secret()
        };
        self.fail(turn, command, fault, None, None);
    }

    /// It goes out, unless its time is over, or the secret is another by now or another provider's.
    fn present(&mut self, turn: &mut Turn, exchange: Exchange, request: HttpRequest) {
        if !self.source.is_presented(exchange.id) {
            self.fail(turn, exchange.command, Fault::no_secret(), None, None);
        } else if exchange.is_late(turn.now) {
            self.source.withdraw(exchange.id);
        } else {
            self.send(turn, exchange, request);
        }
    }

    /// A store that does not answer has failed; what it answers later is heard all the same.
    pub(crate) fn watch_intents(&mut self, turn: &mut Turn) {
        let now = turn.now;
        while let Some(mut intent) = self.exchanges.take_if(|open| open.next.is_some() && open.is_late(now)) {
            let after_ms = intent.sent.tick.until(now.tick);
            self.store_failure = Some(Error::Timeout { what: "a write of the record".into(), after_ms });
            let (command, next) = (intent.command, intent.next.take());
            self.exchanges.open(intent);
            if let Some(next) = next {
                let (exchange, request) = *next;
                self.intent_failed(turn, command, exchange, request, true);
            }
        }
    }
}
